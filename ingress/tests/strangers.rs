//! Those whom the database does not believe get out of the way of the others.

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use boxoffice_ingress::inbound::admission::door::Quotas;
use common::{Worker, post, start};

/// A request through a proxy.
fn from(address: &str, body: &str) -> String {
    post("/webhooks/humanitix", body).replace("host: x\r\n", &format!("host: x\r\nx-forwarded-for: {address}\r\n"))
}

/// A worker behind a proxy, with three forgeries a minute for each address.
async fn strict(change: impl FnOnce(&mut boxoffice_ingress::Config)) -> Worker {
    let worker = start(|config, _| {
        config.proxies = common::proxies("127.0.0.1");
        config.quotas = Quotas { source: 3, platform: 0 };
        change(config);
    });
    worker.await.connected().await
}

#[tokio::test]
async fn a_forger_is_refused_before_his_body_is_read() {
    let worker = strict(|_| {}).await;
    for _ in 0..3 {
        assert_eq!(worker.ask(&from("192.0.2.1", "forged")).await.status, 401);
    }
    let calls = worker.fake.calls.load(Ordering::SeqCst);
    let mut wire = worker.wire().await;
    wire.send("POST /webhooks/humanitix HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.1\r\nexpect: 100-continue\r\ncontent-length: 100000\r\n\r\n").await;
    let reply = wire.reply().await;
    assert_eq!((reply.status, &reply.json()["outcome"]), (429, &"too_many".into()));
    let wait: u32 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(reply.header("connection"), Some("close"));
    assert!(wire.closed().await);
    // One that has sent its body already sees the answer too.
    assert_eq!(worker.ask(&from("192.0.2.1", "forged")).await.status, 429);
    assert_eq!(worker.fake.calls.load(Ordering::SeqCst), calls);
    // Nobody else notices, behind the same proxy.
    assert_eq!(worker.ask(&from("192.0.2.2", "good")).await.status, 200);
    worker.wait_metric("suspects 1").await;
}

#[tokio::test]
async fn strangers_travel_apart_and_few_at_a_time() {
    let worker = strict(|config| config.quotas.source = 0).await;
    assert_eq!(worker.ask(&from("198.51.100.1", "first")).await.status, 200);
    worker.fake.close_gate().await;
    let mut replies = Vec::new();
    let mut send = async |worker: &Worker, address: &str, body: &str| {
        let mut wire = worker.wire().await;
        wire.send(from(address, body)).await;
        replies.push(tokio::spawn(async move { wire.reply().await }));
    };
    send(&worker, "198.51.100.1", "stuck").await;
    worker.fake.wait_entered(2).await;
    for number in 0..40 {
        send(&worker, "192.0.2.1", &format!("forged {number}")).await;
    }
    worker.wait_metric("queue_depth 40").await;
    for number in 0..5 {
        send(&worker, "198.51.100.1", &format!("good {number}")).await;
    }
    worker.wait_metric("queue_depth 45").await;
    worker.fake.open_gate();
    for reply in replies {
        reply.await.unwrap();
    }
    let batches = worker.fake.bodies();
    let forged: Vec<usize> =
        batches.iter().map(|batch| batch.iter().filter(|body| body.starts_with("forged")).count()).collect();
    for (batch, forged) in batches.iter().zip(&forged) {
        assert!(*forged == 0 || *forged == batch.len() && *forged <= 16, "{batch:?}");
    }
    // One batch of strangers at most goes before those who are believed.
    let good = batches.iter().position(|batch| batch.contains(&"good 0".to_owned())).unwrap();
    assert!(batches[good].len() == 5 && good <= 3, "{batches:?}");
}

#[tokio::test]
async fn one_connection_of_two_never_carries_a_stranger() {
    let worker = start(|config, _| {
        config.proxies = common::proxies("127.0.0.1");
        config.quotas = Quotas { source: 0, platform: 0 };
        config.db_connections = 2;
    });
    let worker = worker.await;
    worker.wait_metric("db_connected 2").await;
    assert_eq!(worker.ask(&from("198.51.100.1", "first")).await.status, 200);
    worker.fake.close_gate().await;
    let mut forgers = Vec::new();
    for _ in 0..40 {
        let mut wire = worker.wire().await;
        wire.send(from("192.0.2.1", "forged")).await;
        forgers.push(wire);
    }
    // One call is under way; all others of them wait, although there is a second connection.
    worker.fake.wait_entered(2).await;
    worker.wait_metric(&format!("queue_depth {}", 40 - worker.fake.carried())).await;
    let mut wire = worker.wire().await;
    wire.send(from("198.51.100.1", "good")).await;
    worker.fake.wait_entered(3).await;
    worker.fake.open_gate();
    assert_eq!(wire.reply().await.status, 200);
}

#[tokio::test]
async fn a_body_that_drips_is_given_up() {
    let worker = strict(|config| {
        config.body_rate = 1000;
        config.body_timeout = Duration::from_secs(3600);
    })
    .await;
    let mut wire = worker.wire().await;
    wire.send(
        "POST /webhooks/humanitix HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.1\r\ncontent-length: 10000\r\n\r\n",
    )
    .await;
    let reply = tokio::spawn(async move { wire.reply().await });
    let reply = reply.await.unwrap();
    assert_eq!((reply.status, &reply.json()["outcome"]), (408, &"body_timeout".into()));
    // It costs what a few forgeries cost.
    assert_eq!(worker.ask(&from("192.0.2.1", "forged")).await.status, 429);
    worker.wait_metric("buffered_bytes 0").await;
}

#[tokio::test]
async fn bodies_that_stand_still_make_room_for_others() {
    let worker = strict(|config| {
        config.max_body_bytes = 1 << 20;
        config.queue_bytes = 8 << 20;
        config.body_rate = 0;
    })
    .await;
    let head = |address: &str| {
        format!(
            "POST /webhooks/humanitix HTTP/1.1\r\nhost: x\r\nx-forwarded-for: {address}\r\ncontent-length: 1048576\r\n\r\n"
        )
    };
    let mut still = Vec::new();
    for number in 0..32 {
        let mut wire = worker.wire().await;
        wire.send(head(&format!("192.0.2.{number}"))).await;
        // May be given up before the end of it.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut wire.stream, "x".repeat((1 << 20) - 1).as_bytes()).await;
        still.push(wire);
    }
    for number in 0..20 {
        assert_eq!(worker.ask(&from("198.51.100.1", &format!("small {number}"))).await.status, 200);
    }
    let large = "y".repeat(1 << 20);
    for _ in 0..3 {
        assert_eq!(worker.ask(&from("198.51.100.1", &large)).await.status, 200);
    }
    // Whoever was given up is told to come again, and reads it once he listens.
    let mut told = 0;
    for wire in &mut still {
        let answer = tokio::time::timeout(Duration::from_millis(20), wire.reply()).await;
        told += usize::from(answer.is_ok_and(|reply| reply.status == 503));
    }
    assert!(told >= 24, "{told}");
}
