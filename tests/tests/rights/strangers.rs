//! What somebody can do who may only connect, who only delivers, or who only reads.

use std::time::Duration;

use boxoffice_tests::payloads::{self, envelope};
use boxoffice_tests::sql::{apply, deliver, ingest, line, lines, open_humanitix, refusal, signed};
use boxoffice_tests::{Database, Result};
use serde_json::json;
use tokio_postgres::Client;

async fn open() -> Result<(Database, Client)> {
    let db = Database::create().await?;
    let client = db.client().await?;
    open_humanitix(&client).await?;
    Ok((db, client))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_lock_of_a_stranger_stops_anything() -> Result {
    let (db, owner) = open().await?;
    let stranger = db.client_as(&db.role().await?).await?;
    stranger.batch_execute("BEGIN").await?;
    for key in 0..8 {
        line(&stranger, &format!("SELECT pg_advisory_lock(1112489048, {key})")).await?;
    }
    // Nor can it take those that there are; a name that may not be looked up cannot be locked.
    for statement in [
        "LOCK TABLE boxoffice_private.link_lock IN SHARE MODE",
        "LOCK TABLE boxoffice_private.link_lock IN ACCESS SHARE MODE",
        "CREATE TEMPORARY VIEW v AS SELECT FROM boxoffice_private.link_lock",
        "CREATE FUNCTION pg_temp.f() RETURNS void BEGIN ATOMIC INSERT INTO boxoffice_private.link_lock DEFAULT VALUES; END",
        "SELECT FROM boxoffice_private.task_lock FOR UPDATE",
        "SELECT boxoffice.lock_links()",
    ] {
        stranger.batch_execute("SAVEPOINT s").await?;
        assert_eq!(refusal(&stranger, statement).await?.code, "42501", "{statement}");
        stranger.batch_execute("ROLLBACK TO s").await?;
    }
    owner.batch_execute("SET statement_timeout = '5s'").await?;
    assert_eq!(deliver(&owner, payloads::TEST_CREATED).await?.outcome, "processed");
    assert_eq!(line(&owner, "SELECT link_event('humanitix', 'evt_test123', 'ours')").await?, "ours");
    assert!(lines(&owner, "SELECT task FROM run_due_tasks()").await?.contains(&"schedule_syncs".to_owned()));
    line(&owner, "SELECT set_webhook_secret('humanitix', 'another secret of the tests')").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn linking_waits_for_deliveries_and_not_for_long() -> Result {
    let (db, owner) = open().await?;
    let other = db.client().await?;
    other.batch_execute("BEGIN").await?;
    deliver(&other, payloads::TEST_CREATED).await?;
    let refused = refusal(&owner, "SELECT link_event('humanitix', 'evt_test123', 'ours')").await?;
    assert_eq!((refused.code.as_str(), refused.hint.is_some()), ("55P03", true), "{refused:?}");
    assert_eq!(refusal(&owner, "SELECT unlink_event('humanitix', 'evt_test123')").await?.code, "55P03");
    // Deliveries do not keep each other waiting.
    owner.batch_execute("SET statement_timeout = '5s'").await?;
    deliver(&owner, &envelope("order.created", "o", "2026-03-01T10:00:00Z", json!({}))).await?;
    other.batch_execute("COMMIT").await?;
    assert_eq!(line(&owner, "SELECT link_event('humanitix', 'evt_test123', 'ours')").await?, "ours");
    assert_eq!(
        line(&owner, "SELECT event_id FROM ticket_sales WHERE external_event_id = 'evt_test123'").await?,
        "ours"
    );
    // And the other way round: a delivery waits for the link that is being made, and sees it.
    other.batch_execute("BEGIN; SELECT link_event('humanitix', 'evt_1', 'theirs')").await?;
    let late = envelope("order.created", "late", "2026-03-01T10:00:00Z", json!({}));
    let waiting = tokio::spawn(async move { deliver(&owner, &late).await.map(|receipt| (owner, receipt)) });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    while line(&other, waits).await? == "0" {
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(!waiting.is_finished(), "it did not wait");
    }
    other.batch_execute("COMMIT").await?;
    let (owner, receipt) = waiting.await??;
    assert_eq!(receipt.outcome, "processed");
    assert_eq!(line(&owner, "SELECT event_id FROM ticket_sales WHERE platform_order_id = 'late'").await?, "theirs");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_caller_at_a_time_runs_the_due_tasks() -> Result {
    let (db, owner) = open().await?;
    let other = db.client().await?;
    other.batch_execute("BEGIN; SELECT * FROM run_due_tasks()").await?;
    assert_eq!(lines(&owner, "SELECT task FROM run_due_tasks()").await?, [""; 0]);
    other.batch_execute("ROLLBACK").await?;
    assert!(!lines(&owner, "SELECT task FROM run_due_tasks()").await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_rotations_at_once_do_not_lose_a_secret() -> Result {
    let (db, owner) = open().await?;
    let other = db.client().await?;
    other.batch_execute("BEGIN; SELECT set_webhook_secret('eventbrite', 'first secret of the tests')").await?;
    let second = tokio::spawn(async move {
        let refused = refusal(&owner, "SELECT set_webhook_secret('eventbrite', 'second secret of the tests')").await;
        (owner, refused)
    });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    while line(&other, waits).await? == "0" {
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(!second.is_finished(), "it did not wait");
    }
    other.batch_execute("COMMIT").await?;
    let (owner, refused) = second.await?;
    assert_eq!(refused?.code, "40001");
    let kept = "SELECT generation, value FROM webhook_secrets WHERE platform = 'eventbrite'";
    assert_eq!(lines(&owner, kept).await?, ["1|first secret of the tests"]);
    line(&owner, "SELECT set_webhook_secret('eventbrite', 'second secret of the tests')").await?;
    assert_eq!(
        line(&owner, "SELECT count(*), count(valid_until) FROM webhook_secrets WHERE platform = 'eventbrite'").await?,
        "2|1"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_are_never_given_to_everybody() -> Result {
    let (_db, owner) = open().await?;
    for role in ["public", "PUBLIC", "no such role", "pg_nobody", ""] {
        for call in ["grant_reader(%)", "grant_reader(%, 'event-a')", "grant_ingress(%)"] {
            let refused = refusal(&owner, &format!("SELECT {}", call.replace('%', &format!("'{role}'")))).await?;
            assert_eq!((refused.code.as_str(), refused.hint.is_some()), ("42704", true), "{role} {call}");
        }
    }
    assert_eq!(refusal(&owner, "SELECT grant_reader(NULL)").await?.code, "22004");
    let everybody = "SELECT relname, privilege_type FROM pg_class c, aclexplode(c.relacl) a WHERE relnamespace = 'boxoffice'::regnamespace AND a.grantee = 0";
    assert_eq!(lines(&owner, everybody).await?, [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_the_grants_of_others() -> Result {
    let (db, owner) = open().await?;
    let (mine, theirs) = (db.role().await?, db.role().await?);
    line(&owner, &format!("SELECT grant_reader('{}', 'event-a')", mine.name)).await?;
    line(&owner, &format!("SELECT grant_reader('{}', 'event-b')", theirs.name)).await?;
    let reader = db.client_as(&mine).await?;
    assert_eq!(line(&reader, "SELECT boxoffice.readable_events(current_user)").await?, "{event-a}");
    assert_eq!(line(&reader, &format!("SELECT boxoffice.readable_events('{}')", theirs.name)).await?, "{}");
    assert_eq!(
        line(&reader, "SELECT grantee, event_id FROM boxoffice.access_grants").await?,
        format!("{}|event-a", mine.name)
    );
    assert_eq!(line(&owner, &format!("SELECT readable_events('{}')", theirs.name)).await?, "{event-b}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_learns_nothing_from_being_turned_away() -> Result {
    let (_db, owner) = open().await?;
    owner.execute("SELECT set_webhook_secret('humanitix', 'the next secret of the tests')", &[]).await?;
    let body = payloads::TEST_CREATED;
    let mut seen = Vec::new();
    // Closed; an expired secret; a wrong one; none.
    for (platform, headers) in [
        ("eventbrite", json!({})),
        ("eventbrite", json!({":path-token": "0123456789abcdef"})),
        ("humanitix", signed(body)),
        ("humanitix", json!({"x-humanitix-signature": "00"})),
        ("humanitix", json!({"x-humanitix-signature": "0".repeat(64)})),
        ("humanitix", json!({})),
    ] {
        let receipt = ingest(&owner, platform, &headers, body.as_bytes()).await?;
        assert_eq!((receipt.outcome.as_str(), receipt.http_status, receipt.log_id), ("rejected", 401, None));
        seen.push(receipt.message);
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
    let reasons = "SELECT string_agg(DISTINCT reason, ' ' ORDER BY reason) FROM webhook_rejections";
    assert_eq!(
        line(&owner, reasons).await?,
        "no_secret secret_expired signature_malformed signature_mismatch signature_missing"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_long_enough() -> Result {
    let (_db, owner) = open().await?;
    for secret in ["x", "fifteen bytes.."] {
        let refused = refusal(&owner, &format!("SELECT set_webhook_secret('humanitix', '{secret}')")).await?;
        assert_eq!((refused.code.as_str(), refused.hint.is_some()), ("22023", true));
        assert!(!format!("{refused:?}").contains(secret) || secret == "x");
    }
    line(&owner, "SELECT set_webhook_secret('humanitix', 'sixteen bytes...')").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_offered_for_pasting_does_what_it_says() -> Result {
    let (_db, owner) = open().await?;
    for id in [
        r"e'); DROP TABLE boxoffice.ticket_sales; --",
        r"back\slash ' quote",
        "line\nbreak \u{1b}[31m",
        "plain",
        r"\'; --",
    ] {
        let body = json!({"event_type": "order.created", "timestamp": "2026-03-01T10:00:00Z", "data": {"event": {"id": id}, "order": {"id": "o"}}});
        let query = "SELECT detail FROM explain_webhook('humanitix', '{}', $1::text) WHERE step = 'event link'";
        let detail: String = owner.query_one(query, &[&body.to_string()]).await?.get(0);
        assert!(!detail.chars().any(char::is_control), "{detail:?}");
        let call = detail.split_once("; SELECT ").expect("a call").1;
        owner.batch_execute("BEGIN").await?;
        for mode in ["on", "off"] {
            owner.batch_execute(&format!("SET standard_conforming_strings = {mode}")).await?;
            line(&owner, &format!("SELECT {call}")).await?;
            let linked: String =
                owner.query_one("SELECT external_event_id::text FROM ticket_platforms", &[]).await?.get(0);
            assert_eq!(linked, id, "{call}");
        }
        owner.batch_execute("ROLLBACK").await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_has_a_bound() -> Result {
    let (_db, owner) = open().await?;
    let order = |first: usize, count: usize| {
        let attendees: Vec<_> = (first..first + count)
            .map(|n| json!({"id": n.to_string(), "order_id": "o", "event_id": "1", "changed": "2026-03-01T10:00:00Z"}))
            .collect();
        json!({"attendees": attendees, "pagination": {"has_more_items": false}})
    };
    // Page by page, since nobody sends it at once.
    for page in 0..2 {
        apply(&owner, "eventbrite", "attendees", &order(page * 5_000, 5_000).to_string(), None).await?;
    }
    let notes = apply(&owner, "eventbrite", "attendees", &order(10_000, 1).to_string(), None).await?;
    assert!(notes.iter().any(|note| note.contains("54000") && note.contains("more than 10000 attendees")), "{notes:?}");
    assert_eq!(line(&owner, "SELECT count(*) FROM attendees").await?, "10000");
    // Nothing is lost, and nobody else is harmed.
    assert_eq!(
        line(&owner, "SELECT count(*), count(*) FILTER (WHERE status = 'failed') FROM webhook_logs").await?,
        "3|1"
    );
    assert_eq!(deliver(&owner, payloads::TEST_CREATED).await?.outcome, "processed");
    Ok(())
}
