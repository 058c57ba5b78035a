//! What goes wrong.

use std::time::{Duration, Instant};

use boxoffice_tests::Result;
use boxoffice_tests::fake::Platform;
use boxoffice_tests::fake::{EventSpec, Fake, Fault, ORGANIZATION, Outage, Person, PurchaseSpec, WrongType};
use serde_json::json;

use super::{get, items, ok, refused, text, wilhelmina};

const EB: Platform = Platform::Eventbrite;
const HX: Platform = Platform::Humanitix;

/// A fake with one order, and where to read it.
async fn one_order() -> Result<(Fake, String, String)> {
    let fake = Fake::start().await?;
    let event = fake.create_event(EB, EventSpec::new("Friday"))?;
    let order = fake.purchase(&event, PurchaseSpec::new(wilhelmina(), 2))?;
    let path = format!("/v3/orders/{order}/?expand=attendees");
    Ok((fake, order, path))
}

#[tokio::test]
async fn a_replica_is_behind_or_torn() -> Result {
    let fake = Fake::start().await?;
    let event = fake.create_event(EB, EventSpec::new("Friday"))?;
    tokio::time::sleep(Duration::from_millis(750)).await;
    let lag = Duration::from_millis(700);
    fake.fault(Fault::Lag(lag)).on("/orders/").start();
    let order = fake.purchase(&event, PurchaseSpec::new(wilhelmina(), 2))?;
    let (path, list) = (format!("/v3/orders/{order}/?expand=attendees"), format!("/v3/events/{event}/orders/"));
    assert_eq!(refused(&fake, EB, &path).await?, (404, "NOT_FOUND".to_owned()));
    assert!(items(&ok(&fake, EB, &list).await?, "orders").is_empty());
    tokio::time::sleep(lag).await;
    assert_eq!(text(&ok(&fake, EB, &path).await?, "status"), "placed");
    fake.refund(&order)?;
    assert_eq!(text(&ok(&fake, EB, &path).await?, "status"), "placed");
    tokio::time::sleep(lag).await;
    assert_eq!(text(&ok(&fake, EB, &path).await?, "status"), "refunded");

    fake.clear_faults();
    fake.fault(Fault::Torn(lag)).start();
    let order = fake.purchase(&event, PurchaseSpec::new(wilhelmina(), 2))?;
    let torn = ok(&fake, EB, &format!("/v3/orders/{order}/?expand=attendees")).await?;
    assert_eq!((text(&torn, "status"), items(&torn, "attendees").len()), ("placed", 0));
    Ok(())
}

#[tokio::test]
async fn each_status_comes_as_often_as_wanted() -> Result {
    let (fake, _, path) = one_order().await?;
    for (fault, status, error) in [
        (Fault::Internal, 500, "INTERNAL_ERROR"),
        (Fault::ExpansionFailed, 500, "EXPANSION_FAILED"),
        (Fault::Unauthorized, 401, "INVALID_AUTH"),
        (Fault::Forbidden, 403, "NOT_AUTHORIZED"),
        (Fault::NotFound, 404, "NOT_FOUND"),
        (Fault::TooMany(Some(7)), 429, "HIT_RATE_LIMIT"),
    ] {
        let id = fake.fault(fault).on("/v3/orders/").only(EB).times(2).start();
        ok(&fake, EB, "/v3/users/me/organizations/").await?;
        for _ in 0..2 {
            assert_eq!(refused(&fake, EB, &path).await?, (status, error.to_owned()));
        }
        ok(&fake, EB, &path).await?;
        assert_eq!(fake.end_fault(id), 2);
    }
    fake.fault(Fault::TooMany(Some(7))).times(1).start();
    assert_eq!(get(&fake, EB, &path).await?.header("retry-after"), Some("7"));
    fake.fault(Fault::ExpansionFailed).start();
    ok(&fake, EB, path.split('?').next().unwrap_or_default()).await?;
    fake.clear_faults();

    let id = fake.fault(Fault::Internal).percent(50).start();
    for _ in 0..60 {
        get(&fake, EB, &path).await?;
    }
    assert!((10..50).contains(&fake.fault_hits(id)), "{}", fake.fault_hits(id));
    Ok(())
}

#[tokio::test]
async fn broken_answers() -> Result {
    let (fake, _, path) = one_order().await?;
    let once = |fault| fake.fault(fault).on("/orders/").times(1).start();
    once(Fault::NotJson);
    assert!(get(&fake, EB, &path).await?.json().is_err());
    once(Fault::Truncated);
    assert!(get(&fake, EB, &path).await.is_err());
    once(Fault::Reset);
    let error = format!("{:?}", get(&fake, EB, &path).await.err());
    assert!(error.contains("reset") || error.contains("Reset"), "{error}");
    once(Fault::Oversized(3_000_000));
    let large = get(&fake, EB, &path).await?;
    assert!(large.body.len() > 3_000_000 && large.json().is_ok());
    once(Fault::Unavailable);
    let down = get(&fake, EB, &path).await?;
    assert!(down.status == 503 && down.text().starts_with("<html>"));
    once(Fault::Redirect("http://169.254.169.254".to_owned()));
    let moved = get(&fake, EB, &path).await?;
    assert_eq!((moved.status, moved.header("location")), (302, Some(format!("http://169.254.169.254{path}").as_str())));
    for (wrong, pointer) in [(WrongType::Id, "/id"), (WrongType::Money, "/costs"), (WrongType::List, "/attendees")] {
        once(Fault::WrongType(wrong));
        let odd = ok(&fake, EB, &path).await?;
        let right = ok(&fake, EB, &path).await?;
        let kind = |body: &serde_json::Value| body.pointer(pointer).map(std::mem::discriminant);
        assert_ne!(kind(&odd), kind(&right), "{wrong:?}");
    }
    for fault in [Fault::Slow(Duration::from_millis(300)), Fault::Stall(Duration::from_millis(300))] {
        once(fault);
        let begin = Instant::now();
        ok(&fake, EB, &path).await?;
        assert!(begin.elapsed() >= Duration::from_millis(300));
    }
    Ok(())
}

#[tokio::test]
async fn rate_limits_and_outages() -> Result {
    let fake = Fake::builder().rate_limit(EB, 3).rate_window(Duration::from_secs(90)).start().await?;
    let path = "/v3/users/me/organizations/";
    for _ in 0..3 {
        ok(&fake, EB, path).await?;
    }
    let answer = get(&fake, EB, path).await?;
    assert_eq!((answer.status, text(&answer.json()?, "error")), (429, "HIT_RATE_LIMIT"));
    let wait: u64 = answer.header("retry-after").unwrap_or_default().parse()?;
    assert!((1..=90).contains(&wait));
    fake.reset_rate_limits();
    ok(&fake, EB, path).await?;

    fake.outage_of(EB, Outage::Refuse).await;
    assert!(get(&fake, EB, path).await.is_err());
    ok(&fake, HX, "/v1/events?page=1").await?;
    fake.outage(Outage::Unavailable).await;
    assert_eq!(get(&fake, HX, "/v1/events?page=1").await?.status, 503);
    assert_eq!(get(&fake, EB, path).await?.status, 503);
    fake.outage(Outage::None).await;
    ok(&fake, EB, path).await?;

    assert_eq!((fake.calls(EB), fake.calls(HX)), (7, 2), "what was refused was not seen");
    let last = fake.requests().pop();
    assert!(last.is_some_and(|seen| seen.path == path && seen.status == 200 && seen.authorization.is_some()));
    fake.clear_requests();
    assert_eq!(fake.calls(EB), 0);
    Ok(())
}

#[tokio::test]
async fn totals_can_move_between_pages() -> Result {
    let fake = Fake::start().await?;
    let event = fake.create_event(HX, EventSpec::new("Friday"))?;
    fake.bulk_orders(&event, 4, 2)?;
    let at = event.clone();
    fake.between_pages(move |fake, page| {
        assert_eq!(page.platform, HX);
        fake.purchase(&at, PurchaseSpec::new(Person::new("New", "Buyer"), 1)).expect("a purchase");
    });
    let page = |number| format!("/v1/events/{event}/orders?page={number}&pageSize=2");
    let first = ok(&fake, HX, &page(1)).await?;
    let second = ok(&fake, HX, &page(2)).await?;
    assert_eq!((&first["total"], &second["total"]), (&json!(4), &json!(5)));
    assert_eq!(first["orders"][1]["_id"], second["orders"][0]["_id"], "what was shown comes again");
    Ok(())
}

#[tokio::test]
async fn concurrency_is_counted_and_the_last_handle_ends_it() -> Result {
    let (fake, _, path) = one_order().await?;
    fake.fault(Fault::Slow(Duration::from_millis(200))).start();
    let four = tokio::join!(get(&fake, EB, &path), get(&fake, EB, &path), get(&fake, EB, &path), get(&fake, EB, &path));
    assert!(four.0.is_ok() && four.1.is_ok() && four.2.is_ok() && four.3.is_ok());
    assert_eq!(fake.most_in_flight(EB), 4);
    let (copy, url) = (fake.clone(), format!("{}/v3/organizations/{ORGANIZATION}/events/", fake.eventbrite_url()));
    drop(fake);
    assert!(boxoffice_tests::http::get(&url).await.is_ok());
    drop(copy);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(boxoffice_tests::http::get(&url).await.is_err());
    Ok(())
}
