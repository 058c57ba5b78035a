//! Many deliveries in one call: each for itself, whatever becomes of its neighbours.

use boxoffice_tests::payloads::envelope;
use boxoffice_tests::sql::{SECRET, deliver, failed, ingest_many, line, lines, open_humanitix, refusal, signed};
use boxoffice_tests::{Database, Result, sign};
use serde_json::{Value, json};
use tokio_postgres::Client;

const LOG: &str =
    "SELECT status, processed, attempts, error_code, error_message, next_attempt_at > now(), processed_at IS NOT NULL
    FROM webhook_logs WHERE platform_order_id = 'ord_bad'";
const RETRY: &str = "SELECT tried, succeeded, failed, dead FROM retry_failed_webhooks()";

/// Makes the order `ord_bad` impossible to write.
async fn trap(client: &Client, code: &str) -> Result {
    let function = format!(
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.platform_order_id = 'ord_bad' THEN
                    RAISE EXCEPTION 'not this one' USING ERRCODE = '{code}';
                END IF;
                RETURN NEW;
            END $$;
        CREATE TRIGGER trap BEFORE INSERT OR UPDATE ON boxoffice.ticket_sales FOR EACH ROW EXECUTE FUNCTION public.refuse()"
    );
    Ok(client.batch_execute(&function).await?)
}

async fn open() -> Result<(Database, Client)> {
    let db = Database::create().await?;
    let client = db.client().await?;
    open_humanitix(&client).await?;
    Ok((db, client))
}

fn created(order: &str) -> String {
    envelope("order.created", order, "2026-03-01T10:00:00Z", json!({}))
}

/// Outcomes of a batch of correctly signed bodies.
async fn outcomes(client: &Client, bodies: &[String]) -> Result<Vec<String>> {
    let items: Vec<_> = bodies.iter().map(|body| ("humanitix", signed(body), body.as_bytes())).collect();
    Ok(ingest_many(client, &items).await?.into_iter().map(|receipt| receipt.outcome).collect())
}

async fn orders(client: &Client) -> Result<Vec<String>> {
    lines(client, "SELECT platform_order_id FROM ticket_sales ORDER BY 1").await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_delivery_gets_its_own_answer_in_its_place() -> Result {
    let (_db, client) = open().await?;
    client.execute("SELECT set_path_token('eventbrite', 'a-path-token-of-the-tests')", &[]).await?;
    let (good, other) = (created("z"), created("a"));
    let hint = json!({"config": {"action": "order.placed"}, "api_url": "https://www.eventbriteapi.com/v3/orders/1/"})
        .to_string();
    let broken = r#"{"event_type":"order.created","data":"#;
    let unknown = r#"{"event_type":"event.published"}"#;
    let forged = json!({"x-humanitix-signature": sign::hex("another key", good.as_bytes())});
    let token = json!({":path-token": "a-path-token-of-the-tests"});
    let items: Vec<(&str, Value, &[u8])> = vec![
        ("humanitix", signed(&good), good.as_bytes()),
        ("humanitix", forged.clone(), good.as_bytes()),
        ("humanitix", signed(broken), broken.as_bytes()),
        ("eventbrite", token, hint.as_bytes()),
        ("tickettailor", json!({}), b"{}"),
        ("humanitix", signed(unknown), unknown.as_bytes()),
        ("humanitix", signed(&other), other.as_bytes()),
        ("humanitix", signed(&good), good.as_bytes()),
        ("humanitix", forged, good.as_bytes()),
    ];
    let receipts = ingest_many(&client, &items).await?;
    let answers: Vec<_> = receipts.iter().map(|r| (r.outcome.as_str(), r.http_status)).collect();
    assert_eq!(
        answers,
        [
            ("processed", 200),
            ("rejected", 401),
            ("invalid", 400),
            ("queued", 200),
            ("rejected", 404),
            ("ignored", 200),
            ("processed", 200),
            ("duplicate", 200),
            ("rejected", 401)
        ]
    );
    // The log is in the order of the batch, and the ids in the answer are its ids.
    let logged: Vec<i64> = receipts.iter().filter_map(|r| r.log_id).collect();
    let found: Vec<i64> =
        client.query("SELECT id FROM webhook_logs ORDER BY id", &[]).await?.iter().map(|r| r.get(0)).collect();
    assert_eq!(logged, found);
    let status = lines(&client, "SELECT status FROM webhook_logs ORDER BY id").await?;
    assert_eq!(status, ["processed", "invalid", "queued", "ignored", "processed", "duplicate"]);
    let turned_away = lines(&client, "SELECT platform, reason, count FROM webhook_rejections ORDER BY 1").await?;
    assert_eq!(turned_away, ["(unknown)|unknown_platform|1", "humanitix|signature_mismatch|2"]);
    assert_eq!(orders(&client).await?, ["a", "z"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_deliveries_about_one_order_in_one_batch() -> Result {
    let (_db, client) = open().await?;
    let refunded = json!({"status": "refunded", "refund_amount": 50, "refunded_at": "2026-03-02T10:00:00Z"});
    let bodies = [
        envelope("order.refunded", "o", "2026-03-02T10:00:00Z", refunded),
        created("o"),
        created("p"),
        envelope("order.updated", "o", "2026-03-01T11:00:00Z", json!({"customer": {"name": "Somebody Else"}})),
    ];
    assert_eq!(outcomes(&client, &bodies).await?[0], "processed");
    let query = "SELECT platform_order_id, refund_status, refund_amount, ticket_quantity FROM ticket_sales ORDER BY 1";
    assert_eq!(lines(&client, query).await?, ["o|refunded|50.00|2", "p|none|0.00|2"]);
    // All of it again: nothing new, nothing changed.
    let before = line(&client, "SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM ticket_sales t").await?;
    assert_eq!(outcomes(&client, &bodies).await?, ["duplicate"; 4]);
    assert_eq!(
        line(&client, "SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM ticket_sales t").await?,
        before
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_harms_no_neighbour_and_heals() -> Result {
    let (_db, client) = open().await?;
    trap(&client, "23514").await?;
    let bodies: Vec<String> = ["o1", "ord_bad", "o2", "o1"].map(created).into();
    assert_eq!(outcomes(&client, &bodies).await?, ["processed", "failed", "processed", "duplicate"]);
    assert_eq!(orders(&client).await?, ["o1", "o2"]);
    assert_eq!(line(&client, "SELECT count(*) FROM order_states").await?, "2");
    assert_eq!(line(&client, LOG).await?, "failed|f|1|23514|not this one|t|f");
    let receipt = deliver(&client, &created("ord_bad")).await?;
    assert_eq!((receipt.outcome.as_str(), receipt.http_status), ("failed", 202));
    assert!(!receipt.message.contains("not this one"), "the answer to the platform tells the database's own text");
    client.execute("DELETE FROM webhook_logs WHERE id = $1", &[&receipt.log_id]).await?;

    // Not due yet: left alone.
    assert_eq!(line(&client, RETRY).await?, "0|0|0|0");
    client.execute("UPDATE webhook_logs SET next_attempt_at = now() WHERE status = 'failed'", &[]).await?;
    assert_eq!(line(&client, RETRY).await?, "1|0|1|0");
    assert_eq!(line(&client, LOG).await?, "failed|f|2|23514|not this one|t|f");
    client.batch_execute("DROP TRIGGER trap ON boxoffice.ticket_sales").await?;
    client.execute("UPDATE webhook_logs SET next_attempt_at = now() WHERE status = 'failed'", &[]).await?;
    assert_eq!(line(&client, RETRY).await?, "1|1|0|0");
    assert_eq!(line(&client, LOG).await?, "processed|t|3|-|-|-|t");
    assert_eq!(orders(&client).await?, ["o1", "o2", "ord_bad"]);
    assert_eq!(line(&client, RETRY).await?, "0|0|0|0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tried_ten_times_it_is_dead_and_can_be_woken() -> Result {
    let (_db, client) = open().await?;
    // A code of the trigger's own; it is kept as an internal error, because the framework knows only PostgreSQL's.
    trap(&client, "ZX123").await?;
    assert_eq!(deliver(&client, &created("ord_bad")).await?.outcome, "failed");
    let mut waits = Vec::new();
    for attempt in 2..=10 {
        let wait = "SELECT extract(epoch FROM next_attempt_at - now())::int FROM webhook_logs";
        waits.push(line(&client, wait).await?.parse::<i64>()?);
        client.execute("UPDATE webhook_logs SET next_attempt_at = now()", &[]).await?;
        let expected = if attempt < 10 { "1|0|1|0" } else { "1|0|0|1" };
        assert_eq!(line(&client, RETRY).await?, expected, "attempt {attempt}");
    }
    assert!(waits.windows(2).all(|pair| pair[0] < pair[1]), "waits do not grow: {waits:?}");
    assert_eq!(line(&client, LOG).await?, "dead|f|10|XX000|not this one|-|f");
    assert_eq!(line(&client, RETRY).await?, "0|0|0|0");
    client.batch_execute("DROP TRIGGER trap ON boxoffice.ticket_sales").await?;
    let query = "SELECT tried, succeeded, failed, dead FROM retry_failed_webhooks(include_dead => true)";
    assert_eq!(line(&client, query).await?, "1|1|0|0");
    assert_eq!(orders(&client).await?, ["ord_bad"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn arrays_must_fit_each_other() -> Result {
    let (_db, client) = open().await?;
    let call = |arguments: &str| format!("SELECT * FROM ingest_webhooks({arguments})");
    let error = refusal(&client, &call("ARRAY['humanitix'], ARRAY['{}', '{}']::jsonb[], ARRAY['x'::bytea]")).await?;
    assert_eq!(
        (error.code.as_str(), error.message.contains("1 platforms, 2 headers, 1 bodies")),
        ("22023", true),
        "{error:?}"
    );
    for arguments in [
        "NULL, ARRAY['{}']::jsonb[], ARRAY['x'::bytea]",
        "ARRAY['humanitix'], NULL, ARRAY['x'::bytea]",
        "ARRAY['humanitix'], ARRAY['{}']::jsonb[], NULL",
        "ARRAY[NULL]::text[], ARRAY['{}']::jsonb[], ARRAY['x'::bytea]",
        "ARRAY['humanitix'], ARRAY[NULL]::jsonb[], ARRAY['x'::bytea]",
        "ARRAY['humanitix'], ARRAY['{}']::jsonb[], ARRAY[NULL]::bytea[]",
    ] {
        assert_eq!(refusal(&client, &call(arguments)).await?.code, "22004", "{arguments}");
    }
    assert_eq!(
        refusal(&client, &call("ARRAY['humanitix'], ARRAY['[]']::jsonb[], ARRAY['x'::bytea]")).await?.code,
        "22000"
    );
    assert_eq!(lines(&client, &call("'{}', '{}', '{}'")).await?, [""; 0]);
    assert_eq!(line(&client, "SELECT count(*) FROM webhook_logs").await?, "0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_call_leaves_nothing_half_written() -> Result {
    let (db, client) = open().await?;
    deliver(&client, &created("locked")).await?;
    let before = "SELECT (SELECT count(*) FROM webhook_logs), (SELECT count(*) FROM order_states), (SELECT count(*) FROM ticket_sales)";
    assert_eq!(line(&client, before).await?, "1|1|1");

    let holder = db.client().await?;
    holder.batch_execute("BEGIN; SELECT FROM boxoffice.order_states FOR UPDATE").await?;
    let caller = db.client().await?;
    let pid: i32 = caller.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
    let bodies = [created("new"), envelope("order.updated", "locked", "2026-03-01T12:00:00Z", json!({}))];
    let call = tokio::spawn(async move {
        let items: Vec<_> = bodies.iter().map(|body| ("humanitix", signed(body), body.as_bytes())).collect();
        let result = ingest_many(&caller, &items).await;
        (caller, result)
    });
    // Until it waits for the lock: then it is in the middle of its work.
    let waits = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND wait_event_type = 'Lock'");
    while line(&client, &waits).await? != "1" {
        tokio::task::yield_now().await;
    }
    client.execute("SELECT pg_cancel_backend($1)", &[&pid]).await?;
    let (caller, result) = call.await?;
    let error =
        result.err().and_then(|e| e.downcast::<tokio_postgres::Error>().ok()).map(|e| failed(&e)).transpose()?;
    assert_eq!(error.map(|e| e.code), Some("57014".to_owned()));
    assert_eq!(line(&client, before).await?, "1|1|1");
    holder.batch_execute("ROLLBACK").await?;
    // The same session is good for more.
    let again = created("new");
    let receipts = ingest_many(&caller, &[("humanitix", signed(&again), again.as_bytes())]).await?;
    assert_eq!(receipts[0].outcome, "processed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_of_several_signatures_may_be_the_right_one() -> Result {
    let (_db, client) = open().await?;
    let body = created("o");
    let wrong = sign::hex("another key", body.as_bytes());
    let all = format!("{wrong}, {wrong} {}", sign::hex(SECRET, body.as_bytes()).to_uppercase());
    let item = ("humanitix", json!({"X-Humanitix-Signature": all}), body.as_bytes());
    assert_eq!(ingest_many(&client, &[item]).await?[0].outcome, "processed");
    Ok(())
}
