//! Orders that were not simply bought: reserved, given away, refunded with the fees kept.

use boxoffice_core::platform::ResourceKind;
use boxoffice_tests::Result;
use boxoffice_tests::fake::Platform;
use boxoffice_tests::fake::{EventSpec, Fake, PurchaseSpec, RefundStatus, clock};
use serde_json::json;

use super::truth::Reader;
use super::{items, nothing_odd, ok, text, wilhelmina};

const EB: Platform = Platform::Eventbrite;
const HX: Platform = Platform::Humanitix;

#[tokio::test]
async fn a_reservation_is_unpaid_until_the_money_comes() -> Result {
    let fake = Fake::builder().clock_offset(-clock::DAY).start().await?;
    let event = fake.create_event(EB, EventSpec::new("Friday"))?;
    let order = fake.reserve(&event, PurchaseSpec::new(wilhelmina(), 2))?;
    let path = format!("/v3/orders/{order}/?expand=attendees");
    let body = ok(&fake, EB, &path).await?;
    let status = |body: &serde_json::Value| {
        (text(body, "status").to_owned(), text(&items(body, "attendees")[0], "status").to_owned())
    };
    assert_eq!(status(&body), ("unpaid".to_owned(), "Unpaid".to_owned()));
    assert_eq!(body["costs"]["gross"]["value"], json!(6738), "the price is known, the money is not there");
    assert!(
        fake.truth_of(&order)
            .is_some_and(|truth| truth.payment_status == "unpaid" && truth.refund_status == RefundStatus::None)
    );
    let mut reader = Reader::default();
    reader.sweep(&fake, EB, &event, fake.now() + 30 * clock::MINUTE).await?;
    reader.same(EB, &fake.truth_of_event(&event))?;

    fake.set_clock_offset(-60 * clock::MINUTE);
    fake.pay(&order)?;
    let body = ok(&fake, EB, &path).await?;
    nothing_odd(EB, ResourceKind::Order, &body);
    assert_eq!(status(&body), ("placed".to_owned(), "Attending".to_owned()));
    assert!(fake.truth_of(&order).is_some_and(|truth| truth.payment_status == "paid"));
    reader.sweep(&fake, EB, &event, fake.now() + 30 * clock::MINUTE).await?;
    reader.same(EB, &fake.truth_of_event(&event))?;
    assert!(fake.pay(&order).is_err(), "it is paid");
    // One that never comes to it.
    let other = fake.reserve(&event, PurchaseSpec::new(wilhelmina(), 1))?;
    fake.cancel(&other)?;
    assert!(fake.truth_of(&other).is_some_and(|truth| truth.refund_status == RefundStatus::Cancelled));
    let elsewhere = fake.create_event(HX, EventSpec::new("Saturday"))?;
    assert!(fake.reserve(&elsewhere, PurchaseSpec::new(wilhelmina(), 1)).is_err(), "Humanitix lists paid orders only");
    Ok(())
}

#[tokio::test]
async fn what_is_given_away_costs_nothing_and_admits() -> Result {
    let fake = Fake::start().await?;
    for platform in Platform::ALL {
        let event = fake.create_event(platform, EventSpec::new("Friday"))?;
        let order = fake.purchase(&event, PurchaseSpec::new(wilhelmina(), 2).complimentary())?;
        let truth = fake.truth_of(&order).unwrap_or_else(|| unreachable!("it was bought"));
        assert_eq!((truth.total_amount.minor, truth.valid_quantity), (0, 2));
        let (path, kind) = match platform {
            HX => (format!("/v1/events/{event}/orders/{order}"), ResourceKind::Order),
            EB => (format!("/v3/orders/{order}/?expand=attendees"), ResourceKind::Order),
        };
        let body = ok(&fake, platform, &path).await?;
        nothing_odd(platform, kind, &body);
        match platform {
            HX => {
                let words = ["financialStatus", "paymentType", "salesChannel"].map(|name| text(&body, name));
                assert_eq!((words, &body["manualOrder"]), (["free", "complimentary", "manual"], &json!(true)));
            }
            EB => assert_eq!(body["costs"]["gross"]["value"], json!(0)),
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_refund_less_the_fees_says_what_was_given_back() -> Result {
    let fake = Fake::builder().clock_offset(-clock::DAY).start().await?;
    let event = fake.create_event(EB, EventSpec::new("Friday"))?;
    let order = fake.purchase(&event, PurchaseSpec::new(wilhelmina(), 2))?;
    fake.refund_tickets_less_fees(&order, &[0])?;
    let body = ok(&fake, EB, &format!("/v3/orders/{order}/?expand=attendees,refund_requests")).await?;
    nothing_odd(EB, ResourceKind::Order, &body);
    assert_eq!(items(&body, "refund_requests")[0]["items"][0]["amount_processed"]["value"], json!(3000));
    let attendee = &items(&body, "attendees")[0];
    assert_eq!((&attendee["refunded"], &attendee["costs"]["gross"]["value"]), (&json!(true), &json!(3369)));
    let mut reader = Reader::default();
    reader.sweep(&fake, EB, &event, fake.now() + 30 * clock::MINUTE).await?;
    reader.same(EB, &fake.truth_of_event(&event))?;

    // Humanitix keeps its booking fees whatever is asked.
    let event = fake.create_event(HX, EventSpec::new("Friday"))?;
    let orders = [(); 2].map(|()| fake.purchase(&event, PurchaseSpec::new(wilhelmina(), 2)));
    let [one, other] = orders;
    let (one, other) = (one?, other?);
    fake.refund_tickets(&one, &[0])?;
    fake.refund_tickets_less_fees(&other, &[0])?;
    let refunded = |order: &str| fake.truth_of(order).map(|truth| truth.refund_amount.minor);
    assert_eq!((refunded(&one), refunded(&other)), (Some(3000), Some(3000)));
    Ok(())
}
