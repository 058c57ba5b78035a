//! What the platforms push.

use boxoffice_core::platform::Effect;
use boxoffice_tests::Result;
use boxoffice_tests::fake::Platform;
use boxoffice_tests::fake::{EventSpec, Fake, Hint, PurchaseSpec};
use serde_json::Value;

use super::wilhelmina;

fn actions(hints: &[Hint]) -> Vec<&str> {
    hints.iter().map(|hint| hint.action.as_str()).collect()
}

#[tokio::test]
async fn eventbrite_hints_follow_the_recorded_pattern() -> Result {
    let fake =
        Fake::builder().webhook("https://hooks.example.com/webhooks/eventbrite/secret", "15905335").start().await?;
    let event = fake.create_event(Platform::Eventbrite, EventSpec::new("Friday"))?;
    assert_eq!(actions(&fake.take_hints()), ["event.created", "event.published"]);
    let order = fake.purchase(&event, PurchaseSpec::new(wilhelmina(), 2))?;
    let hints = fake.take_hints();
    let purchase = ["order.updated", "order.placed", "attendee.updated", "attendee.updated", "order.updated"];
    assert_eq!(actions(&hints), purchase);
    let attendee = fake.ticket_ids(&order)?[0].clone();
    assert_eq!(
        hints[2].body,
        format!(
            "{{\"config\": {{\"action\": \"attendee.updated\", \"user_id\": \"311783287832\", \"endpoint_url\": \
             \"https://hooks.example.com/webhooks/eventbrite/secret\", \"webhook_id\": \"15905335\"}}, \"api_url\": \
             \"https://www.eventbriteapi.com/v3/events/{event}/attendees/{attendee}/\"}}"
        )
    );
    let header = |name: &str| hints[1].headers.iter().find(|header| header.0 == name).map(|header| header.1.as_str());
    assert_eq!(
        (header("x-eventbrite-event"), header("x-eventbrite-delivery")),
        (Some("order.placed"), Some("15905335"))
    );

    fake.check_in(&order, 0)?;
    assert_eq!(actions(&fake.take_hints()), ["barcode.checked_in", "attendee.updated"]);
    fake.refund(&order)?;
    let refund = ["order.refunded", "order.updated", "attendee.updated", "attendee.updated"];
    assert_eq!(actions(&fake.take_hints()), refund);
    fake.update_event(&event, |spec| spec.title.push('!'))?;
    assert_eq!(actions(&fake.take_hints()), ["event.updated"]);
    fake.bulk_orders(&event, 10, 1)?;
    assert!(fake.take_hints().is_empty() && fake.take_envelopes().is_empty());
    Ok(())
}

#[tokio::test]
async fn humanitix_envelopes_are_what_a_bridge_sends() -> Result {
    let fake = Fake::builder().bridge("secret").start().await?;
    let event = fake.create_event(Platform::Humanitix, EventSpec::new("Friday"))?;
    let order = fake.purchase(&event, PurchaseSpec::new(wilhelmina(), 3))?;
    fake.change_buyer(&order, &wilhelmina())?;
    fake.refund_tickets(&order, &[0])?;
    fake.refund(&order)?;
    let other = fake.purchase(&event, PurchaseSpec::new(wilhelmina(), 1))?;
    fake.cancel(&other)?;
    let envelopes = fake.take_envelopes();
    let expected =
        ["order.created", "order.updated", "order.refunded", "order.refunded", "order.created", "order.cancelled"];
    assert_eq!(actions(&envelopes), expected);
    let settings = Platform::Humanitix.default_settings();
    for envelope in &envelopes {
        let headers = boxoffice_core::headers::Headers::default();
        let read = Platform::Humanitix.webhook(&settings, &headers, envelope.body.as_bytes(), i64::MAX);
        let read = read.unwrap_or_else(|failure| panic!("{failure:?}"));
        assert!(read.notes.is_empty() && matches!(read.effect, Effect::Apply(_)), "{:?}", read.notes);
        let signature = envelope.headers.iter().find(|header| header.0 == "x-humanitix-signature");
        assert_eq!(
            signature.map(|header| header.1.clone()),
            Some(boxoffice_tests::sign::hex("secret", envelope.body.as_bytes()))
        );
    }
    let body: Value = serde_json::from_str(&envelopes[2].body)?;
    assert_eq!(body["data"]["order"]["refund_amount"].to_string(), "30");
    assert_eq!(body["data"]["order"]["total_amount"].to_string(), "96.3");
    Ok(())
}

#[tokio::test]
async fn the_sender_is_as_unreliable_as_wanted() -> Result {
    use boxoffice_tests::fake::{Fault, Outage, Sender};
    use std::time::Duration;

    // The fake itself takes the deliveries: it answers 405, or what a fault says.
    let fake = Fake::start().await?;
    let event = fake.create_event(Platform::Eventbrite, EventSpec::new("Friday"))?;
    for _ in 0..20 {
        fake.purchase(&event, PurchaseSpec::new(wilhelmina(), 2))?;
    }
    let hints = fake.take_hints();
    assert_eq!(hints.len(), 102);
    let url = format!("{}/v3/?token={}", fake.eventbrite_url(), boxoffice_tests::fake::EVENTBRITE_TOKEN);
    let mut sender = Sender::new(&url).drop_percent(20).duplicate_percent(20).reorder().seed(7);
    let sent = sender.send(&hints).await;
    assert_eq!(sent.offered - sent.dropped + sent.duplicated, fake.calls(Platform::Eventbrite));
    assert!(sent.dropped > 5 && sent.duplicated > 5 && sent.failed > 50 && sent.statuses.len() == 1, "{sent:?}");

    fake.outage(Outage::Unavailable).await;
    let sent = Sender::new(&url).retries(2, Duration::ZERO).send(&hints[..1]).await;
    assert_eq!((sent.retried, sent.failed, sent.statuses.get(&503)), (2, 1, Some(&1)));
    fake.outage(Outage::None).await;
    fake.fault(Fault::Unavailable).times(1).start();
    let sent = Sender::new(&url).retries(2, Duration::ZERO).send(&hints[..1]).await;
    assert_eq!((sent.retried, sent.statuses.get(&405)), (1, Some(&1)));
    Ok(())
}
