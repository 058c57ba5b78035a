//! Synchronisation against the fake platforms: discovery, complete readings, changes, schedule, what comes in between.

use boxoffice_tests::fake::{EventSpec, Fake, Fault, Person, Platform, PurchaseSpec, clock};
use boxoffice_tests::pump::{Puller, announce, claim, complete_with, time_passes};
use boxoffice_tests::shown::differences;
use boxoffice_tests::sql::{line, lines};
use boxoffice_tests::{Database, Result};
use serde_json::json;
use tokio_postgres::Client;

const PLATFORMS: [Platform; 2] = [Platform::Humanitix, Platform::Eventbrite];

struct World {
    _db: Database,
    client: Client,
    fake: Fake,
}

/// Platforms whose clocks are two hours behind, so that nothing is too fresh to be believed.
async fn open() -> Result<World> {
    let fake = Fake::builder().clock_offset(-2 * 60 * clock::MINUTE).start().await?;
    let db = Database::create().await?;
    let client = db.client().await?;
    announce(&client).await?;
    Ok(World { _db: db, client, fake })
}

impl World {
    /// An event with orders, found and linked.
    async fn event(&self, platform: Platform, title: &str, orders: usize) -> Result<String> {
        let event = self.fake.create_event(platform, EventSpec::new(title))?;
        self.fake.bulk_orders(&event, orders, 3)?;
        self.link(platform, &event).await?;
        Ok(event)
    }

    async fn link(&self, platform: Platform, event: &str) -> Result {
        let link = "SELECT boxoffice.link_event($1, $2, $2)";
        self.client.execute(link, &[&platform.as_str(), &event]).await?;
        Ok(())
    }

    async fn same(&self) -> Result {
        for platform in PLATFORMS {
            let truth = self.fake.truth(platform);
            let different = differences(&self.client, platform, &truth).await?;
            assert!(
                different.is_empty(),
                "{} of {}: {:#?}",
                different.len(),
                truth.len(),
                different.iter().take(5).collect::<Vec<_>>()
            );
        }
        Ok(())
    }

    async fn runs(&self) -> Result<Vec<String>> {
        let query = "SELECT mode, reason, status, items, coalesce(error, '-') FROM boxoffice.sync_runs ORDER BY id";
        lines(&self.client, query).await
    }
}

fn buyer(number: usize) -> Person {
    Person::new("Ada", &format!("Sample{number}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_sync_brings_everything_and_the_next_ones_what_has_changed() -> Result {
    let world = open().await?;
    let World { client, fake, .. } = &world;
    let mut events = Vec::new();
    for platform in PLATFORMS {
        events.push(world.event(platform, "Friday Night", 230).await?);
    }
    let mut puller = Puller::new(fake);
    puller.tick(client).await?;
    world.same().await?;
    assert_eq!(puller.trouble, [""; 0]);
    // Two lists of events (and of organizations), three pages of orders there and five here, tickets.
    let first = puller.calls;
    assert!(first < 25, "{first} calls");
    let full = world.runs().await?.into_iter().filter(|run| run.starts_with("full")).collect::<Vec<_>>();
    assert_eq!(full.len(), 2, "{full:?}");
    assert!(full.iter().all(|run| run.starts_with("full|first|done|")), "{full:?}");

    // Everything that can happen to an order, unseen.
    for (number, event) in events.iter().enumerate() {
        let orders =
            (0..8).map(|i| fake.purchase(event, PurchaseSpec::new(buyer(i), 3))).collect::<Result<Vec<_>>>()?;
        fake.refund(&orders[0])?;
        fake.refund_tickets(&orders[1], &[0])?;
        fake.refund_amount(&orders[2], 500)?;
        fake.cancel_ticket(&orders[3], 1)?;
        fake.transfer(&orders[4], 0, &buyer(77))?;
        fake.rename(&orders[5], 2, &buyer(78))?;
        fake.check_in(&orders[6], 0)?;
        fake.change_buyer(&orders[7], &buyer(79 + number))?;
    }
    client
        .execute(
            "UPDATE ticket_platforms SET last_sync_at = last_sync_at - interval '3 hours', last_attempt_at = NULL",
            &[],
        )
        .await?;
    puller.calls = 0;
    fake.clear_requests();
    puller.tick(client).await?;
    world.same().await?;
    let asked: Vec<String> = fake.requests().iter().map(|seen| format!("{}?{}", seen.path, seen.query)).collect();
    assert!(puller.calls <= 6, "only changes were asked for: {asked:#?}");
    let changes = world.runs().await?.into_iter().filter(|run| run.starts_with("changes")).collect::<Vec<_>>();
    assert!(changes.len() == 2 && changes.iter().all(|run| run.starts_with("changes|schedule|done|")), "{changes:?}");
    // Nothing is due now.
    puller.calls = 0;
    puller.tick(client).await?;
    assert_eq!(puller.calls, 0);
    assert_eq!(lines(client, "SELECT problem, item FROM check_consistency()").await?, [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_reading_of_the_same_writes_no_log() -> Result {
    let world = open().await?;
    world.event(Platform::Humanitix, "Friday Night", 120).await?;
    let mut puller = Puller::new(&world.fake);
    puller.tick(&world.client).await?;
    let kept = line(&world.client, "SELECT count(*) FROM webhook_logs").await?;
    assert!(kept.parse::<i64>()? >= 5, "pages that said something are kept");
    assert_eq!(line(&world.client, "SELECT count(*) > 0 FROM sync_all()").await?, "t");
    puller.drain(&world.client).await?;
    assert_eq!(line(&world.client, "SELECT count(*) FROM webhook_logs").await?, kept);
    assert_eq!(line(&world.client, "SELECT sum(rows_changed) FROM sync_runs WHERE reason = 'manual'").await?, "0");
    // Replaying all that was kept changes nothing either.
    assert_eq!(line(&world.client, "SELECT changed, failed FROM replay_webhooks('-infinity')").await?, "0|0");
    assert_eq!(lines(&world.client, "SELECT log_id, change FROM replay_diff('-infinity')").await?, [""; 0]);
    world.same().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_where_it_was_and_fetches_no_finished_page_again() -> Result {
    let world = open().await?;
    let World { client, fake, .. } = &world;
    world.event(Platform::Humanitix, "Friday Night", 950).await?;
    let mut puller = Puller::new(fake);
    client.query("SELECT * FROM run_due_tasks()", &[]).await?;
    // Every third worker dies with its answer in its hands.
    let mut round = 0;
    loop {
        let calls = claim(client, 4).await?;
        if calls.is_empty() {
            break;
        }
        for call in calls {
            round += 1;
            if round % 3 == 0 {
                time_passes(client).await?;
            } else {
                puller.fetch(client, &call).await?;
            }
        }
    }
    puller.drain(client).await?;
    world.same().await?;
    let mut pages: Vec<String> = fake.requests().iter().map(|seen| format!("{}?{}", seen.path, seen.query)).collect();
    let asked = pages.len();
    pages.sort();
    pages.dedup();
    assert_eq!(asked, pages.len(), "a page was fetched twice");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_does_not_move_the_cursor_and_says_why() -> Result {
    let world = open().await?;
    let World { client, fake, .. } = &world;
    let event = world.event(Platform::Humanitix, "Friday Night", 20).await?;
    let mut puller = Puller::new(fake);
    puller.tick(client).await?;
    let before = line(client, "SELECT last_sync_at, last_full_sync_at FROM ticket_platforms").await?;
    fake.purchase(&event, PurchaseSpec::new(buyer(1), 1))?;
    line(client, &format!("SELECT sync_event('{event}')")).await?;
    let calls = claim(client, 8).await?;
    assert_eq!(calls.len(), 2);
    complete_with(client, &calls[0], Some(400), &json!({}), b"{\"statusCode\":400,\"error\":\"Bad Request\"}").await?;
    puller.fetch(client, &calls[1]).await?;
    puller.drain(client).await?;
    let state = "SELECT state, last_sync_error FROM sync_status WHERE platform = 'humanitix'";
    assert_eq!(line(client, state).await?, "failed|HTTP 400 Bad Request");
    assert_eq!(line(client, "SELECT error FROM sync_runs WHERE status = 'failed'").await?, "HTTP 400 Bad Request");
    assert_eq!(line(client, "SELECT last_sync_at, last_full_sync_at FROM ticket_platforms").await?, before);
    // The next one is asked for what the failed one should have brought.
    client.execute("UPDATE ticket_platforms SET last_attempt_at = now() - interval '1 hour', last_sync_at = now() - interval '3 hours'", &[]).await?;
    puller.tick(client).await?;
    assert_eq!(line(client, state).await?, "fresh|-");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_gets_what_is_there_now() -> Result {
    let world = open().await?;
    let World { client, fake, .. } = &world;
    let event = world.event(Platform::Eventbrite, "Friday Night", 70).await?;
    let ask = format!("SELECT sync_event('{event}')");
    let first = line(client, &ask).await?;
    assert_eq!(line(client, &ask).await?, first, "it has not begun yet");
    let mut puller = Puller::new(fake);
    for call in claim(client, 10).await? {
        puller.fetch(client, &call).await?;
    }
    // Something changes on a page that was read already.
    let order = &fake.truth_of_event(&event)[0].order_id;
    fake.change_buyer(order, &buyer(1))?;
    assert_ne!(line(client, &ask).await?, first, "too late to join that one");
    puller.drain(client).await?;
    world.same().await
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_asked_for_from_a_little_before_the_last_success() -> Result {
    let world = open().await?;
    let World { client, fake, .. } = &world;
    for platform in PLATFORMS {
        world.event(platform, "Friday Night", 3).await?;
    }
    let mut puller = Puller::new(fake);
    puller.tick(client).await?;
    client
        .execute("UPDATE ticket_platforms SET last_sync_at = '2026-03-01 10:00:00+00', last_attempt_at = NULL", &[])
        .await?;
    fake.clear_requests();
    puller.tick(client).await?;
    let mut since: Vec<String> = fake
        .requests()
        .into_iter()
        .flat_map(|seen| {
            seen.query.split('&').filter(|part| part.contains("since=")).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    since.sort();
    assert_eq!(since, [vec!["changed_since=2026-03-01T09:40:00Z"; 2], vec!["since=2026-03-01T09:40:00Z"; 2]].concat());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_move_while_they_are_read_lose_nothing() -> Result {
    let world = open().await?;
    let World { client, fake, .. } = &world;
    let event = world.event(Platform::Humanitix, "Friday Night", 450).await?;
    let orders: Vec<String> = fake.truth_of_event(&event).into_iter().map(|order| order.order_id).collect();
    let (mut page, shop) = (0, event.clone());
    fake.between_pages(move |fake, _| {
        page += 1;
        // One order disappears from the front of the list, another comes.
        if page <= 2 {
            let _ = fake.erase(&orders[orders.len() - page]);
        }
        let _ = fake.purchase(&shop, PurchaseSpec::new(buyer(page), 1));
    });
    let mut puller = Puller::new(fake);
    puller.tick(client).await?;
    fake.clear_between_pages();
    // What was sold while reading comes with the next one; nothing of before is missing.
    client
        .execute(
            "UPDATE ticket_platforms SET last_sync_at = last_sync_at - interval '3 hours', last_attempt_at = NULL",
            &[],
        )
        .await?;
    puller.tick(client).await?;
    let truth: Vec<_> = fake.truth_of_event(&event).into_iter().filter(|order| !order.erased).collect();
    let different = differences(client, Platform::Humanitix, &truth).await?;
    let missing: Vec<_> = different.iter().filter(|line| !line.ends_with("not there")).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_place_in_a_list_begins_it_anew() -> Result {
    let world = open().await?;
    let World { client, fake, .. } = &world;
    world.event(Platform::Eventbrite, "Friday Night", 130).await?;
    let mut puller = Puller::new(fake);
    client.query("SELECT * FROM run_due_tasks()", &[]).await?;
    for _ in 0..2 {
        for call in claim(client, 8).await? {
            puller.fetch(client, &call).await?;
        }
    }
    fake.expire_continuations();
    puller.drain(client).await?;
    world.same().await?;
    assert!(puller.trouble.iter().any(|line| line.contains("place in the list")), "{:?}", puller.trouble);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_trouble_heals_by_itself() -> Result {
    let world = open().await?;
    let World { client, fake, .. } = &world;
    for platform in PLATFORMS {
        world.event(platform, "Friday Night", 160).await?;
    }
    fake.fault(Fault::Internal).percent(20).times(6).start();
    fake.fault(Fault::Unavailable).percent(20).times(6).start();
    fake.fault(Fault::TooMany(Some(1))).percent(20).times(4).start();
    fake.fault(Fault::Truncated).percent(20).times(4).start();
    fake.fault(Fault::NotJson).percent(20).times(4).start();
    fake.fault(Fault::ExpansionFailed).on("/v3/organizations/").times(1).start();
    let mut puller = Puller::new(fake);
    for _ in 0..60 {
        puller.tick(client).await?;
        time_passes(client).await?;
    }
    assert!(puller.trouble.len() >= 8, "{:?}", puller.trouble);
    world.same().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_changes_of_many_events_are_one_question() -> Result {
    let world = open().await?;
    let World { client, fake, .. } = &world;
    let mut events = Vec::new();
    for number in 0..8 {
        events.push(world.event(Platform::Eventbrite, &format!("Night {number}"), 12).await?);
    }
    let mut puller = Puller::new(fake);
    puller.tick(client).await?;
    world.same().await?;
    for event in &events {
        let order = fake.purchase(event, PurchaseSpec::new(buyer(1), 2))?;
        fake.check_in(&order, 0)?;
    }
    for order in fake.truth(Platform::Eventbrite).iter().filter(|order| order.valid_quantity > 0).take(3) {
        fake.check_in(&order.order_id, 0)?;
    }
    let age = "UPDATE ticket_platforms SET last_sync_at = last_sync_at - interval '3 hours', last_attempt_at = NULL";
    client.execute(age, &[]).await?;
    fake.clear_requests();
    puller.tick(client).await?;
    world.same().await?;
    let asked: Vec<String> = fake.requests().iter().map(|seen| seen.path.clone()).collect();
    assert!(asked.len() <= 4 && asked.iter().all(|path| path.contains("/organizations/")), "{asked:?}");
    // All of them are fresh now, and nothing is due.
    assert_eq!(line(client, "SELECT count(*) FROM sync_status WHERE state = 'fresh'").await?, "8");
    fake.clear_requests();
    puller.tick(client).await?;
    assert_eq!(fake.requests().len(), 0);

    // One that was left behind for longer is not taken for fresh by a question that did not reach back far enough.
    client
        .execute(
            "UPDATE ticket_platforms SET last_sync_at = last_sync_at - interval '3 hours', last_attempt_at = NULL",
            &[],
        )
        .await?;
    let behind = "UPDATE ticket_platforms SET last_sync_at = now() - interval '20 hours', last_attempt_at = now() WHERE external_event_id = $1";
    client.execute(behind, &[&events[0]]).await?;
    puller.tick(client).await?;
    let state = "SELECT external_event_id FROM sync_status WHERE state <> 'fresh'";
    assert_eq!(lines(client, state).await?, [events[0].clone()]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_found_linked_by_setting_and_suggested() -> Result {
    let world = open().await?;
    let World { client, fake, .. } = &world;
    let ours = "INSERT INTO ticket_events (event_id, title, venue, starts_at) SELECT 'ours', 'Laughs on the Harbour', 'The Wharf Cellar', now() + interval '20 days'";
    client.execute(ours, &[]).await?;
    let mut spec = EventSpec::new("LAUGHS ON THE HARBOR");
    spec.venue = "Wharf Cellar".to_owned();
    spec.starts_at = clock::real_now() + 20 * clock::DAY;
    spec.ends_at = spec.starts_at + 180 * clock::MINUTE;
    let event = fake.create_event(Platform::Humanitix, spec)?;
    fake.create_event(Platform::Eventbrite, EventSpec::new("Quiet Poetry Evening"))?;
    let mut puller = Puller::new(fake);
    puller.tick(client).await?;
    let found = "SELECT platform, external_title, event_id, account FROM ticket_platforms ORDER BY 1";
    assert_eq!(
        lines(client, found).await?,
        ["eventbrite|Quiet Poetry Evening|-|default", "humanitix|LAUGHS ON THE HARBOR|-|default"]
    );
    let suggested = "SELECT platform, external_event_id, event_id, score > 0.8 FROM link_suggestions";
    assert_eq!(lines(client, suggested).await?, [format!("humanitix|{event}|ours|t")]);
    line(client, &format!("SELECT link_event('humanitix', '{event}', 'ours')")).await?;
    assert_eq!(lines(client, suggested).await?, [""; 0]);

    client.execute("SELECT configure_account('eventbrite', auto_link => true)", &[]).await?;
    puller.tick(client).await?;
    let made =
        "SELECT e.title FROM ticket_platforms p JOIN ticket_events e USING (event_id) WHERE p.platform = 'eventbrite'";
    assert_eq!(lines(client, made).await?, ["Quiet Poetry Evening"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_region_is_read_with_its_name() -> Result {
    let world = open().await?;
    let World { client, fake, .. } = &world;
    let mut spec = EventSpec::new("Hecklers Anonymous").currency("NZD");
    spec.location = "NZ".to_owned();
    let event = fake.create_event(Platform::Humanitix, spec)?;
    fake.bulk_orders(&event, 30, 2)?;
    let home = world.event(Platform::Humanitix, "At home", 10).await?;
    let mut puller = Puller::new(fake);
    puller.tick(client).await?;
    assert_eq!(line(client, "SELECT count(*) FROM ticket_platforms").await?, "1", "not to be seen from here");
    client.execute("SELECT configure_account('humanitix', locations => '{NZ}')", &[]).await?;
    client.execute("UPDATE platform_accounts SET discovered_at = NULL", &[]).await?;
    client.execute("UPDATE sync_history SET started_at = started_at - interval '1 hour'", &[]).await?;
    puller.tick(client).await?;
    world.link(Platform::Humanitix, &event).await?;
    puller.tick(client).await?;
    world.same().await?;
    let config = "SELECT external_event_id, platform_config FROM ticket_platforms ORDER BY external_event_id = $1";
    let rows = client.query(config, &[&event]).await?;
    let configs: Vec<serde_json::Value> = rows.iter().map(|row| row.get(1)).collect();
    assert_eq!(configs, [json!({}), json!({"overrideLocation": "NZ"})], "{home}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn several_dates_of_an_event_are_sessions() -> Result {
    let world = open().await?;
    let start = clock::real_now() + 5 * clock::DAY;
    let hours = 120 * clock::MINUTE;
    let spec = EventSpec::new("A Week of Laughs")
        .date(start, start + hours)
        .date(start + clock::DAY, start + clock::DAY + hours);
    let event = world.fake.create_event(Platform::Humanitix, spec)?;
    for date in [0, 1, 1] {
        world.fake.purchase(&event, PurchaseSpec::new(buyer(date), 2).date(date))?;
    }
    world.link(Platform::Humanitix, &event).await?;
    Puller::new(&world.fake).tick(&world.client).await?;
    world.same().await?;
    assert_eq!(line(&world.client, "SELECT count(DISTINCT external_session_id) FROM ticket_sales").await?, "2");
    Ok(())
}
