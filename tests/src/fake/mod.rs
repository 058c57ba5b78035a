//! A fake of both platforms: real HTTP servers in this process that answer from a model of events and orders.
//!
//! A test changes the model with calls such as [`Fake::purchase`] and [`Fake::refund`], lets the system under test read
//! it over HTTP, and compares what it shows with [`Fake::truth`]. Everything that goes wrong with the real platforms
//! can be switched on: stale replicas, errors, slow and broken answers, limits ([`Fault`], [`Switches`], [`Outage`]).
//!
//! ```no_run
//! # async fn test() -> anyhow::Result<()> {
//! use boxoffice_tests::fake::{EventSpec, Fake, Fault, Person, Platform, PurchaseSpec};
//! let fake = Fake::start().await?;
//! let event = fake.create_event(Platform::Eventbrite, EventSpec::new("Friday Night"))?;
//! let order = fake.purchase(&event, PurchaseSpec::new(Person::new("Wilhelmina", "Canary"), 2))?;
//! fake.fault(Fault::Internal).on("/v3/orders/").times(3).start();
//! fake.refund(&order)?;
//! // … let something read `fake.eventbrite_url()` …
//! assert_eq!(fake.truth(Platform::Eventbrite)[0].refund_amount.to_string(), "67.38");
//! # Ok(()) }
//! ```
//!
//! What the answers look like comes from the platforms' documentation and recorded answers. Where neither says how a
//! platform behaves, there is a switch, or the answer that is harder to deal with.

mod answer;
mod change;
pub mod clock;
mod eventbrite;
mod fault;
mod hint;
mod humanitix;
mod io;
mod life;
mod model;
mod money;
mod people;
mod platform;
mod query;
mod seen;
mod sender;
mod server;
mod settings;
mod spec;
mod truth;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use tokio::sync::watch;

pub use fault::{Fault, FaultId, FaultRule, WrongType};
pub use hint::Hint;
pub use money::Money;
pub use platform::Platform;
pub use seen::Seen;
pub use sender::{Sender, Sent};
pub use server::{Outage, PageServed};
pub use settings::{Builder, EVENTBRITE_TOKEN, HUMANITIX_KEY, ORGANIZATION, Switches};
pub use spec::{EventSpec, Person, PurchaseSpec, TicketType};
pub use truth::{AttendeeStatus, RefundStatus, TruthAttendee, TruthOrder};

use crate::Result;

/// Called after a page of a list was made and before it is sent.
type BetweenPages = Box<dyn FnMut(&Fake, &PageServed) + Send>;

/// Both platforms. Clones are the same fake; it stops when the last one is dropped.
#[derive(Clone)]
pub struct Fake {
    inner: Arc<Inner>,
}

/// What handles keep alive. The servers hold only what is shared, so they end with the last handle.
struct Inner {
    shared: Arc<Shared>,
    /// Dropping it ends the servers.
    _stop: watch::Sender<()>,
}

/// What handles and servers share.
struct Shared {
    model: Mutex<model::Model>,
    settings: Mutex<settings::Settings>,
    /// How far the platforms' clock is from the real one, in milliseconds.
    offset: AtomicI64,
    faults: Mutex<fault::Faults>,
    log: seen::Log,
    hints: Mutex<hint::Hints>,
    between: Mutex<Option<BetweenPages>>,
    /// Continuation tokens of other generations have expired.
    generation: AtomicU64,
    outage: watch::Sender<[Outage; 2]>,
    /// Who accepts connections at this moment.
    listening: watch::Sender<[bool; 2]>,
    addresses: [std::net::SocketAddr; 2],
    handle: OnceLock<Weak<Inner>>,
}

impl Fake {
    /// With one Humanitix key, one Eventbrite token, and no limits.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start() -> Result<Fake> {
        Fake::builder().start().await
    }

    /// With other settings.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Base URL of the fake Humanitix, without a slash at its end.
    pub fn humanitix_url(&self) -> String {
        self.url(Platform::Humanitix)
    }

    /// Base URL of the fake Eventbrite, without `/v3`.
    pub fn eventbrite_url(&self) -> String {
        self.url(Platform::Eventbrite)
    }

    /// Base URL of either.
    pub fn url(&self, platform: Platform) -> String {
        format!("http://{}", self.shared().addresses[index(platform)])
    }

    /// The platforms' present time, in milliseconds since 1970.
    pub fn now(&self) -> i64 {
        self.shared().now()
    }

    /// Sets the platforms' clock this far from the real one (negative: back). Only what happens from now on has the
    /// new time; an hour back makes everything older than any replication lag.
    pub fn set_clock_offset(&self, millis: i64) {
        self.shared().offset.store(millis, Ordering::Relaxed);
    }

    /// Changes how the platforms behave.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut lock(&self.shared().settings).switches);
    }

    /// Makes a credential valid. `owners`: organizations (Eventbrite) that it may read; a Humanitix key owns the
    /// events that were created for it.
    pub fn accept(&self, platform: Platform, secret: &str, owners: &[&str]) {
        lock(&self.shared().settings).accept(platform, secret, owners);
    }

    /// Makes a credential invalid.
    pub fn revoke(&self, secret: &str) {
        lock(&self.shared().settings).credentials.retain(|credential| credential.secret != secret);
    }

    /// Begins a new window of the rate limit for everybody.
    pub fn reset_rate_limits(&self) {
        lock(&self.shared().settings).used.clear();
    }

    /// All continuation tokens that were given out answer `BAD_CONTINUATION_TOKEN` from now on.
    pub fn expire_continuations(&self) {
        self.shared().generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Something to do after each page of a list was made and before it is sent, for totals that move while somebody
    /// pages. It may change the model.
    pub fn between_pages(&self, callback: impl FnMut(&Fake, &PageServed) + Send + 'static) {
        *lock(&self.shared().between) = Some(Box::new(callback));
    }

    /// No more of that.
    pub fn clear_between_pages(&self) {
        *lock(&self.shared().between) = None;
    }

    fn shared(&self) -> &Shared {
        &self.inner.shared
    }
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fake").field("addresses", &self.shared().addresses).finish_non_exhaustive()
    }
}

impl Shared {
    fn now(&self) -> i64 {
        clock::real_now() + self.offset.load(Ordering::Relaxed)
    }

    fn switches(&self) -> Switches {
        lock(&self.settings).switches.clone()
    }

    /// A handle, unless the last one is gone.
    fn handle(&self) -> Option<Fake> {
        Some(Fake { inner: self.handle.get()?.upgrade()? })
    }
}

/// Position of a platform in pairs.
fn index(platform: Platform) -> usize {
    match platform {
        Platform::Humanitix => 0,
        Platform::Eventbrite => 1,
    }
}

/// A failed test elsewhere must not make this one fail too.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
