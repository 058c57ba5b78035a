//! Kept deliveries, applied again: nothing changes that was known, everything comes back that was lost.

use std::collections::BTreeSet;

use boxoffice_tests::payloads::{self, envelope};
use boxoffice_tests::sql::{apply, deliver, ingest, line, lines, open_humanitix, process, refusal, remarks, signed};
use boxoffice_tests::{Database, Result};
use serde_json::json;
use tokio_postgres::Client;

const TOKEN: &str = "a-path-token-of-the-tests";
const ALL: &str = "SELECT l.id, l.status, r.outcome FROM webhook_logs l, replay_webhook(l.id) r ORDER BY l.id";

/// Deliveries of every kind, pushed, by hand and fetched.
async fn fill(client: &Client) -> Result {
    open_humanitix(client).await?;
    client.execute("SELECT set_path_token('eventbrite', $1)", &[&TOKEN]).await?;
    deliver(client, payloads::SAMPLE_CREATED).await?;
    deliver(client, payloads::SAMPLE_CREATED).await?;
    deliver(client, payloads::SAMPLE_REFUNDED).await?;
    deliver(
        client,
        &envelope("order.created", "o", "2026-03-01T10:00:00Z", json!({"attendees": [{"id": "x", "name": "Ada"}]})),
    )
    .await?;
    let refund = json!({"order": {"id": "o", "refund_amount": 10}});
    process(client, "humanitix", "order.refunded", &refund).await?;
    deliver(client, r#"{"event_type":"event.published"}"#).await?;
    deliver(client, "nonsense").await?;
    ingest(
        client,
        "eventbrite",
        &json!({":path-token": TOKEN, "x-eventbrite-event": "order.placed"}),
        payloads::SAMPLE_PLACED.as_bytes(),
    )
    .await?;
    let guest = payloads::eventbrite_attendee("77", "1", "2026-03-01T10:00:00Z", 2500, json!({"checked_in": true}));
    let order = payloads::eventbrite_order("77", "2026-03-01T10:00:00Z", 2500, &[guest], json!({}));
    // Twice in the same second of the platform; only the time of asking tells which is newer.
    apply(client, "eventbrite", "order", &order.replace("Zoë", "Zoe"), Some("2026-03-01T10:00:01Z")).await?;
    apply(client, "eventbrite", "order", &order, Some("2026-03-01T10:00:02Z")).await?;
    apply(client, "eventbrite", "order", payloads::SAMPLE_ORDER, None).await?;
    Ok(())
}

/// All rows, without these columns.
async fn rows(client: &Client, without: &str) -> Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for table in ["ticket_sales", "attendees", "order_states", "ticket_platforms", "fetch_jobs"] {
        all.extend(
            lines(client, &format!("SELECT '{table}', to_jsonb(t) - '{without}'::text[] FROM {table} t ORDER BY 2"))
                .await?,
        );
    }
    Ok(all)
}

fn assert_same(found: &BTreeSet<String>, expected: &BTreeSet<String>) {
    let (missing, added): (Vec<_>, Vec<_>) =
        (expected.difference(found).collect(), found.difference(expected).collect());
    assert!(missing.is_empty() && added.is_empty(), "missing: {missing:#?}\nnew: {added:#?}");
    assert!(expected.len() > 10, "only {} rows", expected.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_everything_changes_nothing() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    fill(&client).await?;
    let before = rows(&client, "{}").await?;
    let expected = [
        "processed|duplicate",
        "duplicate|duplicate",
        "processed|duplicate",
        "processed|duplicate",
        "processed|duplicate",
        "ignored|ignored",
        "invalid|invalid",
        "queued|queued",
        "processed|duplicate",
        "processed|duplicate",
        "processed|duplicate",
    ];
    let found = lines(&client, ALL).await?;
    let outcomes: Vec<&str> = found.iter().filter_map(|l| l.split_once('|')).map(|(_, outcomes)| outcomes).collect();
    assert_eq!(outcomes, expected);
    assert_same(&rows(&client, "{}").await?, &before);
    let log = "SELECT count(*), min(attempts), max(attempts), count(*) FILTER (WHERE processed) FROM webhook_logs";
    assert_eq!(line(&client, log).await?, "11|2|2|10");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_lost_comes_back_from_the_log() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    fill(&client).await?;
    // But for the times of writing, and for what an event is called, where the first who names it is believed.
    let other = "{created_at,updated_at,due_at,id,external_title,external_venue,external_starts_at}";
    let before = rows(&client, other).await?;
    client.batch_execute("TRUNCATE ticket_sales, attendees, order_states, ticket_platforms, fetch_jobs").await?;
    // Last first: the order does not matter.
    lines(&client, "SELECT replay_webhook(id) FROM (SELECT id FROM webhook_logs ORDER BY id DESC) l").await?;
    assert_same(&rows(&client, other).await?, &before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_somebody_has_deleted_come_back_with_the_next_news() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    fill(&client).await?;
    client.batch_execute("DELETE FROM order_states WHERE platform_order_id = 'o'; DELETE FROM attendees").await?;
    // The sale is there although its state is not: an insert would fail, and must not.
    let people = json!({"attendees": [{"id": "x", "name": "Ada"}], "total_amount": 80});
    let receipt = deliver(&client, &envelope("order.updated", "o", "2026-03-05T10:00:00Z", people)).await?;
    assert_eq!((receipt.outcome.as_str(), receipt.http_status), ("processed", 200), "{}", receipt.message);
    let query = "SELECT total_amount, name FROM ticket_sales JOIN attendees USING (platform, platform_order_id) WHERE platform_order_id = 'o'";
    assert_eq!(line(&client, query).await?, "80.00|Ada");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_does_not_exist_cannot_be_replayed() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    let error = refusal(&client, "SELECT replay_webhook(4711)").await?;
    assert_eq!((error.code.as_str(), error.message.as_str()), ("P0002", "there is no delivery 4711"));
    assert!(error.hint.is_some_and(|hint| hint.contains("webhook_logs")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sessions_that_retry_share_the_work() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    open_humanitix(&client).await?;
    // The event is known beforehand: who registers a new one makes the others wait until it is certain to be there.
    deliver(&client, &envelope("order.created", "first", "2026-03-01T10:00:00Z", json!({}))).await?;
    client
        .batch_execute(
            "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
             CREATE TRIGGER trap BEFORE INSERT ON boxoffice.ticket_sales FOR EACH ROW EXECUTE FUNCTION public.refuse()",
        )
        .await?;
    for n in 0..20 {
        deliver(&client, &envelope("order.created", &format!("o{n}"), "2026-03-01T10:00:00Z", json!({}))).await?;
    }
    client
        .batch_execute("DROP TRIGGER trap ON boxoffice.ticket_sales; UPDATE webhook_logs SET next_attempt_at = now() WHERE status = 'failed'")
        .await?;
    let (one, two) = (db.client().await?, db.client().await?);
    one.batch_execute("BEGIN").await?;
    assert_eq!(line(&one, "SELECT tried, succeeded FROM retry_failed_webhooks(12)").await?, "12|12");
    // Not yet committed there: the other one neither waits nor does the same again.
    assert_eq!(line(&two, "SELECT tried, succeeded FROM retry_failed_webhooks()").await?, "8|8");
    one.batch_execute("COMMIT").await?;
    assert_eq!(
        line(&client, "SELECT count(*), max(attempts) FROM webhook_logs WHERE status = 'processed'").await?,
        "21|2"
    );
    assert_eq!(line(&client, "SELECT count(*) FROM ticket_sales").await?, "21");
    Ok(())
}

/// One call of every kind; `round` makes what has to be new in it new.
fn calls(round: &str) -> Result<Vec<String>> {
    let order = format!("o{round}");
    let created =
        envelope("order.created", &order, "2026-03-01T10:00:00Z", json!({"attendees": [{"id": "x", "name": "Ada"}]}));
    let refunded = envelope(
        "order.refunded",
        &order,
        "2026-03-02T10:00:00Z",
        json!({"refund_amount": 1, "attendees": [{"id": "y"}]}),
    );
    let other_event = created.replace("evt_1", &format!("evt_{round}")).replace(&order, &format!("p{round}"));
    let ingest = |body: &str| {
        format!("SELECT outcome FROM boxoffice.ingest_webhook('humanitix', '{}', $${body}$$)", signed(body))
    };
    Ok(vec![
        ingest(&created),
        ingest(&refunded),
        ingest(&refunded),
        ingest(&other_event),
        ingest("nonsense"),
        "SELECT outcome FROM boxoffice.ingest_webhook('humanitix', '{}', '')".to_owned(),
        format!(
            "SELECT outcome FROM boxoffice.ingest_webhook('eventbrite', '{{\":path-token\": \"{TOKEN}\"}}', $${}$$)",
            payloads::SAMPLE_PLACED.replace("345678901234", &format!("9{round}"))
        ),
        format!(
            "SELECT items FROM boxoffice.apply_resource('eventbrite', 'order', $${}$$::text)",
            payloads::SAMPLE_ORDER.replace("Jane", round)
        ),
        "SELECT count(*) FROM (SELECT boxoffice.replay_webhook(id) FROM boxoffice.webhook_logs LIMIT 1) r".to_owned(),
        "SELECT tried FROM boxoffice.retry_failed_webhooks()".to_owned(),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_parses_and_plans_nothing_after_the_first() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    open_humanitix(&client).await?;
    client.execute("SELECT set_path_token('eventbrite', $1)", &[&TOKEN]).await?;
    // After the first two rounds everything has happened once: what is new, what changes, what is known.
    let rounds = [calls("1")?, calls("2")?, calls("3")?, calls("4")?];
    let mut script = vec!["SET log_parser_stats = on; SET log_planner_stats = on; SET client_min_messages = log"];
    script.extend(rounds.iter().flatten().map(String::as_str));
    // The server remarks on each statement that it analyses, those of functions included.
    let said = remarks(&db.url(), &script).await?;
    let count = |remarks: &[tokio_postgres::error::DbError], title: &str| {
        remarks.iter().filter(|r| r.message() == title).count()
    };
    for (i, (statement, remarks)) in script.iter().zip(&said).enumerate().skip(1) {
        let (analysed, planned) = (count(remarks, "PARSE ANALYSIS STATISTICS"), count(remarks, "PLANNER STATISTICS"));
        if i == 1 {
            // The measure can tell: the very first call prepares its statements.
            assert!(analysed > 3 && planned > 3, "{analysed} analysed, {planned} planned: {statement}");
        } else if i > 2 * rounds[0].len() {
            // The statement that was sent, and none besides.
            assert_eq!((analysed, planned), (1, 1), "{statement}");
        }
    }
    Ok(())
}
