//! Who may do what. What exists is asked from the catalog, so that a new table or function is covered the day it is made.

use std::collections::BTreeSet;

use boxoffice_tests::payloads::{self, envelope};
use boxoffice_tests::sql::{apply, deliver, ingest_many, line, lines, open_humanitix, refusal, signed};
use boxoffice_tests::{Database, Result, pump};
use serde_json::json;
use tokio_postgres::Client;

/// What the role of every worker may call.
const INBOUND: [&str; 6] = [
    "boxoffice.check_ready()",
    "boxoffice.ingest_webhook(text,jsonb,bytea)",
    "boxoffice.ingest_webhook(text,jsonb,text)",
    "boxoffice.ingest_webhook_rpc(text,jsonb,text,text)",
    "boxoffice.ingest_webhooks(text[],jsonb[],bytea[])",
    "boxoffice.version()",
];
/// What it may call besides when it fetches.
const OUTBOUND: [&str; 4] = [
    "boxoffice.announce_accounts(text[])",
    "boxoffice.claim_fetches(integer,text[])",
    "boxoffice.complete_fetch(bigint,integer,jsonb,bytea)",
    "boxoffice.run_due_tasks()",
];
/// What everybody may call who may use the schema: the platforms are compiled in, and the other says what the caller may read
/// anyway.
const PUBLIC: [&str; 2] = ["boxoffice._platforms()", "boxoffice.readable_events(name)"];
const READABLE: [&str; 9] = [
    "access_grants",
    "attendees",
    "deliveries_noted",
    "platform_accounts",
    "reconciliation_differences",
    "sync_history",
    "ticket_events",
    "ticket_platforms",
    "ticket_sales",
];
/// Of them, those that a reader of single events sees no row of.
const OF_ALL: [&str; 4] = ["platform_accounts", "reconciliation_differences", "sync_history", "webhook_activity"];
const VIEWS: [&str; 10] = [
    "attendee_checkin_status",
    "ticket_sales_analytics",
    "ticket_sales_by_platform",
    "reconciliation_reports",
    "sync_drift",
    "sync_plan",
    "sync_runs",
    "sync_status",
    "webhook_activity",
    "platforms",
];

/// What figures are made of. Some of them are empty in `fill`.
const FIGURES: [&str; 15] = [
    "sales_days",
    "sheet_marks",
    "sheet_coverage",
    "sale_history",
    "show_settings",
    "console_settings",
    "payouts",
    "_sale_versions",
    "_version_facts",
    "sale_facts",
    "_platform_events",
    "_sale_days",
    "_show_members",
    "shows",
    "_buyers",
];
/// What every reader may call: figures, and what they are made with.
const FIGURE_FUNCTIONS: [&str; 44] = [
    "_capacity",
    "_curves",
    "_days",
    "_days_from_rows",
    "_days_of_span",
    "_event_zone",
    "_forecast",
    "_likeness",
    "_local_days",
    "_organisation_zone",
    "_require_event",
    "_require_platform",
    "_require_show",
    "_require_span",
    "_require_zone",
    "_shares_of_day",
    "_the_show",
    "_versions_at",
    "_zone",
    "attendance",
    "buying_hours",
    "check_analytics",
    "comparable_shows",
    "customer_summary",
    "duplicate_attendees",
    "event_totals",
    "forecast_accuracy",
    "needs_attention",
    "net_revenue",
    "no_shows",
    "order_history",
    "organisation_totals",
    "payout_reconciliation",
    "platform_breakdown",
    "refund_summary",
    "sales_as_of",
    "sales_explained",
    "sales_forecast",
    "sales_pace",
    "sales_timeline",
    "sales_velocity",
    "settlement",
    "ticket_type_breakdown",
    "tonight",
];

/// Two linked events and one that is not, each with a sale, an attendee and a delivery.
async fn fill(client: &Client) -> Result {
    open_humanitix(client).await?;
    line(client, "SELECT link_event('humanitix', 'evt_1', 'event-a')").await?;
    line(client, "SELECT link_event('humanitix', 'evt_test123', 'event-b')").await?;
    deliver(
        client,
        &envelope("order.created", "a", "2026-03-01T10:00:00Z", json!({"attendees": [{"id": "x", "name": "Ada"}]})),
    )
    .await?;
    deliver(client, payloads::TEST_CREATED).await?;
    apply(client, "eventbrite", "order", payloads::SAMPLE_ORDER, None).await?;
    pump::announce(client).await?;
    line(client, "SELECT reconcile_event('event-a')").await?;
    for orders in [json!([{"_id": "new", "eventId": "evt_1", "currency": "AUD"}]), json!([])] {
        let page = json!({"total": 1, "orders": orders, "tickets": orders});
        for call in pump::claim(client, 10).await? {
            assert_eq!(pump::complete(client, &call, 200, &page).await?, "done");
        }
    }
    pump::finish(client).await?;
    client.execute("UPDATE webhook_logs SET created_at = created_at - interval '5 minutes'", &[]).await?;
    line(client, "SELECT note_deliveries()").await?;
    Ok(())
}

/// Functions of the schema, and a call of each that would fail on its arguments if it were allowed.
async fn functions(owner: &Client) -> Result<Vec<(String, String)>> {
    let query = "SELECT p.oid::regprocedure::text,
            'SELECT ' || p.oid::regproc || '(' || coalesce((SELECT string_agg('NULL::' || format_type(t, NULL), ', ' ORDER BY n)
                FROM unnest(p.proargtypes) WITH ORDINALITY AS a (t, n)), '') || ')'
        FROM pg_proc p WHERE p.pronamespace = 'boxoffice'::regnamespace";
    owner.execute("SET search_path = ''", &[]).await?;
    let rows = owner.query(query, &[]).await?;
    owner.execute("RESET search_path", &[]).await?;
    assert!(rows.len() > 20, "{} functions found", rows.len());
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Which functions the role can call: permission is checked before arguments are.
async fn callable(owner: &Client, role: &Client) -> Result<BTreeSet<String>> {
    let mut allowed = BTreeSet::new();
    for (name, call) in functions(owner).await? {
        let denied = match role.simple_query(&call).await {
            Ok(_) => false,
            Err(error) => error.code().is_some_and(|code| code.code() == "42501"),
        };
        if !denied {
            allowed.insert(name);
        }
    }
    Ok(allowed)
}

/// Which relations the role can read, after proving that it can change none.
async fn readable(owner: &Client, role: &Client) -> Result<BTreeSet<String>> {
    let query = "SELECT relname, relkind::text FROM pg_class
        WHERE relnamespace = 'boxoffice'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')";
    let rows = owner.query(query, &[]).await?;
    assert!(rows.len() > 12, "{} relations found", rows.len());
    let mut allowed = BTreeSet::new();
    for row in rows {
        let (name, kind): (String, String) = (row.get(0), row.get(1));
        let mut changes = vec![];
        match kind.as_str() {
            "S" => changes.push(format!("SELECT nextval('boxoffice.{name}')")),
            "v" => {}
            _ => changes.extend([
                format!("INSERT INTO boxoffice.{name} DEFAULT VALUES"),
                format!("DELETE FROM boxoffice.{name}"),
                format!("TRUNCATE boxoffice.{name}"),
                format!("DO $$ BEGIN LOCK TABLE boxoffice.{name}; END $$"),
                format!("SELECT FROM boxoffice.{name} FOR UPDATE"),
            ]),
        }
        for change in changes {
            assert_eq!(refusal(role, &change).await?.code, "42501", "{change}");
        }
        match role.simple_query(&format!("SELECT * FROM boxoffice.{name}")).await {
            Ok(_) => drop(allowed.insert(name)),
            Err(error) => assert_eq!(error.code().map(|code| code.code()), Some("42501"), "{name}: {error}"),
        }
    }
    Ok(allowed)
}

/// What a reader may call beside the figures, all of which it may.
async fn beside_figures(owner: &Client, role: &Client) -> Result<BTreeSet<String>> {
    let name = |function: &String| function.split('(').next().unwrap_or_default().replace("boxoffice.", "");
    let (figures, others): (BTreeSet<String>, BTreeSet<String>) = callable(owner, role)
        .await?
        .into_iter()
        .partition(|function| FIGURE_FUNCTIONS.contains(&name(function).as_str()));
    assert_eq!(figures.iter().map(name).collect::<BTreeSet<_>>(), set(&FIGURE_FUNCTIONS));
    Ok(others)
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_hands_over_deliveries_and_can_do_nothing_else() -> Result {
    let db = Database::create().await?;
    let owner = db.client().await?;
    fill(&owner).await?;
    let worker = db.client_as(&db.ingress_role().await?).await?;

    let body = envelope("order.created", "by worker", "2026-03-01T10:00:00Z", json!({}));
    assert_eq!(deliver(&worker, &body).await?.outcome, "processed");
    let text = "SELECT outcome FROM boxoffice.ingest_webhook('humanitix', $1, $2::text)";
    assert_eq!(worker.query_one(text, &[&signed(&body), &body]).await?.get::<_, &str>(0), "duplicate");
    let receipts = ingest_many(&worker, &[("humanitix", signed(&body), body.as_bytes())]).await?;
    assert_eq!(receipts[0].outcome, "duplicate");
    assert_eq!(line(&worker, "SELECT count(*) FROM boxoffice.version()").await?, "1");

    assert_eq!(callable(&owner, &worker).await?, set(&[&INBOUND[..], &OUTBOUND, &PUBLIC].concat()));
    assert_eq!(readable(&owner, &worker).await?, set(&[]));
    assert_eq!(line(&worker, "SELECT boxoffice.readable_events(current_user)").await?, "{}");
    for statement in
        ["CREATE TABLE boxoffice.mine ()", "CREATE FUNCTION boxoffice.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"]
    {
        assert_eq!(refusal(&worker, statement).await?.code, "42501", "{statement}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_for_deliveries_only_can_do_no_more() -> Result {
    let db = Database::create().await?;
    let owner = db.client().await?;
    fill(&owner).await?;
    let role = db.role().await?;
    let only_inbound = format!("SELECT grant_ingress('{}', outbound => false)", role.name);
    line(&owner, &only_inbound).await?;
    let worker = db.client_as(&role).await?;
    assert_eq!(callable(&owner, &worker).await?, set(&[&INBOUND[..], &PUBLIC].concat()));
    assert_eq!(readable(&owner, &worker).await?, set(&[]));
    let body = envelope("order.created", "by worker", "2026-03-01T10:00:00Z", json!({}));
    assert_eq!(deliver(&worker, &body).await?.outcome, "processed");
    // What it may do is what was said last.
    line(&owner, &format!("SELECT grant_ingress('{}')", role.name)).await?;
    assert_eq!(callable(&owner, &worker).await?, set(&[&INBOUND[..], &OUTBOUND, &PUBLIC].concat()));
    line(&owner, &only_inbound).await?;
    assert_eq!(callable(&owner, &worker).await?, set(&[&INBOUND[..], &PUBLIC].concat()));
    for call in ["NULL", "NULL, true", "current_user, NULL"] {
        let error = refusal(&owner, &format!("SELECT grant_ingress({call})")).await?;
        assert_eq!(error.code, "22004", "{call}");
    }
    for call in ["'public'", "'nobody of that name'", "'public', false"] {
        let error = refusal(&owner, &format!("SELECT grant_ingress({call})")).await?;
        assert_eq!(error.code, "42704", "{call}");
    }
    let nobody = db.client_as(&db.role().await?).await?;
    assert_eq!(callable(&owner, &nobody).await?, set(&[]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_grants_can_do_nothing() -> Result {
    let db = Database::create().await?;
    let owner = db.client().await?;
    fill(&owner).await?;
    let nobody = db.client_as(&db.role().await?).await?;
    assert_eq!(callable(&owner, &nobody).await?, set(&[]));
    assert_eq!(readable(&owner, &nobody).await?, set(&[]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_trick_makes_the_worker_run_as_the_owner() -> Result {
    let db = Database::create().await?;
    let owner = db.client().await?;
    open_humanitix(&owner).await?;
    let role = db.ingress_role().await?;
    // A temporary table or operator in front of the real one must not be found by the functions that run as the owner.
    owner.batch_execute(&format!("GRANT TEMPORARY ON DATABASE {} TO {}", db.name(), role.name)).await?;
    let worker = db.client_as(&role).await?;
    worker
        .batch_execute(
            "CREATE TEMPORARY TABLE webhook_secrets (platform text, kind text, value text, generation int, valid_until timestamptz);
             CREATE TEMPORARY TABLE ticket_sales (LIKE pg_class);
             CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT '2000-01-01'::timestamptz $$;
             SET search_path = pg_temp, public",
        )
        .await?;
    assert_eq!(deliver(&worker, payloads::TEST_CREATED).await?.outcome, "processed");
    assert_eq!(line(&owner, "SELECT count(*) FROM ticket_sales WHERE created_at > '2020-01-01'").await?, "1");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_one_event_sees_only_its_rows() -> Result {
    let db = Database::create().await?;
    let owner = db.client().await?;
    fill(&owner).await?;
    let role = db.role().await?;
    owner.execute("SELECT grant_reader($1::text::name, 'event-a')", &[&role.name]).await?;
    let reader = db.client_as(&role).await?;

    assert_eq!(readable(&owner, &reader).await?, set(&[&READABLE[..], &VIEWS[..], &FIGURES[..]].concat()));
    assert_eq!(beside_figures(&owner, &reader).await?, set(&PUBLIC));
    for relation in [
        "attendees",
        "ticket_events",
        "ticket_platforms",
        "ticket_sales",
        VIEWS[0],
        VIEWS[1],
        "sync_plan",
        "sync_status",
    ] {
        let query = format!("SELECT string_agg(DISTINCT event_id, ',') FROM boxoffice.{relation}");
        assert_eq!(line(&reader, &query).await?, "event-a", "{relation}");
    }
    for relation in OF_ALL.into_iter().chain(["sync_runs", "reconciliation_reports"]) {
        assert_eq!(line(&reader, &format!("SELECT count(*) FROM {relation}")).await?, "0", "{relation}");
    }
    // The policy is no hint to the planner that a leaky function could overtake.
    let leak = "CREATE FUNCTION pg_temp.tell(text) RETURNS bool LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN
        RAISE NOTICE '%', $1; IF $1 <> 'Ada Lovelace' THEN RAISE EXCEPTION 'saw %', $1; END IF; RETURN true; END $$";
    reader.batch_execute(leak).await?;
    assert_eq!(line(&reader, "SELECT count(*) FROM ticket_sales WHERE pg_temp.tell(customer_name)").await?, "2");

    owner.execute("SELECT grant_reader($1::text::name, 'event-b')", &[&role.name]).await?;
    let query = "SELECT DISTINCT event_id FROM ticket_sales ORDER BY 1";
    assert_eq!(lines(&reader, query).await?, ["event-a", "event-b"]);
    assert_eq!(line(&owner, &format!("SELECT revoke_reader('{}', 'event-a')", role.name)).await?, "1");
    assert_eq!(lines(&reader, query).await?, ["event-b"]);
    assert_eq!(line(&owner, &format!("SELECT revoke_reader('{}')", role.name)).await?, "1");
    assert_eq!(lines(&reader, query).await?, [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_everything_sees_everything_and_so_do_its_members() -> Result {
    let db = Database::create().await?;
    let owner = db.client().await?;
    fill(&owner).await?;
    let (group, member) = (db.role().await?, db.role().await?);
    owner.execute("SELECT grant_reader($1::text::name)", &[&group.name]).await?;
    let member_client = db.client_as(&member).await?;
    assert_eq!(refusal(&member_client, "SELECT FROM boxoffice.ticket_sales").await?.code, "42501");
    owner.batch_execute(&format!("GRANT {} TO {}", group.name, member.name)).await?;
    for client in [db.client_as(&group).await?, member_client] {
        for relation in READABLE.into_iter().chain(VIEWS) {
            let count = format!("SELECT count(*) FROM boxoffice.{relation}");
            let found = line(&client, &count).await?;
            assert_eq!((found.as_str(), found != "0"), (line(&owner, &count).await?.as_str(), true), "{relation}");
        }
        for relation in FIGURES {
            let count = format!("SELECT count(*) FROM boxoffice.{relation}");
            assert_eq!(line(&client, &count).await?, line(&owner, &count).await?, "{relation}");
        }
        assert_eq!(readable(&owner, &client).await?, set(&[&READABLE[..], &VIEWS[..], &FIGURES[..]].concat()));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_may_read_the_secrets_table_learns_a_secret() -> Result {
    let db = Database::create().await?;
    let owner = db.client().await?;
    open_humanitix(&owner).await?;
    let role = db.role().await?;
    owner.execute("SELECT grant_reader($1::text::name)", &[&role.name]).await?;
    owner.execute("SELECT grant_ingress($1::text::name)", &[&role.name]).await?;
    let both = db.client_as(&role).await?;
    for statement in [
        "SELECT value FROM boxoffice.webhook_secrets",
        "SELECT headers FROM boxoffice.sample_webhook('humanitix', 'order.created')",
        "SELECT boxoffice.set_webhook_secret('humanitix', 'mine')",
        "SELECT boxoffice.configure_platform('humanitix', authentication => 'none')",
        "SELECT boxoffice.grant_reader(current_user, 'x')",
        "SELECT * FROM boxoffice.platform_settings",
        "SELECT * FROM boxoffice.order_states",
    ] {
        assert_eq!(refusal(&both, statement).await?.code, "42501", "{statement}");
    }
    Ok(())
}
