//! One request to one answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::http::request::Parts;
use tokio::time::sleep;

use crate::config::Config;
use crate::inbound::admission::door::Door;
use crate::inbound::admission::memory::Budget;
use crate::inbound::admission::places::{Phase, Place, Places, Record};
use crate::inbound::admission::source::Source;
use crate::inbound::availability::Availability;
use crate::inbound::health::{self, Probe};
use crate::inbound::metrics::{Gauges, Metrics};
use crate::inbound::queue::{Item, Queue};
use crate::inbound::respond::{self, Answer, Problem};
use crate::inbound::route::{self, Route, route};
use crate::inbound::{headers, webhook};
use crate::log;
use crate::outbound::desk::Desk;
use crate::store::{Delivery, Store};

/// How long somebody who is refused waits for his answer.
const TARPIT: Duration = Duration::from_secs(2);

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
    /// Places for connections.
    pub places: Arc<Places>,
    /// Who comes in before whom.
    pub door: Arc<Door>,
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
    pub async fn handle(&self, request: Request<Incoming>, peer: IpAddr, place: &Place) -> Answer {
        let started = Instant::now();
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let (parts, body) = request.into_parts();
        let route = route(&parts.method, parts.uri.path());
        let mut platform = None;
        let mut done = match route {
            Route::Webhook { platform: name, token } => {
                platform = Some(name);
                self.deliver(Arriving { parts: &parts, body, platform: name, token }, peer, place).await
            }
            other => {
                webhook::linger(body, &parts.headers);
                self.page(other).await
            }
        };
        let status = done.answer.status().as_u16();
        self.metrics.request(platform, done.known, status, &done.outcome);
        if self.places.are_full() {
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
        let (suspects, waiting) = self.door.counts();
        Gauges {
            queue_depth: self.queue.len(),
            buffered_bytes: self.budget.used(),
            db_connected: self.availability.count(),
            http_connections: self.places.taken(),
            fetches_in_flight: self.desk.in_flight(),
            connections_evicted: self.places.evicted(),
            suspects,
            waiting,
        }
    }

    /// `place`: of the connection that it has come over.
    async fn deliver(&self, request: Arriving<'_>, peer: IpAddr, place: &Place) -> Done {
        let Arriving { parts, mut body, platform, token } = request;
        let (config, started) = (&self.config, Instant::now());
        let refuse = |problem: Problem, body: Incoming| {
            webhook::linger(body, &parts.headers);
            Done::problem(problem, 0)
        };
        // A body that cannot be kept is not worth reading.
        if self.availability.is_away() {
            return refuse(Problem::Away, body);
        }
        let remote = config.proxies.sender(&parts.headers, peer);
        let visit = self.door.visit(&parts.headers, Source::of(remote), platform, token);
        let entry = match self.door.enter(&visit, place.record()).await {
            Ok(entry) => entry,
            Err(wait) => {
                // Whoever does not wait for his answer is no faster by that.
                place.enter(Phase::Refused);
                if !self.places.are_full() {
                    sleep(TARPIT).await;
                }
                webhook::linger_a_little(body, &parts.headers);
                let seconds = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1);
                return Done::problem(Problem::TooMany(seconds), 0);
            }
        };
        let mut held = self.budget.hold(entry.lane);
        let limits = webhook::Limits { max: config.max_body_bytes, time: config.body_timeout, rate: config.body_rate };
        place.enter(Phase::Body);
        let body_read = webhook::read(&mut body, limits, &mut held).await;
        place.enter(Phase::Working);
        let bytes = match body_read {
            Ok(bytes) => bytes,
            Err(problem) => {
                if problem == Problem::BodyTimeout {
                    self.door.slow(&visit);
                }
                return refuse(problem, body);
            }
        };
        let (body_bytes, read) = (bytes.len(), started.elapsed());
        let headers = headers::to_json(&parts.headers, token, remote);
        if !held.grow(headers.len()) {
            return Done::problem(Problem::QueueFull, body_bytes);
        }
        let delivery = Delivery { platform: platform.to_owned(), headers, body: bytes };
        let (item, outcome) = Item::new(delivery, visit, entry, held);
        self.queue.push(item);
        // An item is always answered, so an error is a pump that was stopped in mid-call.
        match outcome.await.unwrap_or(Err(Problem::Uncertain)) {
            Ok(row) => {
                let (answer, outcome) = respond::decided(&row);
                let known = row.http_status != 404;
                place.set_record(if row.is_believed() { Record::Believed } else { Record::Rejected });
                Done { answer, outcome: outcome.to_owned(), known, body_bytes, read }
            }
            Err(problem) => Done { read, ..Done::problem(problem, body_bytes) },
        }
    }
}

/// A delivery on its way in.
struct Arriving<'r> {
    parts: &'r Parts,
    body: Incoming,
    platform: &'r str,
    token: Option<&'r str>,
}
