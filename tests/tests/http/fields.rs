//! Every field of a delivery in turn: absent, null, of every wrong type. Through HTTP.

use boxoffice_tests::body::{full_envelope, hint, order_url};
use boxoffice_tests::scene::bytes;
use boxoffice_tests::sql::line;
use boxoffice_tests::{Result, Scene};
use serde_json::{Value, json};

/// Without these nobody could know what an envelope is about.
const NEEDED: [&str; 5] = ["", "/event_type", "/data", "/data/order", "/data/order/id"];
/// Where a wrong value must not become a wrong sum.
const MONEY: [&str; 11] = [
    "/data/order/total_amount",
    "/data/order/fees",
    "/data/order/tax",
    "/data/order/discount",
    "/data/order/refund_amount",
    "/data/order/totals/total",
    "/data/order/totals/refunds",
    "/data/order/totals/bookingFee",
    "/data/order/totals/totalTaxes",
    "/data/order/totals/discounts",
    "/data/order/attendees/0/price",
];

/// JSON pointers of a document and of all that is in it.
fn pointers(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, inner)| pointers(inner, format!("{at}/{name}"), found)),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(i, inner)| pointers(inner, format!("{at}/{i}"), found))
        }
        _ => {}
    }
    found.push(at);
}

/// The document without that field.
fn without(document: &Value, pointer: &str) -> Value {
    let mut document = document.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
    match document.pointer_mut(parent) {
        Some(Value::Object(map)) => drop(map.remove(name)),
        Some(Value::Array(list)) => drop(list.remove(name.parse().unwrap_or(0))),
        _ => {}
    }
    document
}

/// The document with another value there.
fn with(document: &Value, pointer: &str, value: &Value) -> Value {
    let mut document = document.clone();
    if let Some(place) = document.pointer_mut(pointer) {
        *place = value.clone();
    }
    document
}

fn wrong_types() -> Vec<Value> {
    vec![
        json!(true),
        json!(0),
        json!(-7),
        json!(1.5),
        json!(""),
        json!(" "),
        json!("nonsense"),
        json!([]),
        json!([null]),
        json!([[1], "x"]),
        json!({}),
        json!({"": null}),
        json!({"id": {"id": 1}}),
        json!("2026-13-45T99:99:99Z"),
        json!("x".repeat(10_000)),
    ]
}

async fn nothing_is_lost(scene: &Scene) -> Result {
    let lost = "SELECT count(*) FROM webhook_logs l WHERE l.status = 'processed' \
        AND NOT EXISTS (SELECT FROM ticket_sales s \
        WHERE s.platform = l.platform AND s.platform_order_id = l.platform_order_id)";
    assert_eq!(line(&scene.client, lost).await?, "0");
    let unexplained = "webhook_logs WHERE status = 'invalid' AND (error_message IS NULL OR error_code IS NULL)";
    assert_eq!(scene.count(unexplained).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn optional_fields_may_be_null_or_absent() -> Result {
    let scene = Scene::open().await?;
    let mut number = 0;
    for event_type in ["order.created", "order.refunded"] {
        let mut fields = Vec::new();
        pointers(&full_envelope(event_type, ""), String::new(), &mut fields);
        assert!(fields.len() > 60, "{fields:?}");
        for field in &fields {
            number += 1;
            let whole = full_envelope(event_type, &format!("o{number}"));
            let needed = NEEDED.contains(&field.as_str());
            for body in [with(&whole, field, &Value::Null), without(&whole, field)] {
                if field.is_empty() && body.is_object() {
                    continue; // the whole cannot be absent
                }
                let answer = scene.signed(bytes(&body)).await?;
                let expected = if needed { 400 } else { 200 };
                assert_eq!(answer.status, expected, "{event_type} {field}: {answer:?}");
            }
        }
    }
    nothing_is_lost(&scene).await?;
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_a_wrong_type_are_left_out_or_refused_with_a_reason() -> Result {
    let scene = Scene::open().await?;
    let mut fields = Vec::new();
    pointers(&full_envelope("order.created", ""), String::new(), &mut fields);
    let (mut number, mut refused) = (0, 0);
    for field in &fields {
        for wrong in wrong_types() {
            number += 1;
            let event_type = if number % 3 == 0 { "order.refunded" } else { "order.created" };
            let body = with(&full_envelope(event_type, &format!("o{number}")), field, &wrong);
            let answer = scene.signed(bytes(&body)).await?;
            assert!([200, 400].contains(&answer.status), "{field} = {wrong}: {answer:?}");
            if answer.status == 400 {
                refused += 1;
                let may_be_refused = NEEDED.contains(&field.as_str()) || MONEY.contains(&field.as_str());
                assert!(may_be_refused, "{field} = {wrong}: {answer:?}");
            }
        }
    }
    assert!(refused > 50, "{refused}");
    nothing_is_lost(&scene).await?;
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_money_appears_from_wrong_amounts() -> Result {
    let scene = Scene::open().await?;
    for (number, field) in MONEY.iter().enumerate() {
        let order = format!("o{number}");
        let whole = full_envelope("order.created", &order);
        let answer = scene.signed(bytes(&with(&whole, field, &json!(-1)))).await?;
        // A wrong price of one attendee costs that attendee only; any other wrong amount makes the order unusable.
        let expected = if field.contains("attendees") { (200, "processed") } else { (400, "invalid") };
        assert_eq!(answer.decision(), expected, "{field}: {answer:?}");
    }
    assert_eq!(line(&scene.client, "SELECT count(*), sum(total_amount) FROM ticket_sales").await?, "1|75.00");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_an_eventbrite_delivery() -> Result {
    let scene = Scene::open().await?;
    let whole = hint("order.placed", &order_url("15413130193"));
    let mut fields = Vec::new();
    pointers(&whole, String::new(), &mut fields);
    for field in &fields {
        let needed = ["", "/config", "/config/action", "/api_url"].contains(&field.as_str());
        let mut bodies = vec![with(&whole, field, &Value::Null), without(&whole, field)];
        bodies.extend(wrong_types().iter().map(|wrong| with(&whole, field, wrong)));
        for body in bodies {
            if body == whole {
                continue;
            }
            let answer = scene.eventbrite(bytes(&body)).await?;
            // An unknown action about an order is still a hint about that order.
            let hinted = field == "/config/action" && answer.decision() == (200, "queued");
            let expected = if needed && !hinted { (400, "invalid") } else { (200, "queued") };
            assert_eq!(answer.decision(), expected, "{field}: {body}: {answer:?}");
        }
    }
    assert_eq!(line(&scene.client, "SELECT string_agg(resource_id, ',') FROM fetch_jobs").await?, "15413130193");
    scene.close().await
}
