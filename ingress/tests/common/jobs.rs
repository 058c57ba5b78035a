//! The outbound side of the fake database.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use boxoffice_ingress::store::Class;
use boxoffice_ingress::store::{Completion, Fetched, Job, NoAnswer, OutboundSession, StoreError, TaskRun, Wake};
use tokio::sync::watch;

use super::{Fake, LONG, failure};

/// Jobs, and what has been done with them.
#[derive(Default)]
pub struct Jobs {
    pub due: Mutex<VecDeque<Job>>,
    /// Become due when something is completed.
    pub next: Mutex<VecDeque<Job>>,
    /// How many each claim asked for, and for whom.
    pub claims: Mutex<Vec<(usize, Vec<String>)>>,
    pub completions: Mutex<Vec<(i64, Fetched)>>,
    /// Calls of complete, failed ones included.
    pub complete_calls: AtomicUsize,
    /// Outcomes of the next completions; `done` when there is none.
    pub outcomes: Mutex<VecDeque<&'static str>>,
    /// What the next completions change about their accounts.
    pub changes: Mutex<VecDeque<&'static str>>,
    pub tasks: AtomicUsize,
    /// Tasks never end.
    pub tasks_hang: std::sync::atomic::AtomicBool,
    /// What each connection has announced.
    pub announced: Mutex<Vec<Vec<String>>>,
    pub connects: AtomicUsize,
    pub wake: Mutex<Option<Wake>>,
    pub connect_errors: Mutex<Vec<StoreError>>,
    pub claim_errors: Mutex<Vec<StoreError>>,
    pub complete_errors: Mutex<Vec<StoreError>>,
    pub task_errors: Mutex<Vec<StoreError>>,
    number: AtomicUsize,
}

impl Jobs {
    /// A job for `platform/account`.
    pub fn job(&self, account: &str, path: &str) -> Job {
        let id = self.number.fetch_add(1, Ordering::SeqCst) as i64 + 1;
        let (platform, account) = account.split_once('/').unwrap();
        Job { id, platform: platform.to_owned(), account: account.to_owned(), path: path.to_owned() }
    }

    /// Makes a job due, and says nothing.
    pub fn add(&self, account: &str, path: &str) -> i64 {
        let job = self.job(account, path);
        let id = job.id;
        self.due.lock().unwrap().push_back(job);
        id
    }

    /// Says that there is work.
    pub fn notify(&self) {
        (self.wake.lock().unwrap().as_ref().unwrap())();
    }

    pub fn claims(&self) -> usize {
        self.claims.lock().unwrap().len()
    }

    /// What became of job `id`.
    pub async fn completed(&self, id: i64) -> Fetched {
        let mut found = None;
        until("the completion", || {
            found =
                self.completions.lock().unwrap().iter().find(|(of, _)| *of == id).map(|(_, fetched)| fetched.clone());
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    /// The word of the answer to job `id`.
    pub async fn word(&self, id: i64) -> &'static str {
        self.completed(id).await.map_or_else(NoAnswer::word, |page| panic!("an answer: {page:?}"))
    }
}

/// Waits for something to come true.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(LONG, wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}

pub struct FakeOutbound {
    fake: Arc<Fake>,
    broken: watch::Receiver<usize>,
}

pub fn connect(fake: &Arc<Fake>, accounts: &[String], wake: Option<Wake>) -> Result<FakeOutbound, StoreError> {
    fake.jobs.connects.fetch_add(1, Ordering::SeqCst);
    if fake.away.load(Ordering::SeqCst) {
        return Err(failure(Class::Lost));
    }
    if let Some(error) = fake.jobs.connect_errors.lock().unwrap().pop() {
        return Err(error);
    }
    fake.jobs.announced.lock().unwrap().push(accounts.to_vec());
    if wake.is_some() {
        *fake.jobs.wake.lock().unwrap() = wake;
    }
    Ok(FakeOutbound { fake: Arc::clone(fake), broken: fake.broken.subscribe() })
}

impl FakeOutbound {
    fn check(&self, errors: &Mutex<Vec<StoreError>>) -> Result<(), StoreError> {
        if self.fake.away.load(Ordering::SeqCst) || self.broken.has_changed().unwrap() {
            return Err(failure(Class::Lost));
        }
        errors.lock().unwrap().pop().map_or(Ok(()), Err)
    }
}

impl OutboundSession for FakeOutbound {
    async fn claim(&mut self, max: usize, accounts: &[String]) -> Result<Vec<Job>, StoreError> {
        let jobs = &self.fake.jobs;
        jobs.claims.lock().unwrap().push((max, accounts.to_vec()));
        self.check(&jobs.claim_errors)?;
        let mut due = jobs.due.lock().unwrap();
        let count = due.len().min(max);
        Ok(due.drain(..count).collect())
    }

    async fn complete(&mut self, id: i64, fetched: &Fetched) -> Result<Completion, StoreError> {
        let jobs = &self.fake.jobs;
        jobs.complete_calls.fetch_add(1, Ordering::SeqCst);
        self.check(&jobs.complete_errors)?;
        let outcome = jobs.outcomes.lock().unwrap().pop_front().unwrap_or("done");
        jobs.due.lock().unwrap().extend(jobs.next.lock().unwrap().pop_front());
        jobs.completions.lock().unwrap().push((id, fetched.clone()));
        let account_change = jobs.changes.lock().unwrap().pop_front().map(str::to_owned);
        Ok(Completion { outcome: outcome.to_owned(), account_change, ..Completion::default() })
    }

    async fn run_due_tasks(&mut self) -> Result<Vec<TaskRun>, StoreError> {
        let jobs = &self.fake.jobs;
        jobs.tasks.fetch_add(1, Ordering::SeqCst);
        if jobs.tasks_hang.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.check(&jobs.task_errors)?;
        Ok(vec![TaskRun { task: "retry".to_owned(), items: 1 }])
    }

    async fn closed(&mut self) {
        let _ = self.broken.changed().await;
    }
}
