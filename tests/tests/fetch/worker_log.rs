//! What the real worker logs about an account in trouble, without being asked for details, and that it says so once.

use boxoffice_tests::fake::{
    EVENTBRITE_TOKEN, EventSpec, Fake, HUMANITIX_KEY, ORGANIZATION, Outage, Person, Platform, PurchaseSpec,
};
use boxoffice_tests::hold::until;
use boxoffice_tests::sql::line;
use boxoffice_tests::{Database, Result, Worker};
use serde_json::Value;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

const HURRY: &str = "UPDATE fetch_jobs SET due_at = now() WHERE status = 'waiting' AND due_at < 'infinity'";

struct World {
    worker: Worker,
    client: Client,
    db: Database,
    fake: Fake,
}

impl World {
    async fn open() -> Result<World> {
        World::open_with(Fake::start().await?).await
    }

    async fn open_with(fake: Fake) -> Result<World> {
        let db = Database::create().await?;
        let client = db.client().await?;
        // The server's log would show what the worker hands over.
        let logged = format!("ALTER DATABASE {} SET log_min_duration_statement = 0", db.name());
        client.batch_execute(&logged).await?;
        let (humanitix, eventbrite) = (fake.humanitix_url(), fake.eventbrite_url());
        let settings = [
            ("HUMANITIX_API_URL", humanitix.as_str()),
            ("EVENTBRITE_API_URL", eventbrite.as_str()),
            ("HUMANITIX_API_KEY", HUMANITIX_KEY),
            ("EVENTBRITE_OAUTH_TOKEN", EVENTBRITE_TOKEN),
            ("BOXOFFICE_TASK_SECONDS", "0.2"),
            ("BOXOFFICE_FETCH_POLL_SECONDS", "0.2"),
        ];
        let worker = Worker::start(&db, &settings).await?;
        Ok(World { worker, client, db, fake })
    }

    /// A linked event with an order, read and fresh, whose changes are asked for every minute.
    async fn event(&self, platform: Platform) -> Result<String> {
        let event = self.fake.create_event(platform, EventSpec::new("Friday Night"))?;
        self.fake.purchase(&event, PurchaseSpec::new(Person::new("Ada", "Alarm"), 1))?;
        self.client.execute("SELECT link_event($1, $2, $2)", &[&platform.as_str(), &event]).await?;
        self.client
            .execute("SELECT configure_event_sync($1, $2, sync_minutes => 1)", &[&platform.as_str(), &event])
            .await?;
        self.becomes(&event, "fresh").await?;
        Ok(event)
    }

    async fn becomes(&self, event: &str, state: &str) -> Result {
        let query = format!("SELECT state FROM sync_status WHERE external_event_id = '{event}'");
        until(&format!("{event} is {state}"), async || Ok(line(&self.client, &query).await? == state)).await
    }

    /// As if that much time had gone by; what waits may begin.
    async fn later(&self, time: &str) -> Result {
        let shift = format!(
            "UPDATE ticket_platforms SET last_sync_at = last_sync_at - interval '{time}', last_attempt_at = last_attempt_at - interval '{time}';
             UPDATE sync_history SET started_at = started_at - interval '{time}', progress_at = progress_at - interval '{time}'
                 WHERE status = 'running';
             UPDATE fetch_jobs SET due_at = now() WHERE status = 'waiting' AND due_at < 'infinity';
             UPDATE platform_accounts SET blocked_until = NULL"
        );
        for statement in shift.split(';') {
            self.update(statement).await?;
        }
        Ok(())
    }

    /// The worker locks the same rows in another order: then once more.
    async fn update(&self, statement: &str) -> Result {
        loop {
            match self.client.execute(statement, &[]).await {
                Err(error) if error.code() == Some(&SqlState::T_R_DEADLOCK_DETECTED) => {}
                other => return Ok(other.map(|_| ())?),
            }
        }
    }

    /// The lines of that event about that platform.
    fn logged(&self, event: &str, platform: Platform) -> Vec<Value> {
        let lines = self.worker.log().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        lines.filter(|line| line["event"] == event && line["platform"] == platform.as_str()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_goes_away_and_comes_back_is_told_once_each() -> Result {
    let world = World::open().await?;
    for platform in [Platform::Eventbrite, Platform::Humanitix] {
        let event = world.event(platform).await?;
        world.fake.outage_of(platform, Outage::Refuse).await;
        world.later("70 seconds").await?;
        until("the account is in trouble", async || {
            // The pauses between the calls are of no interest here.
            world.later("1 second").await?;
            Ok(!world.logged("account_troubled", platform).is_empty())
        })
        .await?;
        let told = &world.logged("account_troubled", platform)[0];
        assert_eq!((&told["level"], &told["account"]), (&"info".into(), &"default".into()));
        let detail = told["detail"].as_str().unwrap_or_default();
        assert!(detail.starts_with("since 20") && detail.ends_with(": no answer: connect"), "{detail}");
        // After minutes the view says so too, though a run is going on.
        world.later("3 minutes").await?;
        world.becomes(&event, "late").await?;
        assert_eq!(
            line(
                &world.client,
                &format!("SELECT events_late FROM webhook_health WHERE platform = '{}'", platform.as_str())
            )
            .await?,
            "1"
        );
        // After two days the run has been ended, and the next one begun.
        world.later("2 days").await?;
        world.becomes(&event, "failed").await?;
        let ended = "SELECT count(*) > 0 FROM sync_runs WHERE status = 'failed' AND error LIKE 'no answer of the platform for%'";
        assert_eq!(line(&world.client, ended).await?, "t");

        world.fake.outage_of(platform, Outage::None).await;
        until("it is well again", async || {
            world.later("2 minutes").await?;
            Ok(!world.logged("account_well", platform).is_empty())
        })
        .await?;
        until("the event is fresh", async || {
            world.update(HURRY).await?;
            Ok(line(&world.client, &format!("SELECT state FROM sync_status WHERE external_event_id = '{event}'"))
                .await?
                == "fresh")
        })
        .await?;
        let well = world.logged("account_well", platform);
        assert!(
            well[0]["detail"].as_str().is_some_and(|detail| detail.starts_with("after trouble since 20")),
            "{well:?}"
        );
        assert_eq!((well.len(), world.logged("account_troubled", platform).len()), (1, 1), "once each");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_stops_and_goes_on_is_told_once_each() -> Result {
    let world = World::open().await?;
    let event = world.event(Platform::Eventbrite).await?;
    world.fake.revoke(EVENTBRITE_TOKEN);
    world.later("70 seconds").await?;
    let stopped = || world.logged("account_stopped", Platform::Eventbrite);
    until("the account is stopped", async || Ok(!stopped().is_empty())).await?;
    world.becomes(&event, "account stopped").await?;
    world.fake.accept(Platform::Eventbrite, EVENTBRITE_TOKEN, &[ORGANIZATION]);
    world.client.execute("SELECT resume_account('eventbrite')", &[]).await?;
    until("it goes on", async || Ok(!world.logged("account_resumed", Platform::Eventbrite).is_empty())).await?;
    world.later("70 seconds").await?;
    until("the event is fresh", async || {
        world.update(HURRY).await?;
        Ok(line(&world.client, "SELECT state FROM sync_status").await? == "fresh")
    })
    .await?;
    assert_eq!((stopped().len(), world.logged("account_resumed", Platform::Eventbrite).len()), (1, 1));
    assert_eq!(world.logged("account_resumed", Platform::Eventbrite)[0]["level"], "info");
    let log = world.worker.log().join("\n");
    assert!(!log.contains(EVENTBRITE_TOKEN) && !log.contains("/v3/"), "neither credentials nor paths: {log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn used_up_calls_are_heeded_and_the_token_in_the_header_goes_nowhere() -> Result {
    // One hour has ten calls; the platform says how long to wait in its counters only.
    let fake =
        Fake::builder().rate_limit(Platform::Eventbrite, 10).switches(|s| s.no_retry_after = true).start().await?;
    let world = World::open_with(fake).await?;
    let event = world.fake.create_event(Platform::Eventbrite, EventSpec::new("Friday Night"))?;
    for number in 0..30 {
        world.fake.purchase(&event, PurchaseSpec::new(Person::new("Ada", &format!("Limit{number}")), 1))?;
    }
    world.client.execute("SELECT link_event('eventbrite', $1, $1)", &[&event]).await?;
    let add = "INSERT INTO fetch_jobs (platform, path, kind, resource_id, priority) SELECT 'eventbrite', '/v3/orders/' || n || '/', 'order', n::text, 2
        FROM generate_series(1, 60) n";
    world.client.execute(add, &[]).await?;
    let paused = || world.logged("account_paused", Platform::Eventbrite);
    until("the account pauses", async || Ok(!paused().is_empty())).await?;
    let wait = "SELECT blocked_until BETWEEN now() + interval '50 minutes' AND now() + interval '61 minutes' FROM platform_accounts
        WHERE platform = 'eventbrite'";
    assert_eq!(line(&world.client, wait).await?, "t");
    // What was in flight is answered; nothing is asked after that.
    until("nothing is in flight", async || {
        Ok(line(&world.client, "SELECT count(*) FROM fetch_jobs WHERE status = 'leased'").await? == "0")
    })
    .await?;
    let asked = world.fake.calls(Platform::Eventbrite);
    assert!(asked <= 10 + 4, "{asked} calls");
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(world.fake.calls(Platform::Eventbrite), asked);
    assert_eq!(paused().len(), 1, "once: {:?}", paused());
    let log = world.worker.log().join("\n");
    let server = world.db.cluster().log()?;
    let kept = "SELECT string_agg(t::text, '') FROM (SELECT l::text AS t FROM webhook_logs l UNION ALL SELECT j::text FROM fetch_jobs j
        UNION ALL SELECT a::text FROM platform_accounts a UNION ALL SELECT h::text FROM sync_history h) x";
    let kept = line(&world.client, kept).await?;
    for (place, text) in [("the log of the worker", log), ("the log of the server", server), ("the tables", kept)] {
        assert!(!text.contains(EVENTBRITE_TOKEN) && !text.contains("APPLICATIONKEYOFTHETESTS"), "{place}");
    }
    Ok(())
}
