//! Stopped and killed under load: whatever was acknowledged is there, and what was not can be sent again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use boxoffice_tests::body::envelope;
use boxoffice_tests::hold::until;
use boxoffice_tests::scene::{SECRET, bytes};
use boxoffice_tests::sql::line;
use boxoffice_tests::{Answer, Cluster, Database, Hold, Result, Scene, Stop, Worker, http, sign};
use nix::sys::signal::Signal;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What a sender got back before the end: the order, and the row of the log that was named to it.
type Acknowledged = Vec<(String, i64)>;

/// One delivery; `None` when there was no answer.
async fn deliver(url: &str, order: &str) -> Option<(u16, Option<i64>)> {
    let body = bytes(&envelope("order.created", order));
    let answer = http::post(url, &[("x-humanitix-signature", &sign::hex(SECRET, &body))], body).await.ok()?;
    Some((answer.status, answer.json().ok()?["log_id"].as_i64()))
}

/// `senders` that send new orders until they are told to stop, or nobody answers any more.
fn load(url: String, senders: usize, stop: Arc<AtomicBool>, count: Arc<AtomicUsize>) -> JoinSet<Result<Acknowledged>> {
    let mut tasks = JoinSet::new();
    for sender in 0..senders {
        let (url, stop, count) = (url.clone(), Arc::clone(&stop), Arc::clone(&count));
        tasks.spawn(async move {
            let mut acknowledged = Acknowledged::new();
            for number in 0.. {
                let order = format!("s{sender}-{number}");
                match deliver(&url, &order).await {
                    _ if stop.load(Ordering::Relaxed) => break,
                    Some((200, log_id)) => acknowledged.push((order, log_id.context("no number of the delivery")?)),
                    Some((status, _)) => ensure!(status == 503, "{status}"),
                    None => break,
                }
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok(acknowledged)
        });
    }
    tasks
}

async fn all_kept(db: &Database, tasks: JoinSet<Result<Acknowledged>>) -> Result<usize> {
    let client = db.client().await?;
    let mut acknowledged = Acknowledged::new();
    for part in tasks.join_all().await {
        acknowledged.extend(part?);
    }
    for (order, log_id) in &acknowledged {
        let query = "SELECT count(*) FROM boxoffice.webhook_logs l \
            JOIN boxoffice.ticket_sales s USING (platform, platform_order_id) \
            WHERE l.id = $1 AND platform_order_id = $2 AND l.status = 'processed'";
        let found: i64 = client.query_one(query, &[log_id, order]).await?.get(0);
        ensure!(found == 1, "{order} was acknowledged as {log_id} and is not there");
    }
    Ok(acknowledged.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_worker_finishes_what_it_has_taken() -> Result {
    let scene = Scene::open_with(Database::create().await?, &[("BOXOFFICE_DB_CONNECTIONS", "1")]).await?;
    let (hold, scene) = (Hold::begin(&scene.db).await?, Arc::new(scene));
    let send = |number: usize| {
        let (scene, body) = (Arc::clone(&scene), bytes(&envelope("order.created", &format!("o{number}"))));
        tokio::spawn(async move { scene.signed(body).await })
    };
    let mut sent = vec![send(0)];
    hold.caught(1).await?;
    sent.extend((1..25).map(send));
    until("all of them wait", async || Ok(scene.metric("boxoffice_ingress_queue_depth").await? >= 24.0)).await?;

    scene.worker.signal(Signal::SIGTERM)?;
    let said = |event: &str| scene.worker.log().iter().any(|line| line.contains(event));
    until("the worker stops", async || Ok(said("\"stopping\""))).await?;
    until("nobody new is let in", async || Ok(TcpStream::connect(scene.worker.address()).await.is_err())).await?;
    hold.release().await?;
    for answer in sent {
        let answer: Answer = answer.await??;
        assert_eq!(answer.decision(), (200, "processed"));
    }
    assert_eq!(line(&scene.client, "SELECT count(*) FROM ticket_sales").await?, "25");
    scene.acknowledged_is_kept().await?;
    scene.logs_are_clean()?;
    let mut scene = Arc::into_inner(scene).context("a request is still there")?;
    assert!(scene.worker.wait().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_has_lost_nothing_that_it_acknowledged() -> Result {
    let mut scene = Scene::open().await?;
    for round in 1..=3 {
        let (stop, count) = <(Arc<AtomicBool>, Arc<AtomicUsize>)>::default();
        let tasks = load(scene.worker.url("/webhooks/humanitix"), 24, stop, Arc::clone(&count));
        until("it is under load", async || Ok(count.load(Ordering::Relaxed) >= 300)).await?;
        scene.worker.sigkill()?;
        let acknowledged = all_kept(&scene.db, tasks).await?;
        assert!(acknowledged >= 300, "{acknowledged}");
        scene.logs_are_clean()?;

        scene.worker = Worker::start(&scene.db, &[]).await?;
        let answer = scene.signed(bytes(&envelope("order.created", &format!("after-{round}")))).await?;
        assert_eq!(answer.decision(), (200, "processed"));
        // The next round sends other orders.
        scene.client.batch_execute("DELETE FROM ticket_sales; DELETE FROM order_states; DELETE FROM attendees").await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_database_has_lost_nothing_that_was_acknowledged() -> Result {
    let cluster = Cluster::start(&["synchronous_commit=on"]).await?;
    let scene = Scene::open_with(Database::create_on(&cluster).await?, &[("BOXOFFICE_AWAY_SECONDS", "0.1")]).await?;
    let (stop, count) = <(Arc<AtomicBool>, Arc<AtomicUsize>)>::default();
    let tasks = load(scene.worker.url("/webhooks/humanitix"), 24, Arc::clone(&stop), Arc::clone(&count));
    for (round, how) in [Stop::Kill, Stop::Immediate, Stop::Fast].into_iter().enumerate() {
        let before = scene
            .db
            .client()
            .await?
            .query_one("SELECT count(*) FROM boxoffice.ticket_sales", &[])
            .await?
            .get::<_, i64>(0);
        until("there is load", async || {
            let now: i64 =
                scene.db.client().await?.query_one("SELECT count(*) FROM boxoffice.ticket_sales", &[]).await?.get(0);
            Ok(now >= before + 100)
        })
        .await?;
        cluster.restart(how).await.with_context(|| format!("round {round}"))?;
        scene.worker.wait_ready().await?;
    }
    let answered = count.load(Ordering::Relaxed);
    until("it goes on", async || Ok(count.load(Ordering::Relaxed) > answered + 100)).await?;
    stop.store(true, Ordering::Relaxed);
    let acknowledged = all_kept(&scene.db, tasks).await?;
    assert!(acknowledged >= 300, "{acknowledged}");
    scene.logs_are_clean()
}

#[tokio::test(flavor = "multi_thread")]
async fn senders_that_try_again_end_with_every_order_once() -> Result {
    let cluster = Cluster::start(&[]).await?;
    let db = Database::create_on(&cluster).await?;
    let mut scene = Scene::open_with(db, &[("BOXOFFICE_AWAY_SECONDS", "0.1")]).await?;
    let url = Arc::new(std::sync::Mutex::new(scene.worker.url("/webhooks/humanitix")));
    let done = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for sender in 0..16 {
        let (url, done) = (Arc::clone(&url), Arc::clone(&done));
        tasks.spawn(async move {
            for number in 0..40 {
                let order = format!("s{sender}-{number}");
                // As platforms do, until it is acknowledged.
                loop {
                    let url = url.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
                    match deliver(&url, &order).await {
                        Some((200, _)) => break,
                        _ => tokio::time::sleep(Duration::from_millis(20)).await,
                    }
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    until("a quarter is through", async || Ok(done.load(Ordering::Relaxed) >= 160)).await?;
    cluster.restart(Stop::Immediate).await?;
    until("half is through", async || Ok(done.load(Ordering::Relaxed) >= 320)).await?;
    scene.worker.sigkill()?;
    scene.worker = Worker::start(&scene.db, &[("BOXOFFICE_AWAY_SECONDS", "0.1")]).await?;
    *url.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = scene.worker.url("/webhooks/humanitix");
    tasks.join_all().await;

    let client = scene.db.client().await?;
    assert_eq!(line(&client, "SELECT count(*), sum(total_amount) FROM boxoffice.ticket_sales").await?, "640|48000.00");
    // Each order once as news; the others are copies whose first answer was lost.
    let news = "SELECT count(*) FILTER (WHERE status = 'processed'), \
        count(*) FILTER (WHERE status NOT IN ('processed', 'duplicate')) FROM boxoffice.webhook_logs";
    assert_eq!(line(&client, news).await?, "640|0");
    scene.logs_are_clean()
}
