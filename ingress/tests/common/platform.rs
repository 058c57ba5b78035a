//! A platform's API: a real HTTP server that notes what it is asked and answers as it is told, also badly.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use boxoffice_ingress::Config;
use boxoffice_ingress::config::credentials::{self, Account};
use boxoffice_ingress::config::settings::{Strings, UsageError};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::jobs::until;
use super::{Fake, Worker, start};

/// How a path is answered.
pub enum Say {
    /// These bytes; the connection stays.
    Bytes(Vec<u8>),
    /// These bytes once the gate lets one through.
    Later(Vec<u8>),
    /// These bytes and then the end.
    Cut(Vec<u8>),
    /// These bytes and then nothing, for ever.
    Hang(Vec<u8>),
}

pub struct Platform {
    pub address: SocketAddr,
    /// Heads of all requests.
    pub requests: Mutex<Vec<String>>,
    pub gate: Semaphore,
    current: AtomicUsize,
    /// Most requests at a time.
    pub most: AtomicUsize,
}

/// A good answer.
pub fn ok(body: &[u8]) -> Say {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    Say::Bytes([head.as_bytes(), body].concat())
}

impl Platform {
    pub async fn start(say: impl Fn(&str) -> Say + Send + Sync + 'static) -> Arc<Platform> {
        let (platform, listener) = Platform::bind().await;
        let (server, say) = (Arc::clone(&platform), Arc::new(say));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&server).serve(stream, Arc::clone(&say)));
            }
        });
        platform
    }

    pub async fn bind() -> (Arc<Platform>, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let platform = Platform {
            address: listener.local_addr().unwrap(),
            requests: Mutex::default(),
            gate: Semaphore::new(0),
            current: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        };
        (Arc::new(platform), listener)
    }

    pub async fn serve<T>(self: Arc<Self>, mut stream: T, say: Arc<impl Fn(&str) -> Say>)
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let mut read = Vec::new();
        loop {
            while !read.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
                if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                    return;
                }
            }
            let head = String::from_utf8(std::mem::take(&mut read)).unwrap();
            let path = head.split(' ').nth(1).unwrap().to_owned();
            self.requests.lock().unwrap().push(head);
            let now = self.current.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            let (bytes, stays) = match say(&path) {
                Say::Bytes(bytes) => (bytes, Some(true)),
                Say::Later(bytes) => {
                    self.gate.acquire().await.unwrap().forget();
                    (bytes, Some(true))
                }
                Say::Cut(bytes) => (bytes, Some(false)),
                Say::Hang(bytes) => (bytes, None),
            };
            self.current.fetch_sub(1, Ordering::SeqCst);
            if stream.write_all(&bytes).await.is_err() {
                return;
            }
            match stays {
                Some(true) => {}
                Some(false) => return,
                None => std::future::pending().await,
            }
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// One account of it, `humanitix/default`.
    pub fn account(&self) -> Vec<Account> {
        accounts(&[("HUMANITIX_API_URL", &self.url()), ("HUMANITIX_API_KEY", "key-of-humanitix")])
    }
}

struct Variables(BTreeMap<String, String>);

impl Strings for Variables {
    fn get(&self, name: &str) -> Result<Option<String>, UsageError> {
        Ok(self.0.get(name).cloned())
    }
}

/// The accounts that these variables make.
pub fn accounts(variables: &[(&str, &str)]) -> Vec<Account> {
    let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    credentials::accounts(&Variables(variables)).unwrap()
}

/// Longer than any of these tests.
const NEVER: Duration = Duration::from_secs(3600);

/// A worker that can ask `platform`, and asks the database only when woken.
pub async fn worker_of(platform: &Platform, change: impl FnOnce(&mut Config, &Fake)) -> Worker {
    let worker = start(|config, fake| {
        config.fetch.accounts = platform.account();
        config.fetch.connections = 1;
        config.fetch.poll = NEVER;
        config.fetch.tasks = NEVER;
        change(config, fake);
    });
    let worker = worker.await;
    until("the first claim", || worker.fake.jobs.claims() > 0 || worker.fake.away.load(Ordering::SeqCst)).await;
    worker
}

/// A good answer once the gate lets it through.
pub fn later(_: &str) -> Say {
    let Say::Bytes(bytes) = ok(b"late") else { unreachable!() };
    Say::Later(bytes)
}
