//! A day on two platforms, seen from the database: `make demo`.
//!
//! Both platforms are fakes with real HTTP. Tickets are bought, refunded, transferred, scanned; of the webhooks about it
//! some get lost, some come twice, and none in its order; one delivery is forged and one is broken. What webhooks have not
//! brought comes with a synchronisation, what nobody was told with a reconciliation. At the end tables and analytics must
//! be what the platforms know to be true; otherwise the exit code is 1.
//!
//! Each run has events and accounts of its own, so that it adds to the database and changes nothing that is there. The
//! webhooks go to the worker of `make up`; a second worker, which ends with the demo, asks the fakes. Environment:
//! `BOXOFFICE_URL`, `DATABASE_URL`, `INGRESS_DATABASE_URL`, `HUMANITIX_WEBHOOK_SECRET`, `EVENTBRITE_PATH_TOKEN`, and the
//! worker's program in `BOXOFFICE_TEST_INGRESS`.

mod ledger;
mod shows;
mod visit;

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use boxoffice_tests::fake::{Fake, Platform, Sender, Sent, TruthOrder, clock};
use boxoffice_tests::random::Random;
use boxoffice_tests::{Result, http, shown, sign};
use tokio_postgres::{Client, NoTls};

use shows::{Orders, SHOWS};
use visit::Visit;

const PLATFORMS: [Platform; 2] = [Platform::Humanitix, Platform::Eventbrite];
/// Parts of the day, and how many hours before now each of them was.
const PARTS: [(&str, i64); 4] = [("night", 14), ("morning", 10), ("afternoon", 6), ("evening", 3)];
/// Longest list of differences that is shown.
const SHOWN: usize = 5;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn setting(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set; run this with: make demo"))
}

async fn run() -> Result {
    let (client, connection) =
        tokio_postgres::connect(&setting("DATABASE_URL")?, NoTls).await.context("cannot connect to DATABASE_URL")?;
    tokio::spawn(connection);
    let number = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let fake = Fake::builder()
        .seed(number)
        .bridge(&setting("HUMANITIX_WEBHOOK_SECRET")?)
        .webhook("https://hooks.example.com/webhooks/eventbrite", &number.to_string())
        .clock_offset(-15 * 60 * clock::MINUTE)
        .start()
        .await?;
    let day = Day::open(&client, fake, number)?;
    let visit = Visit::begin(&client, &setting("INGRESS_DATABASE_URL")?, &day.fake, number).await?;
    let told = day.tell(&visit).await;
    // Whatever has happened, nothing stays behind.
    let complaints = visit.end().await?;
    if told.is_err() {
        complaints.iter().for_each(|line| eprintln!("{line}"));
    }
    told
}

/// What the platforms do, and what should come of it.
struct Day<'c> {
    client: &'c Client,
    fake: Fake,
    /// Our events, each once.
    events: Vec<String>,
    /// For each show the platform's id of its event.
    external: Vec<String>,
    /// The prefix of our events.
    name: String,
    seed: u64,
}

impl<'c> Day<'c> {
    fn open(client: &'c Client, fake: Fake, number: u64) -> Result<Day<'c>> {
        let name = format!("demo-{number}");
        let external = SHOWS.iter().map(|show| show.open(&fake)).collect::<Result<Vec<_>>>()?;
        let mut events: Vec<String> = SHOWS.iter().map(|show| format!("{name}-{}", show.key)).collect();
        events.dedup();
        Ok(Day { client, fake, events, external, name, seed: number })
    }

    async fn tell(&self, visit: &Visit<'_>) -> Result {
        let first_log: i64 =
            self.client.query_one("SELECT COALESCE(max(id), 0) FROM boxoffice.webhook_logs", &[]).await?.get(0);
        let mut random = Random::new(self.seed);
        let mut orders = Orders::default();
        let url = setting("BOXOFFICE_URL")?;
        let token = setting("EVENTBRITE_PATH_TOKEN")?;
        let unreliable = |path: &str, seed| {
            Sender::new(&format!("{url}{path}")).drop_percent(15).duplicate_percent(15).reorder().seed(seed)
        };
        let mut senders = [
            unreliable("/webhooks/humanitix", self.seed),
            unreliable(&format!("/functions/v1/eventbrite-webhook/{token}"), self.seed + 1),
        ];
        println!("{} shows on two platforms, and unreliable webhooks", SHOWS.len());
        for (part, hours) in PARTS {
            self.fake.set_clock_offset(-hours * 60 * clock::MINUTE);
            let sold = orders.sell(&self.fake, &self.external, &mut random)?;
            let hints = [self.fake.take_envelopes(), self.fake.take_hints()];
            let mut sum = Sent::default();
            for (sender, hints) in senders.iter_mut().zip(hints) {
                let sent = sender.send(&hints).await;
                ensure!(sent.failed == 0, "webhooks were refused: {:?}", sent.statuses);
                sum.offered += sent.offered;
                sum.dropped += sent.dropped;
                sum.duplicated += sent.duplicated;
            }
            println!(
                "  {part:<10} {sold:>3} orders, {:>4} webhooks, {:>3} of them lost, {:>3} sent twice",
                sum.offered, sum.dropped, sum.duplicated
            );
        }
        self.attack(&url).await?;
        visit.drain().await?;
        self.answered(first_log).await?;
        println!("\n  by webhooks alone: {} of {} orders incomplete or out of date", self.wrong().await?, self.count());

        for (show, external) in SHOWS.iter().zip(&self.external) {
            // Sales that came before the link get their event now.
            let ours = format!("{}-{}", self.name, show.key);
            let link = "SELECT boxoffice.link_event($1, $2, $3)";
            self.client.execute(link, &[&show.platform.as_str(), external, &ours]).await?;
        }
        let synchronised = visit.synchronise("sync_event", &self.events).await?;
        println!("  linked, synchronised: {synchronised}");
        self.settled("after the synchronisation").await?;

        // The webhooks are switched off for a while.
        orders.disturb(&self.fake, 20, &mut random)?;
        orders.sell(&self.fake, &self.external, &mut random)?;
        println!(
            "  webhooks off for a while: {} of {} orders missing or out of date",
            self.wrong().await?,
            self.count()
        );
        let reconciled = visit.synchronise("reconcile_event", &self.events).await?;
        println!("  reconciled: {reconciled}");
        self.report().await?;
        self.settled("after the reconciliation").await?;
        println!(
            "\n  checked: sales, tickets, attendees and money of {} orders of {} events are what the platforms know\n",
            self.count(),
            self.events.len()
        );
        Ok(())
    }

    /// Somebody who does not know the secret wants a free ticket, and a bridge breaks off in the middle of a body.
    async fn attack(&self, url: &str) -> Result {
        let body =
            br#"{"event_type":"order.created","data":{"order":{"id":"forged","status":"paid","total_amount":0}}}"#;
        let (half, secret) = (&body[..body.len() / 2], setting("HUMANITIX_WEBHOOK_SECRET")?);
        for (what, key, body, status) in [("forged", "guessed", &body[..], 401), ("broken", &*secret, half, 400)] {
            let signature = sign::hex(key, body);
            let headers = [("content-type", "application/json"), ("x-humanitix-signature", &*signature)];
            let answer = http::post(&format!("{url}/webhooks/humanitix"), &headers, body).await?;
            ensure!(answer.status == status, "a {what} delivery was answered {}", answer.status);
            let outcome = answer.json()?["outcome"].as_str().unwrap_or_default().to_owned();
            println!("  {what:<10} one delivery: {status} {outcome}");
        }
        Ok(())
    }

    /// What became of the webhooks.
    async fn answered(&self, first_log: i64) -> Result {
        let query = "SELECT format('  %s %s %s', rpad(platform, 10), rpad(status::text, 10), lpad(count(*)::text, 5))
            FROM boxoffice.webhook_logs WHERE id > $1 AND source = 'webhook' GROUP BY platform, status ORDER BY platform, status";
        println!("\n  {:<10} {:<10} {:>5}", "deliveries", "outcome", "times");
        for row in self.client.query(query, &[&first_log]).await? {
            println!("{}", row.get::<_, &str>(0));
        }
        Ok(())
    }

    async fn report(&self) -> Result {
        let query = "SELECT format('    %s %s orders differed (%s missing, %s in money), %s differences put right%s',
                rpad(event_title || ', ' || platform, 36), lpad(orders_different::text, 3), missing_here, amount_differences, healed,
                COALESCE('; money held: ' || (SELECT string_agg(key || ' ' || value, ', ') FROM jsonb_each_text(NULLIF(money_difference, '{}'))), ''))
            FROM boxoffice.reconciliation_reports WHERE event_id = ANY ($1) ORDER BY run_id";
        for row in self.client.query(query, &[&self.events]).await? {
            println!("{}", row.get::<_, &str>(0));
        }
        Ok(())
    }

    fn truth(&self) -> Vec<(Platform, Vec<TruthOrder>)> {
        PLATFORMS.map(|platform| (platform, self.fake.truth(platform))).into()
    }

    /// How many orders the platforms know.
    fn count(&self) -> usize {
        self.truth().iter().map(|(_, orders)| orders.len()).sum()
    }

    /// How many orders are not here as the platforms know them.
    async fn wrong(&self) -> Result<usize> {
        Ok(self.differences().await?.len())
    }

    async fn differences(&self) -> Result<Vec<String>> {
        let mut all = Vec::new();
        for (platform, truth) in self.truth() {
            // Orders that are not the demo's are none of its business.
            let ours = |line: &String| !line.ends_with(": not there");
            all.extend(shown::differences(self.client, platform, &truth).await?.into_iter().filter(ours));
        }
        Ok(all)
    }

    /// Fails when anything differs from what the platforms know.
    async fn settled(&self, when: &str) -> Result {
        let mut wrong = self.differences().await?;
        let truth = self.truth();
        let mut sold = Vec::new();
        for (show, external) in SHOWS.iter().zip(&self.external) {
            let ours = self.events.iter().find(|event| event.ends_with(show.key)).context("a show without event")?;
            let of = truth.iter().filter(|(platform, _)| *platform == show.platform).flat_map(|(_, orders)| orders);
            let of = of.filter(|order| order.event_id == *external);
            sold.extend(of.map(|order| (ours.as_str(), show.platform, order)));
        }
        wrong.extend(ledger::differences(self.client, &self.events, &sold).await?);
        if !wrong.is_empty() {
            let (count, first) = (wrong.len(), wrong.split_off(wrong.len().saturating_sub(SHOWN)).join("\n"));
            bail!("{when}, {count} things are not what the platforms know, among them:\n{first}");
        }
        Ok(())
    }
}
