//! From the queue to the database and back.

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use boxoffice_ingress::store::Class;
use boxoffice_ingress::store::StoreError;
use common::{failure, get, post, start};

#[tokio::test]
async fn what_arrives_during_a_commit_travels_together() {
    let worker = start(|_, _| {}).await.connected().await;
    worker.fake.close_gate().await;
    let mut replies = vec![worker.post_later("0").await];
    worker.fake.wait_entered(1).await;
    for number in 1..=9 {
        replies.push(worker.post_later(&number.to_string()).await);
    }
    worker.wait_metric("queue_depth 9").await;
    // Acknowledged only after the commit.
    assert!(replies.iter().all(|reply| !reply.is_finished()));
    worker.fake.open_gate();
    for reply in replies {
        assert_eq!(reply.await.unwrap().status, 200);
    }
    let batches = worker.fake.bodies();
    assert_eq!((batches.len(), batches[0].len(), batches[1].len()), (2, 1, 9));
}

#[tokio::test]
async fn batches_are_bounded_in_number_and_bytes() {
    let worker = start(|config, _| {
        config.batch_max = 3;
        config.batch_bytes = 1000;
    });
    let worker = worker.await.connected().await;
    worker.fake.close_gate().await;
    let mut replies = vec![worker.post_later("first").await];
    worker.fake.wait_entered(1).await;
    let big = "x".repeat(2000);
    for (place, body) in ["a", "b", "c", "d", &big, "e"].into_iter().enumerate() {
        replies.push(worker.post_later(body).await);
        worker.wait_metric(&format!("queue_depth {}", place + 1)).await;
    }
    worker.fake.open_gate();
    for reply in replies {
        assert_eq!(reply.await.unwrap().status, 200);
    }
    let batches = worker.fake.bodies();
    assert_eq!(batches, [vec!["first"], vec!["a", "b", "c"], vec!["d"], vec![&big], vec!["e"]]);
}

#[tokio::test]
async fn a_poisoned_item_hurts_nobody_else() {
    let worker = start(|_, _| {}).await.connected().await;
    worker.fake.close_gate().await;
    let first = worker.post_later("first").await;
    worker.fake.wait_entered(1).await;
    let mut replies = Vec::new();
    for number in 0..64 {
        let body = if number == 41 { "poison".to_owned() } else { number.to_string() };
        replies.push((body.clone(), worker.post_later(&body).await));
    }
    worker.wait_metric("queue_depth 64").await;
    worker.fake.open_gate();
    assert_eq!(first.await.unwrap().status, 200);
    for (body, reply) in replies {
        let reply = reply.await.unwrap();
        if body == "poison" {
            assert_eq!((reply.status, &reply.json()["outcome"]), (503, &"failed".into()));
            assert!(!reply.body.contains("PRIVATE"));
        } else {
            assert_eq!(reply.status, 200);
        }
    }
    let kept: usize = worker.fake.bodies().iter().map(Vec::len).sum();
    assert_eq!(kept, 64);
    assert!(worker.fake.calls.load(Ordering::SeqCst) <= 2 + 2 * 6, "halved, not one by one");
}

#[tokio::test]
async fn a_deadlock_is_tried_again() {
    let worker = start(|_, fake| fake.errors.lock().unwrap().push(failure(Class::Again))).await;
    assert_eq!(worker.post("/webhooks/humanitix", "x").await.status, 200);
    assert_eq!(worker.fake.calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn trouble_of_the_server_is_503_for_all_and_not_tried_one_by_one() {
    let worker = start(|_, fake| fake.errors.lock().unwrap().push(failure(Class::Trouble))).await;
    let reply = worker.post("/webhooks/humanitix", "x").await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("5")));
    assert!(!reply.body.contains("PRIVATE"));
    assert_eq!(worker.fake.calls.load(Ordering::SeqCst), 1);
    assert_eq!(worker.post("/webhooks/humanitix", "x").await.status, 200);
}

#[tokio::test]
async fn a_useless_session_is_replaced() {
    let error = StoreError { sqlstate: Some("42883".to_owned()), ..failure(Class::Session) };
    let worker = start(|_, fake| fake.errors.lock().unwrap().push(error)).await;
    assert_eq!(worker.post("/webhooks/humanitix", "x").await.status, 503);
    let worker = worker.connected().await;
    assert_eq!(worker.post("/webhooks/humanitix", "x").await.status, 200);
}

#[tokio::test]
async fn a_connection_lost_in_mid_call_is_no_acknowledgement() {
    let worker = start(|_, _| {}).await.connected().await;
    worker.fake.close_gate().await;
    let reply = worker.post_later("x").await;
    worker.fake.wait_entered(1).await;
    worker.fake.break_connections();
    let reply = reply.await.unwrap();
    assert_eq!((reply.status, &reply.json()["outcome"]), (503, &"uncertain".into()));
    worker.fake.open_gate();
    let worker = worker.connected().await;
    assert_eq!(worker.post("/webhooks/humanitix", "x").await.status, 200);
}

#[tokio::test]
async fn a_call_has_a_deadline() {
    let worker = start(|config, _| config.batch_timeout = Duration::from_millis(50)).await.connected().await;
    worker.fake.close_gate().await;
    let reply = worker.post("/webhooks/humanitix", "x").await;
    assert_eq!((reply.status, &reply.json()["outcome"]), (503, &"uncertain".into()));
}

#[tokio::test]
async fn a_database_that_is_away_is_503_and_found_again() {
    let worker = start(|config, fake| {
        config.away_wait = Duration::from_millis(100);
        fake.away.store(true, Ordering::SeqCst);
    });
    let worker = worker.await;
    let reply = worker.post("/webhooks/humanitix", "x").await;
    assert_eq!((reply.status, &reply.json()["outcome"]), (503, &"database_away".into()));
    assert_eq!(reply.header("retry-after"), Some("5"));
    assert_eq!(worker.ask(&get("/ready")).await.status, 503);
    worker.fake.away.store(false, Ordering::SeqCst);
    let worker = worker.connected().await;
    assert_eq!(worker.post("/webhooks/humanitix", "x").await.status, 200);
}

#[tokio::test]
async fn a_short_absence_is_ridden_out() {
    let worker = start(|config, fake| {
        config.away_wait = Duration::from_secs(60);
        config.queue_wait = Duration::from_secs(60);
        fake.away.store(true, Ordering::SeqCst);
    });
    let worker = worker.await;
    let reply = worker.post_later("x").await;
    worker.wait_metric("queue_depth 1").await;
    worker.fake.away.store(false, Ordering::SeqCst);
    assert_eq!(reply.await.unwrap().status, 200);
}

#[tokio::test]
async fn a_delivery_whose_sender_is_gone_is_carried_all_the_same() {
    let worker = start(|_, _| {}).await.connected().await;
    worker.fake.close_gate().await;
    let first = worker.post_later("first").await;
    worker.fake.wait_entered(1).await;
    let mut gone = worker.wire().await;
    gone.send(post("/webhooks/humanitix", "gone")).await;
    worker.wait_metric("queue_depth 1").await;
    drop(gone);
    worker.fake.open_gate();
    assert_eq!(first.await.unwrap().status, 200);
    worker.wait_metric("batch_size_count 2").await;
    assert_eq!(worker.fake.bodies(), [["first"], ["gone"]]);
}

#[tokio::test]
async fn stopping_finishes_what_is_in_flight() {
    let mut worker = start(|_, _| {}).await.connected().await;
    worker.fake.close_gate().await;
    let mut idle = worker.wire().await;
    idle.send(get("/live")).await;
    assert_eq!(idle.reply().await.status, 200);
    let in_flight = worker.post_later("in flight").await;
    worker.fake.wait_entered(1).await;
    let waiting = worker.post_later("waiting").await;
    worker.wait_metric("queue_depth 1").await;
    worker.stop();
    assert!(idle.closed().await, "idle connections end at once");
    worker.fake.open_gate();
    let reply = in_flight.await.unwrap();
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    assert_eq!(waiting.await.unwrap().status, 200);
    let address = worker.address;
    assert_eq!(worker.finished().await, Ok(()));
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn stopping_turns_ready_off() {
    let mut worker = start(|_, _| {}).await.connected().await;
    let mut wire = worker.wire().await;
    let mut idle = worker.wire().await;
    // A request that has begun keeps its connection.
    wire.send("GET /ready HTTP/1.1\r\n").await;
    idle.send(get("/live")).await;
    assert_eq!(idle.reply().await.status, 200);
    worker.stop();
    assert!(idle.closed().await);
    wire.send("host: x\r\n\r\n").await;
    assert_eq!(wire.reply().await.status, 503);
    assert_eq!(worker.finished().await, Ok(()));
}

#[tokio::test]
async fn stopping_has_a_limit() {
    let mut worker = start(|config, _| config.drain_timeout = Duration::from_millis(200)).await.connected().await;
    worker.fake.close_gate().await;
    let _stuck = worker.post_later("stuck").await;
    worker.fake.wait_entered(1).await;
    worker.stop();
    let unfinished = worker.finished().await.unwrap_err();
    assert_eq!((unfinished.connections, unfinished.queued), (1, 0));
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_database_that_is_away() {
    let mut worker = start(|_, fake| fake.away.store(true, Ordering::SeqCst)).await;
    let reply = worker.post_later("x").await;
    worker.wait_metric("queue_depth 1").await;
    worker.stop();
    assert_eq!(reply.await.unwrap().status, 503);
    assert_eq!(worker.finished().await, Ok(()));
}
