//! Runs that are ended or taken back: by hand, with their account, because they were asked for in vain.

use boxoffice_tests::Result;
use boxoffice_tests::pump::{claim, complete, open};
use boxoffice_tests::sql::{line, lines, refusal};
use serde_json::json;
use tokio_postgres::Client;

async fn event(client: &Client) -> Result {
    client.execute("SELECT boxoffice.link_event('humanitix', '5ac598ccd8fe7c0c0f212e2a', 'ours')", &[]).await?;
    Ok(())
}

const RUNS: &str = "SELECT mode, status, failure, error FROM sync_runs ORDER BY id";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_withdrawn_was_never_asked_for() -> Result {
    let (_db, client) = open().await?;
    event(&client).await?;
    let first = line(&client, "SELECT sync_event('ours')").await?;
    let other = line(&client, "SELECT begin_discovery('eventbrite', 'default', 'manual', 2)").await?;
    let jobs = "SELECT count(*) FROM fetch_jobs WHERE run_id = ";
    assert_ne!(line(&client, &format!("{jobs}{first}")).await?, "0");
    // A number that is no run's, one twice, NULL: nothing is said about them.
    let withdrawn = format!("SELECT withdraw_runs(ARRAY[{first}, {first}, 999999, NULL])");
    assert_eq!(lines(&client, &withdrawn).await?, [first.as_str()]);
    assert_eq!(line(&client, &format!("{jobs}{first}")).await?, "0");
    assert_eq!(lines(&client, "SELECT id FROM sync_runs").await?, [other.as_str()]);
    assert_eq!(lines(&client, "SELECT withdraw_runs('{}')").await?, [""; 0]);
    assert_eq!(refusal(&client, "SELECT withdraw_runs(NULL)").await?.code, "22004");

    // What has ended is history.
    client.execute(&format!("SELECT fail_run({other}, 'ended by hand')"), &[]).await?;
    assert_eq!(lines(&client, &format!("SELECT withdraw_runs('{{{other}}}')")).await?, [""; 0]);
    assert_eq!(lines(&client, RUNS).await?, ["discovery|failed|ended|ended by hand"]);
    // It can be asked for again.
    line(&client, "SELECT sync_event('ours')").await?;
    assert_ne!(claim(&client, 10).await?, []);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_says_why_in_a_word() -> Result {
    let (_db, client) = open().await?;
    event(&client).await?;
    line(&client, "SELECT sync_event('ours')").await?;
    let call = claim(&client, 1).await?.remove(0);
    let unknown = json!({"statusCode": 404, "error": "Not Found", "message": "no such event"});
    assert_eq!(complete(&client, &call, 404, &unknown).await?, "dead");
    let not_found = "full|failed|not_found|the platform knows no such list (HTTP 404)";
    assert_eq!(lines(&client, RUNS).await?, [not_found]);

    client.execute("SELECT configure_account('humanitix', 'other')", &[]).await?;
    line(&client, "SELECT begin_discovery('humanitix', 'other', 'manual', 2)").await?;
    client.execute("SELECT remove_account('humanitix', 'other')", &[]).await?;
    let removed = "discovery|failed|no_credential|the account was removed";
    assert_eq!(lines(&client, RUNS).await?, [not_found, removed]);
    assert_eq!(
        line(&client, "SELECT count(*) FROM fetch_jobs WHERE account = 'other' AND finished_at IS NULL").await?,
        "0"
    );
    Ok(())
}
