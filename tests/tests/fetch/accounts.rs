//! Credentials by name: what each may do, how it is stopped and goes on, whose jobs are whose.

use boxoffice_tests::pump::{account, announce, claim, complete, hint, jobs, one, open, time_passes};
use boxoffice_tests::sql::{line, lines};
use boxoffice_tests::{Database, Result};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_credential_stops_its_account_with_one_alarm() -> Result {
    let malformed = json!({"statusCode": 400, "error": "Bad Request", "message": "Invalid api key format provided."});
    let cases = [
        ("eventbrite", 401, json!({"status_code": 401, "error": "NO_AUTH"})),
        ("eventbrite", 401, json!({"status_code": 401, "error": "ACCESS_DENIED"})),
        ("eventbrite", 400, json!({"status_code": 400, "error": "INVALID_AUTH"})),
        ("eventbrite", 400, json!({"status_code": 400, "error": "INVALID_AUTH_HEADER"})),
        ("humanitix", 401, json!({"statusCode": 401, "error": "Unauthorized", "message": "Invalid API Key."})),
        ("humanitix", 400, malformed),
    ];
    let (_db, client) = open().await?;
    for (platform, status, body) in cases {
        client.batch_execute("DELETE FROM fetch_jobs; UPDATE platform_accounts SET status = 'active'").await?;
        for number in 0..2 {
            let add = "INSERT INTO fetch_jobs (platform, path, kind, resource_id) VALUES ($1::text, $2, 'order', 'x')";
            client.execute(add, &[&platform, &format!("/x/{number}")]).await?;
        }
        let calls = claim(&client, 10).await?;
        assert_eq!(calls.len(), 2);
        assert_eq!(complete(&client, &calls[0], status, &body).await?, "stopped", "{platform} {status}");
        assert_eq!(complete(&client, &calls[1], status, &body).await?, "retry", "only one alarm");
        assert!(account(&client, platform).await?.starts_with("stopped HTTP"));
        time_passes(&client).await?;
        assert_eq!(claim(&client, 10).await?, [], "no hammering");
        // A worker that starts again may have another credential: one call shows it.
        announce(&client).await?;
        let call = one(&client).await?;
        assert_eq!(complete(&client, &call, status, &body).await?, "stopped");
        client.execute("SELECT boxoffice.resume_account($1)", &[&platform]).await?;
        let call = one(&client).await?;
        complete(&client, &call, 404, &json!({})).await?;
        assert_eq!(account(&client, platform).await?, "active - 0 false");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_have_names_and_only_their_own_jobs() -> Result {
    let (_db, client) = open().await?;
    client.execute("SELECT announce_accounts('{eventbrite/second}')", &[]).await?;
    client.execute("SELECT configure_account('eventbrite', 'second', webhook_ids => '{5}')", &[]).await?;
    hint(&client, "order.placed", "orders/1/").await?;
    let mine = "SELECT account FROM claim_fetches(10, '{eventbrite/default,humanitix/default}')";
    assert_eq!(lines(&client, mine).await?, [""; 0]);
    let theirs = "SELECT account, path FROM claim_fetches(10, '{eventbrite/second}')";
    assert_eq!(lines(&client, theirs).await?, ["second|/v3/orders/1/?expand=attendees,refund_requests"]);
    for bad in ["eventbrite", "eventbrite/", "nobody/default", "eventbrite/A B"] {
        let refused = client.execute("SELECT announce_accounts(ARRAY[$1::text])", &[&bad]).await;
        assert!(refused.is_err(), "{bad}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_nobody_holds_can_be_forgotten() -> Result {
    let (_db, client) = open().await?;
    client.execute("SELECT announce_accounts('{eventbrite/second}')", &[]).await?;
    client.execute("SELECT configure_account('eventbrite', 'second', webhook_ids => '{5}')", &[]).await?;
    hint(&client, "order.placed", "orders/1/").await?;
    line(&client, "SELECT begin_discovery('eventbrite', 'second', 'manual', 2)").await?;
    line(&client, "SELECT remove_account('eventbrite', 'second')").await?;
    assert_eq!(line(&client, "SELECT status, error FROM sync_runs").await?, "failed|the account was removed");
    assert_eq!(line(&client, "SELECT count(*) FROM fetch_jobs WHERE status = 'waiting'").await?, "0");
    assert_eq!(
        boxoffice_tests::sql::refusal(&client, "SELECT remove_account('eventbrite', 'second')").await?.code,
        "P0002"
    );
    hint(&client, "order.placed", "orders/1/").await?;
    assert_eq!(one(&client).await?.account, "default");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn hints_before_the_first_credential_are_fetched_when_it_comes() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    client.execute("SELECT set_path_token('eventbrite', 'token-of-the-pump-tests')", &[]).await?;
    hint(&client, "order.placed", "orders/1/").await?;
    assert_eq!(claim(&client, 10).await?, []);
    client.execute("SELECT announce_accounts('{eventbrite/mine}')", &[]).await?;
    assert_eq!(one(&client).await?.account, "mine");
    assert_eq!(jobs(&client).await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_of_an_hour_holds_for_all_workers_together() -> Result {
    let (_db, client) = open().await?;
    client
        .execute("SELECT configure_account('eventbrite', calls_per_hour => 10, max_in_flight => 64, burst_threshold => 1000)", &[])
        .await?;
    for number in 0..20 {
        hint(&client, "order.placed", &format!("orders/{number}/")).await?;
    }
    // As if somebody had asked for them: hints have a share only.
    client.execute("UPDATE fetch_jobs SET priority = 2", &[]).await?;
    assert_eq!(claim(&client, 6).await?.len(), 6);
    assert_eq!(claim(&client, 64).await?.len(), 4);
    assert_eq!(claim(&client, 64).await?.len(), 0);
    client.execute("UPDATE account_calls SET minute = minute - interval '62 minutes'", &[]).await?;
    // Second looks yield when most of the budget is used.
    client.execute("UPDATE fetch_jobs SET priority = 5 WHERE status = 'waiting'", &[]).await?;
    assert_eq!(claim(&client, 6).await?.len(), 6);
    assert_eq!(claim(&client, 64).await?.len(), 0, "four are kept for what is more urgent");
    client.execute("UPDATE fetch_jobs SET priority = 3 WHERE status = 'waiting'", &[]).await?;
    assert_eq!(claim(&client, 2).await?.len(), 2);
    assert_eq!(claim(&client, 64).await?.len(), 0, "two are kept for hints");
    hint(&client, "order.placed", "orders/fresh/").await?;
    assert_eq!(one(&client).await?.path, "/v3/orders/fresh/?expand=attendees,refund_requests");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_is_not_committed_counts_already() -> Result {
    let (db, client) = open().await?;
    let limit =
        "SELECT configure_account('eventbrite', calls_per_hour => 10, max_in_flight => 64, burst_threshold => 1000)";
    client.execute(limit, &[]).await?;
    for number in 0..20 {
        hint(&client, "order.placed", &format!("orders/{number}/")).await?;
    }
    client.execute("UPDATE fetch_jobs SET priority = 2", &[]).await?;
    client.batch_execute("BEGIN").await?;
    assert_eq!(claim(&client, 6).await?.len(), 6);
    let other = db.client().await?;
    let waiting = tokio::spawn(async move { anyhow::Ok(claim(&other, 64).await?.len()) });
    let stands_still =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let ended = async || Ok(waiting.is_finished() || line(&client, stands_still).await? == "1");
    boxoffice_tests::hold::until("the other one waits", ended).await?;
    client.batch_execute("COMMIT").await?;
    assert_eq!(waiting.await??, 4);
    Ok(())
}
