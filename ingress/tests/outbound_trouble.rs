//! The outbound pump when the database is in trouble, and when the worker stops.

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use boxoffice_ingress::store::Class;
use boxoffice_ingress::store::StoreError;
use common::jobs::until;
use common::platform::{Platform, Say, later, ok, worker_of};
use common::{failure, start};

fn sqlstate(class: Class, code: &str) -> StoreError {
    StoreError { sqlstate: Some(code.to_owned()), ..failure(class) }
}

#[tokio::test]
async fn an_answer_outlives_an_outage_of_the_database() {
    let platform = Platform::start(later).await;
    let worker = worker_of(&platform, |_, _| {}).await;
    let jobs = &worker.fake.jobs;
    let id = jobs.add("humanitix/default", "/v1/events");
    jobs.notify();
    until("the request", || platform.count() == 1).await;
    worker.fake.away.store(true, Ordering::SeqCst);
    worker.fake.break_connections();
    platform.gate.add_permits(1);
    worker.wait_metric("fetches_total{platform=\"humanitix\",status=\"200\"} 1").await;
    let connects = jobs.connects.load(Ordering::SeqCst);
    until("attempts to connect", || jobs.connects.load(Ordering::SeqCst) > connects).await;
    worker.fake.away.store(false, Ordering::SeqCst);
    assert_eq!(jobs.completed(id).await.unwrap().body, b"late");
    assert_eq!(platform.count(), 1, "it is not fetched again");
    assert_eq!(worker.post("/webhooks/humanitix", "x").await.status, 200);
}

#[tokio::test]
async fn an_answer_that_the_database_cannot_take_is_dropped() {
    let platform = Platform::start(|_| ok(b"{}")).await;
    let worker = worker_of(&platform, |config, fake| {
        config.fetch.concurrency = 1;
        let errors = [Class::Lost, Class::Again, Class::Item].map(failure);
        fake.jobs.complete_errors.lock().unwrap().extend(errors);
    });
    let worker = worker.await;
    let jobs = &worker.fake.jobs;
    let dropped = jobs.add("humanitix/default", "/v1/events/1");
    let next = jobs.add("humanitix/default", "/v1/events/2");
    jobs.notify();
    jobs.completed(next).await.unwrap();
    assert_eq!(jobs.complete_calls.load(Ordering::SeqCst), 4, "three tries, and the next");
    assert!(jobs.completions.lock().unwrap().iter().all(|(id, _)| *id != dropped));
    worker.wait_metric("fetches_in_flight 0").await;
}

#[tokio::test]
async fn trouble_of_the_server_costs_no_answer() {
    let platform = Platform::start(|_| ok(b"{}")).await;
    let worker = worker_of(&platform, |_, fake| {
        fake.jobs.claim_errors.lock().unwrap().push(failure(Class::Trouble));
        fake.jobs.complete_errors.lock().unwrap().extend([(); 4].map(|()| failure(Class::Trouble)));
    });
    let worker = worker.await;
    let id = worker.fake.jobs.add("humanitix/default", "/v1/events/1");
    // The failed claim is followed by a pause.
    until("another claim", || {
        worker.fake.jobs.notify();
        worker.fake.jobs.claims() > 1
    })
    .await;
    worker.fake.jobs.completed(id).await.unwrap();
    assert_eq!(worker.fake.jobs.complete_calls.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn a_database_that_refuses_is_left_alone_and_webhooks_go_on() {
    let platform = Platform::start(|_| ok(b"{}")).await;
    for at_connect in [true, false] {
        let worker = start(|config, fake| {
            config.fetch.accounts = platform.account();
            config.fetch.connections = 1;
            config.fetch.poll = Duration::from_millis(10);
            let errors = if at_connect { &fake.jobs.connect_errors } else { &fake.jobs.claim_errors };
            let many = (0..100).map(|_| sqlstate(Class::Session, if at_connect { "42883" } else { "42501" }));
            errors.lock().unwrap().extend(many);
        });
        let mut worker = worker.await.connected().await;
        until("the first attempt", || worker.fake.jobs.connects.load(Ordering::SeqCst) > 0).await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(worker.fake.jobs.connects.load(Ordering::SeqCst), 1);
        assert!(worker.fake.jobs.claims() <= 1);
        assert_eq!(worker.post("/webhooks/humanitix", "queued").await.status, 200);
        worker.stop();
        assert_eq!(worker.finished().await, Ok(()));
    }
}

#[tokio::test]
async fn failing_tasks_hurt_nobody() {
    let platform = Platform::start(|_| ok(b"{}")).await;
    let worker = worker_of(&platform, |config, fake| {
        config.fetch.tasks = Duration::from_millis(20);
        let mut errors = fake.jobs.task_errors.lock().unwrap();
        errors.extend([sqlstate(Class::Session, "42501"), failure(Class::Session), failure(Class::Item)]);
    });
    let worker = worker.await;
    until("three runs", || worker.fake.jobs.tasks.load(Ordering::SeqCst) == 3).await;
    let id = worker.fake.jobs.add("humanitix/default", "/v1/events");
    worker.fake.jobs.notify();
    worker.fake.jobs.completed(id).await.unwrap();
    assert_eq!(worker.fake.jobs.connects.load(Ordering::SeqCst), 1, "the session is as good as before");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(worker.fake.jobs.tasks.load(Ordering::SeqCst), 3, "put off after the refusal");
}

#[tokio::test]
async fn stopping_hands_over_what_comes_in_time_and_gives_back_the_rest() {
    let platform = Platform::start(|path| if path == "/hang" { Say::Hang(Vec::new()) } else { later(path) }).await;
    let worker = worker_of(&platform, |config, fake| {
        config.drain_timeout = Duration::from_secs(2);
        config.fetch.connections = 2;
        config.fetch.tasks = Duration::from_millis(50);
        fake.jobs.tasks_hang.store(true, Ordering::SeqCst);
    });
    let mut worker = worker.await;
    let fake = std::sync::Arc::clone(&worker.fake);
    let jobs = &fake.jobs;
    let slow = jobs.add("humanitix/default", "/slow");
    let hanging = jobs.add("humanitix/default", "/hang");
    jobs.notify();
    until("both requests", || platform.count() == 2).await;
    let claims = jobs.claims();
    worker.stop();
    let late = jobs.add("humanitix/default", "/too-late");
    tokio::time::sleep(Duration::from_millis(100)).await;
    platform.gate.add_permits(1);
    assert_eq!(jobs.completed(slow).await.unwrap().body, b"late");
    let started = std::time::Instant::now();
    assert_eq!(jobs.word(hanging).await, "stopping");
    assert!(started.elapsed() > Duration::from_millis(500), "it had its time");
    assert_eq!(worker.finished().await, Ok(()));
    assert_eq!(jobs.claims(), claims, "no claim after the signal");
    assert!(jobs.completions.lock().unwrap().iter().all(|(id, _)| *id != late));
}

#[tokio::test]
async fn stopping_with_nothing_in_flight_takes_no_time() {
    let platform = Platform::start(|_| ok(b"{}")).await;
    for away in [true, false] {
        let mut worker = worker_of(&platform, |config, fake| {
            config.fetch.connections = 2;
            fake.away.store(away, Ordering::SeqCst);
            fake.jobs.tasks_hang.store(!away, Ordering::SeqCst);
            config.fetch.tasks = Duration::from_millis(1);
        })
        .await;
        let started = std::time::Instant::now();
        worker.stop();
        assert_eq!(worker.finished().await, Ok(()));
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn stopping_without_a_database_has_a_limit() {
    let platform = Platform::start(later).await;
    let mut worker = worker_of(&platform, |config, _| config.drain_timeout = Duration::from_millis(400)).await;
    worker.fake.jobs.add("humanitix/default", "/v1/events");
    worker.fake.jobs.notify();
    until("the request", || platform.count() == 1).await;
    worker.fake.away.store(true, Ordering::SeqCst);
    worker.fake.break_connections();
    worker.stop();
    assert_eq!(worker.finished().await.unwrap_err().fetches, 1);
}
