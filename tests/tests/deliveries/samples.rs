//! Every body that we have of the platforms, through SQL on a real server, ends in the rows of `golden/samples.json`.
//!
//! The fixtures of the core crate are always there. Recorded samples are no part of the project; they are read where there
//! are any (`BOXOFFICE_SAMPLES`, or `shared/samples` beside the project). `BOXOFFICE_WRITE_GOLDEN=1` writes the
//! expectations anew after a deliberate change; a new file needs an entry that says how it is to be read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use boxoffice_tests::sql::{Receipt, failed, ingest, lines, open_humanitix, signed};
use boxoffice_tests::{Database, Result, samples};
use serde_json::{Value, json};
use tokio_postgres::Client;

const TOKEN: &str = "a-path-token-of-the-tests";
const KINDS: [&str; 8] = ["order", "orders", "ticket", "tickets", "attendee", "attendees", "event", "events"];
/// What is in the tables, without what says who somebody is.
const ROWS: &str = "SELECT concat_ws(' ', 'sale', platform_order_id, 'event ' || external_event_id, 'session ' || external_session_id,
            'quantity ' || ticket_quantity, 'valid ' || valid_quantity, 'type ' || ticket_type, currency, 'total ' || total_amount,
            'fee ' || fee_amount, 'tax ' || tax_amount, 'discount ' || discount_amount, 'refund ' || refund_amount, refund_status,
            'by ' || refund_method, CASE WHEN EXISTS (SELECT FROM webhook_logs WHERE created_at = refund_date) THEN 'at its arrival'
                ELSE 'at ' || to_char(refund_date, 'YYYY-MM-DD HH24:MI:SS.US') END, 'void ' || to_char(NULLIF(void_date, refund_date), 'YYYY-MM-DD HH24:MI:SS.US'),
            'kept ' || kept_amount, 'net ' || net_amount, payment_status,
            'bought ' || to_char(purchase_date, 'YYYY-MM-DD HH24:MI:SS.US'), 'called ' || platform_status)
        FROM ticket_sales
    UNION ALL SELECT concat_ws(' ', 'attendee', platform_attendee_id, 'of', platform_order_id, ticket_type, currency, ticket_price, status,
            CASE WHEN refunded THEN 'refunded' END, 'at ' || to_char(checked_in_at, 'YYYY-MM-DD HH24:MI:SS.US'), 'code ' || barcode)
        FROM attendees
    UNION ALL SELECT concat_ws(' ', 'event', external_event_id, 'from', to_char(external_starts_at, 'YYYY-MM-DD HH24:MI:SS'), 'to',
            to_char(external_ends_at, 'YYYY-MM-DD HH24:MI:SS'), external_time_zone, 'capacity ' || external_capacity, currency,
            external_status)
        FROM ticket_platforms
    UNION ALL SELECT concat_ws(' ', 'job', path, kind, resource_id) FROM fetch_jobs";

async fn open() -> Result<(Database, Client)> {
    let db = Database::create().await?;
    let client = db.client().await?;
    open_humanitix(&client).await?;
    client.execute("SELECT set_path_token('eventbrite', $1)", &[&TOKEN]).await?;
    client.batch_execute("SET timezone = 'UTC'").await?;
    Ok((db, client))
}

async fn forget(client: &Client) -> Result {
    let tables = "ticket_sales, attendees, order_states, ticket_platforms, fetch_jobs, webhook_logs";
    Ok(client.batch_execute(&format!("TRUNCATE {tables}")).await?)
}

/// Name in the expectations, platform, and file.
fn files() -> Result<Vec<(String, &'static str, PathBuf)>> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/tests/fixtures");
    let mut files = Vec::new();
    for (root, directory) in [("fixtures", Some(fixtures)), ("samples", samples())] {
        for platform in ["eventbrite", "humanitix"] {
            let Some(directory) = directory.as_ref().map(|d| d.join(platform)).filter(|d| d.is_dir()) else { continue };
            for entry in fs::read_dir(directory)? {
                let path = entry?.path();
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if name.ends_with(".json") {
                    files.push((format!("{root}/{platform}/{name}"), platform, path));
                }
            }
        }
    }
    files.sort();
    Ok(files)
}

async fn delivered(client: &Client, platform: &str, headers: Value, body: &str) -> Result<Receipt> {
    let mut all = if platform == "humanitix" { signed(body) } else { json!({":path-token": TOKEN}) };
    if let (Value::Object(all), Value::Object(more)) = (&mut all, headers) {
        all.extend(more);
    }
    ingest(client, platform, &all, body.as_bytes()).await
}

/// Reads it as that, and says what came of it.
async fn run(client: &Client, platform: &str, how: &str, body: &str) -> Result<Vec<String>> {
    let mut said = Vec::new();
    match how {
        "webhook" => {
            let receipt = delivered(client, platform, json!({}), body).await?;
            said.push(format!("{} {}: {}", receipt.http_status, receipt.outcome, receipt.message));
        }
        "webhooks" => {
            for delivery in serde_json::from_str::<Vec<Value>>(body)? {
                let body = delivery["body_raw"].as_str().unwrap_or_default();
                let receipt = delivered(client, platform, delivery["headers"].clone(), body).await?;
                said.push(format!("{} {}: {}", receipt.http_status, receipt.outcome, receipt.message));
            }
        }
        kind => {
            let query = "SELECT items, orders_changed, attendees_changed, events_changed, notes
                FROM apply_resource($1, $2, $3::text, '2027-12-22T00:00:00Z')";
            match client.query_one(query, &[&platform, &kind, &body]).await {
                Ok(row) => {
                    let [items, orders, attendees, events] = [0, 1, 2, 3].map(|i| row.get::<_, i32>(i));
                    said.push(format!(
                        "{items} items: {orders} orders, {attendees} attendees, {events} events changed"
                    ));
                    said.extend(row.get::<_, Vec<String>>(4));
                }
                Err(error) => {
                    let error = failed(&error)?;
                    said.push(format!("refused {}: {}", error.code, error.message));
                }
            }
        }
    }
    Ok(said)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_body_ends_in_the_expected_rows() -> Result {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/samples.json");
    let mut golden: BTreeMap<String, Value> = serde_json::from_slice(&fs::read(&path)?)?;
    let write = std::env::var_os("BOXOFFICE_WRITE_GOLDEN").is_some();
    let (_db, client) = open().await?;
    let (mut wrong, mut fixtures) = (Vec::new(), 0);
    for (name, platform, file) in files()? {
        fixtures += usize::from(name.starts_with("fixtures/"));
        let Some(expected) = golden.get_mut(&name) else {
            // More recordings than we had when the expectations were written are welcome; they run below.
            if write || name.starts_with("fixtures/") {
                wrong.push(format!("{name} has no entry that says how to read it"));
            }
            continue;
        };
        forget(&client).await?;
        let how = expected["how"].as_str().unwrap_or_default().to_owned();
        let mut found = run(&client, platform, &how, &fs::read_to_string(&file)?).await?;
        let mut rows = lines(&client, ROWS).await?;
        rows.sort();
        found.extend(rows);
        if write {
            expected["result"] = found.into();
        } else if expected["result"] != Value::from(found.clone()) {
            wrong.push(format!("{name}: expected {:#}\nfound {:#}", expected["result"], Value::from(found)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    if write {
        fs::write(&path, format!("{:#}\n", serde_json::to_value(&golden)?))?;
    }
    assert_eq!(golden.keys().filter(|name| name.starts_with("fixtures/")).count(), fixtures, "a fixture is missing");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_body_is_harmless_whatever_it_is_taken_for() -> Result {
    let (_db, client) = open().await?;
    for (name, _, file) in files()? {
        let body = fs::read_to_string(&file)?;
        for platform in ["eventbrite", "humanitix"] {
            let outcome = delivered(&client, platform, json!({}), &body).await?.outcome;
            assert!(outcome != "failed" && outcome != "rejected", "{name} as a webhook of {platform}: {outcome}");
            for kind in KINDS {
                let said = run(&client, platform, kind, &body).await?;
                let fine = !said[0].starts_with("refused") || said[0].starts_with("refused 22");
                assert!(fine, "{name} as {kind} of {platform}: {}", said[0]);
            }
        }
    }
    assert_eq!(
        lines(&client, "SELECT id, error_code, error_message FROM webhook_logs WHERE status = 'failed'").await?,
        [""; 0]
    );
    Ok(())
}
