//! The outbound pump: claims what the database wants to know, has it fetched, hands over the answers. Each of its
//! database sessions repeats: take a call from the desk, make it. Fetches are tasks of their own, so that no session waits
//! for a platform and no platform for the database.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use boxoffice_contract::fetch::Outcome;
use tokio::time::{Instant, sleep, timeout};

use crate::config::Config;
use crate::log;
use crate::outbound::desk::{Answer, Call, Desk, Lease, Turn};
use crate::outbound::fetch::Fetcher;
use crate::outbound::log as answers;
use crate::outbound::metrics::OutboundMetrics;
use crate::retry::{DEADLINE_GRACE, backoff, report};
use crate::store::Class;
use crate::store::{NoAnswer, OutboundSession, Store, StoreError, Wake};

/// An answer that the database has refused so often is dropped; its lease ends by itself, and the job is done again.
const TRIES_MAX: u32 = 3;
/// An answer that could not be handed over for so long is dropped: its lease is about to end anyway.
const ANSWER_AGE_MAX: Duration = Duration::from_secs(60);
/// Pause of a session after a call that failed, so that trouble is not answered with a flood.
const TROUBLE_PAUSE: Duration = Duration::from_millis(500);
/// Pause when the database has no such functions, or does not let us call them: only a person can change that.
const REFUSED_PAUSE: Duration = Duration::from_secs(60);

/// What the sessions of the outbound pump share.
pub struct Pump<S> {
    /// Where connections come from.
    pub store: Arc<S>,
    /// Where calls come from.
    pub desk: Arc<Desk>,
    /// Who asks the platforms.
    pub fetcher: Arc<Fetcher>,
    /// Where everything is counted.
    pub metrics: Arc<OutboundMetrics>,
    /// Limits.
    pub config: Arc<Config>,
    /// It has been said that the database refuses the pump; said again only after it has been otherwise.
    pub refused: AtomicBool,
}

/// How the use of a session ends.
enum End {
    /// Nothing is left to do.
    Finished,
    /// The session is of no use.
    Broken,
    /// A call was given up in the middle, and the session with it.
    GivenUp,
    /// No session would be of use.
    Refused,
}

/// Whether a session can be used again.
type Usable = Result<(), End>;

impl<S: Store> Pump<S> {
    /// Works until the desk has ended. `listens`: whether its connection is the one that LISTENs for new work.
    pub async fn run(self: Arc<Self>, listens: bool) {
        let mut failures = 0;
        while let Some(mut session) = self.connect(listens, &mut failures).await {
            let connected = self.metrics.connected();
            log::info("outbound_connected", &[("listens", listens.into())]);
            // While nobody listened something may have come.
            self.desk.want();
            let end = loop {
                let call = tokio::select! {
                    biased;
                    () = session.closed() => break End::Broken,
                    call = self.desk.next() => call,
                };
                let usable = match call {
                    None => Err(End::Finished),
                    Some(Call::Tasks(turn)) => self.run_due_tasks(&mut session, turn).await,
                    Some(Call::Claim(turn, room)) => self.claim(&mut session, turn, room).await,
                    Some(Call::Complete(answer)) => self.complete(&mut session, answer).await,
                };
                match usable {
                    Ok(()) => failures = 0,
                    Err(end) => break end,
                }
            };
            drop((connected, session));
            match end {
                End::Finished => return,
                End::GivenUp => {}
                End::Broken => {
                    log::warn("outbound_connection_lost", &[]);
                    // A session that breaks down at every call must not be renewed in a tight loop.
                    failures += 1;
                }
                End::Refused if self.wait_refused().await => {}
                End::Refused => return,
            }
        }
    }

    /// Tries until it succeeds; `None` when the desk has ended.
    async fn connect(&self, listens: bool, failures: &mut u32) -> Option<S::Outbound> {
        let accounts = self.fetcher.accounts();
        loop {
            let wake = listens.then(|| {
                let desk = Arc::clone(&self.desk);
                Arc::new(move || desk.want()) as Wake
            });
            let attempt = async {
                if *failures > 0 {
                    sleep(backoff(*failures, RandomState::new().hash_one(()))).await;
                }
                self.store.connect_outbound(&accounts, wake).await
            };
            let result = tokio::select! {
                biased;
                result = attempt => result,
                () = self.desk.ended() => return None,
            };
            match result {
                Ok(session) => return Some(session),
                Err(error) if refused(&error) => {
                    self.report_refused(&error);
                    if !self.wait_refused().await {
                        return None;
                    }
                }
                Err(error) => {
                    *failures = failures.saturating_add(1);
                    report("outbound_connect_failed", &error, &[("attempt", (*failures).into())]);
                }
            }
            self.forget_old();
        }
    }

    async fn claim(&self, session: &mut S::Outbound, turn: Turn, room: usize) -> Usable {
        let started = Instant::now();
        let result = self.call(session.claim(room, &self.fetcher.accounts())).await;
        self.metrics.database(started.elapsed());
        match result {
            Ok(jobs) => {
                self.refused.store(false, Ordering::Relaxed);
                for lease in turn.leases(jobs, room) {
                    self.start(lease);
                }
                Ok(())
            }
            // The turn is kept meanwhile: no other session is to run into the same.
            Err(error) => self.failed("claim_failed", &error).await,
        }
    }

    /// Fetches in a task of its own.
    fn start(&self, lease: Lease) {
        let (desk, fetcher, metrics) = (Arc::clone(&self.desk), Arc::clone(&self.fetcher), Arc::clone(&self.metrics));
        let debug = self.config.debug;
        tokio::spawn(async move {
            let started = Instant::now();
            let fetched = tokio::select! {
                biased;
                () = desk.cut_off() => Err(NoAnswer::Stopping),
                fetched = fetcher.fetch(&lease.job) => fetched,
            };
            metrics.fetched(fetcher.platform(&lease.job), &fetched, started.elapsed());
            if debug {
                answers::fetched(&lease.job, &fetched, started.elapsed());
            }
            lease.finish(fetched);
        });
    }

    async fn complete(&self, session: &mut S::Outbound, mut answer: Answer) -> Usable {
        if answer.since.elapsed() > ANSWER_AGE_MAX {
            answers::dropped(&answer);
            return Ok(());
        }
        let started = Instant::now();
        let result = self.call(session.complete(answer.job.id, &answer.fetched)).await;
        self.metrics.database(started.elapsed());
        match result {
            Ok(completion) => {
                self.metrics.completed(&completion.outcome);
                answers::completed(&answer.job, &completion, self.config.debug);
                // Its room is free before the next look for work.
                drop(answer);
                if Outcome::from_word(&completion.outcome).is_some_and(Outcome::may_bring_more) {
                    self.desk.want();
                }
                Ok(())
            }
            Err(error) => {
                // Trouble of the server is no fault of the answer; anything else may be, a broken connection included.
                answer.tries += u32::from(error.class != Class::Trouble);
                if answer.tries < TRIES_MAX {
                    self.desk.put_back(answer);
                } else {
                    answers::dropped(&answer);
                }
                self.failed("complete_failed", &error).await
            }
        }
    }

    async fn run_due_tasks(&self, session: &mut S::Outbound, turn: Turn) -> Usable {
        let call = tokio::select! {
            biased;
            result = self.call(session.run_due_tasks()) => result,
            // Nothing is lost: it is rolled back, and still due. The time is needed for answers.
            () = self.desk.stopped() => return Err(End::GivenUp),
        };
        match call {
            Ok(runs) => {
                for run in runs.iter().filter(|run| self.config.debug && run.items > 0) {
                    log::debug("task_run", &[("task", run.task.as_str().into()), ("items", run.items.into())]);
                }
                Ok(())
            }
            Err(error) => {
                let sqlstate = error.sqlstate.as_deref().into();
                log::warn("tasks_failed", &[("sqlstate", sqlstate), ("message", error.message.as_str().into())]);
                if refused(&error) {
                    turn.put_off(REFUSED_PAUSE);
                }
                // Tasks are many things; one that fails says nothing about the session.
                if error.class == Class::Lost { Err(End::Broken) } else { Ok(()) }
            }
        }
    }

    /// A call that ends in time. The server gives up by itself before that.
    async fn call<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        timeout(self.config.batch_timeout + DEADLINE_GRACE, call).await.unwrap_or_else(|_| {
            Err(StoreError { class: Class::Lost, sqlstate: None, message: "deadline passed".to_owned() })
        })
    }

    /// What a failed claim or completion means for the session.
    async fn failed(&self, event: &str, error: &StoreError) -> Usable {
        if refused(error) {
            self.report_refused(error);
            return Err(End::Refused);
        }
        report(event, error, &[]);
        if matches!(error.class, Class::Session | Class::Lost) {
            return Err(End::Broken);
        }
        sleep(TROUBLE_PAUSE).await;
        Ok(())
    }

    fn report_refused(&self, error: &StoreError) {
        if !self.refused.swap(true, Ordering::Relaxed) {
            answers::refused(error, self.fetcher.accounts().is_empty());
        }
    }

    /// Whether to try again: nobody will hand anything over in the time that is left to a worker that is stopping.
    async fn wait_refused(&self) -> bool {
        tokio::select! {
            () = sleep(REFUSED_PAUSE) => true,
            () = self.desk.stopped() => false,
        }
    }

    fn forget_old(&self) {
        if let Some(before) = Instant::now().checked_sub(ANSWER_AGE_MAX) {
            self.desk.forget(before).iter().for_each(answers::dropped);
        }
    }
}

/// There is no such function, or we may not call it.
fn refused(error: &StoreError) -> bool {
    // undefined_function, insufficient_privilege, invalid_schema_name
    matches!(error.sqlstate.as_deref(), Some("42883" | "42501" | "3F000"))
}
