//! Many senders at once: exact results, batches, memory.

use std::sync::Arc;

use anyhow::Context as _;
use boxoffice_tests::body::{envelope, hint, order_url};
use boxoffice_tests::hold::until;
use boxoffice_tests::http::Connection;
use boxoffice_tests::scene::{SECRET, TOKEN, bytes};
use boxoffice_tests::sql::{line, lines};
use boxoffice_tests::{Database, Hold, Result, Scene, sign};
use hyper::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const CONNECTIONS: usize = 64;
const EACH: usize = 50;
/// What the worker may have in memory after that, in KiB.
const MEMORY: u64 = 30 * 1024;

/// Sends bodies over one connection.
async fn send(scene: Arc<Scene>, bodies: Vec<Vec<u8>>) -> Result {
    let mut connection = Connection::open(scene.worker.address()).await?;
    for body in bodies {
        let thin = body.starts_with(b"{\"api_url\"");
        let (path, signature) = if thin {
            (format!("/webhooks/eventbrite/{TOKEN}"), String::new())
        } else {
            ("/webhooks/humanitix".into(), sign::hex(SECRET, &body))
        };
        let answer = connection.send(Method::POST, &path, &[("x-humanitix-signature", &signature)], body).await?;
        let answer = scene.keep(&answer)?;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    Ok(())
}

/// Sends each list over a connection of its own, all at the same time.
async fn together(scene: Scene, lists: Vec<Vec<Vec<u8>>>) -> Result<Scene> {
    let scene = Arc::new(scene);
    let mut tasks = JoinSet::new();
    for list in lists {
        tasks.spawn(send(Arc::clone(&scene), list));
    }
    for result in tasks.join_all().await {
        result?;
    }
    Arc::into_inner(scene).context("a request is still there")
}

async fn outcomes(scene: &Scene) -> Result<Vec<String>> {
    lines(&scene.client, "SELECT platform, status, count(*) FROM webhook_logs GROUP BY 1, 2 ORDER BY 1, 2").await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_connections_with_duplicates_give_exact_rows_in_little_memory() -> Result {
    let scene = Scene::open().await?;
    // 3200 deliveries: 400 hints about 10 orders, and 2800 envelopes of 2000 orders, 800 of them sent twice, by others.
    let mut envelopes = (0..2800).map(|number| bytes(&envelope("order.created", &format!("o{}", number % 2000))));
    let mut hints = (0..400).map(|number| bytes(&hint("order.placed", &order_url(&format!("{}", 1000 + number % 10)))));
    let lists = (0..CONNECTIONS).map(|_| {
        (0..EACH)
            .filter_map(|number| {
                if number % 8 == 7 {
                    hints.next().or_else(|| envelopes.next())
                } else {
                    envelopes.next().or_else(|| hints.next())
                }
            })
            .collect()
    });
    let lists: Vec<Vec<Vec<u8>>> = lists.collect();
    assert_eq!(lists.iter().map(Vec::len).sum::<usize>(), CONNECTIONS * EACH);
    let scene = together(scene, lists).await?;

    assert_eq!(
        outcomes(&scene).await?,
        ["eventbrite|queued|400", "humanitix|duplicate|800", "humanitix|processed|2000"]
    );
    let sales =
        "SELECT count(*), sum(total_amount), sum(ticket_quantity), count(DISTINCT platform_order_id) FROM ticket_sales";
    assert_eq!(line(&scene.client, sales).await?, "2000|150000.00|6000|2000");
    assert_eq!(line(&scene.client, "SELECT count(*) FROM order_states").await?, "2000");
    assert_eq!(line(&scene.client, "SELECT count(*) FROM fetch_jobs WHERE status = 'waiting'").await?, "10");
    // No delivery is lost between the answers and the transactions.
    assert_eq!(scene.metric("boxoffice_ingress_batch_size_sum").await?, 3200.0);
    assert!(scene.metric("boxoffice_ingress_batch_size_count").await? < 3200.0, "each had a transaction of its own");
    assert_eq!(scene.metric("boxoffice_ingress_queue_depth").await?, 0.0);
    assert_eq!(scene.metric("boxoffice_ingress_buffered_bytes").await?, 0.0);
    let memory = scene.worker.rss_kib()?;
    assert!(memory < MEMORY, "{memory} KiB");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_copies_of_one_delivery_make_one_sale() -> Result {
    let scene = Scene::open_with(Database::create().await?, &[("BOXOFFICE_DB_CONNECTIONS", "8")]).await?;
    let body = bytes(&envelope("order.created", "o1"));
    let scene = together(scene, vec![vec![body; 5]; CONNECTIONS]).await?;
    assert_eq!(outcomes(&scene).await?, ["humanitix|duplicate|319", "humanitix|processed|1"]);
    assert_eq!(line(&scene.client, "SELECT count(*), sum(total_amount) FROM ticket_sales").await?, "1|75.00");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_during_a_commit_travels_together() -> Result {
    let scene = Scene::open_with(Database::create().await?, &[("BOXOFFICE_DB_CONNECTIONS", "1")]).await?;
    let (hold, scene) = (Hold::begin(&scene.db).await?, Arc::new(scene));
    let first = tokio::spawn(send(Arc::clone(&scene), vec![bytes(&envelope("order.created", "o0"))]));
    hold.caught(1).await?;
    // Duplicates, a hint, an update and its order in one batch.
    let mut tasks = JoinSet::new();
    for number in 0..63 {
        let body = match number % 4 {
            0 => hint("order.placed", &order_url("1")),
            1 => envelope("order.updated", &format!("o{number}")),
            _ => envelope("order.created", &format!("o{}", number % 10)),
        };
        tasks.spawn(send(Arc::clone(&scene), vec![bytes(&body)]));
    }
    until("all of them wait", async || Ok(scene.metric("boxoffice_ingress_queue_depth").await? >= 63.0)).await?;
    hold.release().await?;
    first.await??;
    for result in tasks.join_all().await {
        result?;
    }
    let metric = async |name: &str| scene.metric(&format!("boxoffice_ingress_batch_size{name}")).await;
    assert_eq!((metric("_count").await?, metric("_sum").await?), (2.0, 64.0));
    assert_eq!((metric("_bucket{le=\"1\"}").await?, metric("_bucket{le=\"64\"}").await?), (1.0, 2.0));
    Arc::into_inner(scene).context("a request is still there")?.close().await
}

/// The life of an order: bought, changed, partly refunded, refunded; each with its time.
fn life(order: &str, kind: usize) -> Vec<Value> {
    let step = |event_type: &str, minute: usize, changes: Value| {
        let mut body = envelope(event_type, order);
        body["timestamp"] = json!(format!("2026-03-01T10:{minute:02}:00Z"));
        for (name, value) in changes.as_object().into_iter().flatten() {
            body["data"]["order"][name] = value.clone();
        }
        body
    };
    let mut steps = vec![
        step("order.created", 1, json!({"status": "pending"})),
        step("order.updated", 2, json!({"status": "paid"})),
        step("order.updated", 3, json!({"status": "paid", "customer": {"first_name": "New", "last_name": "Name"}})),
    ];
    match kind {
        0 => {}
        1 => steps.push(step("order.cancelled", 4, json!({"status": "cancelled"}))),
        2 => steps.push(step("order.refunded", 4, json!({"status": "refunded", "refund_amount": 75}))),
        _ => steps.push(step("order.refunded", 4, json!({"refund_amount": 15.5}))),
    }
    steps
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_end_the_same_whoever_comes_first() -> Result {
    let scene = Scene::open_with(Database::create().await?, &[("BOXOFFICE_DB_CONNECTIONS", "4")]).await?;
    let steps: Vec<Value> = (0..40).flat_map(|number| life(&format!("o{number:02}"), number % 4)).collect();
    // Every connection sends all of it, in an order of its own: forwards, backwards, from the middle.
    let lists = (0..16_usize).map(|connection| {
        let mut list: Vec<Vec<u8>> = steps.iter().map(bytes).collect();
        list.rotate_left(connection * 11 % steps.len());
        if connection % 2 == 1 {
            list.reverse();
        }
        list
    });
    let scene = together(scene, lists.collect()).await?;
    let states = "SELECT refund_status, refund_amount, total_amount, valid_quantity, customer_name, count(*) \
        FROM ticket_sales GROUP BY 1, 2, 3, 4, 5 ORDER BY 1";
    let one_by_one = Scene::open().await?;
    for step in &steps {
        one_by_one.signed(bytes(step)).await?;
    }
    let expected = lines(&one_by_one.client, states).await?;
    assert_eq!(
        expected,
        [
            "cancelled|0.00|75.00|0|Wilhelmina Canary|10",
            "none|0.00|75.00|3|New Name|10",
            "partial|15.50|75.00|3|Wilhelmina Canary|10",
            "refunded|75.00|75.00|0|Wilhelmina Canary|10"
        ]
    );
    assert_eq!(lines(&scene.client, states).await?, expected);
    one_by_one.close().await?;
    scene.close().await
}
