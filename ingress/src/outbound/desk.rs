//! What is to be done next by the outbound pump. Its database sessions take their work from here; fetches, notifications
//! and the inbound pump bring it. Nothing here waits for anything but work, and nothing is lost when a waiter is dropped.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use crate::config::Config;
use crate::lock::lock;
use crate::store::{Fetched, Job, NoAnswer};

/// A claim also tells the database that this worker is there with its credentials: it believes that for five minutes.
const SIGN_OF_LIFE: Duration = Duration::from_secs(60);

/// Shared by all of the outbound pump.
#[derive(Debug)]
pub struct Desk {
    /// Fetches between claim and completion at a time.
    concurrency: usize,
    /// Whether there is anybody whose jobs we can do.
    claims: bool,
    poll: Duration,
    tasks: Duration,
    state: Mutex<State>,
    /// There is work for one session.
    work: Notify,
    /// Stopping, and nothing is left.
    ended: Notify,
    /// Fetches in flight are to end now.
    cut: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    /// Fetched, and not yet handed over.
    answers: VecDeque<Answer>,
    in_flight: usize,
    /// Somebody has given reason to claim.
    wanted: bool,
    /// A claim is under way; two at a time would share the same room.
    claiming: bool,
    next_claim: Instant,
    /// Tasks are being run.
    working: bool,
    next_tasks: Instant,
    stopping: bool,
}

/// A call that a session is to make.
#[derive(Debug)]
pub enum Call {
    /// Do what is due in the database.
    Tasks(Turn),
    /// Claim up to so many jobs.
    Claim(Turn, usize),
    /// Hand over an answer.
    Complete(Answer),
}

/// What became of a job, on its way to the database.
#[derive(Debug)]
pub struct Answer {
    /// The job.
    pub job: Job,
    /// What became of it.
    pub fetched: Fetched,
    /// Calls that failed.
    pub tries: u32,
    /// Since when it has been waiting.
    pub since: Instant,
    /// Its place, given back with the answer.
    _slot: Slot,
}

/// A place among the fetches in flight; free again when dropped.
#[derive(Debug)]
struct Slot(Arc<Desk>);

/// A job that is being fetched. However its task ends, there will be an answer.
#[derive(Debug)]
pub struct Lease {
    /// The job.
    pub job: Job,
    /// There until the answer is.
    slot: Option<Slot>,
}

/// The right to be the only one who claims, or who runs tasks; ends when dropped.
#[derive(Debug)]
pub struct Turn {
    desk: Arc<Desk>,
    kind: Kind,
    /// Until the next one, counted from the end of this one.
    pause: Duration,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Claim,
    Tasks,
}

enum Look {
    Found(Call),
    /// Nothing until then, unless somebody brings something.
    Nothing(Option<Instant>),
    Ended,
}

impl Desk {
    /// A desk with nothing on it; the first claim and the first tasks are due at once.
    pub fn new(config: &Config) -> Arc<Desk> {
        let now = Instant::now();
        Arc::new(Desk {
            concurrency: config.fetch.concurrency,
            claims: !config.fetch.accounts.is_empty(),
            poll: config.fetch.poll.min(SIGN_OF_LIFE),
            tasks: config.fetch.tasks,
            state: Mutex::new(State {
                answers: VecDeque::new(),
                in_flight: 0,
                wanted: false,
                claiming: false,
                next_claim: now,
                working: false,
                next_tasks: now,
                stopping: false,
            }),
            work: Notify::new(),
            ended: Notify::new(),
            cut: watch::Sender::new(false),
        })
    }

    /// There may be something to fetch.
    pub fn want(&self) {
        if self.claims {
            lock(&self.state).wanted = true;
            self.work.notify_one();
        }
    }

    /// Waits for work. `None`: the worker is stopping and nothing is left to hand over.
    pub async fn next(self: &Arc<Desk>) -> Option<Call> {
        loop {
            let woken = self.work.notified();
            match self.look(Instant::now()) {
                Look::Found(call) => {
                    // Another session need not wait for the next event to find what else there is.
                    self.work.notify_one();
                    return Some(call);
                }
                Look::Ended => return None,
                Look::Nothing(Some(until)) => tokio::select! { () = woken => {}, () = sleep_until(until) => {} },
                Look::Nothing(None) => woken.await,
            }
        }
    }

    fn look(self: &Arc<Desk>, now: Instant) -> Look {
        let turn = |kind, pause| Turn { desk: Arc::clone(self), kind, pause };
        let mut state = lock(&self.state);
        if state.stopping {
            return match state.answers.pop_front() {
                Some(answer) => Look::Found(Call::Complete(answer)),
                None if state.in_flight == 0 && !state.claiming => Look::Ended,
                None => Look::Nothing(None),
            };
        }
        if !state.working && state.next_tasks <= now {
            state.working = true;
            return Look::Found(Call::Tasks(turn(Kind::Tasks, self.tasks)));
        }
        let room = self.concurrency.saturating_sub(state.in_flight);
        let may_claim = self.claims && !state.claiming && room > 0;
        // Answers first, since they make room; but platforms that are half idle are asked before that, so that asking and
        // handing over go on side by side.
        if may_claim
            && (state.wanted || state.next_claim <= now)
            && (state.answers.is_empty() || room * 2 >= self.concurrency)
        {
            state.claiming = true;
            // Whatever is wanted from here on may have come too late for this claim.
            state.wanted = false;
            return Look::Found(Call::Claim(turn(Kind::Claim, self.poll), room));
        }
        if let Some(answer) = state.answers.pop_front() {
            return Look::Found(Call::Complete(answer));
        }
        // Only what this look would have acted upon: a time that has passed already must not be waited for again and again.
        let claim = may_claim.then_some(state.next_claim);
        let tasks = (!state.working).then_some(state.next_tasks);
        Look::Nothing(claim.into_iter().chain(tasks).min())
    }

    /// Puts an answer back that could not be handed over.
    pub fn put_back(&self, answer: Answer) {
        lock(&self.state).answers.push_front(answer);
        self.work.notify_one();
    }

    /// Takes away answers that have been waiting since before `before`.
    pub fn forget(&self, before: Instant) -> Vec<Answer> {
        let mut state = lock(&self.state);
        let (old, rest) = state.answers.drain(..).partition(|answer| answer.since < before);
        state.answers = rest;
        // Dropped by the caller: the answers' places lock too.
        Vec::from(old)
    }

    /// No further claims and tasks.
    pub fn stop(&self) {
        lock(&self.state).stopping = true;
        self.work.notify_waiters();
        self.ended.notify_waiters();
    }

    /// Fetches in flight are given up and given back.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// Resolves when fetches in flight are to be given up.
    pub async fn cut_off(&self) {
        // An error would mean that the desk is gone, which we have.
        let _ = self.cut.subscribe().wait_for(|cut| *cut).await;
    }

    /// Resolves when the worker is stopping.
    pub async fn stopped(&self) {
        self.wait_until(|state| state.stopping).await;
    }

    /// Resolves when the worker is stopping and nothing is left to hand over.
    pub async fn ended(&self) {
        self.wait_until(|state| state.stopping && state.in_flight == 0).await;
    }

    async fn wait_until(&self, condition: impl Fn(&State) -> bool) {
        loop {
            let woken = self.ended.notified();
            if condition(&lock(&self.state)) {
                return;
            }
            woken.await;
        }
    }

    /// Number of jobs between their claim and their completion.
    pub fn in_flight(&self) -> usize {
        lock(&self.state).in_flight
    }
}

impl Turn {
    /// Takes over the jobs that this claim has brought. `asked`: how many it asked for.
    pub fn leases(self, jobs: Vec<Job>, asked: usize) -> Vec<Lease> {
        let mut state = lock(&self.desk.state);
        state.in_flight += jobs.len();
        // There may be more.
        state.wanted |= jobs.len() >= asked;
        drop(state);
        jobs.into_iter().map(|job| Lease { job, slot: Some(Slot(Arc::clone(&self.desk))) }).collect()
    }

    /// The next one comes after `pause`, and not as usual.
    pub fn put_off(mut self, pause: Duration) {
        self.pause = pause;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = Instant::now() + self.pause;
        let mut state = lock(&self.desk.state);
        match self.kind {
            Kind::Claim => (state.claiming, state.next_claim) = (false, next),
            Kind::Tasks => (state.working, state.next_tasks) = (false, next),
        }
        drop(state);
        self.desk.changed();
    }
}

impl Desk {
    /// Room has been made, or a turn has ended.
    fn changed(&self) {
        self.work.notify_one();
        if lock(&self.state).stopping {
            self.work.notify_waiters();
            self.ended.notify_waiters();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        lock(&self.0.state).in_flight -= 1;
        self.0.changed();
    }
}

impl Lease {
    /// Leaves the answer for the next session that is free.
    pub fn finish(mut self, fetched: Fetched) {
        self.close(fetched);
    }

    fn close(&mut self, fetched: Fetched) {
        if let Some(slot) = self.slot.take() {
            let desk = Arc::clone(&slot.0);
            let answer = Answer { job: self.job.clone(), fetched, tries: 0, since: Instant::now(), _slot: slot };
            lock(&desk.state).answers.push_back(answer);
            desk.work.notify_one();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Its task broke down.
        self.close(Err(NoAnswer::Broken));
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
