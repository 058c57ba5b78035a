//! A realistic day of deliveries, over HTTP, correctly signed: `make demo`.
//!
//! Hundreds of orders over several events on both platforms: paid, free, pending, partly and wholly refunded,
//! cancelled; some deliveries come twice, many out of order, one is forged and one is broken. All of it is made from a
//! seed, so a second run sends the same orders again and changes nothing. At the end the analytics of the database must
//! equal sums that were worked out here from the orders alone; otherwise the exit code is 1.
//!
//! Eventbrite's deliveries are hints: what they point to is fetched. Here the demo itself plays the platform and
//! answers the waiting jobs. Environment: `BOXOFFICE_URL`, `DATABASE_URL`, `HUMANITIX_WEBHOOK_SECRET`,
//! `EVENTBRITE_PATH_TOKEN`.

mod eventbrite;
mod humanitix;
mod ledger;
mod random;
mod shows;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use boxoffice_tests::Result;
use boxoffice_tests::http::Connection;
use hyper::Method;
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};

use eventbrite::Platform;
use random::Random;
use shows::{Calendar, DAY, Delivery, Expected, SHOWS};

/// Makes the day what it is.
const SEED: u64 = 20_260_306;
/// Senders at a time.
const SENDERS: usize = 8;
/// The day in pieces; after each of them the waiting jobs are answered.
const PIECES: [(u64, &str); 4] = [(9 * 60, "night"), (13 * 60, "morning"), (18 * 60, "afternoon"), (DAY, "evening")];

/// How many answers there were of each kind: path without token, status, outcome.
type Counts = BTreeMap<(&'static str, u16, String), usize>;

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
    let (url, secret, token) =
        (setting("BOXOFFICE_URL")?, setting("HUMANITIX_WEBHOOK_SECRET")?, setting("EVENTBRITE_PATH_TOKEN")?);
    let address =
        url.strip_prefix("http://").context("BOXOFFICE_URL must begin with http://")?.trim_end_matches('/').to_owned();
    let (client, connection) =
        tokio_postgres::connect(&setting("DATABASE_URL")?, NoTls).await.context("cannot connect to DATABASE_URL")?;
    tokio::spawn(connection);

    let calendar = calendar(&client).await?;
    let (orders, platform, mut deliveries) = make(&calendar, &secret, &token);
    println!("{} orders of {} on {} shows: {} deliveries", orders.len(), calendar.day, SHOWS.len(), deliveries.len());

    let counts = Arc::new(Mutex::new(Counts::new()));
    let mut random = Random::new(SEED + 1);
    let mut from = 0;
    for (piece, (until, name)) in PIECES.into_iter().enumerate() {
        let mut part: Vec<Delivery> =
            deliveries.extract_if(.., |delivery| (from..until).contains(&delivery.minute)).collect();
        // Nothing arrives in the order in which it happened.
        random.shuffle(&mut part);
        let sent = part.len();
        send(&address, part, &counts).await?;
        let answered = answer_jobs(&client, &platform, &calendar, until).await?;
        println!("  {name:<10} {sent:>4} deliveries, {answered:>3} resources fetched");
        if piece == 0 {
            // Sales that came before the link get their event now, later ones at once.
            link(&client, &calendar).await?;
            println!("  linked {} shows to their events", SHOWS.len());
        }
        from = until;
    }

    println!("\n  {:<28} {:>4}  {:<10} {:>5}", "answered", "HTTP", "outcome", "times");
    for ((path, status, outcome), times) in counts.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        println!("  {path:<28} {status:>4}  {outcome:<10} {times:>5}");
    }
    let mut events: Vec<&str> = SHOWS.iter().map(|show| show.event_id).collect();
    events.dedup();
    ledger::check(&client, &events, &orders).await?;
    println!(
        "\n  checked: sales, tickets, attendees and money of {} events equal what was sold\n",
        ledger::expected(&orders).len()
    );
    Ok(())
}

/// Yesterday; or the day of an earlier run, so that its orders come again and not others.
async fn calendar(client: &Client) -> Result<Calendar> {
    let query = "SELECT COALESCE((SELECT (starts_at AT TIME ZONE 'UTC')::date - $2::int \
            FROM boxoffice.ticket_events WHERE event_id = $1), \
        (now() AT TIME ZONE 'UTC')::date - 1)::text";
    let day: String = client.query_one(query, &[&SHOWS[0].event_id, &SHOWS[0].in_days]).await?.get(0);
    let in_days: Vec<i32> = SHOWS.iter().map(|show| show.in_days).collect();
    let query =
        "SELECT array_agg(($1::text::date + d)::text ORDER BY n) FROM unnest($2::int[]) WITH ORDINALITY AS u (d, n)";
    let show_days = client.query_one(query, &[&day, &in_days]).await?.get(0);
    Ok(Calendar { day, show_days })
}

/// All orders, what the platform knows of them, and all deliveries.
fn make(calendar: &Calendar, secret: &str, token: &str) -> (Vec<Expected>, Platform, Vec<Delivery>) {
    let mut random = Random::new(SEED);
    let (mut orders, mut platform, mut deliveries) = (Vec::new(), Platform::default(), Vec::new());
    for (index, show) in SHOWS.iter().enumerate() {
        for _ in 0..show.orders {
            orders.push(match show.platform {
                "humanitix" => humanitix::order((index, show), calendar, &mut random, secret, &mut deliveries),
                _ => eventbrite::order(show, calendar, &mut random, token, &mut platform, &mut deliveries),
            });
        }
    }
    // Platforms send again what they have no answer to, sometimes much later.
    for copy in deliveries.clone() {
        if random.percent(12) {
            let minute = (copy.minute + random.below(300)).min(DAY - 1);
            deliveries.push(Delivery { minute, ..copy });
        }
    }
    // Somebody who does not know the secret wants a free ticket, and a bridge breaks off in the middle of a body.
    let body = br#"{"event_type":"order.created","data":{"order":{"id":"forged","status":"paid","total_amount":0}}}"#;
    let mut forged = humanitix::signed("guessed", 600, body.to_vec());
    forged.status = 401;
    let mut broken = humanitix::signed(secret, 700, body[..body.len() / 2].to_vec());
    broken.status = 400;
    deliveries.extend([forged, broken]);
    (orders, platform, deliveries)
}

/// Sends deliveries over several connections at a time.
async fn send(address: &str, deliveries: Vec<Delivery>, counts: &Arc<Mutex<Counts>>) -> Result {
    let mut senders = JoinSet::new();
    let each = deliveries.len().div_ceil(SENDERS).max(1);
    for part in deliveries.chunks(each) {
        let (address, part, counts) = (address.to_owned(), part.to_vec(), Arc::clone(counts));
        senders.spawn(async move {
            let mut connection = Connection::open(&address).await?;
            for delivery in part {
                let mut headers = vec![("content-type", "application/json")];
                headers.extend(delivery.signature.as_deref().map(|signature| ("x-humanitix-signature", signature)));
                let answer = connection.send(Method::POST, &delivery.path, &headers, delivery.body).await?;
                ensure!(
                    answer.status == delivery.status,
                    "answered {} and not {}: {}",
                    answer.status,
                    delivery.status,
                    answer.text()
                );
                let outcome = answer.json()?["outcome"].as_str().unwrap_or_default().to_owned();
                let path = if delivery.signature.is_some() {
                    "POST /webhooks/humanitix"
                } else {
                    "POST …/eventbrite-webhook/…"
                };
                *counts
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .entry((path, answer.status, outcome))
                    .or_default() += 1;
            }
            anyhow::Ok(())
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender??;
    }
    Ok(())
}

/// Answers the waiting jobs, as the platform's API would at that minute; says how many.
async fn answer_jobs(client: &Client, platform: &Platform, calendar: &Calendar, minute: u64) -> Result<usize> {
    let waiting = "SELECT id, kind, resource_id FROM boxoffice.fetch_jobs \
        WHERE platform = 'eventbrite' AND status = 'waiting' ORDER BY id";
    let mut answered = 0;
    for job in client.query(waiting, &[]).await? {
        let (id, kind, resource): (i64, String, String) = (job.get(0), job.get(1), job.get(2));
        // Jobs about other orders are not the demo's to answer.
        let Some(body) = platform.answer(&kind, &resource, minute) else { continue };
        let apply = "SELECT items FROM boxoffice.apply_resource('eventbrite', $1, $2::text, $3::text::timestamptz)";
        let at = calendar.at(minute - 1);
        let items: i32 = client.query_one(apply, &[&kind, &body.to_string(), &at]).await?.get(0);
        ensure!(items == 1, "{kind} {resource}: {items} items");
        let done = "UPDATE boxoffice.fetch_jobs SET status = 'done', attempts = attempts + 1, finished_at = now() \
            WHERE id = $1";
        client.execute(done, &[&id]).await?;
        answered += 1;
    }
    Ok(answered)
}

async fn link(client: &Client, calendar: &Calendar) -> Result {
    for (index, show) in SHOWS.iter().enumerate() {
        client
            .execute("SELECT boxoffice.link_event($1, $2, $3)", &[&show.platform, &show.external_id, &show.event_id])
            .await?;
        let describe = "UPDATE boxoffice.ticket_events \
            SET title = $2, venue = $3, time_zone = $4, capacity = $5::int, starts_at = $6::text::timestamptz \
            WHERE event_id = $1 AND (title, venue, time_zone, capacity::int, starts_at) \
                IS DISTINCT FROM ($2::text, $3::text, $4::text, $5::int, $6::text::timestamptz)";
        let starts_at = calendar.show(index);
        client
            .execute(describe, &[&show.event_id, &show.title, &show.venue, &show.time_zone, &show.capacity, &starts_at])
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use boxoffice_tests::sign;

    fn a_day() -> Calendar {
        Calendar { day: "2026-03-01".into(), show_days: vec!["2026-03-15".into(); SHOWS.len()] }
    }

    #[test]
    fn the_same_day_comes_out_every_time() {
        let (orders, _, deliveries) = make(&a_day(), "secret", "token");
        let (again, _, same) = make(&a_day(), "secret", "token");
        assert_eq!(ledger::expected(&orders), ledger::expected(&again));
        assert!(deliveries.iter().map(|delivery| &delivery.body).eq(same.iter().map(|delivery| &delivery.body)));
    }

    #[test]
    fn the_day_has_everything() {
        let (orders, _, deliveries) = make(&a_day(), "secret", "token");
        assert!(orders.len() > 300 && deliveries.len() > orders.len());
        for sums in ledger::expected(&orders).values() {
            assert!(sums.orders > 0 && sums.tickets > 0 && sums.cancelled_orders > 0, "{sums:?}");
        }
        assert!(deliveries.iter().all(|delivery| delivery.minute < DAY));
        let right = |delivery: &&Delivery| delivery.signature == Some(sign::hex("secret", &delivery.body));
        let signed = deliveries.iter().filter(|delivery| delivery.signature.is_some());
        assert_eq!(signed.clone().filter(right).count() + 1, signed.count(), "one is forged");
    }
}
