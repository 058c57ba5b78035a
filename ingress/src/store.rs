//! What the pump needs of a database: three verbs. `db.rs` is the real one, the tests have a fake one.

use std::future::Future;

use crate::respond::Class;

/// One webhook, as it came.
#[derive(Debug)]
pub struct Delivery {
    /// Name from the path; the database decides whether it is a platform.
    pub platform: String,
    /// A JSON object, see [`crate::headers`].
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

/// Versions of what is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    /// Of the shared library.
    pub library: String,
    /// Of the SQL objects.
    pub sql: String,
}

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

/// A database that can be connected to.
pub trait Store: Send + Sync + 'static {
    /// One connection to it.
    type Session: Session;

    /// Opens a connection and prepares what is needed. Ends in bounded time.
    fn connect(&self) -> impl Future<Output = Result<Self::Session, StoreError>> + Send;
}

/// One connection, used by one task at a time.
pub trait Session: Send + 'static {
    /// Hands over deliveries in one transaction; returns after its commit, with one row each, in order.
    /// When the future is dropped before its end, the call is cancelled as well as it can be, and the session must not
    /// be used again.
    fn ingest(&mut self, deliveries: &[&Delivery]) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;

    /// Really asks the database.
    fn ping(&mut self) -> impl Future<Output = Result<Versions, StoreError>> + Send;

    /// Resolves when the connection is gone.
    fn closed(&mut self) -> impl Future<Output = ()> + Send;
}
