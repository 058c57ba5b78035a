//! A worker in this process, with a database that does as it is told, and a client that can be as rude as needed.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is how a test fails")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use boxoffice_ingress::config::settings::{Strings, UsageError};
use boxoffice_ingress::inbound::admission::source::Proxies;
use boxoffice_ingress::store::Class;
use boxoffice_ingress::store::{Delivery, Readiness, Row, Session, Store, StoreError, Versions, Wake};
use boxoffice_ingress::{Config, Fetcher, Unfinished, run};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinHandle;

pub mod jobs;
pub mod platform;

/// Longer than anything takes; a test that waits this long has failed.
pub const LONG: Duration = Duration::from_secs(30);

/// The database of a test.
pub struct Fake {
    /// Connecting fails.
    pub away: AtomicBool,
    /// Each call takes a permit; take them away to hold calls up.
    pub gate: Semaphore,
    /// Calls that have begun.
    pub entered: watch::Sender<usize>,
    pub carried: AtomicUsize,
    /// Bodies of each call that has succeeded.
    pub committed: Mutex<Vec<Vec<String>>>,
    /// Header objects of everything committed.
    pub headers: Mutex<Vec<Value>>,
    /// Raised to break all connections.
    pub broken: watch::Sender<usize>,
    /// Errors that the next calls give.
    pub errors: Mutex<Vec<StoreError>>,
    /// Calls, failed ones included.
    pub calls: AtomicUsize,
    /// How often it was asked whether it is ready.
    pub questions: AtomicUsize,
    /// What is wrong when it is asked.
    pub problem: Mutex<Option<String>>,
    /// What the outbound pump sees.
    pub jobs: jobs::Jobs,
}

const OPEN: usize = 1_000_000;

impl Fake {
    pub async fn close_gate(&self) {
        self.gate.acquire_many(OPEN as u32).await.unwrap().forget();
    }

    pub fn open_gate(&self) {
        self.gate.add_permits(OPEN);
    }

    pub async fn wait_entered(&self, calls: usize) {
        let mut entered = self.entered.subscribe();
        tokio::time::timeout(LONG, entered.wait_for(|seen| *seen >= calls)).await.unwrap().unwrap();
    }

    pub fn break_connections(&self) {
        self.broken.send_modify(|generation| *generation += 1);
    }

    /// Deliveries of the call that has begun last.
    pub fn carried(&self) -> usize {
        self.carried.load(Ordering::SeqCst)
    }

    pub fn bodies(&self) -> Vec<Vec<String>> {
        self.committed.lock().unwrap().clone()
    }
}

pub fn failure(class: Class) -> StoreError {
    StoreError { class, sqlstate: None, message: "PRIVATE text of the database".to_owned() }
}

#[derive(Clone)]
pub struct FakeStore(pub Arc<Fake>);

pub struct FakeSession {
    fake: Arc<Fake>,
    broken: watch::Receiver<usize>,
}

impl Store for FakeStore {
    type Session = FakeSession;
    type Outbound = jobs::FakeOutbound;

    async fn connect(&self) -> Result<FakeSession, StoreError> {
        if self.0.away.load(Ordering::SeqCst) {
            return Err(failure(Class::Lost));
        }
        Ok(FakeSession { fake: Arc::clone(&self.0), broken: self.0.broken.subscribe() })
    }

    async fn connect_outbound(
        &self,
        accounts: &[String],
        wake: Option<Wake>,
    ) -> Result<jobs::FakeOutbound, StoreError> {
        jobs::connect(&self.0, accounts, wake)
    }
}

impl Session for FakeSession {
    async fn ingest(&mut self, deliveries: &[&Delivery]) -> Result<Vec<Row>, StoreError> {
        self.fake.calls.fetch_add(1, Ordering::SeqCst);
        self.fake.carried.store(deliveries.len(), Ordering::SeqCst);
        self.fake.entered.send_modify(|entered| *entered += 1);
        tokio::select! {
            permit = self.fake.gate.acquire() => drop(permit),
            _ = self.broken.changed() => return Err(failure(Class::Lost)),
        }
        let next = self.fake.errors.lock().unwrap().pop();
        if let Some(error) = next {
            return Err(error);
        }
        if deliveries.iter().any(|delivery| delivery.body == b"poison") {
            return Err(failure(Class::Item));
        }
        let text = |delivery: &&Delivery| String::from_utf8_lossy(&delivery.body).into_owned();
        self.fake.committed.lock().unwrap().push(deliveries.iter().map(text).collect());
        let objects = deliveries.iter().map(|delivery| serde_json::from_str(&delivery.headers).unwrap());
        self.fake.headers.lock().unwrap().extend(objects);
        Ok(deliveries.iter().map(|delivery| decide(delivery)).collect())
    }

    async fn ready(&mut self) -> Result<Readiness, StoreError> {
        self.fake.questions.fetch_add(1, Ordering::SeqCst);
        if self.fake.away.load(Ordering::SeqCst) || self.broken.has_changed().unwrap() {
            return Err(failure(Class::Lost));
        }
        let versions = Versions { library: "1.2.3".to_owned(), sql: "1.2".to_owned() };
        Ok(Readiness { problem: self.fake.problem.lock().unwrap().clone(), versions })
    }

    async fn closed(&mut self) {
        let _ = self.broken.changed().await;
    }
}

/// A body `forged…` is not believed, a body `status 401` is answered with that status, a body `queued` leaves something to fetch; the platform `nobody` does not exist.
fn decide(delivery: &Delivery) -> Row {
    let body = String::from_utf8_lossy(&delivery.body).into_owned();
    let wanted = body.strip_prefix("status ").and_then(|status| status.parse().ok());
    let http_status = if delivery.platform == "nobody" { 404 } else { wanted.unwrap_or(200) };
    if body.starts_with("forged") {
        return Row { log_id: None, outcome: "rejected".to_owned(), http_status: 401, message: None };
    }
    let outcome = match (http_status, body.as_str()) {
        (200, "queued") => "queued",
        (200, _) => "processed",
        _ => "refused",
    };
    Row { log_id: Some(7), outcome: outcome.to_owned(), http_status, message: Some(format!("got {}", body.len())) }
}

/// A worker that serves.
pub struct Worker {
    pub address: SocketAddr,
    pub fake: Arc<Fake>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), Unfinished>>,
}

struct NoVariables;

impl Strings for NoVariables {
    fn get(&self, name: &str) -> Result<Option<String>, UsageError> {
        Ok((name == "DATABASE_URL").then(|| "postgres://nowhere.invalid/x".to_owned()))
    }
}

pub fn proxies(list: &str) -> Arc<Proxies> {
    Arc::new(Proxies::parse(list).unwrap())
}

/// Starts one, with one database connection unless `change` says otherwise.
pub async fn start(change: impl FnOnce(&mut Config, &Fake)) -> Worker {
    let fake = Arc::new(Fake {
        away: AtomicBool::new(false),
        gate: Semaphore::new(OPEN),
        entered: watch::Sender::new(0),
        carried: AtomicUsize::new(0),
        committed: Mutex::default(),
        headers: Mutex::default(),
        broken: watch::Sender::new(0),
        errors: Mutex::default(),
        calls: AtomicUsize::new(0),
        questions: AtomicUsize::new(0),
        problem: Mutex::default(),
        jobs: jobs::Jobs::default(),
    });
    let mut config = Config::from_strings(&NoVariables).unwrap();
    config.db_connections = 1;
    change(&mut config, &fake);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let store = FakeStore(Arc::clone(&fake));
    let fetcher = Fetcher::new(&config.fetch).unwrap();
    let task = tokio::spawn(run(listener, config, store, fetcher, async { drop(stopped.await) }));
    Worker { address, fake, stop: Some(stop), task }
}

impl Worker {
    pub async fn wire(&self) -> Wire {
        Wire { stream: TcpStream::connect(self.address).await.unwrap(), read: Vec::new() }
    }

    /// One request on a connection of its own.
    pub async fn ask(&self, request: &str) -> Reply {
        let mut wire = self.wire().await;
        wire.send(request).await;
        wire.reply().await
    }

    pub async fn post(&self, path: &str, body: &str) -> Reply {
        self.ask(&post(path, body)).await
    }

    /// Sends a delivery and leaves the answer to be awaited.
    pub async fn post_later(&self, body: &str) -> JoinHandle<Reply> {
        let mut wire = self.wire().await;
        wire.send(&post("/webhooks/humanitix", body)).await;
        tokio::spawn(async move { wire.reply().await })
    }

    /// Asks `/metrics` until a line is there.
    pub async fn wait_metric(&self, line: &str) {
        let wait = async {
            while !self.ask(&get("/metrics")).await.body.contains(&format!("boxoffice_ingress_{line}\n")) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LONG, wait).await.unwrap_or_else(|_| panic!("never: {line}"));
    }

    /// Waits until the worker's database connection is there.
    pub async fn connected(self) -> Worker {
        self.wait_metric("db_connected 1").await;
        self
    }

    /// Asks `/ready` until the answer has that status.
    pub async fn until_ready_is(&self, status: u16) -> Reply {
        let wait = async {
            loop {
                let reply = self.ask(&get("/ready")).await;
                if reply.status == status {
                    return reply;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LONG, wait).await.unwrap_or_else(|_| panic!("never: {status}"))
    }

    pub fn stop(&mut self) {
        drop(self.stop.take());
    }

    pub async fn finished(self) -> Result<(), Unfinished> {
        tokio::time::timeout(LONG, self.task).await.unwrap().unwrap()
    }
}

pub fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")
}

/// A connection, byte by byte.
pub struct Wire {
    pub stream: TcpStream,
    read: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub version: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

impl Wire {
    pub async fn send(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).await.unwrap();
    }

    /// Reads one answer; interim ones are returned as such.
    pub async fn reply(&mut self) -> Reply {
        let head = loop {
            if let Some(end) = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break self.read.drain(..end + 4).collect::<Vec<u8>>();
            }
            assert!(self.more().await, "connection ended before an answer: {:?}", String::from_utf8_lossy(&self.read));
        };
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let mut first = lines.next().unwrap().split(' ');
        let version = first.next().unwrap().to_owned();
        let status = first.next().unwrap().parse().unwrap();
        let headers: BTreeMap<String, String> = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        while self.read.len() < length {
            if !self.more().await {
                // HEAD announces a body that does not come.
                return Reply { status, version, headers, body: String::new() };
            }
        }
        let body = String::from_utf8(self.read.drain(..length).collect()).unwrap();
        Reply { status, version, headers, body }
    }

    /// Whether the worker closes the connection without another byte.
    pub async fn closed(&mut self) -> bool {
        self.read.is_empty() && !self.more().await
    }

    async fn more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let read = tokio::time::timeout(LONG, self.stream.read(&mut buffer)).await.expect("nothing came");
        let read = read.unwrap_or(0);
        self.read.extend_from_slice(&buffer[..read]);
        read > 0
    }
}
