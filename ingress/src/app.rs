//! One request to one answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::http::request::Parts;
use tokio::sync::Semaphore;

use crate::availability::Availability;
use crate::config::Config;
use crate::desk::Desk;
use crate::health::{self, Probe};
use crate::metrics::{Gauges, Metrics};
use crate::queue::{Budget, Item, Queue};
use crate::respond::{self, Answer, Problem};
use crate::route::{self, Route, route};
use crate::store::{Delivery, Store};
use crate::{headers, log, webhook};

/// What requests share.
pub struct App<S: Store> {
    /// Limits.
    pub config: Arc<Config>,
    /// Where deliveries wait.
    pub queue: Arc<Queue>,
    /// What the outbound pump has to do.
    pub desk: Arc<Desk>,
    /// Whether there is a database.
    pub availability: Arc<Availability>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Memory for bodies.
    pub budget: Arc<Budget>,
    /// Free places for connections.
    pub slots: Arc<Semaphore>,
    /// Asks the database for `/ready`.
    pub probe: Probe<S>,
    /// Set when the worker is stopping.
    pub stopping: AtomicBool,
    /// Requests so far; numbers them in the log.
    pub requests: AtomicU64,
}

/// What an answer was, for metrics and log.
struct Done {
    answer: Answer,
    outcome: String,
    /// The database has treated the platform as one.
    known: bool,
    body_bytes: usize,
    /// Time until the body was there.
    read: Duration,
}

impl Done {
    fn problem(problem: Problem, body_bytes: usize) -> Done {
        Done {
            answer: problem.answer(),
            outcome: problem.outcome().to_owned(),
            known: false,
            body_bytes,
            read: Duration::ZERO,
        }
    }

    fn page(answer: Answer, outcome: &str) -> Done {
        Done { answer, outcome: outcome.to_owned(), known: false, body_bytes: 0, read: Duration::ZERO }
    }
}

impl<S: Store> App<S> {
    /// Answers a request of `peer`.
    pub async fn handle(&self, request: Request<Incoming>, peer: IpAddr) -> Answer {
        let started = Instant::now();
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let (parts, body) = request.into_parts();
        let route = route(&parts.method, parts.uri.path());
        let mut platform = None;
        let mut done = match route {
            Route::Webhook { platform: name, token } => {
                platform = Some(name);
                self.deliver(&parts, body, name, token, peer).await
            }
            other => {
                webhook::linger(body, &parts.headers);
                self.page(other).await
            }
        };
        let status = done.answer.status().as_u16();
        self.metrics.request(platform, done.known, status, &done.outcome);
        if self.slots.available_permits() == 0 {
            // Others wait for a place: whoever has been answered makes room.
            done.answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if self.config.debug {
            log::debug(
                "request",
                &[
                    ("request", number.into()),
                    ("method", parts.method.as_str().into()),
                    ("path", route::masked(parts.uri.path()).into()),
                    ("body_bytes", done.body_bytes.into()),
                    ("status", status.into()),
                    ("outcome", done.outcome.as_str().into()),
                    ("read_us", (done.read.as_micros() as u64).into()),
                    ("total_us", (started.elapsed().as_micros() as u64).into()),
                ],
            );
        }
        done.answer
    }

    async fn page(&self, route: Route<'_>) -> Done {
        match route {
            Route::Live => Done::page(health::live(), "live"),
            Route::Ready => {
                let stopping = self.stopping.load(Ordering::Relaxed).then_some("the worker is stopping");
                let trouble = stopping.or_else(|| self.availability.trouble());
                // Boxed: connecting to a database is a large future, and each connection would reserve room for it.
                Done::page(Box::pin(self.probe.ready(trouble)).await, "ready")
            }
            Route::Metrics => {
                let page = self.metrics.render(self.gauges());
                Done::page(respond::text(hyper::StatusCode::OK, "text/plain; version=0.0.4", page), "metrics")
            }
            Route::Options(allow) => Done::page(respond::options(allow), "options"),
            Route::MethodNotAllowed(allow) => Done::problem(Problem::MethodNotAllowed(allow), 0),
            Route::NotFound | Route::Webhook { .. } => Done::problem(Problem::NotFound, 0),
        }
    }

    fn gauges(&self) -> Gauges {
        Gauges {
            queue_depth: self.queue.len(),
            buffered_bytes: self.budget.used(),
            db_connected: self.availability.count(),
            http_connections: self.config.max_connections.saturating_sub(self.slots.available_permits()),
            fetches_in_flight: self.desk.in_flight(),
        }
    }

    async fn deliver(
        &self,
        parts: &Parts,
        mut body: Incoming,
        platform: &str,
        token: Option<&str>,
        peer: IpAddr,
    ) -> Done {
        let config = &self.config;
        let started = Instant::now();
        let mut held = self.budget.hold();
        // A body that cannot be kept is not worth reading.
        let body_read = match self.availability.is_away() {
            true => Err(Problem::Away),
            false => webhook::read(&mut body, config.max_body_bytes, config.body_timeout, &mut held).await,
        };
        let bytes = match body_read {
            Ok(bytes) => bytes,
            Err(problem) => {
                webhook::linger(body, &parts.headers);
                return Done::problem(problem, 0);
            }
        };
        let (body_bytes, read) = (bytes.len(), started.elapsed());
        let remote = headers::remote_addr(&parts.headers, peer, config.trust_forwarded);
        let headers = headers::to_json(&parts.headers, token, remote);
        if !held.grow(headers.len()) {
            return Done::problem(Problem::QueueFull, body_bytes);
        }
        let (item, outcome) = Item::new(Delivery { platform: platform.to_owned(), headers, body: bytes }, held);
        self.queue.push(item);
        // An item is always answered, so an error is a pump that was stopped in mid-call.
        match outcome.await.unwrap_or(Err(Problem::Uncertain)) {
            Ok(row) => {
                let (answer, outcome) = respond::decided(&row);
                let known = row.http_status != 404;
                Done { answer, outcome: outcome.to_owned(), known, body_bytes, read }
            }
            Err(problem) => Done { read, ..Done::problem(problem, body_bytes) },
        }
    }
}
