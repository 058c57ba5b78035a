//! Nothing is unbounded.

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use common::{get, post, start};

const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_body_that_is_too_long_by_its_own_account() {
    let worker = start(|config, _| config.max_body_bytes = 1000).await;
    assert_eq!(worker.post("/webhooks/humanitix", &"x".repeat(1000)).await.status, 200);
    let mut wire = worker.wire().await;
    wire.send("POST /webhooks/humanitix HTTP/1.1\r\nhost: x\r\ncontent-length: 1001\r\n\r\n").await;
    // Answered before the body is there.
    let reply = wire.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (413, Some("close")));
    assert_eq!(reply.json()["outcome"], "too_large");
    wire.send("x".repeat(1001)).await;
    assert!(wire.closed().await);
}

#[tokio::test]
async fn a_chunked_body_is_refused_and_never_cut() {
    let worker = start(|config, _| config.max_body_bytes = 1000).await;
    let mut wire = worker.wire().await;
    wire.send("POST /webhooks/humanitix HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").await;
    let chunk = format!("{:x}\r\n{}\r\n", 600, "x".repeat(600));
    wire.send(&chunk).await;
    wire.send(&chunk).await;
    // Answered although the end has not been sent, and readable although the sender goes on.
    let reply = wire.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (413, Some("close")));
    for _ in 0..100 {
        wire.send(&chunk).await;
    }
    wire.send("0\r\n\r\n").await;
    assert!(wire.closed().await);
    assert_eq!(worker.fake.calls.load(Ordering::SeqCst), 0);
    worker.wait_metric("buffered_bytes 0").await;
}

#[tokio::test]
async fn a_sender_that_writes_everything_first_sees_the_refusal() {
    let worker = start(|config, _| config.max_body_bytes = 1000).await;
    let reply = worker.post("/webhooks/humanitix", &"x".repeat(2 << 20)).await;
    assert_eq!(reply.status, 413);
    let reply = worker.post("/nowhere", &"x".repeat(2 << 20)).await;
    assert_eq!(reply.status, 404);
}

#[tokio::test]
async fn too_many_header_bytes() {
    let worker = start(|config, _| config.max_header_bytes = 8192).await;
    let big = format!("POST /webhooks/a HTTP/1.1\r\nhost: x\r\nx-big: {}\r\n\r\n", "x".repeat(10_000));
    assert_eq!(worker.ask(&big).await.status, 431);
    let many = format!("POST /webhooks/a HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200));
    assert_eq!(worker.ask(&many).await.status, 431);
}

#[tokio::test]
async fn slow_headers_lose_the_connection() {
    let worker = start(|config, _| config.header_timeout = SHORT).await;
    assert!(worker.wire().await.closed().await, "not a byte");
    let mut wire = worker.wire().await;
    wire.send("POST /webhooks/a HT").await;
    assert!(wire.closed().await, "half a line");
    // The second request of a connection has the same limit, not the longer one of an idle connection.
    let mut wire = worker.wire().await;
    wire.send(get("/live")).await;
    assert_eq!(wire.reply().await.status, 200);
    wire.send("POST").await;
    assert!(wire.closed().await, "the second request");
}

#[tokio::test]
async fn an_idle_connection_outlives_the_header_limit_but_not_its_own() {
    let worker = start(|config, _| {
        config.header_timeout = SHORT;
        config.idle_timeout = SHORT * 20;
    });
    let worker = worker.await;
    let mut wire = worker.wire().await;
    wire.send(get("/live")).await;
    assert_eq!(wire.reply().await.status, 200);
    tokio::time::sleep(SHORT * 3).await;
    wire.send(get("/live")).await;
    assert_eq!(wire.reply().await.status, 200);
    assert!(wire.closed().await);
}

#[tokio::test]
async fn a_slow_body_is_408() {
    let worker = start(|config, _| config.body_timeout = SHORT).await;
    let mut wire = worker.wire().await;
    wire.send("POST /webhooks/humanitix HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nonly this").await;
    let reply = wire.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (408, Some("close")));
    assert!(wire.closed().await);
    worker.wait_metric("buffered_bytes 0").await;
}

#[tokio::test]
async fn a_sender_that_vanishes_in_its_body_leaves_nothing() {
    let worker = start(|_, _| {}).await;
    let mut wire = worker.wire().await;
    wire.send("POST /webhooks/humanitix HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nonly this").await;
    worker.wait_metric("buffered_bytes 9").await;
    drop(wire);
    worker.wait_metric("buffered_bytes 0").await;
    assert_eq!(worker.fake.calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_full_queue_is_503() {
    let worker = start(|config, _| config.queue_max = 2).await.connected().await;
    worker.fake.close_gate().await;
    let first = worker.post_later("1").await;
    worker.fake.wait_entered(1).await;
    let second = worker.post_later("2").await;
    let third = worker.post_later("3").await;
    worker.wait_metric("queue_depth 2").await;
    let refused = worker.post("/webhooks/humanitix", "4").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    assert_eq!(refused.json()["outcome"], "queue_full");
    worker.fake.open_gate();
    for reply in [first, second, third] {
        assert_eq!(reply.await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn bytes_in_memory_are_bounded_over_all_connections() {
    let worker = start(|config, _| {
        config.max_body_bytes = 10_000;
        config.queue_bytes = 15_000;
    });
    let worker = worker.await.connected().await;
    worker.fake.close_gate().await;
    let first = worker.post_later(&"x".repeat(9000)).await;
    worker.fake.wait_entered(1).await;
    let refused = worker.post("/webhooks/humanitix", &"y".repeat(9000)).await;
    assert_eq!((refused.status, &refused.json()["outcome"]), (503, &"queue_full".into()));
    worker.fake.open_gate();
    assert_eq!(first.await.unwrap().status, 200);
    assert_eq!(worker.post("/webhooks/humanitix", &"y".repeat(9000)).await.status, 200);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let worker = start(|config, _| config.max_connections = 2).await;
    let (mut one, mut two) = (worker.wire().await, worker.wire().await);
    for wire in [&mut one, &mut two] {
        wire.send("POST /webhooks/a HTTP/1.1\r\n").await;
    }
    // The kernel takes it, the worker does not.
    let mut three = worker.wire().await;
    three.send(get("/live")).await;
    one.send("host: x\r\ncontent-length: 3\r\n\r\none").await;
    let reply = one.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    assert!(one.closed().await, "makes room for those that wait");
    assert_eq!(three.reply().await.status, 200);
}

#[tokio::test]
async fn a_delivery_does_not_wait_for_ever() {
    let worker = start(|config, _| config.queue_wait = SHORT).await.connected().await;
    worker.fake.close_gate().await;
    let first = worker.post_later("1").await;
    worker.fake.wait_entered(1).await;
    let late = worker.post("/webhooks/humanitix", "2").await;
    assert_eq!((late.status, &late.json()["outcome"]), (503, &"waited_too_long".into()));
    worker.fake.open_gate();
    assert_eq!(first.await.unwrap().status, 200);
    assert_eq!(worker.fake.bodies(), [["1"]]);
}

#[tokio::test]
async fn rubbish_is_no_request() {
    let worker = start(|_, _| {}).await;
    for rubbish in ["\x16\x03\x01\x02\0\x01\0", "GET\r\n\r\n", "POST /webhooks/a HTTP/1.1\r\ncontent-length: x\r\n\r\n"]
    {
        assert_eq!(worker.ask(rubbish).await.status, 400);
    }
    // Two lengths, or a length and chunks, are how requests are smuggled.
    let two = "POST /webhooks/a HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab";
    assert_eq!(worker.ask(two).await.status, 400);
    assert_eq!(worker.ask(&post("/webhooks/a", "still here")).await.status, 200);
}
