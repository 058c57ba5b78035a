//! A rush: more hints than the platform allows calls. Lists of what has changed stand in for single fetches.

use std::time::Duration;

use boxoffice_tests::fake::{EventSpec, Fake, Hint, Person, Platform, PurchaseSpec, clock};
use boxoffice_tests::pump::{Puller, claim, complete_with, jobs, settle, time_passes};
use boxoffice_tests::shown::differences;
use boxoffice_tests::sql::{ingest_many, line, lines};
use boxoffice_tests::{Database, Result};
use serde_json::{Value, json};
use tokio_postgres::Client;

const TOKEN: &str = "token-of-the-burst-tests";
/// Orders of the rush, in 60 minutes.
const RUSH: usize = 10_000;

async fn open(fake: &Fake) -> Result<(Database, Client)> {
    let db = Database::create().await?;
    let client = db.client().await?;
    client.execute("SELECT set_path_token('eventbrite', $1)", &[&TOKEN]).await?;
    settle(&client).await?;
    let organizations = format!(
        "SELECT configure_account('eventbrite', organization_ids => '{{{}}}')",
        boxoffice_tests::fake::ORGANIZATION
    );
    client.batch_execute(&organizations).await?;
    assert_eq!(fake.calls(Platform::Eventbrite), 0);
    Ok((db, client))
}

/// Takes hints in, as if they had arrived at that time of the platform.
async fn deliver(client: &Client, hints: &[Hint], at: i64) -> Result {
    for part in hints.chunks(500) {
        let items: Vec<(&str, Value, &[u8])> = part
            .iter()
            .map(|hint| {
                let mut headers = json!({":path-token": TOKEN});
                for (name, value) in &hint.headers {
                    headers[name] = json!(value);
                }
                ("eventbrite", headers, hint.body.as_bytes())
            })
            .collect();
        for receipt in ingest_many(client, &items).await? {
            assert_eq!(receipt.outcome, "queued", "{receipt:?}");
        }
    }
    let arrived = "UPDATE fetch_jobs SET created_at = to_timestamp($1::bigint / 1000.0) WHERE status = 'waiting' AND run_id IS NULL AND created_at > now() - interval '30 minutes'";
    client.execute(arrived, &[&at]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_purchases_in_an_hour_fit_into_two_thousand_calls() -> Result {
    let mut ago = -120 * clock::MINUTE;
    let fake = Fake::builder()
        .clock_offset(ago)
        .rate_limit(Platform::Eventbrite, 2000)
        .rate_window(Duration::from_secs(3600))
        .start()
        .await?;
    let (_db, client) = open(&fake).await?;
    let event = fake.create_event(Platform::Eventbrite, EventSpec::new("The Rush"))?;
    fake.take_hints();
    let mut puller = Puller::new(&fake);
    let (mut hints, mut refunded) = (0, 0);
    for minute in 0..60 {
        for number in 0..RUSH / 60 + usize::from(minute < RUSH % 60) {
            let order =
                fake.purchase(&event, PurchaseSpec::new(Person::new("Ada", &format!("Rush{minute}x{number}")), 2))?;
            if number % 50 == 7 {
                fake.refund_tickets(&order, &[0])?;
                refunded += 1;
            }
        }
        let sent = fake.take_hints();
        hints += sent.len();
        deliver(&client, &sent, fake.now()).await?;
        puller.drain(&client).await?;
        ago += clock::MINUTE;
        fake.set_clock_offset(ago);
        client.execute("UPDATE platform_accounts SET burst_until = NULL", &[]).await?;
    }
    for _ in 0..3 {
        puller.drain(&client).await?;
        time_passes(&client).await?;
    }
    assert!(hints >= 5 * RUSH, "{hints} hints");
    let calls = fake.calls(Platform::Eventbrite);
    let limited = fake.requests().iter().filter(|seen| seen.status == 429).count();
    assert!(calls < 1500 && limited == 0, "{calls} calls, {limited} refused");
    assert_eq!(
        line(&client, "SELECT count(*) FROM ticket_sales WHERE refund_status = 'partial'").await?,
        refunded.to_string()
    );
    let truth = fake.truth(Platform::Eventbrite);
    assert_eq!(truth.len(), RUSH);
    let different = differences(&client, Platform::Eventbrite, &truth).await?;
    assert!(different.is_empty(), "{} of {RUSH}: {:?}", different.len(), different.first());
    assert_eq!(
        line(&client, "SELECT count(*) FROM fetch_jobs WHERE status IN ('waiting', 'leased', 'covered')").await?,
        "0"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_list_does_not_show_is_fetched_by_itself_and_later_hints_are_not_lost() -> Result {
    let fake = Fake::start().await?;
    let (_db, client) = open(&fake).await?;
    client.execute("SELECT configure_account('eventbrite', burst_threshold => 3)", &[]).await?;
    let event = fake.create_event(Platform::Eventbrite, EventSpec::new("The Rush"))?;
    fake.take_hints();
    let orders = (0..6)
        .map(|i| fake.purchase(&event, PurchaseSpec::new(Person::new("Ada", &format!("Late{i}")), 1)))
        .collect::<Result<Vec<_>>>()?;
    deliver(&client, &fake.take_hints(), fake.now()).await?;
    // A hint about an order that changed long ago: the platform has tried for hours to tell us.
    let old = json!({"config": {"action": "order.updated", "webhook_id": "5"}, "api_url": "https://www.eventbriteapi.com/v3/orders/424242/"});
    ingest_many(&client, &[("eventbrite", json!({":path-token": TOKEN}), old.to_string().as_bytes())]).await?;

    let calls = claim(&client, 50).await?;
    assert_eq!(calls.len(), 1, "one list in place of all of them");
    assert!(
        calls[0].path.starts_with("/v3/organizations/") && calls[0].path.contains("changed_since="),
        "{}",
        calls[0].path
    );
    // While it is being read something happens that it may not show.
    fake.refund(&orders[0])?;
    deliver(&client, &fake.take_hints(), fake.now()).await?;
    let mut puller = Puller::new(&fake);
    puller.fetch(&client, &calls[0]).await?;
    puller.drain(&client).await?;
    // What the list did not show was asked for by itself at once, and not by another list.
    let alone = |order: &str| fake.requests().iter().any(|seen| seen.path == format!("/v3/orders/{order}/"));
    assert!(alone("424242"), "{:#?}", jobs(&client).await?);
    // What was said while the list was being read is kept for later.
    assert!(!alone(&orders[0]));
    let waiting = format!("SELECT count(*) FROM fetch_jobs WHERE status = 'waiting' AND resource_id = '{}'", orders[0]);
    assert_eq!(line(&client, &waiting).await?, "1");
    client.execute("UPDATE platform_accounts SET burst_until = NULL", &[]).await?;
    puller.drain(&client).await?;
    assert!(alone(&orders[0]));
    assert_eq!(line(&client, "SELECT count(*) FROM ticket_sales WHERE refund_status = 'refunded'").await?, "1");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_fails_gives_the_hints_back() -> Result {
    let fake = Fake::start().await?;
    let (_db, client) = open(&fake).await?;
    client.execute("SELECT configure_account('eventbrite', burst_threshold => 3)", &[]).await?;
    let event = fake.create_event(Platform::Eventbrite, EventSpec::new("The Rush"))?;
    fake.take_hints();
    for i in 0..6 {
        fake.purchase(&event, PurchaseSpec::new(Person::new("Ada", &format!("Back{i}")), 1))?;
    }
    deliver(&client, &fake.take_hints(), fake.now()).await?;
    let calls = claim(&client, 50).await?;
    let refused = b"{\"status_code\":400,\"error\":\"ARGUMENTS_ERROR\"}";
    assert_eq!(complete_with(&client, &calls[0], Some(400), &json!({}), refused).await?, "dead");
    let mut puller = Puller::new(&fake);
    puller.drain(&client).await?;
    assert_eq!(differences(&client, Platform::Eventbrite, &fake.truth(Platform::Eventbrite)).await?, [""; 0]);
    assert_eq!(lines(&client, "SELECT mode, error FROM sync_runs").await?, ["burst|HTTP 400 ARGUMENTS_ERROR"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rush_at_the_door_is_read_as_a_list_of_attendees() -> Result {
    let fake = Fake::start().await?;
    let (_db, client) = open(&fake).await?;
    client.execute("SELECT configure_account('eventbrite', burst_threshold => 5)", &[]).await?;
    let event = fake.create_event(Platform::Eventbrite, EventSpec::new("The Door"))?;
    fake.take_hints();
    let orders = (0..20)
        .map(|i| fake.purchase(&event, PurchaseSpec::new(Person::new("Ada", &format!("Door{i}")), 2)))
        .collect::<Result<Vec<_>>>()?;
    deliver(&client, &fake.take_hints(), fake.now()).await?;
    let mut puller = Puller::new(&fake);
    puller.drain(&client).await?;
    client.execute("UPDATE platform_accounts SET burst_until = NULL", &[]).await?;
    puller.drain(&client).await?;
    fake.clear_requests();
    for order in &orders {
        fake.check_in(order, 0)?;
    }
    deliver(&client, &fake.take_hints(), fake.now()).await?;
    client.execute("UPDATE platform_accounts SET burst_until = NULL", &[]).await?;
    puller.drain(&client).await?;
    assert_eq!(line(&client, "SELECT count(*) FROM attendees WHERE status = 'checked_in'").await?, "20");
    let asked: Vec<String> = fake.requests().iter().map(|seen| seen.path.clone()).collect();
    assert!(asked.len() <= 3 && asked[0].ends_with("/attendees/"), "{asked:?}");
    Ok(())
}
