//! Events with sales for the tests of analytics.

use boxoffice_tests::payloads::{envelope, eventbrite_attendee, eventbrite_order};
use boxoffice_tests::random::Random;
use boxoffice_tests::sql::{apply, deliver, line, lines, open_humanitix};
use boxoffice_tests::{Database, Result};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// Zones that a world moves its events between.
pub const ZONES: [&str; 4] = ["Australia/Sydney", "Australia/Adelaide", "Pacific/Chatham", "America/Los_Angeles"];

/// A database with one event of ours, linked on both platforms.
pub async fn open() -> Result<(Database, Client)> {
    let db = Database::create().await?;
    let client = db.client().await?;
    open_humanitix(&client).await?;
    client.batch_execute("SET timezone = 'UTC'").await?;
    line(&client, "SELECT link_event('humanitix', 'evt_1', 'ours'), link_event('eventbrite', '2000000000001', 'ours')")
        .await?;
    line(&client, "UPDATE ticket_events SET title = 'Friday', time_zone = 'Australia/Sydney', starts_at = '2026-03-06T19:30:00Z', capacity = 100 RETURNING 1").await?;
    Ok((db, client))
}

/// An envelope of another event than `evt_1`.
pub fn of_event(envelope: &str, event: &str) -> Result<String> {
    let mut body: Value = serde_json::from_str(envelope)?;
    body["data"]["event"]["id"] = json!(event);
    Ok(body.to_string())
}

fn one_of<T: Copy>(random: &mut Random, list: &[T]) -> T {
    list[random.below(list.len())]
}

fn time(random: &mut Random) -> String {
    format!(
        "2026-{:02}-{:02}T{:02}:{:02}:00Z",
        1 + random.below(6),
        1 + random.below(28),
        random.below(24),
        random.below(60)
    )
}

/// Something happens: a delivery, an answer of an API, a link, another zone, a fold.
pub async fn happen(client: &Client, random: &mut Random) -> Result {
    let order = format!("o{}", random.below(12));
    let at = time(random);
    match random.below(12) {
        0..=4 => {
            let kind = one_of(
                random,
                &["order.created", "order.updated", "order.refunded", "order.cancelled", "order.created"],
            );
            let mut changes = json!({
                "total_amount": one_of(random, &[0.0, 50.0, 33.35, 120.1]),
                "currency": one_of(random, &["AUD", "AUD", "NZD", "JPY"]),
                "created_at": time(random),
                "status": one_of(random, &["paid", "paid", "pending", "refunded", "cancelled", "free"]),
            });
            match random.below(5) {
                0 => changes["tickets"] = Value::Null,
                1 => changes["refund_amount"] = json!(10),
                2 => changes["fees"] = json!(2.45),
                3 => changes["total_amount"] = Value::Null,
                _ => {}
            }
            let body = envelope(kind, &order, &at, changes);
            let event = one_of(random, &["evt_1", "evt_1", "evt_2", "evt_3"]);
            deliver(client, &of_event(&body, event)?).await?;
        }
        5..=8 => {
            let gone = random.below(3);
            let people: Vec<Value> = (0..=random.below(3))
                .map(|n| {
                    let flags = json!({"cancelled": gone > n, "refunded": gone > n && random.below(2) == 0,
                        "event_id": "2000000000001", "changed": at});
                    eventbrite_attendee(&order, &format!("{order}-{n}"), &at, 3369, flags)
                })
                .collect();
            let status = one_of(random, &["placed", "placed", "cancelled", "deleted"]);
            let event = one_of(random, &["2000000000001", "2000000000001", "2000000000002"]);
            let gross = 3369 * people.len() as i64;
            let changes = json!({"status": status, "created": time(random), "event_id": event});
            let body = eventbrite_order(&order, &at, gross, &people, changes);
            apply(client, "eventbrite", "order", &body, Some(&at)).await?;
        }
        9 => {
            let links = [
                "SELECT link_event('humanitix', 'evt_2', 'other')",
                "SELECT link_event('humanitix', 'evt_2', 'ours')",
                "SELECT unlink_event('humanitix', 'evt_2') FROM ticket_platforms WHERE external_event_id = 'evt_2' AND event_id IS NOT NULL",
                "SELECT link_event('eventbrite', '2000000000002', 'other')",
            ];
            lines(client, one_of(random, &links)).await?;
        }
        10 => {
            let zone = one_of(random, &ZONES);
            client.execute("UPDATE ticket_events SET time_zone = $1 WHERE event_id = 'ours'", &[&zone]).await?;
        }
        _ => drop(line(client, "SELECT fold_sales()").await?),
    }
    Ok(())
}
