//! The proof: 500 purchases with everything that happens to orders, while webhooks are lost, doubled and reordered, the
//! platforms are slow, stale and in trouble, and server and worker are killed now and then. After one synchronisation the
//! tables equal the platforms' truth, field by field.

use std::time::Duration;

use boxoffice_tests::fake::{
    EVENTBRITE_TOKEN, EventSpec, Fake, Fault, HUMANITIX_KEY, Hint, Person, Platform, PurchaseSpec, Sender, Sent, clock,
};
use boxoffice_tests::hold::until;
use boxoffice_tests::random::Random;
use boxoffice_tests::shown::differences;
use boxoffice_tests::sql::{line, lines};
use boxoffice_tests::{Cluster, Database, Result, Stop, Worker};
use tokio_postgres::Client;

const PURCHASES: usize = 500;
const TOKEN: &str = "token-of-the-proof";
const SECRET: &str = "the bridge's key of the proof";

struct Proof {
    cluster: std::sync::Arc<Cluster>,
    db: Database,
    client: Client,
    worker: Worker,
    fake: Fake,
    /// The platforms' clock, behind ours: time passes there with everything that happens.
    behind: i64,
    random: Random,
    sent: Vec<Sent>,
}

impl Proof {
    async fn open(seed: usize) -> Result<Proof> {
        let behind = -4 * 60 * clock::MINUTE;
        let fake = Fake::builder().clock_offset(behind).bridge(SECRET).seed(seed as u64).start().await?;
        let cluster = Cluster::start(&[]).await?;
        let db = Database::create_on(&cluster).await?;
        let client = db.client().await?;
        client.execute("SELECT boxoffice.set_path_token('eventbrite', $1)", &[&TOKEN]).await?;
        client.execute("SELECT boxoffice.set_webhook_secret('humanitix', $1)", &[&SECRET]).await?;
        let worker = start(&db, &fake).await?;
        Ok(Proof { cluster, db, client, worker, fake, behind, random: Random::new(seed as u64), sent: Vec::new() })
    }

    /// Something happened; the next thing happens later.
    fn time_passes(&mut self) {
        self.behind += 2_000;
        self.fake.set_clock_offset(self.behind);
    }

    /// Sends what the platforms have to say, badly.
    async fn tell(&mut self) {
        let (hints, envelopes) = (self.fake.take_hints(), self.fake.take_envelopes());
        let paths = [(hints, format!("/webhooks/eventbrite/{TOKEN}")), (envelopes, "/webhooks/humanitix".to_owned())];
        for (list, path) in paths {
            self.send(&list, &path).await;
        }
    }

    async fn send(&mut self, list: &[Hint], path: &str) {
        let seed = self.random.below(1 << 30) as u64;
        let mut sender = Sender::new(&self.worker.url(path))
            .drop_percent(20)
            .duplicate_percent(20)
            .reorder()
            .retries(3, Duration::from_millis(100))
            .seed(seed);
        self.sent.push(sender.send(list).await);
    }

    /// Kills the worker or the server without warning, and starts it again.
    async fn kill(&mut self) -> Result {
        if self.random.below(2) == 0 {
            self.worker.sigkill()?;
            self.worker = start(&self.db, &self.fake).await?;
        } else {
            self.cluster.restart(Stop::Kill).await?;
            self.client = self.db.client().await?;
            self.worker.wait_ready().await?;
        }
        Ok(())
    }

    /// One of the things that happen to an order; orders that it cannot happen to any more are left alone.
    fn something_happens(&mut self, orders: &[String], number: usize) {
        let order = &orders[self.random.below(orders.len())];
        let somebody = Person::new("Changed", &format!("Person{number}"));
        let tickets = self.fake.ticket_ids(order).map_or(0, |ids| ids.len());
        let line = self.random.below(tickets.max(1));
        let happened = match self.random.below(12) {
            0 => self.fake.refund(order),
            1 | 2 => self.fake.refund_tickets(order, &[line]),
            3 => self.fake.refund_amount(order, 300),
            4 => self.fake.cancel(order),
            5 => self.fake.cancel_ticket(order, line),
            6 | 7 => self.fake.transfer(order, line, &somebody),
            8 => self.fake.rename(order, line, &somebody),
            9 => self.fake.change_buyer(order, &somebody),
            10 => self.fake.check_out(order, line),
            _ => self.fake.check_in(order, line),
        };
        // A ticket that is cancelled already can be neither refunded nor checked in: nothing has happened then.
        if happened.is_ok() {
            self.time_passes();
        }
    }

    async fn synchronised(&self) -> Result {
        self.client.execute("UPDATE boxoffice.fetch_jobs SET due_at = now() WHERE status IN ('waiting', 'leased') AND due_at < 'infinity'", &[]).await?;
        self.client
            .execute("UPDATE boxoffice.platform_accounts SET blocked_until = NULL, burst_until = NULL", &[])
            .await?;
        self.client.query("SELECT boxoffice.sync_all()", &[]).await?;
        let open = "SELECT (SELECT count(*) FROM boxoffice.sync_runs WHERE status IN ('running', 'finishing'))
            + (SELECT count(*) FROM boxoffice.fetch_jobs WHERE status IN ('leased', 'covered'))";
        until("the synchronisation has ended", async || Ok(line(&self.client, open).await? == "0")).await
    }
}

async fn start(db: &Database, fake: &Fake) -> Result<Worker> {
    let (humanitix, eventbrite) = (fake.humanitix_url(), fake.eventbrite_url());
    let settings = [
        ("HUMANITIX_API_URL", humanitix.as_str()),
        ("EVENTBRITE_API_URL", eventbrite.as_str()),
        ("HUMANITIX_API_KEY", HUMANITIX_KEY),
        ("EVENTBRITE_OAUTH_TOKEN", EVENTBRITE_TOKEN),
        ("BOXOFFICE_TASK_SECONDS", "0.5"),
    ];
    Worker::start(db, &settings).await
}

async fn proof(seed: usize) -> Result {
    let mut proof = Proof::open(seed).await?;
    let mut events = Vec::new();
    for (platform, title) in [
        (Platform::Humanitix, "Laughs on the Harbour"),
        (Platform::Eventbrite, "Laughs on the Harbour"),
        (Platform::Humanitix, "Raw Material"),
        (Platform::Eventbrite, "The Late Mic"),
    ] {
        let event = proof.fake.create_event(platform, EventSpec::new(title))?;
        let link = "SELECT boxoffice.link_event($1, $2, $3)";
        proof.client.execute(link, &[&platform.as_str(), &event, &title.to_lowercase()]).await?;
        events.push(event);
    }
    // The platforms have days like that, too.
    proof.fake.fault(Fault::Lag(Duration::from_millis(300))).only(Platform::Eventbrite).percent(15).start();
    proof.fake.fault(Fault::Torn(Duration::from_millis(300))).only(Platform::Eventbrite).percent(10).start();
    proof.fake.fault(Fault::Unavailable).percent(3).start();
    proof.fake.fault(Fault::Internal).percent(3).start();
    proof.fake.fault(Fault::Truncated).percent(2).start();
    proof.fake.fault(Fault::Slow(Duration::from_millis(150))).percent(5).start();
    proof.fake.fault(Fault::TooMany(Some(1))).percent(1).start();

    let mut orders = Vec::new();
    for number in 0..PURCHASES {
        let event = &events[proof.random.below(events.len())];
        let buyer = Person::new("Buyer", &format!("Number{number}"));
        let count = 1 + proof.random.below(4);
        orders.push(proof.fake.purchase(event, PurchaseSpec::new(buyer, count))?);
        proof.time_passes();
        for _ in 0..proof.random.below(3) {
            proof.something_happens(&orders, number);
        }
        if number % 10 == 9 {
            proof.tell().await;
        }
        if number % 70 == 69 {
            proof.kill().await?;
        }
        if number % 150 == 149 {
            // Somebody asks for everything in the middle of it.
            proof.client.query("SELECT boxoffice.sync_all()", &[]).await?;
        }
    }
    proof.tell().await;
    proof.fake.clear_faults();
    proof.synchronised().await?;

    let sum = |pick: fn(&Sent) -> usize| proof.sent.iter().map(pick).sum::<usize>();
    let (offered, dropped, duplicated) = (sum(|s| s.offered), sum(|s| s.dropped), sum(|s| s.duplicated));
    assert!(offered > 2000 && dropped > offered / 10 && duplicated > offered / 10, "{offered} {dropped} {duplicated}");
    for platform in [Platform::Humanitix, Platform::Eventbrite] {
        let truth = proof.fake.truth(platform);
        assert!(truth.len() > 200);
        let different = differences(&proof.client, platform, &truth).await?;
        assert!(
            different.is_empty(),
            "seed {seed}: {} of {}: {:#?}",
            different.len(),
            truth.len(),
            &different[..different.len().min(4)]
        );
    }
    assert_eq!(lines(&proof.client, "SELECT problem, item FROM boxoffice.check_consistency()").await?, [""; 0]);
    // What was kept can be applied again, all of it, and changes nothing.
    assert_eq!(line(&proof.client, "SELECT changed FROM boxoffice.replay_webhooks('-infinity')").await?, "0");
    for statuses in [["none", "partial", "refunded", "cancelled"]] {
        let seen = lines(&proof.client, "SELECT DISTINCT refund_status FROM boxoffice.ticket_sales").await?;
        assert!(statuses.iter().all(|status| seen.iter().any(|s| s == status)), "{seen:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn after_one_sync_the_tables_equal_the_truth() -> Result {
    let seed = std::env::var("BOXOFFICE_PROOF_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_124);
    proof(seed).await
}
