//! Reconciliation: exactly what has drifted is found, and nothing of it is left afterwards.

use std::collections::{BTreeMap, BTreeSet};

use boxoffice_tests::fake::{EventSpec, Fake, Person, Platform, PurchaseSpec, TruthOrder, clock};
use boxoffice_tests::pump::{Puller, announce, claim, claimed, time_passes};
use boxoffice_tests::random::Random;
use boxoffice_tests::shown::differences;
use boxoffice_tests::sql::{line, lines};
use boxoffice_tests::{Database, Result};
use tokio_postgres::Client;

const ORDERS: usize = 1000;

struct World {
    _db: Database,
    client: Client,
    fake: Fake,
    event: String,
    platform: Platform,
}

impl World {
    async fn open(platform: Platform, orders: usize) -> Result<World> {
        let fake = Fake::builder().clock_offset(-2 * 60 * clock::MINUTE).start().await?;
        let db = Database::create().await?;
        let client = db.client().await?;
        announce(&client).await?;
        client.execute("UPDATE platform_accounts SET discovered_at = now()", &[]).await?;
        let event = fake.create_event(platform, EventSpec::new("Friday Night"))?;
        fake.bulk_orders(&event, orders, 3)?;
        client.execute("SELECT link_event($1, $2, 'our-event')", &[&platform.as_str(), &event]).await?;
        client.execute("UPDATE ticket_platforms SET account = 'default'", &[]).await?;
        let world = World { _db: db, client, fake, event, platform };
        line(&world.client, "SELECT sync_event('our-event')").await?;
        world.drain().await?;
        assert_eq!(world.different().await?, [""; 0]);
        Ok(world)
    }

    async fn drain(&self) -> Result {
        Puller::new(&self.fake).drain(&self.client).await
    }

    async fn different(&self) -> Result<Vec<String>> {
        differences(&self.client, self.platform, &self.fake.truth(self.platform)).await
    }

    async fn reconcile(&self, dry_run: bool) -> Result<i64> {
        let call = format!("SELECT reconcile_event('our-event', {dry_run})");
        let run = line(&self.client, &call).await?.parse()?;
        self.drain().await?;
        let status =
            line(&self.client, &format!("SELECT status FROM reconciliation_reports WHERE run_id = {run}")).await?;
        assert_eq!(status, "done");
        Ok(run)
    }

    /// Order to the kinds of difference that a report found for it.
    async fn found(&self, run: i64) -> Result<BTreeMap<String, BTreeSet<String>>> {
        let query =
            format!("SELECT platform_order_id, difference FROM reconciliation_differences WHERE run_id = {run}");
        let mut found = BTreeMap::<String, BTreeSet<String>>::new();
        for found_line in lines(&self.client, &query).await? {
            if let Some((order, kind)) = found_line.split_once('|') {
                found.entry(order.to_owned()).or_default().insert(kind.to_owned());
            }
        }
        Ok(found)
    }

    async fn run(&self, statement: &str, order: &str) -> Result {
        let rows = self.client.execute(statement, &[&order]).await?;
        anyhow::ensure!(rows > 0, "nothing drifted: {statement}");
        Ok(())
    }

    /// Lets one order drift, in the given way; the kind of difference that must be found.
    async fn drift(&self, way: usize, order: &TruthOrder) -> Result<&'static str> {
        let (fake, id) = (&self.fake, order.order_id.as_str());
        let somebody = Person::new("Some", "Body");
        Ok(match way {
            // The platform has changed and nobody has told us.
            0 => {
                fake.refund_tickets(id, &[0])?;
                "amount"
            }
            1 => {
                fake.cancel_ticket(id, 0)?;
                "attendee_status"
            }
            2 => {
                fake.check_in(id, 0)?;
                "check_in"
            }
            3 => {
                fake.rename(id, 0, &somebody)?;
                "attendee_details"
            }
            4 => {
                fake.change_buyer(id, &somebody)?;
                "details"
            }
            5 => {
                fake.erase(id)?;
                "missing_there"
            }
            // Somebody has written into our tables.
            6 => {
                self.run("UPDATE ticket_sales SET total_amount = total_amount + 1 WHERE platform_order_id = $1", id)
                    .await?;
                "amount"
            }
            7 => {
                self.run("UPDATE ticket_sales SET refund_status = 'requested' WHERE platform_order_id = $1", id)
                    .await?;
                "status"
            }
            8 => {
                self.run("DELETE FROM ticket_sales WHERE platform_order_id = $1", id).await?;
                "missing_here"
            }
            9 => {
                self.run("DELETE FROM attendees WHERE platform_order_id = $1", id).await?;
                "attendee_missing_here"
            }
            10 => {
                let add = "INSERT INTO attendees (platform, platform_order_id, platform_attendee_id, status, event_id)
                    SELECT platform, platform_order_id, 'nobody', 'registered', event_id FROM ticket_sales WHERE platform_order_id = $1";
                self.run(add, id).await?;
                "attendee_missing_there"
            }
            _ => {
                for table in ["order_states", "ticket_sales", "attendees"] {
                    self.run(&format!("DELETE FROM {table} WHERE platform_order_id = $1"), id).await?;
                }
                "missing_here"
            }
        })
    }
}

async fn exactly_what_has_drifted(platform: Platform, seed: u64) -> Result {
    let world = World::open(platform, ORDERS).await?;
    let client = &world.client;
    let mut random = Random::new(seed);
    let mut orders: Vec<TruthOrder> = world
        .fake
        .truth_of_event(&world.event)
        .into_iter()
        .filter(|o| o.valid_quantity > 0 && o.total_amount.minor > 0)
        .collect();
    random.shuffle(&mut orders);
    let drifts = 24 + random.below(12);
    let mut expected = BTreeMap::new();
    for (number, order) in orders.iter().take(drifts).enumerate() {
        expected.insert(order.order_id.clone(), world.drift(number % 12, order).await?);
    }
    for number in 0..3 {
        let order =
            world.fake.purchase(&world.event, PurchaseSpec::new(Person::new("New", &format!("Buyer{number}")), 2))?;
        expected.insert(order, "missing_here");
    }

    let all = "SELECT t::text FROM ticket_sales t UNION ALL SELECT t::text FROM attendees t ORDER BY 1";
    let before = lines(client, all).await?;
    let dry = world.reconcile(true).await?;
    let after = lines(client, all).await?;
    let new = after.iter().filter(|row| !before.contains(row)).count();
    assert_eq!((new, after.len()), (0, before.len()), "a dry run changes nothing");
    let healing = world.reconcile(false).await?;
    for run in [dry, healing] {
        let found = world.found(run).await?;
        let orders: BTreeSet<&String> = found.keys().collect();
        assert_eq!(orders, expected.keys().collect(), "exactly the {} that drifted", expected.len());
        for (order, kind) in &expected {
            assert!(found[order].contains(*kind), "{order}: {kind} is not in {:?}", found[order]);
        }
        let report = format!(
            "SELECT orders_different, missing_there, dry_run, items_compared >= {ORDERS} - 10 FROM reconciliation_reports WHERE run_id = {run}"
        );
        let erased = expected.values().filter(|kind| **kind == "missing_there").count();
        let is_dry = if run == dry { "t" } else { "f" };
        assert_eq!(line(client, &report).await?, format!("{}|{erased}|{is_dry}|t", expected.len()));
    }
    let bare = "SELECT (SELECT count(*) FROM ticket_sales WHERE raw_data IS NULL) + (SELECT count(*) FROM attendees
        WHERE platform_data IS NULL AND platform_attendee_id <> 'nobody')";
    assert_eq!(line(client, bare).await?, "0", "rows that are put back have their documents");
    // What the platform no longer lists was asked for by itself; its 404 counts when it is late enough.
    time_passes(client).await?;
    let calls = claim(client, 100).await?;
    for call in &calls {
        claimed(client, call, "25 minutes").await?;
        Puller::new(&world.fake).fetch(client, call).await?;
    }
    assert!(!calls.is_empty());
    world.drain().await?;
    // The attendee that somebody had made up stays, cancelled: nothing is ever deleted.
    assert_eq!(
        lines(client, "SELECT DISTINCT status FROM attendees WHERE platform_attendee_id = 'nobody'").await?,
        ["cancelled"]
    );
    client.execute("DELETE FROM attendees WHERE platform_attendee_id = 'nobody'", &[]).await?;
    let different = world.different().await?;
    assert!(different.is_empty(), "{different:#?}");
    let last = world.reconcile(false).await?;
    assert_eq!(world.found(last).await?, BTreeMap::new(), "nothing is left");
    assert_eq!(line(client, "SELECT reports >= 2, last_orders_different FROM sync_drift").await?, "t|0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_what_has_drifted_is_found_and_healed_humanitix() -> Result {
    exactly_what_has_drifted(Platform::Humanitix, 7).await
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_what_has_drifted_is_found_and_healed_eventbrite() -> Result {
    exactly_what_has_drifted(Platform::Eventbrite, 11).await
}

#[tokio::test(flavor = "multi_thread")]
async fn money_is_reported_by_currency_and_people_are_not() -> Result {
    let world = World::open(Platform::Humanitix, 5).await?;
    let client = &world.client;
    let order =
        line(client, "SELECT platform_order_id FROM ticket_sales WHERE total_amount > 10 ORDER BY 1 LIMIT 1").await?;
    world.run("UPDATE ticket_sales SET total_amount = total_amount - 10, kept_amount = kept_amount - 10, customer_name = 'Somebody Wrong' WHERE platform_order_id = $1", &order).await?;
    let run = world.reconcile(false).await?;
    let report = format!("SELECT money_difference, healed FROM reconciliation_reports WHERE run_id = {run}");
    assert_eq!(line(client, &report).await?, "{\"AUD\": 10.00}|1");
    let text =
        line(client, &format!("SELECT string_agg(d::text, '') FROM reconciliation_differences d WHERE run_id = {run}"))
            .await?;
    assert!(text.contains("customer_name") && !text.contains("Wrong") && !text.contains("@"), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_no_longer_listed_is_marked_until_its_404_decides() -> Result {
    let world = World::open(Platform::Eventbrite, 10).await?;
    let client = &world.client;
    let order = world.fake.truth_of_event(&world.event)[3].order_id.clone();
    world.fake.erase(&order)?;
    // Half an hour later.
    line(client, "SELECT sync_event('our-event')").await?;
    for call in claim(client, 10).await? {
        claimed(client, &call, "30 minutes").await?;
        Puller::new(&world.fake).fetch(client, &call).await?;
    }
    line(client, "SELECT finish_sync_runs(100)").await?;
    let marked = "SELECT platform_order_id, refund_status FROM ticket_sales WHERE unlisted_at IS NOT NULL";
    assert_eq!(lines(client, marked).await?, [format!("{order}|none")]);
    assert_eq!(line(client, "SELECT missing FROM sync_runs ORDER BY id DESC LIMIT 1").await?, "1");
    for call in claim(client, 10).await? {
        claimed(client, &call, "31 minutes").await?;
        Puller::new(&world.fake).fetch(client, &call).await?;
    }
    assert_eq!(lines(client, marked).await?, [""; 0]);
    let status = format!("SELECT refund_status FROM ticket_sales WHERE platform_order_id = '{order}'");
    assert_eq!(line(client, &status).await?, "cancelled");
    Ok(())
}
