//! From the database to a platform and back.

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use common::jobs::until;
use common::platform::{Platform, later, ok, worker_of};
use common::start;

#[tokio::test]
async fn a_hint_that_was_just_ingested_wakes_the_pump() {
    let platform = Platform::start(|_| ok(b"{}")).await;
    let worker = worker_of(&platform, |_, _| {}).await;
    let id = worker.fake.jobs.add("humanitix/default", "/v1/events");
    worker.post("/webhooks/humanitix", "anything else").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(platform.count(), 0, "nobody has said that there is work");
    worker.post("/webhooks/humanitix", "queued").await;
    assert_eq!(worker.fake.jobs.completed(id).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_notification_and_a_completion_wake_the_pump() {
    let platform = Platform::start(|_| ok(b"{}")).await;
    let worker = worker_of(&platform, |_, _| {}).await;
    let jobs = &worker.fake.jobs;
    let id = jobs.add("humanitix/default", "/v1/events");
    let next = jobs.job("humanitix/default", "/v1/events?page=2");
    let next_id = next.id;
    jobs.next.lock().unwrap().push_back(next);
    jobs.notify();
    jobs.completed(id).await.unwrap();
    jobs.completed(next_id).await.unwrap();
    for outcome in ["retry", "gone"] {
        let id = jobs.add("humanitix/default", "/v1/events");
        let next = jobs.job("humanitix/default", "/v1/other");
        let next_id = next.id;
        jobs.outcomes.lock().unwrap().push_back(outcome);
        jobs.next.lock().unwrap().push_back(next);
        jobs.notify();
        jobs.completed(id).await.unwrap();
        jobs.completed(next_id).await.unwrap();
    }
}

#[tokio::test]
async fn an_idle_pump_polls_and_no_more() {
    let platform = Platform::start(|_| ok(b"{}")).await;
    let worker = worker_of(&platform, |config, _| {
        config.fetch.connections = 3;
        config.fetch.poll = Duration::from_millis(500);
        config.fetch.tasks = Duration::from_millis(500);
    });
    let worker = worker.await;
    // The connections come one after another, and each asks once.
    until("all connections", || worker.fake.jobs.announced.lock().unwrap().len() == 3).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (claims, tasks) = (worker.fake.jobs.claims(), worker.fake.jobs.tasks.load(Ordering::SeqCst));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let claims = worker.fake.jobs.claims() - claims;
    let tasks = worker.fake.jobs.tasks.load(Ordering::SeqCst) - tasks;
    assert!((2..=4).contains(&claims), "{claims} claims");
    assert!((2..=4).contains(&tasks), "{tasks} runs of tasks");
    let id = worker.fake.jobs.add("humanitix/default", "/v1/events");
    worker.fake.jobs.completed(id).await.unwrap();
}

#[tokio::test]
async fn fetches_in_flight_are_bounded() {
    let platform = Platform::start(later).await;
    let worker = worker_of(&platform, |config, _| config.fetch.concurrency = 3).await;
    let jobs = &worker.fake.jobs;
    let ids: Vec<i64> = (0..10).map(|number| jobs.add("humanitix/default", &format!("/v1/events/{number}"))).collect();
    jobs.notify();
    until("three requests", || platform.count() == 3).await;
    let claims = jobs.claims();
    for _ in 0..20 {
        jobs.notify();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((platform.count(), jobs.claims()), (3, claims), "no claim without room");
    worker.wait_metric("fetches_in_flight 3").await;
    platform.gate.add_permits(10);
    for id in ids {
        jobs.completed(id).await.unwrap();
    }
    assert_eq!(platform.most.load(Ordering::SeqCst), 3);
    assert!(jobs.claims.lock().unwrap().iter().all(|(max, _)| (1..=3).contains(max)));
    for line in [
        "fetches_in_flight 0",
        "fetches_total{platform=\"humanitix\",status=\"200\"} 10",
        "fetch_completions_total{outcome=\"done\"} 10",
        "fetch_bytes_total 40",
        "fetch_seconds_count 10",
        "outbound_connected 1",
    ] {
        worker.wait_metric(line).await;
    }
}

#[tokio::test]
async fn a_full_claim_is_followed_by_another() {
    let platform = Platform::start(|_| ok(b"{}")).await;
    // No completion gives reason to claim, so the second claim comes from the first having been full.
    let worker = worker_of(&platform, |config, fake| {
        config.fetch.concurrency = 2;
        fake.jobs.outcomes.lock().unwrap().extend(["released"; 4]);
    });
    let worker = worker.await;
    let jobs = &worker.fake.jobs;
    let ids: Vec<i64> = (0..4).map(|_| jobs.add("humanitix/default", "/v1/events")).collect();
    jobs.notify();
    for id in ids {
        jobs.completed(id).await.unwrap();
    }
}

#[tokio::test]
async fn without_credentials_only_tasks_are_run() {
    let worker = start(|config, _| {
        config.fetch.poll = Duration::from_millis(10);
        config.fetch.tasks = Duration::from_millis(10);
    });
    let worker = worker.await;
    until("tasks", || worker.fake.jobs.tasks.load(Ordering::SeqCst) > 3).await;
    worker.post("/webhooks/humanitix", "queued").await;
    assert_eq!(worker.fake.jobs.claims(), 0);
}

#[tokio::test]
async fn the_pump_can_be_switched_off() {
    let platform = Platform::start(|_| ok(b"{}")).await;
    let worker = start(|config, _| {
        config.fetch.accounts = platform.account();
        config.fetch.concurrency = 0;
        config.fetch.poll = Duration::from_millis(10);
    });
    let mut worker = worker.await.connected().await;
    worker.fake.jobs.add("humanitix/default", "/v1/events");
    assert_eq!(worker.post("/webhooks/humanitix", "queued").await.status, 200);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((worker.fake.jobs.connects.load(Ordering::SeqCst), platform.count()), (0, 0));
    worker.stop();
    assert_eq!(worker.finished().await, Ok(()));
}
