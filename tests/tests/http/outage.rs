//! The database goes away: in the middle of a request, between two, for a while, in every way.

use std::sync::Arc;

use boxoffice_tests::body::envelope;
use boxoffice_tests::hold::until;
use boxoffice_tests::scene::{SECRET, bytes};
use boxoffice_tests::{Cluster, Database, Result, Scene, Stop, Worker, http, sign};

/// Makes every delivery last for ever, just before its commit.
const SLEEP: &str = "CREATE FUNCTION public.sleep() RETURNS trigger LANGUAGE plpgsql AS \
        $$ BEGIN PERFORM pg_catalog.pg_sleep(3600); RETURN NEW; END $$; \
    CREATE TRIGGER sleep AFTER INSERT ON boxoffice.webhook_logs FOR EACH ROW EXECUTE FUNCTION public.sleep()";

async fn own_scene(environment: &[(&str, &str)]) -> Result<Scene> {
    let cluster = Cluster::start(&[]).await?;
    Scene::open_with(Database::create_on(&cluster).await?, environment).await
}

async fn orders(db: &Database) -> Result<i64> {
    Ok(db.client().await?.query_one("SELECT count(*) FROM boxoffice.ticket_sales", &[]).await?.get(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_stopped_in_mid_request_is_no_acknowledgement() -> Result {
    let scene = Arc::new(own_scene(&[]).await?);
    for (number, how) in [Stop::Fast, Stop::Immediate, Stop::Kill].into_iter().enumerate() {
        let body = bytes(&envelope("order.created", &format!("o{number}")));
        // Not a lock: that could be granted when its holder is the first to be ended.
        let client = scene.db.client().await?;
        client.batch_execute(SLEEP).await?;
        let sent = tokio::spawn({
            let (scene, body) = (Arc::clone(&scene), body.clone());
            async move { scene.signed(body).await }
        });
        until("the delivery is being kept", async || {
            let asleep =
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
            Ok(client.query_one(asleep, &[]).await?.get::<_, i64>(0) == 1)
        })
        .await?;
        scene.db.cluster().stop(how)?;
        let answer = sent.await??;
        assert_eq!(answer.decision(), (503, "uncertain"), "{how:?}: {answer:?}");
        assert_eq!(http::get(&scene.worker.url("/live")).await?.status, 200);

        scene.db.cluster().start_again().await?;
        scene.worker.wait_ready().await?;
        assert_eq!(orders(&scene.db).await?, number as i64, "{how:?}: committed after all");
        // The platform sends it again.
        scene.db.client().await?.batch_execute("DROP FUNCTION public.sleep() CASCADE").await?;
        assert_eq!(scene.signed(body).await?.decision(), (200, "processed"), "{how:?}");
        scene.acknowledged_is_kept().await?;
        scene.logs_are_clean()?;
    }
    assert_eq!(orders(&scene.db).await?, 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_everything_is_503_and_comes_back() -> Result {
    let scene = own_scene(&[("BOXOFFICE_AWAY_SECONDS", "0.1")]).await?;
    scene.db.cluster().stop(Stop::Fast)?;
    let ready = http::get(&scene.worker.url("/ready")).await?;
    assert_eq!((ready.status, ready.text().contains("false")), (503, true));
    assert_eq!(http::get(&scene.worker.url("/live")).await?.status, 200);
    // An outage of ours never looks like a fault of the sender, whatever was sent.
    let good = bytes(&envelope("order.created", "o1"));
    for (path, key) in [("/webhooks/humanitix", SECRET), ("/webhooks/humanitix", "wrong"), ("/webhooks/nobody", SECRET)]
    {
        let answer = scene.post(path, &[("x-humanitix-signature", &sign::hex(key, &good))], good.clone()).await?;
        assert_eq!(answer.status, 503, "{path} {answer:?}");
    }
    assert_eq!(scene.post("/nowhere", &[], "x").await?.status, 404);

    scene.db.cluster().start_again().await?;
    scene.worker.wait_ready().await?;
    assert_eq!(scene.signed(good).await?.decision(), (200, "processed"));
    scene.acknowledged_is_kept().await?;
    assert_eq!(orders(&scene.db).await?, 1);
    scene.logs_are_clean()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_may_be_started_before_its_database() -> Result {
    let cluster = Cluster::start(&[]).await?;
    let db = Database::create_on(&cluster).await?;
    let url = db.url_as(&db.ingress_role().await?);
    db.client().await?.execute("SELECT boxoffice.set_webhook_secret('humanitix', $1)", &[&SECRET]).await?;
    cluster.stop(Stop::Immediate)?;
    let worker = Worker::spawn(&url, &[("BOXOFFICE_AWAY_SECONDS", "0.1")])?;
    assert_eq!(http::get(&worker.url("/ready")).await?.status, 503);
    let body = bytes(&envelope("order.created", "o1"));
    let signature = sign::hex(SECRET, &body);
    let headers = [("x-humanitix-signature", signature.as_str())];
    assert_eq!(http::post(&worker.url("/webhooks/humanitix"), &headers, body.clone()).await?.status, 503);
    cluster.start_again().await?;
    worker.wait_ready().await?;
    assert_eq!(http::post(&worker.url("/webhooks/humanitix"), &headers, body).await?.status, 200);
    assert_eq!(orders(&db).await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_may_only_be_read_is_our_trouble() -> Result {
    let scene = own_scene(&[]).await?;
    let body = bytes(&envelope("order.created", "o1"));
    let switch = async |value: &str| -> Result {
        for statement in [
            "SET default_transaction_read_only = off",
            &format!("ALTER SYSTEM SET default_transaction_read_only = {value}"),
            "SELECT pg_reload_conf()",
        ] {
            scene.client.batch_execute(statement).await?;
        }
        Ok(())
    };
    switch("on").await?;
    until("deliveries fail", async || {
        let answer = scene.signed(body.clone()).await?;
        assert!([200, 503].contains(&answer.status), "{answer:?}");
        Ok(answer.status == 503)
    })
    .await?;
    switch("off").await?;
    until("deliveries succeed", async || Ok(scene.signed(body.clone()).await?.status == 200)).await?;
    scene.acknowledged_is_kept().await?;
    scene.logs_are_clean()
}
