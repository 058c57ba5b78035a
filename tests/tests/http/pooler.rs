//! Through a real PgBouncer: nothing fails, and nothing of ours is left to its other clients.

use std::sync::Arc;

use boxoffice_tests::body::envelope;
use boxoffice_tests::fake::{EVENTBRITE_TOKEN, EventSpec, Fake, HUMANITIX_KEY, Person, Platform, PurchaseSpec, Sender};
use boxoffice_tests::hold::until;
use boxoffice_tests::pgbouncer::PgBouncer;
use boxoffice_tests::scene::{SECRET, TOKEN, bytes};
use boxoffice_tests::shown::differences;
use boxoffice_tests::sql::line;
use boxoffice_tests::{Cluster, Database, Result, Stop, Worker, http, sign};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_postgres::Client;

/// What another client of the pooler must never see of us.
const LEFT: &str = "SELECT current_setting('statement_timeout'), current_setting('client_min_messages'), current_setting('lock_timeout'),
        (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_listening_channels()),
        (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())";
const NOTHING: &str = "0|notice|0|0|0|0";

struct World {
    worker: Worker,
    pooler: PgBouncer,
    owner: Client,
    db: Database,
    fake: Fake,
}

impl World {
    async fn open(db: Database, mode: &str, connections: usize, settings: &[(&str, &str)]) -> Result<World> {
        let owner = db.client().await?;
        owner.execute("SELECT set_webhook_secret('humanitix', $1)", &[&SECRET]).await?;
        owner.execute("SELECT set_path_token('eventbrite', $1)", &[&TOKEN]).await?;
        let (role, fake) = (db.ingress_role().await?, Fake::start().await?);
        let pooler = PgBouncer::start(&db, &role, mode, connections)?;
        let (humanitix, eventbrite) = (fake.humanitix_url(), fake.eventbrite_url());
        let mut all = vec![
            ("HUMANITIX_API_URL", humanitix.as_str()),
            ("EVENTBRITE_API_URL", eventbrite.as_str()),
            ("HUMANITIX_API_KEY", HUMANITIX_KEY),
            ("EVENTBRITE_OAUTH_TOKEN", EVENTBRITE_TOKEN),
        ];
        all.extend(settings.iter().copied());
        let worker = Worker::spawn(pooler.url(), &all)?;
        Ok(World { worker, pooler, owner, db, fake })
    }

    async fn signed(&self, order: &str) -> Result<u16> {
        send(&self.worker.url("/webhooks/humanitix"), order).await
    }

    /// What the log says at the levels of trouble.
    fn trouble(&self) -> Vec<String> {
        let bad = |line: &String| {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            line["level"] == "error" || line["level"] == "warn"
        };
        self.worker.log().into_iter().filter(bad).collect()
    }

    fn says(&self, event: &str) -> bool {
        self.worker.log().iter().any(|line| line.contains(&format!("\"event\":\"{event}\"")))
    }

    /// A purchase at Eventbrite, from the hint to the row: both wings of the worker.
    async fn fetches(&self) -> Result {
        let event = self.fake.create_event(Platform::Eventbrite, EventSpec::new("Friday Night"))?;
        self.fake.purchase(&event, PurchaseSpec::new(Person::new("Ada", "Pooled"), 2))?;
        let hints = self.fake.take_hints();
        let sent = Sender::new(&self.worker.url(&format!("/webhooks/eventbrite/{TOKEN}"))).send(&hints).await;
        assert_eq!((sent.failed, sent.delivered), (0, hints.len()), "{sent:?}");
        until("the purchase is here", async || {
            let truth = self.fake.truth(Platform::Eventbrite);
            Ok(differences(&self.owner, Platform::Eventbrite, &truth).await?.is_empty())
        })
        .await
    }
}

async fn send(url: &str, order: &str) -> Result<u16> {
    let body = bytes(&envelope("order.created", order));
    let signature = sign::hex(SECRET, &body);
    Ok(http::post(url, &[("x-humanitix-signature", &signature)], body).await?.status)
}

/// Many deliveries through few connections, while others use the same.
async fn many(world: &World) -> Result {
    let url: Arc<str> = world.worker.url("/webhooks/humanitix").into();
    let mut senders = JoinSet::new();
    for sender in 0..16 {
        let url = Arc::clone(&url);
        senders.spawn(async move {
            for number in 0..25 {
                assert_eq!(send(&url, &format!("{sender}-{number}")).await?, 200);
            }
            anyhow::Ok(())
        });
    }
    let others = [world.pooler.client().await?, world.pooler.client().await?];
    let mut looks = 0;
    while !senders.is_empty() || looks < 20 {
        for other in &others {
            assert_eq!(line(other, LEFT).await?, NOTHING);
            looks += 1;
        }
        while let Some(done) = senders.try_join_next() {
            done??;
        }
    }
    assert_eq!(line(&world.owner, "SELECT count(*) FROM ticket_sales WHERE platform = 'humanitix'").await?, "400");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_of_transactions_is_noticed_and_nothing_fails() -> Result {
    for settings in [&[("BOXOFFICE_DB_CONNECTIONS", "4")][..], &[("BOXOFFICE_POOLER", "transaction")]] {
        let world = World::open(Database::create().await?, "transaction", 3, settings).await?;
        world.worker.wait_ready().await?;
        many(&world).await?;
        world.fetches().await?;
        assert_eq!(line(&world.pooler.client().await?, LEFT).await?, NOTHING);
        assert_eq!(world.says("pooler_noticed"), settings[0].0 != "BOXOFFICE_POOLER");
        assert_eq!(world.trouble(), [""; 0]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_of_somebody_else_is_never_run() -> Result {
    // One connection for all: whatever the others prepare is there at the worker's next call.
    let world = World::open(Database::create().await?, "transaction", 1, &[]).await?;
    world.worker.wait_ready().await?;
    let other = world.pooler.client().await?;
    for number in 0..20 {
        other.batch_execute(&format!("PREPARE s{number} AS SELECT NULL::bigint, 'processed', 200, 'not so'")).await?;
    }
    assert_eq!(world.signed("o1").await?, 200);
    assert_eq!(line(&world.owner, "SELECT platform_order_id FROM ticket_sales").await?, "o1");
    world.fetches().await?;
    assert_eq!(world.trouble(), [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_behind_a_pooler_too() -> Result {
    let settings = [("BOXOFFICE_BATCH_SECONDS", "0.3")];
    let world = World::open(Database::create().await?, "transaction", 2, &settings).await?;
    world.worker.wait_ready().await?;
    let holder = world.db.client().await?;
    holder.batch_execute("BEGIN; LOCK TABLE webhook_logs").await?;
    assert_eq!(world.signed("o1").await?, 503);
    holder.batch_execute("ROLLBACK").await?;
    until("deliveries go on", async || Ok(world.signed("o1").await? == 200)).await?;
    assert_eq!(line(&world.pooler.client().await?, LEFT).await?, NOTHING);
    // Nothing is left waiting, locked or open.
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'boxoffice-ingress' AND xact_start IS NOT NULL";
    until("no transaction is left", async || Ok(line(&world.owner, open).await? == "0")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_of_sessions_works_with_everything() -> Result {
    let settings =
        [("BOXOFFICE_POOLER", "session"), ("BOXOFFICE_FETCH_POLL_SECONDS", "600"), ("BOXOFFICE_TASK_SECONDS", "600")];
    let world = World::open(Database::create().await?, "session", 10, &settings).await?;
    world.worker.wait_ready().await?;
    many(&world).await?;
    world.fetches().await?;
    // LISTEN: nobody polls, and what was asked for elsewhere is fetched.
    let event = world.fake.create_event(Platform::Humanitix, EventSpec::new("Saturday Night"))?;
    world.fake.purchase(&event, PurchaseSpec::new(Person::new("Ada", "Listened"), 1))?;
    line(&world.owner, &format!("SELECT link_event('humanitix', '{event}', 'ours')")).await?;
    world.owner.query("SELECT sync_event('ours')", &[]).await?;
    until("the event is read", async || {
        Ok(line(&world.owner, "SELECT count(*) FROM ticket_sales WHERE customer_name = 'Ada Listened'").await? == "1")
    })
    .await?;
    assert_eq!(world.trouble(), [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_connection_is_not_taken_for_a_pooler() -> Result {
    let db = Database::create().await?;
    let worker = Worker::start(&db, &[]).await?;
    let listening =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = 'LISTEN boxoffice_fetch'";
    let client = db.client().await?;
    until("its connections are set up", async || {
        Ok(worker.log().iter().filter(|line| line.contains("outbound_connected")).count() == 2)
    })
    .await?;
    assert!(!worker.log().iter().any(|line| line.contains("pooler_noticed")));
    line(&client, listening).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_is_broken_or_wrongly_named_is_not_ready() -> Result {
    // Named as one of sessions: a prepared statement is missing as soon as its connection serves somebody else.
    let world = World::open(Database::create().await?, "transaction", 2, &[("BOXOFFICE_POOLER", "session")]).await?;
    let other = world.pooler.client().await?;
    until("it says so", async || {
        other.batch_execute("BEGIN").await?;
        let status = world.signed("o1").await?;
        let answer = http::get(&world.worker.url("/ready")).await?;
        other.batch_execute("ROLLBACK").await?;
        Ok(status == 503 && answer.status == 503 && answer.text().contains("BOXOFFICE_POOLER=transaction"))
    })
    .await?;
    drop(world);
    // A pooler without its server.
    let cluster = Cluster::start(&[]).await?;
    let world = World::open(Database::create_on(&cluster).await?, "transaction", 2, &[]).await?;
    world.worker.wait_ready().await?;
    cluster.stop(Stop::Fast)?;
    until("it is not ready", async || {
        let answer = http::get(&world.worker.url("/ready")).await?;
        Ok(answer.status == 503 && answer.json()?["reason"].as_str().is_some_and(|reason| !reason.is_empty()))
    })
    .await?;
    assert_eq!(world.signed("o1").await?, 503);
    cluster.start_again().await?;
    world.worker.wait_ready().await?;
    until("deliveries go on", async || Ok(world.signed("o1").await? == 200)).await
}
