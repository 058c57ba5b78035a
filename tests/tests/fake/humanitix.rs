//! The calls of Humanitix.

use std::collections::BTreeSet;

use boxoffice_core::platform::ResourceKind;
use boxoffice_tests::fake::Platform;
use boxoffice_tests::fake::{EventSpec, Fake, HUMANITIX_KEY, PurchaseSpec, clock};
use boxoffice_tests::{Result, http};
use serde_json::{Value, json};

use super::{get, items, nothing_odd, ok, refused, text, wilhelmina};

const HX: Platform = Platform::Humanitix;

#[tokio::test]
async fn each_call_has_its_shape() -> Result {
    let fake = Fake::start().await?;
    let spec = EventSpec::new("Two Nights").donation("For the roof", 500);
    let nights = (spec.starts_at, spec.ends_at);
    let event =
        fake.create_event(HX, spec.date(nights.0, nights.1).date(nights.0 + clock::DAY, nights.1 + clock::DAY))?;
    let purchase = PurchaseSpec::new(wilhelmina(), 2).ticket(2, wilhelmina()).discount(1000);
    let order = fake.purchase(&event, purchase.date(1))?;
    fake.check_in(&order, 0)?;
    fake.cancel_ticket(&order, 1)?;
    let ticket = fake.ticket_ids(&order)?[0].clone();

    for (path, kind) in [
        ("/v1/events?page=1".to_owned(), ResourceKind::Events),
        (format!("/v1/events/{event}"), ResourceKind::Event),
        (format!("/v1/events/{event}/orders?page=1"), ResourceKind::Orders),
        (format!("/v1/events/{event}/orders/{order}"), ResourceKind::Order),
        (format!("/v1/events/{event}/tickets?page=1&pageSize=2"), ResourceKind::Tickets),
        (format!("/v1/events/{event}/tickets/{ticket}"), ResourceKind::Ticket),
    ] {
        nothing_odd(HX, kind, &ok(&fake, HX, &path).await?);
    }
    let page = ok(&fake, HX, &format!("/v1/events/{event}/tickets?page=1&pageSize=2")).await?;
    assert_eq!((&page["total"], &page["page"], &page["pageSize"]), (&json!(3), &json!(1), &json!(2)));
    let body = ok(&fake, HX, &format!("/v1/events/{event}/tickets/{ticket}")).await?;
    assert_eq!(body["checkIn"]["checkedIn"], json!(true));
    assert_eq!(body["qrCodeData"]["_id"], json!(ticket));
    let dates = ok(&fake, HX, &format!("/v1/events/{event}")).await?["dates"].clone();
    for (date, found) in [(0, 0), (1, 1)] {
        let path = format!("/v1/events/{event}/orders?page=1&eventDateId={}", text(&dates[date], "_id"));
        assert_eq!(items(&ok(&fake, HX, &path).await?, "orders").len(), found);
    }
    for (status, found) in [("complete", 2), ("cancelled", 1)] {
        let path = format!("/v1/events/{event}/tickets?page=1&status={status}");
        assert_eq!(items(&ok(&fake, HX, &path).await?, "tickets").len(), found);
    }
    Ok(())
}

#[tokio::test]
async fn pages_to_the_end_are_the_model_newest_first() -> Result {
    let fake = Fake::start().await?;
    let event = fake.create_event(HX, EventSpec::new("Big"))?;
    let made: BTreeSet<String> = fake.bulk_orders(&event, 230, 30)?.into_iter().collect();
    let mut found = Vec::new();
    for page in 1.. {
        let body = ok(&fake, HX, &format!("/v1/events/{event}/orders?page={page}")).await?;
        nothing_odd(HX, ResourceKind::Orders, &body);
        assert_eq!(body["total"], json!(230));
        let items = items(&body, "orders");
        found.extend(items.iter().map(|order| (text(order, "createdAt").to_owned(), text(order, "_id").to_owned())));
        if items.is_empty() {
            assert_eq!(page, 4, "a page past the end is empty");
            break;
        }
    }
    assert!(found.is_sorted_by(|a, b| a.0 >= b.0));
    assert_eq!(found.into_iter().map(|(_, id)| id).collect::<BTreeSet<_>>(), made);
    Ok(())
}

#[tokio::test]
async fn since_and_regions() -> Result {
    let fake = Fake::builder().clock_offset(-clock::DAY).start().await?;
    let event = fake.create_event(HX, EventSpec::new("Home"))?;
    let order = fake.purchase(&event, PurchaseSpec::new(wilhelmina(), 1))?;
    fake.set_clock_offset(0);
    let since = clock::millis(fake.now() - clock::MINUTE);
    let path = format!("/v1/events/{event}/orders?page=1&since={since}");
    assert_eq!(ok(&fake, HX, &path).await?["total"], json!(0));
    fake.change_buyer(&order, &boxoffice_tests::fake::Person::new("Other", "Buyer"))?;
    assert_eq!(ok(&fake, HX, &path).await?["total"], json!(1));
    fake.switch(|switches| switches.since_is_created = true);
    assert_eq!(ok(&fake, HX, &path).await?["total"], json!(0));

    let mut away = EventSpec::new("Away");
    away.location = "NZ".to_owned();
    let away = fake.create_event(HX, away)?;
    fake.purchase(&away, PurchaseSpec::new(wilhelmina(), 1))?;
    assert_eq!(ok(&fake, HX, "/v1/events?page=1").await?["total"], json!(1));
    assert_eq!(ok(&fake, HX, "/v1/events?page=1&overrideLocation=NZ").await?["total"], json!(1));
    let orders = format!("/v1/events/{away}/orders?page=1");
    assert_eq!(refused(&fake, HX, &orders).await?, (404, format!("Event with id: {away} not found.")));
    assert_eq!(ok(&fake, HX, &format!("{orders}&overrideLocation=NZ")).await?["total"], json!(1));

    fake.update_event(&away, |spec| spec.ends_at = clock::real_now() - 1)?;
    assert_eq!(ok(&fake, HX, "/v1/events?page=1&overrideLocation=NZ&inFutureOnly=true").await?["total"], json!(0));
    Ok(())
}

#[tokio::test]
async fn what_is_refused() -> Result {
    let fake = Fake::builder().credential(HX, "another-key-of-the-tests", &[]).start().await?;
    let event = fake.create_event(HX, EventSpec::new("Friday"))?;
    let nonsense = format!("/v1/events/{event}/orders/nonsense");
    for (path, status, message) in [
        ("/v1/events", 400, "query should have required property 'page'"),
        ("/v1/events?page=1&expand=x", 400, "query should NOT have additional properties 'expand'"),
        ("/v1/events?page=1&pageSize=101", 400, "query.pageSize should be <= 100"),
        ("/v1/events?page=0", 400, "query.page should be >= 1"),
        ("/v1/events?page=1&since=yesterday", 400, "query.since should match format \"date-time\""),
        ("/v1/webhooks", 404, "Route GET:/v1/webhooks not found"),
        ("/v1/events/5ac5a094d8fe7c0c0f212fe2", 404, "Event with id: 5ac5a094d8fe7c0c0f212fe2 not found."),
        (nonsense.as_str(), 500, "Something went wrong."),
    ] {
        assert_eq!(refused(&fake, HX, path).await?, (status, message.to_owned()), "{path}");
    }
    let url = format!("{}/v1/events/{event}", fake.humanitix_url());
    for (key, status) in
        [("short", 400), ("a-key-that-nobody-knows", 401), ("another-key-of-the-tests", 404), (HUMANITIX_KEY, 200)]
    {
        assert_eq!(http::get_with(&url, &[("x-api-key", key)]).await?.status, status, "{key}");
    }
    fake.revoke(HUMANITIX_KEY);
    assert_eq!(refused(&fake, HX, "/v1/events?page=1").await?, (401, "Invalid API Key.".to_owned()));
    assert_eq!(get(&fake, HX, "/v1/events?page=1").await?.json()?["error"], json!("Unauthorized"));
    Ok(())
}

#[tokio::test]
async fn money_keeps_its_identities() -> Result {
    let fake = Fake::start().await?;
    let event = fake.create_event(HX, EventSpec::new("Friday").donation("For the roof", 500))?;
    let mut absorbing = EventSpec::new("Absorbing");
    absorbing.absorb_fees = true;
    let absorbing = fake.create_event(HX, absorbing)?;
    let mut spec = PurchaseSpec::new(wilhelmina(), 3).ticket(2, wilhelmina()).discount(750);
    spec.amex_fee = 26;
    for event in [event, absorbing] {
        if spec.tickets.len() == 4 && fake.purchase(&event, spec.clone()).is_err() {
            spec.tickets.pop();
        }
        let order = fake.purchase(&event, spec.clone())?;
        let path = format!("/v1/events/{event}/orders/{order}");
        let sale = check(&ok(&fake, HX, &path).await?, "paid");
        fake.refund_tickets(&order, &[1])?;
        let after = check(&ok(&fake, HX, &path).await?, "partiallyRefunded");
        assert_eq!((after.0, sale.0 - after.1), (sale.0, 3000), "the sale stays, what is left shrinks");
        fake.refund(&order)?;
        check(&ok(&fake, HX, &path).await?, "refunded");
    }
    Ok(())
}

/// Cents of what was sold and of what is left.
fn check(order: &Value, status: &str) -> (i64, i64) {
    assert_eq!(text(order, "financialStatus"), status);
    let cents = |totals: &str, name: &str| {
        let value = &order[totals][name];
        assert!(value.is_number(), "{totals}.{name}");
        let value: f64 = value.to_string().parse().unwrap_or_default();
        (value * 100.0).round() as i64
    };
    for totals in ["totals", "purchaseTotals"] {
        let c = |name| cents(totals, name);
        assert_eq!(c("humanitixFee"), c("passedOnFee") + c("absorbedFee"));
        assert_eq!(c("bookingFee"), c("humanitixFee") + c("amexFee"));
        assert_eq!(c("netSales"), c("subtotal") - c("discounts") - c("refunds") - c("absorbedFee"));
        assert_eq!(c("grossSales"), c("subtotal") + c("passedOnFee") + c("amexFee"));
        let total = c("subtotal") - c("discounts") - c("refunds") + c("passedOnFee") + c("amexFee");
        assert_eq!(c("total"), total);
    }
    assert_eq!(cents("purchaseTotals", "refunds"), 0);
    (cents("purchaseTotals", "total"), cents("totals", "total"))
}
