//! The whole loop with the real worker: hints come in over HTTP, the worker fetches from the fake platforms over HTTP.

use std::time::{Duration, Instant};

use boxoffice_tests::fake::{
    EVENTBRITE_TOKEN, EventSpec, Fake, Fault, HUMANITIX_KEY, ORGANIZATION, Outage, Person, Platform, PurchaseSpec,
    Sender, clock,
};
use boxoffice_tests::hold::until;
use boxoffice_tests::http;
use boxoffice_tests::shown::differences;
use boxoffice_tests::sql::{line, lines};
use boxoffice_tests::{Cluster, Database, Result, Stop, Worker};
use tokio_postgres::Client;

const TOKEN: &str = "token-of-the-loop-tests";

struct Loop {
    worker: Worker,
    client: Client,
    db: Database,
    fake: Fake,
}

impl Loop {
    async fn open(fake: Fake, more: &[(&str, &str)]) -> Result<Loop> {
        Loop::open_on(Database::create().await?, fake, more).await
    }

    async fn open_on(db: Database, fake: Fake, more: &[(&str, &str)]) -> Result<Loop> {
        let client = db.client().await?;
        client.execute("SELECT boxoffice.set_path_token('eventbrite', $1)", &[&TOKEN]).await?;
        let worker = start(&db, &fake, more).await?;
        let held = "SELECT count(*) FROM boxoffice.platform_accounts WHERE announced_at IS NOT NULL";
        until("the worker has said what it holds", async || Ok(line(&client, held).await? != "0")).await?;
        Ok(Loop { worker, client, db, fake })
    }

    /// An event that is linked, once it has been found.
    async fn event(&self, platform: Platform, title: &str) -> Result<String> {
        let event = self.fake.create_event(platform, EventSpec::new(title))?;
        let link = "SELECT boxoffice.link_event($1, $2, $2)";
        self.client.execute(link, &[&platform.as_str(), &event]).await?;
        Ok(event)
    }

    /// Sends what the platform has to say.
    async fn tell(&self) -> Result {
        let hints = self.fake.take_hints();
        let sent = Sender::new(&self.worker.url(&format!("/webhooks/eventbrite/{TOKEN}"))).send(&hints).await;
        assert_eq!((sent.failed, sent.delivered), (0, hints.len()), "{sent:?}");
        Ok(())
    }

    async fn equal(&self) -> Result<bool> {
        for platform in [Platform::Humanitix, Platform::Eventbrite] {
            if !differences(&self.client, platform, &self.fake.truth(platform)).await?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn becomes_equal(&self) -> Result {
        until("the tables equal the platform", async || self.equal().await).await
    }

    /// Asks for everything and waits until it is there.
    async fn sync_all(&self) -> Result {
        self.client.query("SELECT boxoffice.sync_all()", &[]).await?;
        let open = "SELECT count(*) FROM boxoffice.sync_runs WHERE status IN ('running', 'finishing')";
        until("all synchronisations have ended", async || Ok(line(&self.client, open).await? == "0")).await
    }
}

async fn start(db: &Database, fake: &Fake, more: &[(&str, &str)]) -> Result<Worker> {
    let (humanitix, eventbrite) = (fake.humanitix_url(), fake.eventbrite_url());
    let mut settings = vec![
        ("HUMANITIX_API_URL", humanitix.as_str()),
        ("EVENTBRITE_API_URL", eventbrite.as_str()),
        ("HUMANITIX_API_KEY", HUMANITIX_KEY),
        ("EVENTBRITE_OAUTH_TOKEN", EVENTBRITE_TOKEN),
    ];
    settings.extend(more.iter().copied());
    Worker::start(db, &settings).await
}

fn buyer(number: usize) -> Person {
    Person::new("Ada", &format!("Loop{number}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_becomes_a_sale_without_anybody_asking() -> Result {
    // No poll to speak of: the worker that has taken a hint wakes its own pump.
    let world =
        Loop::open(Fake::start().await?, &[("BOXOFFICE_FETCH_POLL_SECONDS", "600"), ("BOXOFFICE_TASK_SECONDS", "600")])
            .await?;
    let event = world.fake.create_event(Platform::Eventbrite, EventSpec::new("Friday Night"))?;
    let order = world.fake.purchase(&event, PurchaseSpec::new(buyer(1), 2))?;
    world.tell().await?;
    world.becomes_equal().await?;
    world.fake.refund_tickets(&order, &[0])?;
    world.fake.check_in(&order, 1)?;
    world.tell().await?;
    world.becomes_equal().await?;
    assert_eq!(line(&world.client, "SELECT refund_status, valid_quantity FROM ticket_sales").await?, "partial|1");

    // The credential goes where it belongs, with the calls that belong there, and into no log.
    let mine = format!("Bearer {EVENTBRITE_TOKEN}");
    for seen in world.fake.requests().into_iter().filter(|seen| seen.platform == Platform::Eventbrite) {
        assert_eq!((seen.authorization.as_deref(), seen.api_key.as_deref()), (Some(mine.as_str()), None), "{seen:?}");
    }
    let log = world.worker.log().join("\n");
    assert!(!log.contains(EVENTBRITE_TOKEN) && !log.contains(HUMANITIX_KEY) && !log.contains("Loop1"), "{log}");
    let everything = "SELECT string_agg(t::text, '') FROM (SELECT l::text AS t FROM webhook_logs l UNION ALL SELECT j::text FROM fetch_jobs j
        UNION ALL SELECT a::text FROM platform_accounts a) x";
    let kept = line(&world.client, everything).await?;
    assert!(!kept.contains(EVENTBRITE_TOKEN) && !kept.contains(HUMANITIX_KEY));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn when_every_webhook_is_lost_one_sync_finds_everything() -> Result {
    let fake = Fake::builder().clock_offset(-2 * 60 * clock::MINUTE).start().await?;
    let world = Loop::open(fake, &[]).await?;
    for platform in [Platform::Humanitix, Platform::Eventbrite] {
        let event = world.event(platform, "Friday Night").await?;
        world.fake.bulk_orders(&event, 120, 2)?;
    }
    world.sync_all().await?;
    assert!(world.equal().await?);
    for order in world.fake.truth(Platform::Eventbrite).iter().chain(&world.fake.truth(Platform::Humanitix)).step_by(7)
    {
        if order.valid_quantity > 0 {
            world.fake.check_in(&order.order_id, 0)?;
            world.fake.rename(&order.order_id, 0, &buyer(9))?;
        }
    }
    let lost = world.fake.take_hints().len();
    assert!(lost > 20);
    world.sync_all().await?;
    assert!(
        world.equal().await?,
        "{:?}",
        differences(&world.client, Platform::Eventbrite, &world.fake.truth(Platform::Eventbrite)).await?.first()
    );
    for seen in world.fake.requests() {
        let right = match seen.platform {
            Platform::Humanitix => seen.api_key.as_deref() == Some(HUMANITIX_KEY) && seen.authorization.is_none(),
            Platform::Eventbrite => seen.api_key.is_none() && seen.authorization.is_some(),
        };
        assert!(right, "{seen:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_redirect_takes_the_credential_elsewhere() -> Result {
    let (fake, elsewhere) = (Fake::start().await?, Fake::start().await?);
    let world = Loop::open(fake, &[]).await?;
    let event = world.fake.create_event(Platform::Eventbrite, EventSpec::new("Friday Night"))?;
    world.fake.fault(Fault::Redirect(elsewhere.eventbrite_url())).on("/v3/orders/").start();
    world.fake.purchase(&event, PurchaseSpec::new(buyer(1), 1))?;
    world.tell().await?;
    until("the fetch is given up", async || {
        Ok(line(&world.client, "SELECT count(*) > 0 FROM fetch_jobs WHERE status = 'dead' AND kind = 'order'").await?
            == "t")
    })
    .await?;
    assert_eq!(elsewhere.calls(Platform::Eventbrite) + elsewhere.calls(Platform::Humanitix), 0);
    let why =
        line(&world.client, "SELECT DISTINCT last_error FROM fetch_jobs WHERE status = 'dead' AND kind = 'order'")
            .await?;
    assert!(why.contains("redirect"), "{why}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_slow_broken_or_too_large_harm_nothing() -> Result {
    let settings = [("BOXOFFICE_FETCH_SECONDS", "1"), ("BOXOFFICE_FETCH_MAX_BYTES", "200000")];
    let world = Loop::open(Fake::start().await?, &settings).await?;
    let event = world.fake.create_event(Platform::Eventbrite, EventSpec::new("Friday Night"))?;
    let big = world.fake.fault(Fault::Oversized(300_000)).on("/v3/orders/").times(1).start();
    world.fake.purchase(&event, PurchaseSpec::new(buyer(1), 1))?;
    world.tell().await?;
    until("the large answer is refused", async || {
        Ok(line(&world.client, "SELECT count(*) FROM fetch_jobs WHERE last_error LIKE '%larger%'").await? == "1")
    })
    .await?;
    assert_eq!(world.fake.end_fault(big), 1);
    // What passes, heals.
    world.fake.fault(Fault::Stall(Duration::from_secs(5))).on("/v3/orders/").times(1).start();
    world.fake.fault(Fault::Truncated).on("/v3/orders/").times(1).start();
    world.fake.fault(Fault::Reset).on("/v3/orders/").times(1).start();
    world.fake.purchase(&event, PurchaseSpec::new(buyer(2), 1))?;
    world.tell().await?;
    let hurry = "UPDATE fetch_jobs SET due_at = now() WHERE status = 'waiting'";
    let healed = "SELECT count(*) FROM ticket_sales WHERE customer_name = 'Ada Loop2'";
    until("the order is there", async || {
        world.client.execute(hurry, &[]).await?;
        world.client.execute("UPDATE platform_accounts SET blocked_until = NULL", &[]).await?;
        Ok(line(&world.client, healed).await? == "1")
    })
    .await?;
    assert!(world.worker.rss_kib()? < 120_000);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_one_alarm_and_a_new_one_goes_on() -> Result {
    let world = Loop::open(Fake::start().await?, &[]).await?;
    let event = world.fake.create_event(Platform::Eventbrite, EventSpec::new("Friday Night"))?;
    until("the account is known to work", async || {
        Ok(line(&world.client, "SELECT count(*) FROM platform_accounts WHERE discovered_at IS NOT NULL").await? == "2")
    })
    .await?;
    world.fake.revoke(EVENTBRITE_TOKEN);
    for number in 0..5 {
        world.fake.purchase(&event, PurchaseSpec::new(buyer(number), 1))?;
    }
    world.tell().await?;
    let stopped = "SELECT count(*) FROM platform_accounts WHERE status = 'stopped'";
    until("the account is stopped", async || Ok(line(&world.client, stopped).await? == "1")).await?;
    until("the alarm is logged", async || Ok(world.worker.log().iter().any(|line| line.contains("account_stopped"))))
        .await?;
    let after = world.fake.calls(Platform::Eventbrite);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(world.fake.calls(Platform::Eventbrite), after, "no hammering");
    let alarms = world.worker.log().iter().filter(|line| line.contains("account_stopped")).count();
    assert_eq!(alarms, 1, "{:#?}", world.worker.log());
    assert_eq!(
        line(&world.client, "SELECT accounts_stopped FROM webhook_health WHERE platform = 'eventbrite'").await?,
        "1"
    );

    let Loop { client, db, fake, mut worker } = world;
    worker.term_and_wait().await?;
    fake.accept(Platform::Eventbrite, "another-token-of-the-tests", &[ORGANIZATION]);
    let worker = start(&db, &fake, &[("EVENTBRITE_OAUTH_TOKEN", "another-token-of-the-tests")]).await?;
    let world = Loop { client, db, fake, worker };
    world.becomes_equal().await?;
    assert_eq!(line(&world.client, stopped).await?, "0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_platform_heals_itself() -> Result {
    let world = Loop::open(Fake::start().await?, &[]).await?;
    let event = world.fake.create_event(Platform::Eventbrite, EventSpec::new("Friday Night"))?;
    world.fake.outage(Outage::Refuse).await;
    for number in 0..30 {
        world.fake.purchase(&event, PurchaseSpec::new(buyer(number), 1))?;
    }
    world.tell().await?;
    let failing = "SELECT failures >= 3 FROM platform_accounts WHERE platform = 'eventbrite'";
    until("the account is in trouble", async || Ok(line(&world.client, failing).await? == "t")).await?;
    world.fake.outage(Outage::None).await;
    world.becomes_equal().await?;
    assert_eq!(
        lines(
            &world.client,
            "SELECT last_error FROM platform_accounts WHERE platform = 'eventbrite' AND last_error IS NOT NULL"
        )
        .await?,
        [""; 0]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_run_survives_kill_9_of_worker_and_server_in_bounded_memory() -> Result {
    let cluster = Cluster::start(&[]).await?;
    let fake = Fake::builder().clock_offset(-2 * 60 * clock::MINUTE).start().await?;
    let Loop { mut worker, mut client, db, fake } =
        Loop::open_on(Database::create_on(&cluster).await?, fake, &[]).await?;
    let mut events = Vec::new();
    for platform in [Platform::Humanitix, Platform::Eventbrite] {
        let event = fake.create_event(platform, EventSpec::new("The Big One"))?;
        fake.bulk_orders(&event, 2500, 3)?;
        client.execute("SELECT boxoffice.link_event($1, $2, $2)", &[&platform.as_str(), &event]).await?;
        client.query("SELECT boxoffice.sync_event($1)", &[&event]).await?;
        events.push(event);
    }
    let before = worker.rss_kib()?;
    let mut most = 0;
    let sales = async |client: &Client, least: i64| {
        let count = "SELECT count(*) FROM boxoffice.ticket_sales";
        until("the run goes on", async || Ok(client.query_one(count, &[]).await?.get::<_, i64>(0) >= least)).await
    };
    for (round, least) in [500, 1500, 2500, 3500].into_iter().enumerate() {
        sales(&client, least).await?;
        most = most.max(worker.rss_kib()?);
        if round % 2 == 0 {
            worker.sigkill()?;
            // Its last statements end after it.
            let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'boxoffice-ingress'";
            until("its sessions end", async || Ok(client.query_one(sessions, &[]).await?.get::<_, i64>(0) == 0))
                .await?;
            // What it had taken is handed out again when its lease has run out.
            client.execute("UPDATE boxoffice.fetch_jobs SET due_at = now() WHERE status = 'leased'", &[]).await?;
            worker = start(&db, &fake, &[]).await?;
        } else {
            cluster.restart(Stop::Kill).await?;
            client = db.client().await?;
            client.execute("UPDATE boxoffice.fetch_jobs SET due_at = now() WHERE status = 'leased'", &[]).await?;
        }
    }
    let open = "SELECT count(*) FROM boxoffice.sync_runs WHERE mode = 'full' AND status <> 'done'";
    until("both runs are done", async || Ok(client.query_one(open, &[]).await?.get::<_, i64>(0) == 0)).await?;
    for platform in [Platform::Humanitix, Platform::Eventbrite] {
        let different = differences(&client, platform, &fake.truth(platform)).await?;
        assert!(different.is_empty(), "{} {:?}", different.len(), different.first());
    }
    // Pages that were finished are not fetched again: only those in flight at a kill may be.
    let mut pages: Vec<String> = fake
        .requests()
        .iter()
        .filter(|seen| {
            seen.path.ends_with("orders/") || seen.path.ends_with("/orders") || seen.path.ends_with("/tickets")
        })
        .map(|seen| format!("{}?{}", seen.path, seen.query))
        .collect();
    let asked = pages.len();
    pages.sort();
    pages.dedup();
    assert!(asked - pages.len() <= 4 * 8, "{asked} calls for {} pages", pages.len());
    assert!(most < before + 64 * 1024, "{most} KiB, {before} at the start");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_the_work() -> Result {
    let fake = Fake::builder().clock_offset(-2 * 60 * clock::MINUTE).start().await?;
    // Only what is asked for here: a first reading that the schedule has begun before would be another one, and rightly so.
    let settings = [("BOXOFFICE_TASK_SECONDS", "600")];
    let world = Loop::open(fake, &settings).await?;
    let second = start(&world.db, &world.fake, &settings).await?;
    for number in 0..6 {
        let event = world.event(Platform::Eventbrite, &format!("Night {number}")).await?;
        world.fake.bulk_orders(&event, 120, 2)?;
    }
    world.sync_all().await?;
    assert!(world.equal().await?);
    let mut calls: Vec<String> = world
        .fake
        .requests()
        .iter()
        .map(|seen| format!("{}?{}", seen.path, seen.query))
        .filter(|call| call.contains("orders"))
        .collect();
    let asked = calls.len();
    calls.sort();
    calls.dedup();
    assert_eq!(asked, calls.len(), "something was done twice");
    assert!(world.fake.most_in_flight(Platform::Eventbrite) <= 4, "the account's limit holds for both");
    let mut fetched = 0.0;
    for worker in [&world.worker, &second] {
        let page = http::get(&worker.url("/metrics")).await?.text();
        let counts = page.lines().filter(|line| line.starts_with("boxoffice_ingress_fetches_total{"));
        fetched += counts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum::<f64>();
    }
    assert!((fetched - world.fake.requests().len() as f64).abs() < 0.5, "{fetched} fetches are counted");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_deliveries_are_tried_again_without_anybody_asking() -> Result {
    let world = Loop::open(Fake::start().await?, &[("BOXOFFICE_TASK_SECONDS", "0.2")]).await?;
    world.client.batch_execute("CREATE FUNCTION public.no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
        CREATE TRIGGER no BEFORE INSERT ON boxoffice.ticket_sales FOR EACH ROW EXECUTE FUNCTION public.no()").await?;
    let event = world.fake.create_event(Platform::Eventbrite, EventSpec::new("Friday Night"))?;
    world.fake.purchase(&event, PurchaseSpec::new(buyer(1), 1))?;
    world.tell().await?;
    let failed = "SELECT count(*) FROM webhook_logs WHERE source = 'api' AND status = 'failed'";
    until("the answer is kept as failed", async || Ok(line(&world.client, failed).await? != "0")).await?;
    world.client.batch_execute("DROP TRIGGER no ON boxoffice.ticket_sales; UPDATE boxoffice.webhook_logs SET next_attempt_at = now() WHERE status = 'failed'").await?;
    world.becomes_equal().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_asks_seldom() -> Result {
    let world = Loop::open(Fake::start().await?, &[]).await?;
    world.client.batch_execute(&format!("ALTER DATABASE {} SET track_functions = 'all'", world.db.name())).await?;
    let Loop { client, db, fake, mut worker } = world;
    worker.term_and_wait().await?;
    let world = Loop { worker: start(&db, &fake, &[]).await?, client, db, fake };
    until("the accounts are listed", async || {
        Ok(line(&world.client, "SELECT count(*) FROM platform_accounts WHERE discovered_at IS NOT NULL").await? == "2")
    })
    .await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (started, calls) = (Instant::now(), world.fake.calls(Platform::Humanitix));
    tokio::time::sleep(Duration::from_secs(4)).await;
    let claims = "SELECT calls FROM pg_stat_user_functions WHERE funcname = 'claim_fetches'";
    let seen: f64 = line(&world.client, claims).await?.parse()?;
    let all = started.elapsed().as_secs_f64() + 15.0;
    assert!(seen < all * 3.0, "{seen} claims");
    assert_eq!(world.fake.calls(Platform::Humanitix), calls, "nothing is asked of the platform");
    Ok(())
}
