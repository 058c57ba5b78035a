//! States and errors that are true: a platform out of reach, a credential that no worker holds, a run that gets nowhere.

use boxoffice_tests::pump::{announce, claim, complete, complete_with, hint, open, time_passes};
use boxoffice_tests::sql::{line, lines, refusal};
use boxoffice_tests::{Database, Result};
use serde_json::json;
use tokio_postgres::Client;

const STATE: &str = "SELECT state FROM sync_status";
const LATE: &str = "SELECT sum(events_late) FROM webhook_health";
const RUNS: &str = "SELECT status, error FROM sync_runs WHERE mode <> 'discovery' ORDER BY id";

async fn tasks(client: &Client) -> Result {
    client.query("SELECT * FROM run_due_tasks()", &[]).await?;
    Ok(())
}

/// Everything that was written with a time was written that much earlier.
async fn later(client: &Client, time: &str) -> Result {
    let shift = format!(
        "UPDATE ticket_platforms SET last_sync_at = last_sync_at - interval '{time}', last_full_sync_at = last_full_sync_at - interval '{time}',
             last_attempt_at = last_attempt_at - interval '{time}', last_full_attempt_at = last_full_attempt_at - interval '{time}';
         UPDATE sync_history SET started_at = started_at - interval '{time}', progress_at = progress_at - interval '{time}',
             finished_at = finished_at - interval '{time}';
         UPDATE fetch_jobs SET due_at = due_at - interval '{time}', created_at = created_at - interval '{time}';
         UPDATE platform_accounts SET blocked_until = blocked_until - interval '{time}', troubled_at = troubled_at - interval '{time}',
             discovered_at = now()"
    );
    client.batch_execute(&shift).await?;
    Ok(())
}

/// An event that was read completely.
async fn read(client: &Client, platform: &str) -> Result {
    line(client, &format!("SELECT link_event('{platform}', '901', 'ours')")).await?;
    line(client, &format!("SELECT configure_event_sync('{platform}', '901', sync_minutes => 1)")).await?;
    tasks(client).await?;
    for call in claim(client, 10).await? {
        let page = json!({"total": 0, "orders": [], "tickets": [], "pagination": {"has_more_items": false}});
        assert_eq!(complete(client, &call, 200, &page).await?, "done");
    }
    tasks(client).await?;
    assert_eq!(line(client, STATE).await?, "fresh");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_cannot_be_reached_is_late_after_minutes_and_failed_after_an_hour() -> Result {
    for platform in ["eventbrite", "humanitix"] {
        let (_db, client) = open().await?;
        read(&client, platform).await?;
        later(&client, "70 seconds").await?;
        tasks(&client).await?;
        assert_eq!(line(&client, STATE).await?, "running", "the next reading has begun, and nothing is late");
        for _ in 0..5 {
            for call in claim(&client, 10).await? {
                complete_with(&client, &call, None, &json!({":error": "connect"}), b"").await?;
            }
            time_passes(&client).await?;
        }
        later(&client, "3 minutes").await?;
        assert_eq!(line(&client, STATE).await?, "late");
        assert_eq!(
            line(&client, "SELECT count(*) FROM sync_runs WHERE status = 'running'").await?,
            "1",
            "though it is going on"
        );
        assert_eq!(line(&client, LATE).await?, "1");
        let troubled = format!("SELECT accounts_troubled FROM webhook_health WHERE platform = '{platform}'");
        assert_eq!(line(&client, &troubled).await?, "1");
        tasks(&client).await?;
        assert_eq!(
            line(&client, "SELECT count(*) FROM sync_runs WHERE status = 'failed'").await?,
            "0",
            "it may come back"
        );

        // After an hour it is ended, and the next one begins.
        later(&client, "70 minutes").await?;
        tasks(&client).await?;
        let run = &lines(&client, RUNS).await?[1];
        assert!(
            run.starts_with("failed|no answer of the platform for 7") && run.ends_with("minutes (no answer: connect)"),
            "{run}"
        );
        let state = "SELECT state, last_sync_error LIKE 'no answer of the platform%' FROM sync_status";
        assert_eq!(line(&client, state).await?, "failed|t");
        assert_eq!(line(&client, LATE).await?, "1");
        later(&client, "1 hour").await?;
        tasks(&client).await?;
        assert_eq!(line(&client, "SELECT count(*) FROM sync_runs WHERE status = 'running'").await?, "1");
        assert_eq!(line(&client, "SELECT sync_failures FROM ticket_platforms").await?, "0", "no fault of the event's");
        // After two days there is no other picture.
        later(&client, "2 days").await?;
        tasks(&client).await?;
        assert_eq!(line(&client, STATE).await?, "failed");
        assert_eq!(line(&client, LATE).await?, "1");
        let age = "SELECT age > interval '2 days' FROM sync_status";
        assert_eq!(line(&client, age).await?, "t");

        // It comes back.
        client.execute("UPDATE fetch_jobs SET due_at = now() WHERE status = 'waiting'", &[]).await?;
        for _ in 0..3 {
            tasks(&client).await?;
            for call in claim(&client, 10).await? {
                let page = json!({"total": 0, "orders": [], "tickets": [], "attendees": [], "pagination": {"has_more_items": false}});
                assert_eq!(complete(&client, &call, 200, &page).await?, "done", "{call:?}");
            }
            client
                .execute("UPDATE ticket_platforms SET last_attempt_at = NULL, last_full_attempt_at = NULL", &[])
                .await?;
        }
        assert_eq!(line(&client, "SELECT state, last_sync_error FROM sync_status").await?, "fresh|-");
        assert_eq!(line(&client, LATE).await?, "0");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_for_its_turn_or_has_read_something_is_not_given_up_so_soon() -> Result {
    let (_db, client) = open().await?;
    line(&client, "SELECT link_event('eventbrite', '901', 'ours')").await?;
    tasks(&client).await?;
    later(&client, "5 hours").await?;
    tasks(&client).await?;
    assert_eq!(lines(&client, RUNS).await?, ["running|-"], "the account is well: others came first");
    let call = &claim(&client, 10).await?[0];
    let page = json!({"orders": [], "pagination": {"has_more_items": true, "continuation": "c"}});
    let page = json!({"orders": [{"id": "1", "changed": "2026-03-01T10:00:00Z", "costs": {}}], "pagination": page["pagination"]});
    assert_eq!(complete(&client, call, 200, &page).await?, "done");
    client
        .execute(
            "UPDATE platform_accounts SET failures = 5, last_error = 'HTTP 503' WHERE platform = 'eventbrite'",
            &[],
        )
        .await?;
    later(&client, "5 hours").await?;
    tasks(&client).await?;
    assert_eq!(lines(&client, RUNS).await?, ["running|-"], "it goes on at its page");
    later(&client, "90 minutes").await?;
    tasks(&client).await?;
    let run = line(
        &client,
        "SELECT status, error LIKE 'no answer of the platform for 39% minutes (HTTP 503)' FROM sync_runs WHERE id = 1",
    )
    .await?;
    assert_eq!(run, "failed|t");

    // One whose calls have been lost would never end.
    client.batch_execute("DELETE FROM sync_history; UPDATE platform_accounts SET failures = 0").await?;
    line(&client, "SELECT sync_event('ours')").await?;
    client.execute("DELETE FROM fetch_jobs", &[]).await?;
    tasks(&client).await?;
    assert_eq!(lines(&client, RUNS).await?, ["running|-"]);
    later(&client, "11 minutes").await?;
    tasks(&client).await?;
    assert_eq!(lines(&client, RUNS).await?[0], "failed|none of its calls is left");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_without_a_worker_that_holds_the_credential_is_refused() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    line(&client, "SELECT link_event('humanitix', '901', 'ours')").await?;
    line(&client, "SELECT configure_account('humanitix', auto_link => true)").await?;
    let none = "no worker has announced a credential for platform \"humanitix\"";
    for statement in
        ["SELECT sync_event('ours')", "SELECT reconcile_event('ours')", "SELECT sync_platform('humanitix')"]
    {
        let failed = refusal(&client, statement).await?;
        assert_eq!((failed.code.as_str(), failed.message.as_str()), ("55000", none), "{statement}");
        assert_eq!(failed.hint.as_deref(), Some("Start the worker with HUMANITIX_API_KEY set."));
        assert_eq!(failed.detail.as_deref(), Some("None was ever announced."));
    }
    let failed = refusal(&client, "SELECT sync_all()").await?;
    assert_eq!((failed.code.as_str(), failed.message.as_str()), ("55000", "no worker has announced a credential"));
    assert_eq!(line(&client, "SELECT count(*) FROM sync_history").await?, "0");

    // A worker comes, and goes away.
    announce(&client).await?;
    assert_eq!(line(&client, "SELECT count(*) FROM sync_event('ours')").await?, "1");
    client
        .batch_execute(
            "DELETE FROM sync_history; UPDATE platform_accounts SET announced_at = now() - interval '6 minutes'",
        )
        .await?;
    let failed = refusal(&client, "SELECT sync_event('ours')").await?;
    assert_eq!((failed.code.as_str(), failed.message.as_str()), ("55000", none));
    assert!(failed.detail.is_some_and(|detail| detail.contains("was last heard of at 20")));
    refusal(&client, "SELECT sync_all()").await?;
    let unheld = "SELECT accounts_unheld FROM webhook_health WHERE platform = 'humanitix'";
    assert_eq!(line(&client, unheld).await?, "1");
    tasks(&client).await?;
    assert_eq!(line(&client, "SELECT count(*) FROM sync_history").await?, "0", "nothing is begun for nobody");

    // Whoever claims with it holds it; whoever claims for all does not hold what nobody has announced.
    client.execute("SELECT * FROM claim_fetches(1, '{humanitix/default}')", &[]).await?;
    assert_eq!(line(&client, unheld).await?, "0");
    assert_eq!(line(&client, "SELECT count(*) FROM sync_event('ours')").await?, "1");
    line(&client, "SELECT configure_account('eventbrite', 'paper', calls_per_hour => 5)").await?;
    client.execute("SELECT * FROM claim_fetches(1)", &[]).await?;
    let never = "SELECT announced_at FROM platform_accounts WHERE name = 'paper'";
    assert_eq!(line(&client, never).await?, "-");
    client.execute("SELECT * FROM claim_fetches(1, '{eventbrite/paper}')", &[]).await?;
    assert_ne!(line(&client, never).await?, "-");

    // An account of another name, and an event that is its own.
    line(&client, "SELECT configure_account('humanitix', 'second')").await?;
    line(&client, "SELECT configure_event_sync('humanitix', '901', account => 'second')").await?;
    let failed = refusal(&client, "SELECT sync_event('ours')").await?;
    assert_eq!(failed.message, "no worker has announced the credential \"humanitix/second\"");
    assert!(failed.hint.is_some_and(|hint| hint.contains("configure_event_sync")));
    assert_eq!(line(&client, unheld).await?, "1");
    // One of which there is no row at all.
    line(&client, "SELECT remove_account('humanitix', 'second'), remove_account('humanitix', 'default')").await?;
    assert_eq!(line(&client, unheld).await?, "1");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_exists_on_paper_only_gets_nothing() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    client.execute("SELECT set_path_token('eventbrite', 'token-of-the-pump-tests')", &[]).await?;
    line(&client, "SELECT configure_account('eventbrite', 'default', calls_per_hour => 100)").await?;
    hint(&client, "order.placed", "orders/1/").await?;
    client.execute("SELECT announce_accounts('{eventbrite/mine}')", &[]).await?;
    let mine = "SELECT account FROM claim_fetches(10, '{eventbrite/mine}')";
    assert_eq!(lines(&client, mine).await?, ["mine"], "what was asked for before anybody had a credential");
    hint(&client, "order.placed", "orders/2/").await?;
    assert_eq!(lines(&client, mine).await?, ["mine"]);
    line(&client, "SELECT link_event('eventbrite', '901', 'ours')").await?;
    assert_eq!(line(&client, "SELECT account FROM sync_plan").await?, "mine");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_of_life_is_written_once_a_minute() -> Result {
    let (_db, client) = open().await?;
    let row = "SELECT xmin, announced_at FROM platform_accounts WHERE platform = 'humanitix'";
    let before = line(&client, row).await?;
    for _ in 0..5 {
        claim(&client, 10).await?;
    }
    assert_eq!(line(&client, row).await?, before);
    client.execute("UPDATE platform_accounts SET announced_at = now() - interval '61 seconds'", &[]).await?;
    claim(&client, 10).await?;
    let after = line(&client, row).await?;
    claim(&client, 10).await?;
    assert_eq!(line(&client, row).await?, after);
    assert_eq!(
        line(&client, "SELECT count(*) FROM platform_accounts WHERE announced_at > now() - interval '1 second'")
            .await?,
        "2"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_nobody_can_serve_ends_with_that_reason() -> Result {
    let (_db, client) = open().await?;
    line(&client, "SELECT link_event('eventbrite', '901', 'ours')").await?;
    line(&client, "SELECT sync_event('ours')").await?;
    let gone =
        "UPDATE platform_accounts SET announced_at = now() - interval '11 minutes' WHERE platform = 'eventbrite';
        UPDATE sync_history SET started_at = started_at - interval '9 minutes'";
    client.batch_execute(gone).await?;
    tasks(&client).await?;
    assert_eq!(lines(&client, RUNS).await?, ["running|-"], "it may only be restarted");
    client.execute("UPDATE sync_history SET started_at = started_at - interval '2 minutes'", &[]).await?;
    tasks(&client).await?;
    assert_eq!(lines(&client, RUNS).await?, ["failed|no worker holds the credential eventbrite/default"]);
    let state = "SELECT state, last_sync_error FROM sync_status";
    assert_eq!(line(&client, state).await?, "failed|no worker holds the credential eventbrite/default");
    assert_eq!(
        line(&client, "SELECT events_late, accounts_unheld FROM webhook_health WHERE platform = 'eventbrite'").await?,
        "1|1"
    );
    tasks(&client).await?;
    assert_eq!(lines(&client, RUNS).await?.len(), 1, "no other is begun in vain");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_account_is_no_reason_to_be_running() -> Result {
    let (_db, client) = open().await?;
    read(&client, "eventbrite").await?;
    line(&client, "SELECT sync_event('ours')").await?;
    let call = &claim(&client, 10).await?[0];
    assert_eq!(complete(&client, call, 401, &json!({"error": "NO_AUTH"})).await?, "stopped");
    assert_eq!(line(&client, STATE).await?, "account stopped");
    assert_eq!(line(&client, LATE).await?, "1");
    Ok(())
}
