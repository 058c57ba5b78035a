//! What is due when, and what cannot be asked for.

use boxoffice_tests::pump::{announce, claim, complete, finish, jobs, open};
use boxoffice_tests::sql::{line, lines, refusal};
use boxoffice_tests::{Database, Result};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_follows_the_event() -> Result {
    let (_db, client) = open().await?;
    let client = &client;
    let cases = [
        ("soon", "1 day", true, "00:05:00"),
        ("on sale", "40 days", true, "00:05:00"),
        ("sold out", "40 days", false, "01:00:00"),
        ("just over", "-2 days", false, "01:00:00"),
        ("long over", "-40 days", false, "-"),
    ];
    for (id, start, status, _) in cases {
        let add = "INSERT INTO ticket_platforms (platform, external_event_id, event_id, external_starts_at, external_ends_at, on_sale)
            SELECT 'humanitix', $1::text, $1::text, now() + $2::text::interval, now() + $2::text::interval + interval '3 hours', $3::boolean";
        client.execute(add, &[&id, &start, &status]).await?;
    }
    let expected: Vec<String> = cases.iter().map(|(id, _, _, interval)| format!("{id}|{interval}")).collect();
    let plan = "SELECT external_event_id, sync_interval FROM sync_plan ORDER BY array_position('{soon,on sale,sold out,just over,long over}', external_event_id::text)";
    assert_eq!(lines(client, plan).await?, expected);
    line(client, "SELECT configure_event_sync('humanitix', 'soon', sync_minutes => 1, full_hours => 2)").await?;
    assert_eq!(line(client, "SELECT sync_interval FROM sync_plan WHERE external_event_id = 'soon'").await?, "00:01:00");
    // Daily, everything is compared.
    client
        .execute(
            "UPDATE ticket_platforms SET last_sync_at = now(), last_full_sync_at = now() - interval '3 hours'",
            &[],
        )
        .await?;
    let due = "SELECT external_event_id, due_mode FROM sync_plan WHERE due_mode IS NOT NULL";
    assert_eq!(lines(client, due).await?, ["soon|reconcile"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_for_what_cannot_be_is_refused_clearly() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    let failed = refusal(&client, "SELECT sync_event('nothing')").await?;
    assert_eq!(
        (failed.code.as_str(), failed.message.as_str()),
        ("P0002", "event \"nothing\" is not linked to an event of a platform")
    );
    line(&client, "SELECT link_event('humanitix', 'evt', 'e')").await?;
    let failed = refusal(&client, "SELECT sync_event('e')").await?;
    assert_eq!(
        (failed.code.as_str(), failed.hint.as_deref()),
        ("55000", Some("Start the worker with HUMANITIX_API_KEY set."))
    );
    for (statement, code) in [
        ("SELECT sync_event(NULL)", "22004"),
        ("SELECT sync_platform('nobody')", "22023"),
        ("SELECT configure_account('humanitix', locations => '{nz}')", "22023"),
        ("SELECT configure_account('humanitix', calls_per_hour => 0)", "23514"),
        ("SELECT configure_event_sync('humanitix', 'evt', sync_minutes => 0)", "22023"),
        ("SELECT configure_event_sync('humanitix', 'other')", "P0002"),
        ("SELECT resume_account('humanitix', 'other')", "P0002"),
        ("SELECT claim_fetches(0)", "22023"),
        ("SELECT complete_fetch(NULL, 200, '{}', '')", "22004"),
        ("SELECT complete_fetch(1, 99999, '{}', '')", "22023"),
        ("SELECT replay_webhooks(NULL)", "22004"),
        ("SELECT api_listings('humanitix', 'everything', 'x', NULL, NULL)", "22023"),
    ] {
        assert_eq!(refusal(&client, statement).await?.code, code, "{statement}");
    }
    // An id that cannot stand in a path is no reason to ask anywhere else.
    announce(&client).await?;
    line(&client, "SELECT link_event('humanitix', '../users/me', 'bad')").await?;
    line(&client, "SELECT sync_event('bad')").await?;
    let state = "SELECT last_sync_error FROM ticket_platforms WHERE external_event_id = '../users/me'";
    assert_eq!(line(&client, state).await?, "the platform's id of the event cannot stand in a path");
    assert_eq!(jobs(&client).await?, [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_linked_is_read_once_whatever_its_age() -> Result {
    let (_db, client) = open().await?;
    let client = &client;
    let state = "SELECT state, run_id IS NOT NULL, last_full_sync_at IS NOT NULL FROM sync_status";
    let late = "SELECT sum(events_late) FROM webhook_health";
    for (platform, age) in [("humanitix", "400 days"), ("eventbrite", "9 years"), ("humanitix", "31 days")] {
        client.batch_execute("DELETE FROM ticket_platforms; DELETE FROM fetch_jobs; DELETE FROM sync_history").await?;
        let add = "INSERT INTO ticket_platforms (platform, external_event_id, external_starts_at, external_ends_at, account)
            SELECT $1::text, '77', now() - $2::text::interval, now() - $2::text::interval + interval '3 hours', 'default'";
        client.execute(add, &[&platform, &age]).await?;
        client.query("SELECT * FROM run_due_tasks()", &[]).await?;
        assert_eq!(claim(client, 10).await?, [], "it is not linked");
        line(client, &format!("SELECT link_event('{platform}', '77', 'ours')")).await?;
        assert_eq!(line(client, state).await?, "never|f|f");
        assert_eq!(line(client, late).await?, "1", "and is missed");
        client.query("SELECT * FROM run_due_tasks()", &[]).await?;
        assert_eq!(line(client, state).await?, "running|t|f");
        let reason = "SELECT mode, reason FROM sync_runs";
        assert_eq!(line(client, reason).await?, "full|first");

        // It fails, says so, and is tried again; not at once.
        let calls = claim(client, 10).await?;
        assert_eq!(complete(client, &calls[0], 400, &json!({"error": "ARGUMENTS_ERROR"})).await?, "dead");
        assert_eq!(line(client, state).await?, "failed|f|f");
        assert_eq!(line(client, "SELECT last_sync_error FROM sync_status").await?, "HTTP 400 ARGUMENTS_ERROR");
        assert_eq!(line(client, late).await?, "1");
        client.query("SELECT * FROM run_due_tasks()", &[]).await?;
        assert_eq!(claim(client, 10).await?, []);
        client
            .execute(
                "UPDATE ticket_platforms SET last_full_attempt_at = last_full_attempt_at - interval '16 minutes'",
                &[],
            )
            .await?;
        client.query("SELECT * FROM run_due_tasks()", &[]).await?;
        for call in claim(client, 10).await? {
            let page = json!({"total": 0, "orders": [], "tickets": [], "pagination": {"has_more_items": false}});
            assert_eq!(complete(client, &call, 200, &page).await?, "done");
        }
        finish(client).await?;
        assert_eq!(line(client, state).await?, "over|f|t");
        assert_eq!(line(client, late).await?, "0");
        // Once is enough.
        client.execute("UPDATE ticket_platforms SET last_full_sync_at = now() - interval '3 days', last_full_attempt_at = NULL,
                        last_sync_at = now() - interval '3 days', last_attempt_at = NULL", &[]).await?;
        client.query("SELECT * FROM run_due_tasks()", &[]).await?;
        assert_eq!(claim(client, 10).await?, []);
        assert_eq!(line(client, state).await?, "over|f|t");
    }
    Ok(())
}
