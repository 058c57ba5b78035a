//! Ten deliveries as Eventbrite really sent them for two orders within three minutes: doubled, update before placed, and
//! each only a hint. They end in exactly two orders and their attendees, whatever arrives when.

use std::collections::BTreeMap;

use boxoffice_tests::payloads::{eventbrite_attendee, eventbrite_order};
use boxoffice_tests::random::Random;
use boxoffice_tests::sql::{apply, ingest, line, lines};
use boxoffice_tests::{Database, Result, samples};
use serde_json::{Value, json};
use tokio_postgres::Client;

const TOKEN: &str = "a-path-token-of-the-tests";
/// The same course of events with other ids, for where the recording is not at hand.
const OWN: [(&str, &str); 10] = [
    ("order.updated", "orders/2034608029"),
    ("order.placed", "orders/2034608029"),
    ("attendee.updated", "events/81059816825/attendees/2346364453"),
    ("attendee.updated", "events/81059816825/attendees/2346364455"),
    ("order.updated", "orders/2034608029"),
    ("order.updated", "orders/2034611193"),
    ("order.placed", "orders/2034611193"),
    ("attendee.updated", "events/81059816825/attendees/2346369367"),
    ("attendee.updated", "events/81059816825/attendees/2346369365"),
    ("order.updated", "orders/2034611193"),
];

/// A delivery, or what the platform answers when it is asked.
enum Step {
    Delivery { headers: Value, body: String },
    Answer { kind: &'static str, body: String, fetched_at: &'static str },
}

fn own() -> Vec<(Value, String)> {
    let delivery = |(action, path): (&str, &str)| {
        let config = json!({"action": action, "user_id": "411783287832", "webhook_id": "2806556"});
        let body = json!({"config": config, "api_url": format!("https://www.eventbriteapi.com/v3/{path}/")});
        (json!({"X-Eventbrite-Event": action, "X-Eventbrite-Delivery": "2806556"}), body.to_string())
    };
    OWN.map(delivery).into()
}

fn recorded() -> Result<Option<Vec<(Value, String)>>> {
    let Some(path) =
        samples().map(|d| d.join("eventbrite/webhook_delivery_sequence_2019.json")).filter(|p| p.is_file())
    else {
        return Ok(None);
    };
    let list: Vec<Value> = serde_json::from_slice(&std::fs::read(path)?)?;
    let delivery = |item: &Value| (item["headers"].clone(), item["body_raw"].as_str().unwrap_or_default().to_owned());
    Ok(Some(list.iter().map(delivery).collect()))
}

/// The attendees of each order: in the sequence they follow it.
fn orders(deliveries: &[(Value, String)]) -> Result<BTreeMap<String, Vec<String>>> {
    let mut orders: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut current = String::new();
    for (_, body) in deliveries {
        let body: Value = serde_json::from_str(body)?;
        let url = body["api_url"].as_str().unwrap_or_default().trim_end_matches('/').to_owned();
        let id = url.rsplit('/').next().unwrap_or_default().to_owned();
        if url.contains("/attendees/") {
            orders.entry(current.clone()).or_default().push(id);
        } else {
            current = id;
            orders.entry(current.clone()).or_default();
        }
    }
    Ok(orders)
}

/// What the platform answers: the order at once, not all of it there yet; the order a little later; each attendee.
fn answers(orders: &BTreeMap<String, Vec<String>>) -> Vec<Step> {
    let bought = "2019-08-30T15:29:50Z";
    let mut steps = Vec::new();
    for (order, people) in orders {
        let people: Vec<Value> =
            people.iter().map(|id| eventbrite_attendee(order, id, bought, 2500, json!({}))).collect();
        let torn = eventbrite_order(order, bought, 5000, &people[..1], json!({}));
        let whole = eventbrite_order(order, bought, 5000, &people, json!({}));
        steps.push(Step::Answer { kind: "order", body: torn, fetched_at: "2019-08-30T15:29:51Z" });
        steps.push(Step::Answer { kind: "order", body: whole, fetched_at: "2019-08-30T15:29:55Z" });
        for person in people {
            steps.push(Step::Answer { kind: "attendee", body: person.to_string(), fetched_at: "2019-08-30T15:29:52Z" });
        }
    }
    steps
}

async fn take(client: &Client, step: &Step) -> Result {
    match step {
        Step::Delivery { headers, body } => {
            let mut headers = headers.clone();
            headers[":path-token"] = TOKEN.into();
            assert_eq!(ingest(client, "eventbrite", &headers, body.as_bytes()).await?.outcome, "queued");
        }
        Step::Answer { kind, body, fetched_at } => {
            apply(client, "eventbrite", kind, body, Some(fetched_at)).await?;
        }
    }
    Ok(())
}

async fn ends_in_two_orders(deliveries: Vec<(Value, String)>) -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    client.execute("SELECT set_path_token('eventbrite', $1)", &[&TOKEN]).await?;
    let orders = orders(&deliveries)?;
    assert_eq!((deliveries.len(), orders.len(), orders.values().flatten().count()), (10, 2, 4));
    let mut paths: Vec<String> =
        orders.keys().map(|id| format!("/v3/orders/{id}/?expand=attendees,refund_requests")).collect();
    let event = deliveries
        .iter()
        .find_map(|(_, body)| Some(body.split_once("/events/")?.1.split_once('/')?.0))
        .unwrap_or_default();
    paths.extend(orders.values().flatten().map(|id| format!("/v3/events/{event}/attendees/{id}/")));
    paths.sort();

    let answers = answers(&orders);
    let mut steps: Vec<Step> = deliveries.into_iter().map(|(headers, body)| Step::Delivery { headers, body }).collect();
    steps.extend(answers);
    let mut first = Vec::new();
    for seed in 0..30 {
        client.batch_execute("TRUNCATE ticket_sales, attendees, order_states, fetch_jobs, webhook_logs").await?;
        if seed > 0 {
            Random::new(seed).shuffle(&mut steps);
        }
        for step in &steps {
            take(&client, step).await?;
        }
        let jobs =
            lines(&client, "SELECT path FROM fetch_jobs WHERE status = 'waiting' ORDER BY path COLLATE \"C\"").await?;
        assert_eq!(jobs, paths, "order {seed}");
        let sales = lines(
            &client,
            "SELECT platform_order_id, total_amount, ticket_quantity, valid_quantity FROM ticket_sales ORDER BY 1",
        )
        .await?;
        let expected: Vec<String> =
            orders.iter().map(|(id, people)| format!("{id}|50.00|{0}|{0}", people.len())).collect();
        assert_eq!(sales, expected, "order {seed}");
        let rows = "SELECT to_jsonb(a) - '{created_at,updated_at}'::text[] FROM attendees a ORDER BY platform_order_id, platform_attendee_id";
        let people = lines(&client, rows).await?;
        if seed == 0 {
            first.clone_from(&people);
        }
        assert_eq!((people.len(), &people), (4, &first), "order {seed}");
        assert_eq!(line(&client, "SELECT count(*) FROM attendees WHERE status <> 'registered'").await?, "0");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_deliveries_end_in_two_orders() -> Result {
    // Ours always; the recording, which is not part of the project, where it is at hand.
    for deliveries in [Some(own()), recorded()?].into_iter().flatten() {
        ends_in_two_orders(deliveries).await?;
    }
    Ok(())
}
