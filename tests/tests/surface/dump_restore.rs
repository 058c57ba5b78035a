//! A dump of the database, restored into an empty one, goes on where the first one was; only the secrets stay behind.

use std::collections::BTreeMap;

use boxoffice_tests::payloads::{self, envelope};
use boxoffice_tests::sql::{apply, deliver, ingest, line, lines, open_humanitix};
use boxoffice_tests::{Database, Result, program, pump};
use serde_json::json;
use tokio_postgres::Client;

const TOKEN: &str = "a-path-token-of-the-tests";

/// Something in every table.
async fn fill(client: &Client) -> Result {
    open_humanitix(client).await?;
    client.execute("SELECT set_path_token('eventbrite', $1)", &[&TOKEN]).await?;
    client.execute("SELECT configure_platform('eventbrite', webhook_ids => '{webhook_123,2}')", &[]).await?;
    line(client, "SELECT link_event('humanitix', 'evt_1', 'event-a')").await?;
    let people = json!({"attendees": [{"id": "x", "name": "Ada \u{1F39F} é"}]});
    deliver(client, &envelope("order.created", "a", "2026-03-01T10:00:00Z", people)).await?;
    deliver(client, &envelope("order.refunded", "b", "2026-03-01T10:00:00Z", json!({"refund_amount": "12.34"})))
        .await?;
    deliver(client, payloads::SAMPLE_CREATED).await?;
    deliver(client, "not JSON, with a quote ' a backslash \\ and a tab \t").await?;
    ingest(client, "humanitix", &json!({"x-humanitix-signature": "00"}), b"\x00\xff\\").await?;
    ingest(client, "eventbrite", &json!({":path-token": TOKEN}), payloads::EVENTBRITE_PLACED.as_bytes()).await?;
    apply(client, "eventbrite", "order", payloads::SAMPLE_ORDER, Some("2026-03-02T00:00:00Z")).await?;
    client
        .batch_execute(
            "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
             CREATE TRIGGER trap BEFORE INSERT ON boxoffice.ticket_sales FOR EACH ROW EXECUTE FUNCTION public.refuse()",
        )
        .await?;
    let failed = deliver(client, &envelope("order.created", "failing", "2026-03-01T10:00:00Z", json!({}))).await?;
    assert_eq!(failed.outcome, "failed");
    client.batch_execute("DROP TRIGGER trap ON boxoffice.ticket_sales; DROP FUNCTION public.refuse()").await?;
    // A reconciliation in the middle of its work, and a call that is counted.
    pump::announce(client).await?;
    line(client, "SELECT reconcile_event('event-a')").await?;
    let page = json!({"total": 2, "orders": [{"_id": "new", "eventId": "evt_1", "currency": "AUD"}]});
    for call in &pump::claim(client, 10).await? {
        if call.platform == "humanitix" {
            assert_eq!(pump::complete(client, call, 200, &page).await?, "done");
        } else {
            pump::complete_with(client, call, None, &json!({":error": "stopping"}), b"").await?;
        }
    }
    client.execute("UPDATE webhook_logs SET created_at = created_at - interval '5 minutes'", &[]).await?;
    line(client, "SELECT note_deliveries()").await?;
    // Settings of shows, a payout, sheets, and a change that they do not have yet.
    deliver(client, &envelope("order.created", "h", "2026-03-01T10:00:00Z", json!({}))).await?;
    line(client, "SELECT fold_sales()").await?;
    let refund = json!({"status": "refunded", "refund_amount": 50});
    deliver(client, &envelope("order.refunded", "h", "2026-03-02T10:00:00Z", refund)).await?;
    line(
        client,
        "SELECT configure_show('event-a', goal_tickets => 80), configure_console('The Cellar', 'Australia/Sydney'),
        record_payout('humanitix', 'PO-1', '2026-03-10', 'AUD', 100, '{event-a}')",
    )
    .await?;
    Ok(())
}

/// Number of rows and a digest of all of them, for each table of the schema.
async fn contents(client: &Client) -> Result<BTreeMap<String, String>> {
    let query = "SELECT relname FROM pg_class WHERE relnamespace = 'boxoffice'::regnamespace AND relkind = 'r'";
    let mut contents = BTreeMap::new();
    for table in lines(client, query).await? {
        let query = format!(
            "SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE \"C\")) FROM boxoffice.{table} t"
        );
        contents.insert(table, line(client, &query).await?);
    }
    Ok(contents)
}

/// Rights and row-level security, as the catalog has them.
async fn rights(client: &Client) -> Result<Vec<String>> {
    let query = "SELECT relname, relrowsecurity, (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(relacl) a)
            FROM pg_class WHERE relnamespace = 'boxoffice'::regnamespace AND relkind IN ('r', 'v', 'S')
        UNION ALL
        SELECT p.oid::regprocedure::text, NULL, (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(proacl) a)
            FROM pg_proc p WHERE pronamespace = 'boxoffice'::regnamespace
        UNION ALL
        SELECT tablename || ' ' || policyname || ' ' || cmd || ' ' || array_to_string(roles, ','), permissive = 'PERMISSIVE', qual
            FROM pg_policies WHERE schemaname = 'boxoffice'
        ORDER BY 1";
    lines(client, query).await
}

fn copy(from: &Database, to: &Database) -> Result {
    let dump = program::run("pg_dump", &["-Fc", "-d", &from.url()], b"")?;
    program::run("pg_restore", &["--exit-on-error", "-d", &to.url()], &dump)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_but_the_secrets_comes_back() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    fill(&client).await?;
    let (reader, worker) = (db.role().await?, db.ingress_role().await?);
    client.execute("SELECT grant_reader($1::text::name, 'event-a')", &[&reader.name]).await?;

    let restored = Database::create_empty().await?;
    copy(&db, &restored)?;
    let other = restored.client().await?;

    let mut expected = contents(&client).await?;
    assert!(expected.values().all(|table| !table.starts_with("0|")), "a table is empty: {expected:?}");
    assert!(expected.insert("webhook_secrets".to_owned(), "0|-".to_owned()).is_some());
    // What is made of the rows is made anew.
    for derived in ["sales_days", "sheet_marks", "sheet_coverage"] {
        assert!(expected.insert(derived.to_owned(), "0|-".to_owned()).is_some());
    }
    assert_eq!(contents(&other).await?, expected);
    let figures = "SELECT * FROM event_totals('event-a')";
    let known = lines(&client, figures).await?;
    for folded in [false, true] {
        if folded {
            line(&other, "SELECT fold_sales()").await?;
        }
        assert_eq!(lines(&other, figures).await?, known, "folded {folded}");
        assert_eq!(lines(&other, "SELECT * FROM check_analytics()").await?, [""; 0], "folded {folded}");
    }
    let all = rights(&client).await?;
    assert_eq!(all.iter().filter(|line| line.contains("readers SELECT public|t|")).count(), 14, "{all:#?}");
    assert_eq!(rights(&other).await?, all);

    // The policies are not only there, they work.
    let seen =
        lines(&restored.client_as(&reader).await?, "SELECT platform_order_id FROM boxoffice.ticket_sales ORDER BY 1")
            .await?;
    assert_eq!(seen, ["a", "b", "h", "new"]);
    assert_eq!(line(&restored.client_as(&reader).await?, "SELECT count(*) FROM boxoffice.webhook_logs").await?, "0");

    // Closed until the secret is set again; then it goes on, with what it knew and with numbers that are new.
    let worker = restored.client_as(&worker).await?;
    assert_eq!(deliver(&worker, payloads::SAMPLE_CREATED).await?.http_status, 401);
    open_humanitix(&other).await?;
    let highest: i64 = other.query_one("SELECT max(id) FROM webhook_logs", &[]).await?.get(0);
    let again = deliver(&worker, payloads::SAMPLE_CREATED).await?;
    assert_eq!((again.outcome.as_str(), again.log_id), ("duplicate", Some(highest + 1)));
    assert_eq!(deliver(&worker, payloads::SAMPLE_REFUNDED).await?.outcome, "processed");
    let query = "SELECT refund_status, ticket_quantity FROM ticket_sales WHERE platform_order_id = 'ord_ABC123DEF456'";
    assert_eq!(line(&other, query).await?, "refunded|3");
    other.execute("SELECT set_path_token('eventbrite', $1)", &[&TOKEN]).await?;
    for (body, jobs) in [(payloads::EVENTBRITE_PLACED, "1|t"), (payloads::EVENTBRITE_BARE, "2|t")] {
        let receipt = ingest(&worker, "eventbrite", &json!({":path-token": TOKEN}), body.as_bytes()).await?;
        assert_eq!(receipt.outcome, "queued");
        assert_eq!(
            line(&other, "SELECT count(*), count(*) = count(DISTINCT id) FROM fetch_jobs WHERE kind = 'order'").await?,
            jobs
        );
    }
    // The failed one heals here as it would have there.
    other.execute("UPDATE webhook_logs SET next_attempt_at = now() WHERE status = 'failed'", &[]).await?;
    assert_eq!(line(&other, "SELECT tried, succeeded FROM retry_failed_webhooks()").await?, "1|1");
    assert_eq!(line(&other, "SELECT count(*) FROM ticket_sales WHERE platform_order_id = 'failing'").await?, "1");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_a_dump() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    fill(&client).await?;
    let script = String::from_utf8_lossy(&program::run("pg_dump", &["-d", &db.url()], b"")?).into_owned();
    assert!(script.contains("COPY boxoffice.ticket_sales"), "this is no dump of boxoffice");
    assert!(!script.contains(boxoffice_tests::sql::SECRET));
    assert!(!script.contains(TOKEN));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_a_restored_database_is_the_same_dump() -> Result {
    let db = Database::create().await?;
    fill(&db.client().await?).await?;
    let (second, third) = (Database::create_empty().await?, Database::create_empty().await?);
    copy(&db, &second)?;
    copy(&second, &third)?;
    let script = |db: &Database| -> Result<Vec<String>> {
        let text = String::from_utf8(program::run("pg_dump", &["-d", &db.url()], b"")?)?;
        // Newer versions of pg_dump put a random key into each script.
        Ok(text.lines().filter(|line| !line.contains("restrict ")).map(str::to_owned).collect())
    };
    assert_eq!(script(&second)?, script(&third)?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_extension_can_be_dropped_and_made_again() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    fill(&client).await?;
    client.batch_execute("DROP EXTENSION boxoffice").await?;
    assert_eq!(line(&client, "SELECT count(*) FROM pg_namespace WHERE nspname = 'boxoffice'").await?, "0");
    // In the same session, whose plans were made for the old tables.
    client.batch_execute("CREATE EXTENSION boxoffice").await?;
    open_humanitix(&client).await?;
    assert_eq!(deliver(&client, payloads::SAMPLE_CREATED).await?.outcome, "processed");
    assert_eq!(line(&client, "SELECT count(*) FROM ticket_sales").await?, "1");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_that_name_and_a_wrong_encoding_are_refused() -> Result {
    let db = Database::create_empty().await?;
    let client = db.client().await?;
    client.batch_execute("CREATE SCHEMA boxoffice").await?;
    let error = boxoffice_tests::sql::refusal(&client, "CREATE EXTENSION boxoffice").await?;
    assert_eq!((error.code.as_str(), error.message.as_str()), ("42P06", "schema \"boxoffice\" already exists"));

    let name = format!("{}_latin1", db.name());
    let statement = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
    client.batch_execute(&statement).await?;
    let other = db.cluster().connect(&name).await?;
    let error = boxoffice_tests::sql::refusal(&other, "CREATE EXTENSION boxoffice").await?;
    client.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await?;
    assert_eq!((error.code.as_str(), error.hint.is_some()), ("0A000", true), "{error:?}");
    Ok(())
}
