//! The calls of Eventbrite.

use std::collections::BTreeSet;

use boxoffice_core::platform::ResourceKind;
use boxoffice_tests::fake::Platform;
use boxoffice_tests::fake::{EVENTBRITE_TOKEN, EventSpec, Fake, ORGANIZATION, PurchaseSpec, clock};
use boxoffice_tests::{Result, http};
use serde_json::{Value, json};

use super::{get, items, nothing_odd, ok, refused, text, wilhelmina};

const EB: Platform = Platform::Eventbrite;

#[tokio::test]
async fn each_call_has_its_shape() -> Result {
    let fake = Fake::start().await?;
    let event = fake.create_event(EB, EventSpec::new("Friday").donation("For the roof", 2500))?;
    let order = fake.purchase(&event, PurchaseSpec::new(wilhelmina(), 2).ticket(2, wilhelmina()).discount(500))?;
    let cart = fake.cart(&event, PurchaseSpec::new(wilhelmina(), 2))?;
    fake.request_refund(&order)?;
    fake.refund_tickets(&order, &[0])?;
    let attendee = fake.ticket_ids(&order)?[0].clone();
    let all = "expand=attendees,refund_requests,event.venue,contact_list_preferences,merchandise";
    for (path, kind) in [
        (format!("/v3/organizations/{ORGANIZATION}/events/?expand=venue,ticket_classes"), ResourceKind::Events),
        (format!("/v3/organizations/{ORGANIZATION}/orders/?{all}"), ResourceKind::Orders),
        (format!("/v3/organizations/{ORGANIZATION}/attendees/"), ResourceKind::Attendees),
        (format!("/v3/events/{event}/?expand=venue"), ResourceKind::Event),
        (format!("/v3/events/{event}/orders/"), ResourceKind::Orders),
        (format!("/v3/events/{event}/attendees/?expand=order,event,ticket_class"), ResourceKind::Attendees),
        (format!("/v3/events/{event}/attendees/{attendee}/"), ResourceKind::Attendee),
        (format!("/v3/orders/{order}/"), ResourceKind::Order),
        (format!("/v3/orders/{order}/?{all}"), ResourceKind::Order),
        (format!("/v3/orders/{cart}/?{all}"), ResourceKind::Order),
        (format!("/v3/orders/{order}/attendees/"), ResourceKind::Attendees),
    ] {
        nothing_odd(EB, kind, &ok(&fake, EB, &path).await?);
    }
    let organizations = ok(&fake, EB, "/v3/users/me/organizations/").await?;
    assert_eq!(text(&items(&organizations, "organizations")[0], "id"), ORGANIZATION);
    let classes = ok(&fake, EB, &format!("/v3/events/{event}/ticket_classes/")).await?;
    let donations = items(&classes, "ticket_classes").iter().filter(|class| class["donation"] == json!(true));
    assert_eq!(donations.count(), 1);

    let plain = ok(&fake, EB, &format!("/v3/orders/{order}/")).await?;
    assert!(plain.get("attendees").is_none() && plain.get("refund_requests").is_none());
    let cart = ok(&fake, EB, &format!("/v3/orders/{cart}/?expand=attendees")).await?;
    assert!(cart["time_remaining"].is_number() && items(&cart, "attendees").is_empty());
    Ok(())
}

/// Follows pages by token, or by number where there is none.
async fn walk(fake: &Fake, path: &str, key: &str, kind: ResourceKind) -> Result<Vec<String>> {
    let (mut ids, mut next, mut number) = (Vec::new(), String::new(), 1);
    loop {
        let body = ok(fake, EB, &format!("{path}{next}")).await?;
        nothing_odd(EB, kind, &body);
        let found = items(&body, key);
        ids.extend(found.iter().map(|item| text(item, "id").to_owned()));
        let pagination = &body["pagination"];
        assert_eq!(pagination["page_number"], json!(number));
        let old = pagination.get("has_more_items").is_none();
        let more = if old {
            pagination["page_count"].as_i64() > Some(number)
        } else {
            pagination["has_more_items"] == json!(true)
        };
        if !more {
            return Ok(ids);
        }
        number += 1;
        next =
            if old { format!("&page={number}") } else { format!("&continuation={}", text(pagination, "continuation")) };
    }
}

#[tokio::test]
async fn pages_to_the_end_are_the_model_in_both_styles() -> Result {
    let fake = Fake::start().await?;
    let event = fake.create_event(EB, EventSpec::new("Big").ticket("Free", 0))?;
    let orders: BTreeSet<String> = fake.bulk_orders(&event, 130, 30)?.into_iter().collect();
    let truth = fake.truth(EB);
    let attendees: BTreeSet<String> =
        truth.iter().flat_map(|order| order.attendees.iter().map(|attendee| attendee.id.clone())).collect();
    for (old, size) in [(false, 50), (true, 50), (false, 1000), (false, 65)] {
        fake.switch(|switches| (switches.old_pagination, switches.page_size) = (old, size));
        let path = format!("/v3/events/{event}/orders/?expand=attendees");
        let found = walk(&fake, &path, "orders", ResourceKind::Orders).await?;
        assert_eq!(found.len(), orders.len(), "nothing twice");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), orders);
        let path = format!("/v3/organizations/{ORGANIZATION}/attendees/?status=attending");
        let found = walk(&fake, &path, "attendees", ResourceKind::Attendees).await?;
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), attendees);
    }
    fake.switch(|switches| (switches.token_at_end, switches.page_size) = (true, 130));
    let path = format!("/v3/events/{event}/orders/");
    let last = ok(&fake, EB, &path).await?;
    assert_eq!(last["pagination"]["has_more_items"], json!(false));
    let behind = ok(&fake, EB, &format!("{path}?continuation={}", text(&last["pagination"], "continuation"))).await?;
    assert!(items(&behind, "orders").is_empty());
    Ok(())
}

#[tokio::test]
async fn continuation_tokens_are_for_their_list_and_expire() -> Result {
    let fake = Fake::builder().switches(|switches| switches.page_size = 2).start().await?;
    let event = fake.create_event(EB, EventSpec::new("Friday"))?;
    fake.bulk_orders(&event, 5, 5)?;
    let path = format!("/v3/events/{event}/orders/?expand=attendees");
    let body = ok(&fake, EB, &path).await?;
    let token = text(&body["pagination"], "continuation");
    let bad = (400, "BAD_CONTINUATION_TOKEN".to_owned());
    assert_eq!(refused(&fake, EB, &format!("/v3/events/{event}/orders/?continuation={token}")).await?, bad);
    assert_eq!(refused(&fake, EB, &format!("{path}&continuation=00")).await?, bad);
    ok(&fake, EB, &format!("{path}&continuation={token}")).await?;
    fake.expire_continuations();
    assert_eq!(refused(&fake, EB, &format!("{path}&continuation={token}")).await?, bad);
    Ok(())
}

#[tokio::test]
async fn changed_since_is_in_whole_seconds() -> Result {
    let fake = Fake::builder().clock_offset(-clock::DAY).start().await?;
    let event = fake.create_event(EB, EventSpec::new("Friday"))?;
    let order = fake.purchase(&event, PurchaseSpec::new(wilhelmina(), 2))?;
    let changed = ok(&fake, EB, &format!("/v3/orders/{order}/")).await?["changed"].clone();
    let changed = changed.as_str().unwrap_or_default();
    let count = async |what: &str, since: &str| -> Result<usize> {
        let path = format!("/v3/events/{event}/{what}/?changed_since={since}");
        Ok(items(&ok(&fake, EB, &path).await?, what).len())
    };
    assert_eq!(count("orders", &changed.replace(':', "%3A")).await?, 1, "the same second counts");
    fake.set_clock_offset(0);
    let since = clock::seconds(fake.now());
    assert_eq!((count("orders", &since).await?, count("attendees", &since).await?), (0, 0));
    fake.check_in(&order, 1)?;
    assert_eq!((count("orders", &since).await?, count("attendees", &since).await?), (0, 1));
    fake.refund_tickets(&order, &[0])?;
    assert_eq!((count("orders", &since).await?, count("attendees", &since).await?), (1, 2));
    let path = format!("/v3/events/{event}/orders/?changed_since={}", clock::millis(fake.now()));
    assert_eq!(refused(&fake, EB, &path).await?, (400, "ARGUMENTS_ERROR".to_owned()));
    Ok(())
}

#[tokio::test]
async fn what_is_refused() -> Result {
    let fake = Fake::builder().credential(EB, "another-token", &["987"]).start().await?;
    let event = fake.create_event(EB, EventSpec::new("Friday"))?;
    let order = fake.purchase(&event, PurchaseSpec::new(wilhelmina(), 1))?;
    let path = format!("/v3/orders/{order}/");
    let moved = get(&fake, EB, &format!("/v3/orders/{order}?expand=attendees")).await?;
    assert_eq!((moved.status, moved.header("location")), (301, Some(format!("{path}?expand=attendees").as_str())));
    for (path, status, error) in [
        (format!("/v3/events/{event}/orders/?page_size=100"), 400, "ARGUMENTS_ERROR"),
        (format!("{path}?expand=atendees"), 400, "ARGUMENTS_ERROR"),
        (format!("/v3/events/{event}/orders/?page=x"), 400, "BAD_PAGE"),
        ("/v3/orders/1/".to_owned(), 404, "NOT_FOUND"),
        (format!("/v3/events/{event}/orders/{order}/"), 404, "NOT_FOUND"),
        ("/v3/organizations/987/orders/".to_owned(), 403, "NOT_AUTHORIZED"),
    ] {
        assert_eq!(refused(&fake, EB, &path).await?, (status, error.to_owned()), "{path}");
    }
    let url = format!("{}{path}", fake.eventbrite_url());
    for (header, status, error) in [
        ("", 401, "NO_AUTH"),
        ("Basic x", 400, "INVALID_AUTH_HEADER"),
        ("Bearer wrong", 401, "INVALID_AUTH"),
        ("Bearer another-token", 404, "NOT_FOUND"),
    ] {
        let header = if header.is_empty() { vec![] } else { vec![("authorization", header)] };
        let answer = http::get_with(&url, &header).await?;
        assert_eq!((answer.status, text(&answer.json()?, "error")), (status, error), "{header:?}");
    }
    fake.switch(|switches| switches.invalid_auth_is_400 = true);
    assert_eq!(http::get_with(&url, &[("authorization", "Bearer wrong")]).await?.status, 400);
    assert_eq!(http::get(&format!("{url}?token={EVENTBRITE_TOKEN}")).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn money_keeps_its_identity() -> Result {
    let fake = Fake::start().await?;
    let mut spec = EventSpec::new("Friday");
    spec.tax_percent = 10;
    let event = fake.create_event(EB, spec.donation("For the roof", 500))?;
    let yen = fake.create_event(EB, EventSpec::new("Tokyo").currency("JPY"))?;
    for (drop, event) in [(false, &event), (true, &event), (true, &yen)] {
        fake.switch(|switches| switches.refunds_drop_costs = drop);
        let order = fake.purchase(event, PurchaseSpec::new(wilhelmina(), 3).ticket(1, wilhelmina()).discount(700))?;
        let path = format!("/v3/orders/{order}/?expand=attendees,refund_requests");
        let before = check(&ok(&fake, EB, &path).await?);
        fake.refund_tickets(&order, &[1])?;
        fake.refund_amount(&order, 100)?;
        let body = ok(&fake, EB, &path).await?;
        nothing_odd(EB, ResourceKind::Order, &body);
        assert_eq!(before > check(&body), drop);
        assert_eq!(items(&body, "refund_requests")[0]["items"][0]["amount_processed"]["value"], json!(100));
    }
    Ok(())
}

/// The gross, which is the sum of its parts, each in both writings.
fn check(order: &Value) -> i64 {
    for costs in std::iter::once(order).chain(items(order, "attendees")).map(|thing| &thing["costs"]) {
        let value = |name: &str| costs[name]["value"].as_i64().unwrap_or(i64::MIN);
        let parts = value("base_price") + value("eventbrite_fee") + value("payment_fee") + value("tax");
        assert_eq!(value("gross"), parts);
        let digits = text(&costs["gross"], "major_value").replace('.', "");
        assert_eq!(digits.parse(), Ok(parts), "yen have no decimals");
    }
    order["costs"]["gross"]["value"].as_i64().unwrap_or(i64::MIN)
}
