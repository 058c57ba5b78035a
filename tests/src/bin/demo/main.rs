//! A season of comedy nights on two platforms, seen from the database: `make demo`.
//!
//! Both platforms are fakes with real HTTP. First their APIs are read, as on the day on which somebody connects them:
//! weeks of sales, refunds and arrivals of nights that are over, and what is sold so far for those to come. Then an evening
//! of sales follows by webhooks, of which some get lost, some come twice, and none in its order; one is forged and one
//! breaks off. A reconciliation finds what they have not brought. At the end tables and analytics must be what the platforms
//! know to be true; otherwise the exit code is 1.
//!
//! It wants a database with the extension and nothing in it, and starts a worker of its own, which ends with it.
//! Environment: `DATABASE_URL`, `INGRESS_DATABASE_URL`, `HUMANITIX_WEBHOOK_SECRET`, `EVENTBRITE_PATH_TOKEN`, and the
//! worker's program in `BOXOFFICE_TEST_INGRESS`.

mod audience;
mod ledger;
mod programme;
mod season;
mod visit;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use boxoffice_tests::fake::{Fake, Platform, Sender, Sent, TruthOrder, clock};
use boxoffice_tests::{Result, http, shown, sign};
use tokio_postgres::{Client, NoTls};

use audience::Audience;
use programme::End;
use season::Night;
use visit::Visit;

/// The same season each time, but for the dates.
const SEED: u64 = 20;
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

/// One line of the story.
fn say(what: &str, words: &str) {
    println!("  {what:<10} {words}");
}

async fn run() -> Result {
    let (client, connection) =
        tokio_postgres::connect(&setting("DATABASE_URL")?, NoTls).await.context("cannot connect to DATABASE_URL")?;
    tokio::spawn(connection);
    let used =
        "SELECT (SELECT count(*) FROM boxoffice.ticket_sales) + (SELECT count(*) FROM boxoffice.ticket_platforms)
        + (SELECT count(*) FROM boxoffice.webhook_logs) + (SELECT count(*) FROM boxoffice.platform_accounts)";
    let used: i64 = client.query_one(used, &[]).await.context("no boxoffice in DATABASE_URL")?.get(0);
    ensure!(used == 0, "the database of DATABASE_URL is in use; the demo plays into an empty one only: make demo");

    let now = clock::real_now();
    let fake = Fake::builder()
        .seed(SEED)
        .bridge(&setting("HUMANITIX_WEBHOOK_SECRET")?)
        .clock_offset(-80 * clock::DAY)
        .start()
        .await?;
    let mut nights = season::nights(&client, now).await?;
    season::open(&client, &fake, &mut nights).await?;
    let mut audience = Audience::new(SEED, &nights, now - 200 * clock::MINUTE)?;
    let sold = audience.play(&fake)?;
    // Nobody has listened so far.
    let _ = (fake.take_envelopes(), fake.take_hints());

    let visit = Visit::begin(&client, &setting("INGRESS_DATABASE_URL")?, &fake).await?;
    let told = Demo { client: &client, fake, nights, visit: &visit, now }.tell(&mut audience, sold).await;
    // Whatever has happened, nothing stays behind.
    let complaints = visit.end().await?;
    if told.is_err() {
        complaints.iter().for_each(|line| eprintln!("{line}"));
    }
    told
}

/// What the platforms hold, and what should come of it.
struct Demo<'c> {
    client: &'c Client,
    fake: Fake,
    nights: Vec<Night>,
    visit: &'c Visit<'c>,
    now: i64,
}

impl Demo<'_> {
    async fn tell(&self, audience: &mut Audience, sold: usize) -> Result {
        let external = self.external();
        println!(
            "Two fake platforms have {} events and {sold} orders of a season. boxoffice asks them:\n",
            external.len()
        );
        self.visit.find(external.len()).await?;
        for (night, platform, external) in external.iter().filter(|(night, _, _)| night.series.end != End::NotOurs) {
            let link = "SELECT boxoffice.link_event($1, $2, $3)";
            self.client.execute(link, &[&platform.as_str(), external, &night.ours]).await?;
        }
        let ours = self.ours();
        say(
            "found",
            &format!(
                "{} events; {} are linked to {} of ours, one is somebody else's",
                external.len(),
                external.len() - 1,
                ours.len()
            ),
        );
        let begun = Instant::now();
        let items = self.visit.synchronise("sync_event", &ours).await?;
        say("read", &format!("all of it, {items} orders and tickets in {:.1} s", begun.elapsed().as_secs_f32()));
        self.settled("after the synchronisation").await?;

        self.evening(audience).await?;
        self.attack().await?;
        self.visit.drain().await?;
        let wrong = self.differences().await?.len();
        say("missing", &format!("{wrong} of {} orders were lost or out of date then", self.truth().len()));
        self.visit.synchronise("reconcile_event", &ours).await?;
        say("compared", &format!("with the platforms: {}", self.healed().await?));
        self.settled("after the reconciliation").await?;
        say(
            "checked",
            &format!("{} orders, their tickets, refunds and money: all as the platforms have them", self.truth().len()),
        );
        Ok(())
    }

    /// An evening of sales by webhooks. Those about the night that nobody has linked all come through.
    async fn evening(&self, audience: &mut Audience) -> Result {
        let token = setting("EVENTBRITE_PATH_TOKEN")?;
        let paths = ["/webhooks/humanitix".to_owned(), format!("/functions/v1/eventbrite-webhook/{token}")];
        let mut sum = Sent::default();
        let mut orders = 0;
        for (ours, lost, twice) in [(true, 25, 15), (false, 0, 0)] {
            audience.evening(&self.nights, self.now, ours)?;
            orders += audience.play(&self.fake)?;
            for (path, hints) in paths.iter().zip([self.fake.take_envelopes(), self.fake.take_hints()]) {
                let sender = Sender::new(&self.visit.url(path)).drop_percent(lost).duplicate_percent(twice);
                let sent = sender.reorder().seed(SEED).send(&hints).await;
                ensure!(sent.failed == 0, "webhooks were refused: {:?}", sent.statuses);
                (sum.offered, sum.dropped) = (sum.offered + sent.offered, sum.dropped + sent.dropped);
                sum.duplicated += sent.duplicated;
            }
        }
        self.fake.set_clock_offset(0);
        println!("\nThen an evening of sales, by webhooks that nobody can rely on:\n");
        say(
            "sold",
            &format!(
                "{orders} orders; of {} webhooks {} got lost, {} came twice, none in its order",
                sum.offered, sum.dropped, sum.duplicated
            ),
        );
        Ok(())
    }

    /// Somebody who does not know the secret wants a free ticket, and a bridge breaks off in the middle of a body.
    async fn attack(&self) -> Result {
        let body =
            br#"{"event_type":"order.created","data":{"order":{"id":"forged","status":"paid","total_amount":0}}}"#;
        let (half, secret) = (&body[..body.len() / 2], setting("HUMANITIX_WEBHOOK_SECRET")?);
        for (what, key, body, status, words) in [
            ("forged", "guessed", &body[..], 401, "a free ticket, signed by somebody who does not know the secret"),
            ("broken", &*secret, half, 400, "a body that breaks off is kept, and says why it was of no use"),
        ] {
            let signature = sign::hex(key, body);
            let headers = [("content-type", "application/json"), ("x-humanitix-signature", &*signature)];
            let answer = http::post(&self.visit.url("/webhooks/humanitix"), &headers, body).await?;
            ensure!(answer.status == status, "a {what} delivery was answered {}", answer.status);
            say(what, &format!("{words}: {status}"));
        }
        Ok(())
    }

    /// What the reconciliation has put right.
    async fn healed(&self) -> Result<String> {
        let query = "SELECT format('%s orders put right%s', sum(orders_different),
                (SELECT string_agg(format(', %s %s would have been missing', key, value), '' ORDER BY key) FROM (
                    SELECT key, sum(value::numeric) AS value FROM boxoffice.reconciliation_reports, jsonb_each_text(money_difference)
                    GROUP BY key) m))
            FROM boxoffice.reconciliation_reports";
        Ok(self.client.query_one(query, &[]).await?.get(0))
    }

    /// Each event of a platform once, with one of its nights.
    fn external(&self) -> Vec<(&Night, Platform, &str)> {
        let mut all: Vec<(&Night, Platform, &str)> = Vec::new();
        for night in &self.nights {
            for (platform, external) in &night.external {
                if all.iter().all(|(_, _, known)| known != external) {
                    all.push((night, *platform, external));
                }
            }
        }
        all
    }

    /// Our events.
    fn ours(&self) -> Vec<String> {
        let linked = self.nights.iter().filter(|night| night.series.end != End::NotOurs);
        let mut ours: Vec<String> = linked.map(|night| night.ours.clone()).collect();
        ours.dedup();
        ours
    }

    fn truth(&self) -> Vec<TruthOrder> {
        Platform::ALL.into_iter().flat_map(|platform| self.fake.truth(platform)).collect()
    }

    /// Orders that are not here as the platforms know them, and rows that they do not know.
    async fn differences(&self) -> Result<Vec<String>> {
        let mut all = Vec::new();
        for platform in Platform::ALL {
            all.extend(shown::differences(self.client, platform, &self.fake.truth(platform)).await?);
        }
        Ok(all)
    }

    /// Fails when anything differs from what the platforms know.
    async fn settled(&self, when: &str) -> Result {
        let mut wrong = self.differences().await?;
        let truth: Vec<(&str, Platform, Vec<TruthOrder>)> = self
            .external()
            .into_iter()
            .filter(|(night, _, _)| night.series.end != End::NotOurs)
            .map(|(night, platform, external)| (night.ours.as_str(), platform, self.fake.truth_of_event(external)))
            .collect();
        let sold =
            truth.iter().flat_map(|(ours, platform, orders)| orders.iter().map(|order| (*ours, *platform, order)));
        wrong.extend(ledger::differences(self.client, &self.ours(), &sold.collect::<Vec<_>>()).await?);
        if !wrong.is_empty() {
            let (count, first) = (wrong.len(), wrong.split_off(wrong.len().saturating_sub(SHOWN)).join("\n"));
            bail!("{when}, {count} things are not what the platforms know, among them:\n{first}");
        }
        Ok(())
    }
}
