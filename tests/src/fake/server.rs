//! The servers: one for each platform, each on its own port.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

use super::answer::{Answer, Asked};
use super::fault::{Fault, instead, mangle};
use super::io::{Part, Parts, Wire};
use super::query::Query;
use super::seen::Seen;
use super::settings::Builder;
use super::{Fake, Inner, Platform, Shared, eventbrite, fault, hint, humanitix, index, lock, model, seen};
use crate::Result;

/// A platform that is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outage {
    /// It is not.
    #[default]
    None,
    /// Nobody listens; what was connected is cut off.
    Refuse,
    /// Everything is answered 503 with a page of HTML.
    Unavailable,
}

/// A page that was made and is not yet sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageServed {
    /// Of which platform.
    pub platform: Platform,
    /// Path of the list.
    pub path: String,
    /// Number of the page.
    pub number: usize,
}

pub(super) async fn start(builder: Builder) -> Result<Fake> {
    let listeners = [TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?];
    let addresses = [listeners[0].local_addr()?, listeners[1].local_addr()?];
    let seed = builder.settings.seed;
    let shared = Arc::new(Shared {
        model: Mutex::new(model::Model::new(seed)),
        settings: Mutex::new(builder.settings),
        offset: AtomicI64::new(builder.clock_offset),
        faults: Mutex::new(fault::Faults::new(seed)),
        log: seen::Log::default(),
        hints: Mutex::new(hint::Hints::default()),
        between: Mutex::new(None),
        generation: AtomicU64::new(1),
        outage: watch::Sender::new([Outage::None; 2]),
        listening: watch::Sender::new([true; 2]),
        addresses,
        handle: OnceLock::new(),
    });
    let (stop, stopped) = watch::channel(());
    for (platform, listener) in [Platform::Humanitix, Platform::Eventbrite].into_iter().zip(listeners) {
        tokio::spawn(listen(Arc::clone(&shared), platform, listener, stopped.clone()));
    }
    let inner = Arc::new(Inner { shared, _stop: stop });
    let _ = inner.shared.handle.set(Arc::downgrade(&inner));
    Ok(Fake { inner })
}

impl Fake {
    /// Both platforms go down, or come back. Returns when they have.
    pub async fn outage(&self, outage: Outage) {
        self.outage_of(Platform::Humanitix, outage).await;
        self.outage_of(Platform::Eventbrite, outage).await;
    }

    /// One of them.
    pub async fn outage_of(&self, platform: Platform, outage: Outage) {
        let at = index(platform);
        self.shared().outage.send_modify(|both| both[at] = outage);
        let mut listening = self.shared().listening.subscribe();
        // The server ends only with the last handle, and this is one.
        let _ = listening.wait_for(|both| both[at] == (outage != Outage::Refuse)).await;
    }
}

/// Accepts until the last handle is gone; closes the port while the platform refuses.
async fn listen(shared: Arc<Shared>, platform: Platform, listener: TcpListener, mut stop: watch::Receiver<()>) {
    let at = index(platform);
    let mut outage = shared.outage.subscribe();
    let mut listener = Some(listener);
    loop {
        if outage.borrow_and_update()[at] == Outage::Refuse {
            listener = None;
        } else if listener.is_none() {
            listener = TcpListener::bind(shared.addresses[at]).await.ok();
            if listener.is_none() {
                // The port is still in use by what was cut off.
                sleep(Duration::from_millis(20)).await;
                continue;
            }
        }
        shared.listening.send_modify(|both| both[at] = listener.is_some());
        tokio::select! {
            _ = stop.changed() => return,
            _ = outage.changed() => {}
            accepted = accept(listener.as_ref()) => {
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(connection(Arc::clone(&shared), platform, stream, stop.clone()));
                }
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> std::io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => pending().await,
    }
}

async fn connection(shared: Arc<Shared>, platform: Platform, stream: TcpStream, mut stop: watch::Receiver<()>) {
    let reset = Arc::new(AtomicBool::new(false));
    let mut outage = shared.outage.subscribe();
    let wire = Wire { stream, reset: Arc::clone(&reset) };
    let service = service_fn(move |request| serve(Arc::clone(&shared), platform, Arc::clone(&reset), request));
    let serving = http1::Builder::new().serve_connection(TokioIo::new(wire), service);
    tokio::select! {
        // An error here is the client's doing, or a fault.
        _ = serving => {}
        _ = stop.changed() => {}
        _ = outage.wait_for(|both| both[index(platform)] == Outage::Refuse) => {}
    }
}

async fn serve(
    shared: Arc<Shared>,
    platform: Platform,
    reset: Arc<AtomicBool>,
    request: Request<Incoming>,
) -> std::io::Result<Response<Parts>> {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let entry = shared.log.begin(Seen {
        platform,
        method: request.method().to_string(),
        path: path.to_owned(),
        query: query.to_owned(),
        authorization: header("authorization"),
        api_key: header("x-api-key"),
        user_agent: header("user-agent"),
        at: Instant::now(),
        status: 0,
        in_flight: 0,
    });
    let mut faults = lock(&shared.faults).strike(platform, &format!("{path}?{query}"));
    if shared.outage.borrow()[index(platform)] == Outage::Unavailable {
        faults = vec![Fault::Unavailable];
    }
    let (mut lag, mut torn) = (Duration::ZERO, Duration::ZERO);
    for fault in &faults {
        match fault {
            Fault::Slow(time) => sleep(*time).await,
            Fault::Lag(time) => lag = lag.max(*time),
            Fault::Torn(time) => torn = torn.max(*time),
            _ => {}
        }
    }
    if faults.iter().any(|fault| matches!(fault, Fault::Reset)) {
        reset.store(true, Ordering::Relaxed);
        return Err(std::io::ErrorKind::ConnectionReset.into());
    }
    let asked = Asked {
        method: request.method().as_str(),
        path,
        query: Query::parse(query),
        raw_query: query,
        headers: request.headers(),
        lag,
        attendee_lag: lag.max(torn),
    };
    let answer = match (instead(platform, &faults), platform) {
        (Some(answer), _) => answer,
        (None, Platform::Humanitix) => humanitix::answer(&shared, &asked),
        (None, Platform::Eventbrite) => eventbrite::answer(&shared, &asked),
    };
    if let Some(number) = answer.page {
        between(&shared, &PageServed { platform, path: path.to_owned(), number });
    }
    let response = respond(answer, &faults, request.uri())?;
    entry.status(response.status().as_u16());
    Ok(response)
}

/// Calls what a test has put between pages. It is not called for a page that is read by itself.
fn between(shared: &Shared, page: &PageServed) {
    let Some(fake) = shared.handle() else { return };
    let Some(mut callback) = lock(&shared.between).take() else { return };
    callback(&fake, page);
    // Unless it has put another one there.
    lock(&shared.between).get_or_insert(callback);
}

fn respond(mut answer: Answer, faults: &[Fault], uri: &hyper::Uri) -> std::io::Result<Response<Parts>> {
    let (mut kind, mut length, mut padding, mut stall) = ("application/json", None, 0, None);
    let mut location = None;
    let mut text = None;
    let mut cut = false;
    for fault in faults {
        match fault {
            Fault::WrongType(wrong) => mangle(&mut answer.body, *wrong),
            Fault::Unavailable => {
                (answer.status, kind) = (503, "text/html; charset=utf-8");
                text = Some("<html><head><title>503</title></head><body><h1>Service Unavailable</h1></body></html>");
            }
            Fault::NotJson => text = Some("<!doctype html><title>Log in</title><form method=post></form>"),
            Fault::Redirect(to) => {
                let path = uri.path_and_query().map_or("/", |both| both.as_str());
                (answer.status, location) = (302, Some(format!("{}{path}", to.trim_end_matches('/'))));
            }
            Fault::Oversized(bytes) => padding = *bytes,
            Fault::Truncated => cut = true,
            Fault::Stall(time) => stall = Some(*time),
            _ => {}
        }
    }
    let body = text.map_or_else(|| answer.body.to_string(), str::to_owned).into_bytes();
    let half = body.split_at(body.len() / 2);
    let data = |bytes: &[u8]| Part::Data(bytes.to_vec().into());
    let mut parts = vec![data(half.0)];
    if cut {
        length = Some(body.len() + padding);
    } else {
        parts.extend(stall.map(Part::Wait));
        parts.push(data(half.1));
        length.get_or_insert(body.len() + padding);
        let (block, rest) = (vec![b' '; 1 << 16], padding % (1 << 16));
        parts.extend((0..padding >> 16).map(|_| data(&block)));
        parts.push(data(&block[..rest]));
    }
    let mut response = Response::builder().status(answer.status).header(CONTENT_TYPE, kind);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    if let Some(location) = location {
        response = response.header(LOCATION, location);
    }
    if let Some(length) = length {
        response = response.header(CONTENT_LENGTH, length);
    }
    response.body(Parts::new(parts)).map_err(std::io::Error::other)
}
