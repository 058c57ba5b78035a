//! The database says no: what the platform hears, and what is kept. Through HTTP.

use std::sync::Arc;

use anyhow::Context as _;
use boxoffice_tests::body::envelope;
use boxoffice_tests::hold::until;
use boxoffice_tests::scene::bytes;
use boxoffice_tests::sql::line;
use boxoffice_tests::{Answer, Database, Hold, Result, Scene};
use tokio::task::JoinHandle;

/// A trigger that refuses rows of which the condition is true, in words that nobody outside may read.
async fn refuse(scene: &Scene, table: &str, condition: &str) -> Result {
    let statement = format!(
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             RAISE EXCEPTION 'Wilhelmina Canary may not buy' USING DETAIL = 'wilhelmina@example.org'; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON {table} \
             FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION public.refuse()"
    );
    Ok(scene.client.batch_execute(&statement).await?)
}

fn send(scene: &Arc<Scene>, order: &str) -> JoinHandle<Result<Answer>> {
    let (scene, body) = (Arc::clone(scene), bytes(&envelope("order.created", order)));
    tokio::spawn(async move { scene.signed(body).await })
}

async fn close(scene: Arc<Scene>) -> Result {
    Arc::into_inner(scene).context("a request is still there")?.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_applied_is_kept_and_applied_later() -> Result {
    let scene = Scene::open().await?;
    refuse(&scene, "boxoffice.ticket_sales", "NEW.platform_order_id = 'poison'").await?;
    for (order, decision) in [("o1", (200, "processed")), ("poison", (202, "failed")), ("o2", (200, "processed"))] {
        assert_eq!(scene.signed(bytes(&envelope("order.created", order))).await?.decision(), decision, "{order}");
    }
    let failed = "SELECT platform_order_id, error_code, processed, attempts, next_attempt_at > now() \
        FROM webhook_logs WHERE status = 'failed'";
    assert_eq!(line(&scene.client, failed).await?, "poison|P0001|f|1|t");
    assert_eq!(scene.count("ticket_sales").await?, 2);
    scene.logs_are_clean()?;

    // The operator repairs it, and nothing is lost.
    let repair = "DROP FUNCTION public.refuse() CASCADE; \
        UPDATE webhook_logs SET next_attempt_at = now() WHERE status = 'failed'";
    scene.client.batch_execute(repair).await?;
    assert_eq!(line(&scene.client, "SELECT * FROM retry_failed_webhooks()").await?, "1|1|0|0");
    assert_eq!(scene.count("ticket_sales").await?, 3);
    assert_eq!(
        line(&scene.client, "SELECT status, attempts FROM webhook_logs WHERE platform_order_id = 'poison'").await?,
        "processed|2"
    );
    scene.logs_are_clean()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_cannot_be_kept_is_503_and_harms_no_neighbour() -> Result {
    let scene = Scene::open_with(Database::create().await?, &[("BOXOFFICE_DB_CONNECTIONS", "1")]).await?;
    refuse(&scene, "boxoffice.webhook_logs", "NEW.platform_order_id = 'poison'").await?;
    let (hold, scene) = (Hold::begin(&scene.db).await?, Arc::new(scene));
    // The first stands still in the database, and all others travel together in the next call.
    let first = send(&scene, "first");
    hold.caught(1).await?;
    let orders: Vec<String> =
        (0..30).map(|number| if number == 13 { "poison".to_owned() } else { format!("o{number}") }).collect();
    let sent: Vec<_> = orders.iter().map(|order| send(&scene, order)).collect();
    until("all of them wait", async || Ok(scene.metric("boxoffice_ingress_queue_depth").await? >= 30.0)).await?;
    hold.release().await?;

    assert_eq!(first.await??.decision(), (200, "processed"));
    for (order, sent) in orders.iter().zip(sent) {
        let expected = if order == "poison" { (503, "failed") } else { (200, "processed") };
        assert_eq!(sent.await??.decision(), expected, "{order}");
    }
    assert_eq!(scene.count("ticket_sales").await?, 30);
    // The server has logged the operator's own words for its own trigger; nothing of ours may add to that.
    let log = scene.worker.log().join("\n");
    assert!(log.contains("ingest_failed") && log.contains("P0001"), "{log}");
    assert!(!log.contains("wilhelmina@example"), "the detail of an error was logged: {log}");
    assert_eq!(scene.count("webhook_logs WHERE status <> 'processed'").await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_its_rights_answers_503_until_it_has_them() -> Result {
    let scene = Scene::open().await?;
    let function = "FUNCTION boxoffice.ingest_webhooks(text[], jsonb[], bytea[])";
    let granted = "SELECT max(rolname) FROM pg_roles r, \
        aclexplode((SELECT proacl FROM pg_proc WHERE proname = 'ingest_webhooks')) a \
        WHERE r.oid = a.grantee AND NOT r.rolsuper";
    let role = line(&scene.client, granted).await?;
    scene.client.batch_execute(&format!("REVOKE EXECUTE ON {function} FROM {role}")).await?;
    let body = bytes(&envelope("order.created", "o1"));
    for _ in 0..3 {
        let answer = scene.signed(body.clone()).await?;
        assert_eq!(answer.status, 503, "{answer:?}");
    }
    scene.client.batch_execute(&format!("GRANT EXECUTE ON {function} TO {role}")).await?;
    until("the worker has come back", async || Ok(scene.signed(body.clone()).await?.status == 200)).await?;
    assert_eq!(scene.count("ticket_sales").await?, 1);
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_takes_too_long_is_given_up_on_both_sides() -> Result {
    let scene = Scene::open_with(Database::create().await?, &[("BOXOFFICE_BATCH_SECONDS", "0.3")]).await?;
    let (hold, scene) = (Hold::begin(&scene.db).await?, Arc::new(scene));
    let answer = send(&scene, "o1").await??;
    assert_eq!(answer.decision(), (503, "failed"), "{answer:?}");
    hold.caught(0).await?;
    hold.release().await?;
    assert_eq!(scene.count("webhook_logs").await?, 0);
    assert_eq!(send(&scene, "o1").await??.decision(), (200, "processed"));
    close(scene).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_too_long_is_503_and_never_carried() -> Result {
    let settings =
        [("BOXOFFICE_DB_CONNECTIONS", "1"), ("BOXOFFICE_QUEUE_SECONDS", "0.2"), ("BOXOFFICE_QUEUE_MAX", "5")];
    let scene = Scene::open_with(Database::create().await?, &settings).await?;
    let (hold, scene) = (Hold::begin(&scene.db).await?, Arc::new(scene));
    let first = send(&scene, "first");
    hold.caught(1).await?;
    let waiting: Vec<_> = (0..20).map(|number| send(&scene, &format!("o{number}"))).collect();
    let mut outcomes = Vec::new();
    for answer in waiting {
        let answer = answer.await??;
        assert_eq!(answer.status, 503, "{answer:?}");
        outcomes.push(answer.outcome);
    }
    assert!(outcomes.iter().any(|outcome| outcome == "queue_full"), "{outcomes:?}");
    assert!(outcomes.iter().any(|outcome| outcome == "waited_too_long"), "{outcomes:?}");
    hold.release().await?;
    assert_eq!(first.await??.decision(), (200, "processed"));
    assert_eq!(scene.count("webhook_logs").await?, 1);
    close(scene).await
}
