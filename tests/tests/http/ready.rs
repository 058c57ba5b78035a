//! `/ready` says yes only when a delivery could be kept now, and otherwise why not.

use boxoffice_tests::body::{PEOPLE, envelope};
use boxoffice_tests::disk::Disk;
use boxoffice_tests::hold::until;
use boxoffice_tests::scene::{SECRET, TOKEN, bytes};
use boxoffice_tests::sql::{line, refusal};
use boxoffice_tests::{Cluster, Database, Result, Scene, Stop, http};
use tokio_postgres::Client;

/// Status and reason.
async fn ready(scene: &Scene) -> Result<(u16, String)> {
    let answer = http::get(&scene.worker.url("/ready")).await?;
    let text = answer.text();
    for word in PEOPLE.into_iter().chain([SECRET, TOKEN, scene.db.name()]) {
        assert!(!text.contains(word), "{text}");
    }
    let body = answer.json()?;
    assert_eq!(body["ready"], answer.status == 200);
    assert_eq!(answer.header("retry-after").is_some(), answer.status == 503);
    Ok((answer.status, body["reason"].as_str().unwrap_or_default().to_owned()))
}

/// Waits until the worker is not ready for a reason that contains these words.
async fn not_ready(scene: &Scene, words: &str) -> Result {
    let last = std::sync::Mutex::new(String::new());
    let seen = until("not ready", async || {
        let (status, reason) = ready(scene).await?;
        let so = status == 503 && reason.contains(words);
        *last.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = format!("{status} {reason}");
        Ok(so)
    })
    .await;
    assert!(seen.is_ok(), "wanted {words:?}, the last answer was {last:?}");
    Ok(())
}

async fn ready_again(scene: &Scene) -> Result {
    until("ready again", async || Ok(ready(scene).await?.0 == 200)).await
}

async fn send(scene: &Scene, order: &str) -> Result<u16> {
    Ok(scene.signed(bytes(&envelope("order.created", order))).await?.status)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_not_ready_until_it_is_promoted() -> Result {
    let cluster = Cluster::start(&[]).await?;
    let scene = Scene::open_with(Database::create_on(&cluster).await?, &[]).await?;
    assert_eq!((ready(&scene).await?.0, send(&scene, "before").await?), (200, 200));
    cluster.become_standby().await?;
    not_ready(&scene, "read-only").await?;
    assert_eq!(send(&scene, "during").await?, 503);
    // Every function that writes says so in the same way, and what only reads works.
    let client = scene.db.client().await?;
    for call in [
        "ingest_webhook('humanitix', '{}', '{}')",
        "ingest_webhooks(ARRAY['humanitix'], ARRAY['{}'::jsonb], ARRAY['x'::bytea])",
        "ingest_webhook_rpc('humanitix', '{}', '{}')",
        "process_webhook('humanitix', 'order.created', '{}')",
        "apply_resource('humanitix', 'orders', '{\"total\": 0, \"orders\": []}')",
        "replay_webhook(1)",
        "retry_failed_webhooks()",
        "replay_webhooks('2020-01-01')",
        "complete_fetch(1, 200, '{}', '{}')",
        "finish_sync_runs(1)",
        "check_ready()",
    ] {
        assert_eq!(refusal(&client, &format!("SELECT * FROM boxoffice.{call}")).await?.code, "25006", "{call}");
    }
    assert_eq!(
        line(&client, "SELECT count(*) > 3 FROM boxoffice.explain_webhook('humanitix', '{}', '{}')").await?,
        "t"
    );
    client.batch_execute("SELECT pg_promote()").await?;
    ready_again(&scene).await?;
    assert_eq!(send(&scene, "after").await?, 200);
    scene.acknowledged_is_kept().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_not_ready() -> Result {
    let (disk, cluster) = Disk::with_server().await?;
    let scene = Scene::open_with(Database::create_on(&cluster).await?, &[]).await?;
    assert_eq!(ready(&scene).await?.0, 200);
    disk.fill()?;
    // Without any delivery that would have told.
    not_ready(&scene, "disk").await?;
    disk.free()?;
    ready_again(&scene).await?;
    // With deliveries: none is acknowledged and lost, and none is taken for bad.
    disk.fill()?;
    let body = |order: &str| {
        let mut body = bytes(&envelope("order.created", order));
        body.resize(200_000, b' ');
        body
    };
    let answer = scene.signed(body("o1")).await?;
    assert_eq!(answer.decision(), (503, "failed"));
    not_ready(&scene, "disk").await?;
    disk.free()?;
    ready_again(&scene).await?;
    assert_eq!(scene.signed(body("o1")).await?.status, 200);
    scene.acknowledged_is_kept().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_may_only_be_read_is_not_ready() -> Result {
    let cluster = Cluster::start(&[]).await?;
    let scene = Scene::open_with(Database::create_on(&cluster).await?, &[]).await?;
    let switch = async |value: &str| -> Result {
        let admin = cluster.connect("postgres").await?;
        admin.batch_execute("SET default_transaction_read_only = off").await?;
        admin.batch_execute(&format!("ALTER SYSTEM SET default_transaction_read_only = {value}")).await?;
        Ok(admin.batch_execute("SELECT pg_reload_conf()").await?)
    };
    switch("on").await?;
    not_ready(&scene, "read-only").await?;
    assert_eq!(send(&scene, "o1").await?, 503);
    switch("off").await?;
    ready_again(&scene).await?;
    Ok(())
}

/// Does something to the database as its owner, sees the reason, undoes it, and sees that all is well.
async fn while_so(scene: &Scene, change: &str, words: &str, undo: &str) -> Result {
    scene.client.batch_execute(change).await?;
    not_ready(scene, words).await?;
    scene.client.batch_execute(undo).await?;
    ready_again(scene).await
}

async fn role(client: &Client) -> Result<String> {
    let granted = "SELECT max(rolname) FROM pg_roles r, \
        aclexplode((SELECT proacl FROM pg_proc WHERE proname = 'ingest_webhooks')) a \
        WHERE r.oid = a.grantee AND NOT r.rolsuper";
    line(client, granted).await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rights_or_functions_it_is_not_ready() -> Result {
    let scene = Scene::open().await?;
    let role = role(&scene.client).await?;
    for function in ["ingest_webhooks(text[], jsonb[], bytea[])", "check_ready()"] {
        let (revoke, grant) = (
            format!("REVOKE EXECUTE ON FUNCTION boxoffice.{function} FROM {role}"),
            format!("SELECT grant_ingress('{role}')"),
        );
        while_so(&scene, &revoke, "grant_ingress", &grant).await?;
    }
    let (revoke, grant) =
        (format!("REVOKE USAGE ON SCHEMA boxoffice FROM {role}"), format!("SELECT grant_ingress('{role}')"));
    while_so(&scene, &revoke, "grant_ingress", &grant).await?;
    // SQL of another version than the library's, of one that lacks a function, and no extension at all.
    while_so(
        &scene,
        "UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'boxoffice'",
        "installed is 0.9",
        "UPDATE pg_extension SET extversion = '1.0' WHERE extname = 'boxoffice'",
    )
    .await?;
    let (away, back) = (
        "ALTER FUNCTION boxoffice.check_ready() RENAME TO hidden",
        "ALTER FUNCTION boxoffice.hidden() RENAME TO check_ready",
    );
    while_so(&scene, away, "a function is missing", back).await?;
    let (away, back) = ("ALTER SCHEMA boxoffice RENAME TO elsewhere", "ALTER SCHEMA elsewhere RENAME TO boxoffice");
    while_so(&scene, away, "not installed", back).await?;
    scene.client.batch_execute("DROP EXTENSION boxoffice CASCADE").await?;
    not_ready(&scene, "not installed").await?;
    assert_eq!(send(&scene, "o1").await?, 503);
    scene.logs_are_clean()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_every_delivery_waits_for_is_not_ready() -> Result {
    let scene = Scene::open().await?;
    let other = scene.db.client().await?;
    for lock in ["SELECT link_event('humanitix', 'evt_1', 'ours')", "LOCK TABLE webhook_logs"] {
        other.batch_execute(&format!("BEGIN; {lock}")).await?;
        not_ready(&scene, "lock").await?;
        other.batch_execute("ROLLBACK").await?;
        ready_again(&scene).await?;
    }
    // A lock of one order is none of these: deliveries are kept, and tried again.
    assert_eq!(send(&scene, "o1").await?, 200);
    other.batch_execute("BEGIN; SELECT FROM order_states FOR UPDATE").await?;
    assert_eq!(ready(&scene).await?.0, 200);
    assert_eq!(scene.signed(bytes(&envelope("order.updated", "o1"))).await?.decision(), (202, "failed"));
    other.batch_execute("ROLLBACK").await?;
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_does_not_come_is_not_ready() -> Result {
    let cluster = Cluster::start(&[]).await?;
    let scene = Scene::open_with(Database::create_on(&cluster).await?, &[]).await?;
    let switch = async |name: &str| -> Result {
        let admin = cluster.connect("postgres").await?;
        // This very statement must not wait for it.
        admin.batch_execute("SET synchronous_commit = local").await?;
        admin.batch_execute(&format!("ALTER SYSTEM SET synchronous_standby_names = '{name}'")).await?;
        Ok(admin.batch_execute("SELECT pg_reload_conf()").await?)
    };
    switch("a_standby_that_is_away").await?;
    not_ready(&scene, "does not answer").await?;
    switch("").await?;
    ready_again(&scene).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_is_not_ready() -> Result {
    let cluster = Cluster::start(&[]).await?;
    let scene = Scene::open_with(Database::create_on(&cluster).await?, &[]).await?;
    cluster.stop(Stop::Fast)?;
    not_ready(&scene, "no connection").await?;
    cluster.start_again().await?;
    ready_again(&scene).await
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_leaves_nothing_behind() -> Result {
    let scene = Scene::open().await?;
    let sizes = "SELECT sum(pg_total_relation_size(oid)), (SELECT probes FROM ready_probe), (SELECT last_value FROM webhook_logs_id_seq) \
        FROM pg_class WHERE relnamespace = 'boxoffice'::regnamespace AND relkind = 'r'";
    line(&scene.client, "SELECT count(*) FROM check_ready()").await?;
    // The worker's tasks make the first day sheets when they like.
    line(&scene.client, "SELECT fold_sales()").await?;
    let before = line(&scene.client, sizes).await?;
    for _ in 0..500 {
        assert_eq!(line(&scene.client, "SELECT problem FROM check_ready()").await?, "-");
    }
    assert_eq!(line(&scene.client, sizes).await?, before);
    scene.close().await
}
