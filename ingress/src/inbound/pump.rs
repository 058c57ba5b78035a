//! The inbound pumps. Each has one database connection and repeats: take what waits, hand it over in one transaction, answer.
//! What arrives while a commit is in flight thus travels together in the next one, and an idle worker adds no wait.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::config::Config;
use crate::inbound::admission::door::Door;
use crate::inbound::availability::Availability;
use crate::inbound::metrics::Metrics;
use crate::inbound::queue::{Item, Queue, Takes};
use crate::inbound::respond::Problem;
use crate::log;
use crate::outbound::desk::Desk;
use crate::retry::{DEADLINE_GRACE, backoff, report};
use crate::store::Class;
use crate::store::{Delivery, Row, Session, Store, StoreError};

/// How often a deadlock is tried again at once.
const AGAIN_MAX: u32 = 2;
/// How often the queue is searched for deliveries that have waited too long.
const EXPIRE_EVERY: Duration = Duration::from_millis(250);

/// The outcome of a delivery that has left the outbound pump something to fetch.
const QUEUED: &str = "queued";

/// What all pumps share.
pub struct Pump<S> {
    /// Where connections come from.
    pub store: Arc<S>,
    /// Where deliveries come from.
    pub queue: Arc<Queue>,
    /// Who is told whom the database believes.
    pub door: Arc<Door>,
    /// Where connections are reported.
    pub availability: Arc<Availability>,
    /// Who is told that there is something to fetch.
    pub desk: Arc<Desk>,
    /// Where commits are counted.
    pub metrics: Arc<Metrics>,
    /// Limits.
    pub config: Arc<Config>,
}

impl<S: Store> Pump<S> {
    /// Works until the queue is closed and empty, or closed and the database away.
    pub async fn run(self: Arc<Self>, mut takes: Takes) {
        let mut failures = 0;
        while let Some(mut session) = self.connect(&mut failures).await {
            let connected = self.availability.connected();
            log::info("database_connected", &[("connections", self.availability.count().into())]);
            loop {
                let batch = tokio::select! {
                    biased;
                    // An idle connection that dies is replaced at once, not by the next delivery's failure.
                    () = session.closed() => break,
                    batch = self.queue.pop(takes, self.config.batch_max, self.config.batch_bytes) => batch,
                };
                let Some((lane, batch)) = batch else { return };
                if let Takes::Both(last) = &mut takes {
                    *last = lane;
                }
                match self.carry(&mut session, batch).await {
                    Usable::Yes => failures = 0,
                    Usable::No => break,
                }
            }
            drop(connected);
            log::warn("database_connection_lost", &[]);
            // A session that breaks down at every call must not be renewed in a tight loop.
            failures += 1;
        }
    }

    /// Tries until it succeeds; `None` when the queue is closed.
    async fn connect(&self, failures: &mut u32) -> Option<S::Session> {
        loop {
            let attempt = async {
                if *failures > 0 {
                    sleep(backoff(*failures, RandomState::new().hash_one(()))).await;
                }
                self.store.connect().await
            };
            let result = tokio::select! {
                biased;
                result = attempt => result,
                // Nobody is served any more who could not be served without a database.
                () = self.queue.closed() => {
                    self.queue.fail_all(Problem::Stopping);
                    return None;
                }
            };
            match result {
                Ok(session) => return Some(session),
                Err(error) => {
                    *failures = failures.saturating_add(1);
                    self.availability.unreachable(error.words());
                    report("database_connect_failed", &error, &[("attempt", (*failures).into())]);
                }
            }
        }
    }

    /// Hands over a batch and answers every item of it.
    ///
    /// When the database refuses it because of its content, it is halved, and halved again, until the item is alone
    /// that cannot be taken: one poisoned item among 256 costs 16 more calls, and its neighbours nothing else.
    async fn carry(&self, session: &mut S::Session, batch: Vec<Item>) -> Usable {
        let started = Instant::now();
        let deadline = self.config.batch_timeout + DEADLINE_GRACE;
        let mut again = 0;
        let mut work = vec![batch];
        while let Some(mut items) = work.pop() {
            let called = Instant::now();
            let calling = self.availability.calling();
            let result = {
                let deliveries: Vec<&Delivery> = items.iter().map(|item| &item.delivery).collect();
                match timeout(deadline.saturating_sub(started.elapsed()), session.ingest(&deliveries)).await {
                    Ok(result) => result,
                    Err(_) => {
                        Err(StoreError { class: Class::Lost, sqlstate: None, message: "deadline passed".to_owned() })
                    }
                }
            };
            drop(calling);
            let error = match result {
                Ok(rows) if rows.len() == items.len() => {
                    self.availability.kept();
                    self.metrics.commit(items.len(), called.elapsed());
                    if rows.iter().any(|row| row.outcome == QUEUED) {
                        self.desk.want();
                    }
                    for (item, row) in items.into_iter().zip(rows) {
                        self.tell_the_door(&item, &row);
                        item.answer(Ok(row));
                    }
                    continue;
                }
                // Committed, but which row belongs to whom?
                Ok(_) => StoreError {
                    class: Class::Trouble,
                    sqlstate: None,
                    message: "ingest_webhooks returned another number of rows than deliveries".to_owned(),
                },
                Err(error) => error,
            };
            if error.class == Class::Again && again < AGAIN_MAX {
                again += 1;
                work.push(items);
                continue;
            }
            if error.class == Class::Item && items.len() > 1 {
                let second = items.split_off(items.len() / 2);
                work.push(second);
                work.push(items);
                continue;
            }
            report("ingest_failed", &error, &[("deliveries", items.len().into())]);
            self.availability.failed(error.words());
            let usable = !matches!(error.class, Class::Session | Class::Lost);
            answer_all(items, if error.class == Class::Lost { Problem::Uncertain } else { Problem::Failed });
            if !usable {
                // The rest was not sent.
                work.into_iter().for_each(|items| answer_all(items, Problem::Away));
                return Usable::No;
            }
        }
        Usable::Yes
    }
}

impl<S> Pump<S> {
    /// Before the next batch is made up: what it knows decides who travels with whom.
    fn tell_the_door(&self, item: &Item, row: &Row) {
        if !row.is_believed() {
            let confirmed = row.http_status != 404;
            self.door.rejected(&item.visit, item.entry, item.delivery.body.len(), confirmed);
        } else if self.door.believed(&item.visit) {
            self.queue.promote(item.visit.source);
        }
    }
}

/// Whether a session can be used again.
enum Usable {
    Yes,
    No,
}

fn answer_all(items: Vec<Item>, problem: Problem) {
    for item in items {
        item.answer(Err(problem));
    }
}

/// Answers those whose turn does not come in time, and everybody while the database is away. Never ends.
pub async fn watch_the_queue(queue: Arc<Queue>, availability: Arc<Availability>, longest: Duration) {
    let mut ticks = interval(EXPIRE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if availability.is_away() {
            queue.fail_all(Problem::Away);
        } else if let Some(before) = Instant::now().checked_sub(longest) {
            queue.expire(before);
        }
    }
}
