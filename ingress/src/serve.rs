//! The life of the worker: accept, serve, stop. `run` takes a bound listener and a future that says when to stop, so that
//! tests need neither a port nor a signal.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::config::Config;
use crate::inbound::admission::door::Door;
use crate::inbound::admission::memory::Budget;
use crate::inbound::admission::places::Places;
use crate::inbound::app::App;
use crate::inbound::availability::Availability;
use crate::inbound::conn;
use crate::inbound::health::Probe;
use crate::inbound::pump::{Pump, watch_the_queue};
use crate::inbound::queue::{Lane, Queue, Takes};
use crate::outbound::desk::Desk;
use crate::outbound::fetch::Fetcher;
use crate::store::Store;
use crate::{log, outbound};

/// Pause after a failed `accept`: out of file descriptors, which only time can cure.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Pause before a pump that has broken down is replaced.
const BREAK_DOWN_PAUSE: Duration = Duration::from_secs(1);
/// How often it is said how many requests were refused because nothing from there was believed.
const TELL: Duration = Duration::from_secs(60);
/// Before the end of the drain time: fetches that are still not done are given back. A quarter of it when it is short.
const GIVE_BACK: Duration = Duration::from_secs(2);

/// Not everything was finished when the time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfinished {
    /// Connections with a request in flight.
    pub connections: usize,
    /// Deliveries that were still waiting.
    pub queued: usize,
    /// Answers of platforms that were still waited for, or not handed over.
    pub fetches: usize,
}

impl fmt::Display for Unfinished {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unfinished { connections, queued, fetches } = self;
        write!(out, "{connections} connections, {queued} deliveries and {fetches} fetches were not finished in time")
    }
}

impl std::error::Error for Unfinished {}

/// Serves `listener` until `shutdown` resolves; then finishes what is in flight, within the drain timeout.
pub async fn run<S: Store>(
    listener: TcpListener,
    config: Config,
    store: S,
    fetcher: Fetcher,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Unfinished> {
    let (config, store) = (Arc::new(config), Arc::new(store));
    let app = Arc::new(App {
        queue: Arc::new(Queue::new(config.queue_max)),
        desk: Desk::new(&config),
        availability: Arc::new(Availability::new(config.away_wait)),
        metrics: Arc::default(),
        budget: Budget::new(config.queue_bytes, config.max_body_bytes),
        places: Places::new(config.max_connections, config.source_connections, Arc::clone(&config.proxies)),
        door: Arc::new(Door::new(config.quotas)),
        probe: Probe::new(Arc::clone(&store)),
        stopping: AtomicBool::new(false),
        requests: AtomicU64::new(0),
        config: Arc::clone(&config),
    });
    let outbound = Arc::new(outbound::pump::Pump {
        store: Arc::clone(&store),
        desk: Arc::clone(&app.desk),
        fetcher: Arc::new(fetcher),
        metrics: Arc::clone(&app.metrics.outbound),
        config: Arc::clone(&config),
        refused: AtomicBool::new(false),
    });
    let pump = Arc::new(Pump {
        store,
        queue: Arc::clone(&app.queue),
        door: Arc::clone(&app.door),
        availability: Arc::clone(&app.availability),
        desk: Arc::clone(&app.desk),
        metrics: Arc::clone(&app.metrics),
        config: Arc::clone(&config),
    });
    let mut pumps = JoinSet::new();
    // One of several is for those who are believed alone.
    let takes = |number: usize| match number {
        0 if config.db_connections > 1 => Takes::Believed,
        _ => Takes::Both(Lane::Strangers),
    };
    for number in 0..config.db_connections {
        pumps.spawn(keep_pumping(Arc::clone(&pump), takes(number)));
    }
    let mut fetching = JoinSet::new();
    if config.fetch.concurrency > 0 {
        log::info("fetching", &[("accounts", outbound.fetcher.accounts().into())]);
        for number in 0..config.fetch.connections {
            // One listener is enough; should it be away, the poll goes on.
            fetching.spawn(keep_fetching(Arc::clone(&outbound), number == 0));
        }
    }
    let mut helpers = JoinSet::new();
    let places = Arc::clone(&app.places);
    helpers.spawn(async move { places.run().await });
    helpers.spawn(watch_the_door(Arc::clone(&app.door)));
    helpers.spawn(watch_the_queue(Arc::clone(&app.queue), Arc::clone(&app.availability), config.queue_wait));

    let (stop, stopped) = watch::channel(false);
    tokio::select! {
        () = accept(listener, &app, stopped) => {}
        () = shutdown => {}
    }
    // The listener is closed: new connections are refused from here on.
    app.stopping.store(true, Ordering::Relaxed);
    let in_flight = app.desk.in_flight();
    log::info(
        "stopping",
        &[("connections", open(&app).into()), ("queued", app.queue.len().into()), ("fetches", in_flight.into())],
    );
    let _ = stop.send(true);
    app.desk.stop();
    let requests = async {
        app.places.all_left().await;
        // Only deliveries of clients that are gone are left; they are carried too.
        app.queue.close();
        while pumps.join_next().await.is_some() {}
    };
    let fetches = async {
        let mut ended = std::pin::pin!(async { while fetching.join_next().await.is_some() {} });
        let give_back = GIVE_BACK.min(config.drain_timeout / 4);
        if timeout(config.drain_timeout - give_back, &mut ended).await.is_err() {
            app.desk.cut();
            ended.await;
        }
    };
    let drained = timeout(config.drain_timeout, async { tokio::join!(requests, fetches) }).await;
    drained.map(drop).map_err(|_| Unfinished {
        connections: open(&app),
        queued: app.queue.len(),
        fetches: app.desk.in_flight(),
    })
}

/// A pump that is replaced should it break down. Its batch is answered 503.
async fn keep_pumping<S: Store>(pump: Arc<Pump<S>>, takes: Takes) {
    while tokio::spawn(Arc::clone(&pump).run(takes)).await.is_err() {
        log::error("pump_broke_down", &[]);
    }
}

/// Lets in those who wait, and says now and then how many were refused. Never ends.
async fn watch_the_door(door: Arc<Door>) {
    let tell = async {
        loop {
            sleep(TELL).await;
            let refused = door.take_refused();
            if refused > 0 {
                log::warn("refused_unverified", &[("requests", refused.into()), ("suspects", door.counts().0.into())]);
            }
        }
    };
    tokio::join!(door.run(), tell);
}

/// A session of the outbound pump that is replaced should it break down. The lease of what it had in hand ends by itself.
async fn keep_fetching<S: Store>(pump: Arc<outbound::pump::Pump<S>>, listens: bool) {
    while tokio::spawn(Arc::clone(&pump).run(listens)).await.is_err() {
        log::error("outbound_pump_broke_down", &[]);
        sleep(BREAK_DOWN_PAUSE).await;
    }
}

fn open<S: Store>(app: &App<S>) -> usize {
    app.places.taken()
}

/// Accepts for ever. When as many wait as there are places it stops accepting: then the kernel's queue is the waiting room,
/// since an answer would cost what the limit is there to save.
async fn accept<S: Store>(listener: TcpListener, app: &Arc<App<S>>, stopped: watch::Receiver<bool>) {
    loop {
        app.places.have_room().await;
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                log::warn("accept_failed", &[("message", error.to_string().into())]);
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (app, stopped) = (Arc::clone(app), stopped.clone());
        tokio::spawn(async move {
            // Whoever is not given a place is cut off.
            let Some(place) = app.places.take(peer.ip()).await else { return };
            // Answers are small and must not wait for more to send.
            let _ = stream.set_nodelay(true);
            conn::serve(app, stream, peer.ip(), place, stopped).await;
        });
    }
}
