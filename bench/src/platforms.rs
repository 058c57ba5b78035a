//! The fake platforms that synchronisations read from, and their lists page by page as any program would read them.

use std::time::Instant;

use anyhow::ensure;
use boxoffice_tests::fake::{EVENTBRITE_TOKEN, EventSpec, Fake, HUMANITIX_KEY, ORGANIZATION, Platform, clock};
use boxoffice_tests::http::{self, Response};
use boxoffice_tests::{Result, Worker};
use serde_json::Value;

use crate::recorded::{self, Answers, Recorded};
use crate::server::Server;

/// Both platforms.
pub const PLATFORMS: [Platform; 2] = [Platform::Humanitix, Platform::Eventbrite];
/// Days that the purchases are spread over.
const DAYS: i64 = 30;

/// Both platforms with an event each.
pub struct Platforms {
    /// The platforms.
    pub fake: Fake,
    /// Their events.
    pub events: [String; 2],
    /// Orders of both.
    pub orders: usize,
    /// Tickets of both.
    pub tickets: usize,
    /// The lists of a complete synchronisation.
    pub lists: Vec<List>,
    /// Their pages.
    pub recorded: Recorded,
    /// What making the pages took.
    pub made: Served,
}

/// What one pass over all lists showed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Served {
    /// Calls.
    pub calls: usize,
    /// Bytes of bodies.
    pub bytes: usize,
    /// Seconds.
    pub seconds: f64,
}

impl Platforms {
    /// Sells that many orders on each platform, and records the answers.
    pub async fn open(server: &Server, orders: usize) -> Result<Platforms> {
        // What has just happened is looked at twice, which is no part of what is measured.
        let fake = Fake::builder().clock_offset(-120 * clock::MINUTE).start().await?;
        let mut events = [String::new(), String::new()];
        let mut lists = Vec::new();
        for (event, platform) in events.iter_mut().zip(PLATFORMS) {
            *event = fake.create_event(platform, EventSpec::new("Laughs on the Harbour"))?;
            fake.bulk_orders(event, orders, DAYS)?;
            // The first pages are the database's own.
            let query = "SELECT kind, path FROM boxoffice.api_listings($1, 'event', $2, NULL, NULL)";
            for row in server.client.query(query, &[&platform.as_str(), event]).await? {
                lists.push(List { platform, kind: row.get(0), path: row.get(1) });
            }
        }
        let tickets = PLATFORMS.iter().flat_map(|platform| fake.truth(*platform)).map(|order| order.attendees.len());
        let tickets = tickets.sum();
        let mut answers = Answers::new();
        let made = read(
            &lists,
            |platform| fake.url(platform),
            |path, body| {
                answers.insert(recorded::key(path), recorded::wire("200 OK", body));
            },
        )
        .await?;
        let recorded = Recorded::serve(answers).await?;
        Ok(Platforms { fake, events, orders: 2 * orders, tickets, lists, recorded, made })
    }

    /// What the synchronisation's calls take when nobody does anything with the answers.
    pub async fn serve(&self) -> Result<Served> {
        read(&self.lists, |_| self.recorded.url.clone(), |_, _| {}).await
    }

    /// Starts a worker that may ask them, and tells the database that it has nothing to look for but these events.
    pub async fn worker(&self, server: &Server) -> Result<Worker> {
        self.forget(server).await?;
        let settings = [
            ("HUMANITIX_API_URL", &*self.recorded.url),
            ("EVENTBRITE_API_URL", &self.recorded.url),
            ("HUMANITIX_API_KEY", HUMANITIX_KEY),
            ("EVENTBRITE_OAUTH_TOKEN", EVENTBRITE_TOKEN),
        ];
        Worker::start(&server.database, &settings).await
    }

    /// The database has heard of the accounts and of the two events, and nothing is due.
    pub async fn forget(&self, server: &Server) -> Result {
        let empty = "TRUNCATE boxoffice.sync_history, boxoffice.sync_pages, boxoffice.account_calls, plain.ticket_sales, plain.attendees;
            DELETE FROM boxoffice.ticket_platforms WHERE event_id ^@ 'sync-'";
        server.client.batch_execute(empty).await?;
        server.reset().await?;
        for (platform, event) in PLATFORMS.iter().zip(&self.events) {
            let account = "SELECT boxoffice.configure_account($1, calls_per_hour => 1000000, organization_ids => $2)";
            let organizations = if *platform == Platform::Eventbrite { vec![ORGANIZATION] } else { Vec::new() };
            server.client.execute(account, &[&platform.as_str(), &organizations]).await?;
            let known = "INSERT INTO boxoffice.ticket_platforms (platform, external_event_id, event_id, account)
                VALUES ($1::text, $2::text, 'sync-' || $1::text, 'default')";
            server.client.execute(known, &[&platform.as_str(), event]).await?;
        }
        // Synchronisations are begun by the benchmark, and not by the clock; those of its other events by nobody.
        let settled = "UPDATE boxoffice.platform_accounts SET discovered_at = now();
            UPDATE boxoffice.ticket_platforms SET last_attempt_at = now(), last_sync_at = now(), last_full_sync_at = now(),
                platform_config = '{\"sync_minutes\": 10080, \"full_hours\": 8760}'";
        server.client.batch_execute(settled).await?;
        Ok(())
    }
}

/// Reads the lists to their ends, one call after the other.
async fn read(lists: &[List], url: impl Fn(Platform) -> String, mut keep: impl FnMut(&str, &[u8])) -> Result<Served> {
    let mut served = Served::default();
    let started = Instant::now();
    for list in lists {
        let url = url(list.platform);
        let mut path = Some(list.path.clone());
        while let Some(here) = path {
            let page = get(&url, list.platform, &here).await?;
            keep(&here, &page.body);
            served.calls += 1;
            served.bytes += page.body.len();
            path = list.after(&here, &page.json()?);
        }
    }
    served.seconds = started.elapsed().as_secs_f64();
    Ok(served)
}

/// A list of a platform.
#[derive(Debug, Clone)]
pub struct List {
    /// Whose.
    pub platform: Platform,
    /// orders or tickets
    pub kind: String,
    /// The first page.
    pub path: String,
}

impl List {
    /// The page after that one.
    pub fn after(&self, path: &str, body: &Value) -> Option<String> {
        match self.platform {
            Platform::Humanitix => {
                let number = |name: &str| body[name].as_u64();
                let (total, page, size) = (number("total")?, number("page")?, number("pageSize")?);
                (page * size < total).then(|| path.replace(&format!("page={page}&"), &format!("page={}&", page + 1)))
            }
            Platform::Eventbrite => {
                let token = body["pagination"]["continuation"].as_str()?;
                let first = path.split("&continuation=").next().unwrap_or(path);
                Some(format!("{first}&continuation={}", token.replace('+', "%2B").replace('=', "%3D")))
            }
        }
    }
}

/// One call with the platform's credential.
pub async fn get(url: &str, platform: Platform, path: &str) -> Result<Response> {
    let bearer = format!("Bearer {EVENTBRITE_TOKEN}");
    let credential = match platform {
        Platform::Humanitix => ("x-api-key", HUMANITIX_KEY),
        Platform::Eventbrite => ("authorization", bearer.as_str()),
    };
    let answer = http::get_with(&format!("{url}{path}"), &[credential]).await?;
    ensure!(answer.status == 200, "{path} was answered {}", answer.status);
    Ok(answer)
}
