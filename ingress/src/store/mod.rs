//! What the pumps need of a database: three verbs inbound, three outbound. The real one is PostgreSQL, whose SQL is in
//! `inbound.rs` and `outbound.rs`; the tests have a fake one.

mod failure;
mod inbound;
mod link;
mod outbound;
pub mod pooler;
pub mod postgres;
mod sessions;
pub mod tls;

use std::future::Future;
use std::sync::Arc;

use boxoffice_contract::sqlstate;

pub use boxoffice_contract::fetch::NoAnswer;
pub use boxoffice_contract::sqlstate::Class;

/// One webhook, as it came.
#[derive(Debug)]
pub struct Delivery {
    /// Name from the path; the database decides whether it is a platform.
    pub platform: String,
    /// A JSON object, see [`crate::inbound::headers`].
    pub headers: String,
    /// The exact bytes that were sent; signatures are over these.
    pub body: Vec<u8>,
}

impl Delivery {
    /// Size in memory that counts towards the limits of a batch, in bytes.
    pub fn bytes(&self) -> usize {
        self.body.len() + self.headers.len() + self.platform.len()
    }
}

/// What the database has decided about one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it is kept, if it is.
    pub log_id: Option<i64>,
    /// A word such as `processed`.
    pub outcome: String,
    /// The status that the database wants to be answered.
    pub http_status: i32,
    /// A sentence for the client.
    pub message: Option<String>,
}

/// The database's word for a delivery that it has not believed.
const REJECTED: &str = "rejected";

impl Row {
    /// Whether the sender has proved who he is, whatever became of what he has sent.
    pub fn is_believed(&self) -> bool {
        self.outcome != REJECTED
    }
}

/// Versions of what is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    /// Of the shared library.
    pub library: String,
    /// Of the SQL objects.
    pub sql: String,
}

/// What the database says when it is asked whether it could keep a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// What is wrong although it could be asked; in words of the extension's, free of data.
    pub problem: Option<String>,
    /// What is installed.
    pub versions: Versions,
}

impl Readiness {
    /// The versions, or the problem.
    pub fn verdict(self) -> Result<Versions, String> {
        self.problem.map_or(Ok(self.versions), Err)
    }
}

/// What the database wants to know from a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Name of the lease, to be given back with the answer.
    pub id: i64,
    /// Name of the platform.
    pub platform: String,
    /// Name of the account, of that platform, whose credential is to be used.
    pub account: String,
    /// Path and query, as the platform's documentation writes them. Never a host.
    pub path: String,
}

/// What a platform has answered, whatever it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Status of the answer.
    pub status: u16,
    /// A JSON object of those headers that the database wants to see.
    pub headers: String,
    /// The exact bytes.
    pub body: Vec<u8>,
}

/// What became of a job.
pub type Fetched = Result<Page, NoAnswer>;

/// What the database has decided about an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completion {
    /// A word, one of [`boxoffice_contract::fetch::Outcome`] unless the database is newer than we are.
    pub outcome: String,
    /// A sentence for the operator's log, free of secrets and of personal data.
    pub message: Option<String>,
    /// What it has changed about the account, once: likewise one of [`boxoffice_contract::fetch::AccountChange`].
    pub account_change: Option<String>,
    /// More about that.
    pub account_detail: Option<String>,
}

/// What a run of due tasks has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRun {
    /// Name of the task.
    pub task: String,
    /// How many things it has dealt with.
    pub items: i32,
}

/// Called when the database says that there is something to fetch.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    /// What it means for the deliveries and for the session.
    pub class: Class,
    /// The server's code, when the server has said something.
    pub sqlstate: Option<String>,
    /// For the operator's log only; free of data.
    pub message: String,
}

impl StoreError {
    /// What an operator can be told, without any data.
    pub fn words(&self) -> &'static str {
        match &self.sqlstate {
            Some(code) => sqlstate::meaning(code).words,
            None => "there is no connection to the database",
        }
    }
}

/// A database that can be connected to.
pub trait Store: Send + Sync + 'static {
    /// One connection to it, for the inbound pump.
    type Session: Session;
    /// One connection to it, for the outbound pump.
    type Outbound: OutboundSession;

    /// Opens a connection and prepares what is needed. Ends in bounded time.
    fn connect(&self) -> impl Future<Output = Result<Self::Session, StoreError>> + Send;

    /// The same for the outbound pump. Says for which accounts (`platform/account`) there are credentials; with `wake`,
    /// listens for new work.
    fn connect_outbound(
        &self,
        accounts: &[String],
        wake: Option<Wake>,
    ) -> impl Future<Output = Result<Self::Outbound, StoreError>> + Send;
}

/// One connection, used by one task at a time.
pub trait Session: Send + 'static {
    /// Hands over deliveries in one transaction; returns after its commit, with one row each, in order.
    /// When the future is dropped before its end, the call is cancelled as well as it can be, and the session must not
    /// be used again.
    fn ingest(&mut self, deliveries: &[&Delivery]) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;

    /// Asks the database whether it could keep a delivery now: it does what a delivery does, and takes it back.
    fn ready(&mut self) -> impl Future<Output = Result<Readiness, StoreError>> + Send;

    /// Resolves when the connection is gone.
    fn closed(&mut self) -> impl Future<Output = ()> + Send;
}

/// One connection of the outbound pump, used by one task at a time. When a future is dropped before its end, the call is
/// cancelled as well as it can be, and the session must not be used again.
pub trait OutboundSession: Send + 'static {
    /// Leases up to `max` jobs of the given accounts (`platform/account`).
    fn claim(&mut self, max: usize, accounts: &[String]) -> impl Future<Output = Result<Vec<Job>, StoreError>> + Send;

    /// Hands over what became of the job `id`; returns after the commit.
    fn complete(&mut self, id: i64, fetched: &Fetched) -> impl Future<Output = Result<Completion, StoreError>> + Send;

    /// Does what is due in the database.
    fn run_due_tasks(&mut self) -> impl Future<Output = Result<Vec<TaskRun>, StoreError>> + Send;

    /// Resolves when the connection is gone.
    fn closed(&mut self) -> impl Future<Output = ()> + Send;
}
