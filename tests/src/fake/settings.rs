//! Who may read what, how often, and how the platforms behave where their real behaviour is not known.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::fake::platform::Platform;

use super::Fake;
use crate::Result;

/// The Humanitix key that is valid unless the builder says otherwise.
pub const HUMANITIX_KEY: &str = "humanitix-key-of-the-tests";
/// The Eventbrite token that is valid unless the builder says otherwise.
pub const EVENTBRITE_TOKEN: &str = "eventbrite-token-of-the-tests";
/// The organization of that token.
pub const ORGANIZATION: &str = "123456789012";

/// How the platforms behave; all can be changed at any time.
#[derive(Debug, Clone)]
pub struct Switches {
    /// Eventbrite: a refund takes its money out of the order's `costs`. Reports of the real one differ.
    pub refunds_drop_costs: bool,
    /// Humanitix: `since` looks at `createdAt` and not at `updatedAt`. Of the real one it is not known.
    pub since_is_created: bool,
    /// Eventbrite: pages as in 2016, without `has_more_items` and `continuation`.
    pub old_pagination: bool,
    /// Eventbrite: the last page still has a token, which leads to an empty one.
    pub token_at_end: bool,
    /// Eventbrite: a wrong token is answered 400 and not 401.
    pub invalid_auth_is_400: bool,
    /// A check-in also changes the version of its order.
    pub check_in_changes_order: bool,
    /// A check-in leaves the version of its ticket alone; only the dates inside tell.
    pub check_in_keeps_version: bool,
    /// Eventbrite: attendees of donations say so themselves. Otherwise only their ticket class does.
    pub donation_flag: bool,
    /// Humanitix: orders lack `purchaseTotals`.
    pub no_purchase_totals: bool,
    /// Eventbrite: items on a page. Not a parameter.
    pub page_size: usize,
    /// Eventbrite: too many calls are answered without `retry-after`; only `x-rate-limit` says how long.
    pub no_retry_after: bool,
}

impl Default for Switches {
    fn default() -> Switches {
        Switches {
            refunds_drop_costs: false,
            since_is_created: false,
            old_pagination: false,
            token_at_end: false,
            invalid_auth_is_400: false,
            check_in_changes_order: false,
            check_in_keeps_version: false,
            donation_flag: false,
            no_purchase_totals: false,
            page_size: 50,
            no_retry_after: false,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Credential {
    pub platform: Platform,
    pub secret: String,
    pub owners: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Settings {
    pub credentials: Vec<Credential>,
    pub switches: Switches,
    pub limits: HashMap<&'static str, usize>,
    pub window: Duration,
    /// Begin of the window and calls in it, for each credential.
    pub used: HashMap<String, (Instant, usize)>,
    pub seed: u64,
    pub hints_to: String,
    pub webhook_id: String,
    pub bridge: Option<String>,
}

impl Settings {
    pub(super) fn accept(&mut self, platform: Platform, secret: &str, owners: &[&str]) {
        // A key owns what was made for it.
        let owners = if owners.is_empty() { &[secret] } else { owners };
        let owners = owners.iter().map(|owner| (*owner).to_owned()).collect();
        self.credentials.push(Credential { platform, secret: secret.to_owned(), owners });
    }

    pub(super) fn credential(&self, platform: Platform, secret: &str) -> Option<&Credential> {
        self.credentials.iter().find(|known| known.platform == platform && known.secret == secret)
    }

    /// Counts a call; the seconds until the next window when it is one too many.
    pub(super) fn count(&mut self, platform: Platform, secret: &str) -> Option<u64> {
        let limit = self.limits.get(platform.as_str()).copied();
        let now = Instant::now();
        let (begin, calls) = self.used.entry(secret.to_owned()).or_insert((now, 0));
        if begin.elapsed() >= self.window {
            (*begin, *calls) = (now, 0);
        }
        *calls += 1;
        let (calls, left) = (*calls, self.window.saturating_sub(begin.elapsed()));
        (calls > limit?).then(|| left.as_secs() + u64::from(left.subsec_nanos() > 0))
    }

    /// What Eventbrite says about calls with every answer. It shows the token, as the real one does.
    pub(super) fn counters(&self, secret: &str) -> String {
        let limit = self.limits.get(Platform::Eventbrite.as_str()).copied().unwrap_or(2000);
        let (begin, calls) = self.used.get(secret).copied().unwrap_or((Instant::now(), 0));
        let left = self.window.saturating_sub(begin.elapsed()).as_secs();
        let calls = calls.min(limit);
        format!("token:{secret} {calls}/{limit} reset={left}s, key:APPLICATIONKEYOFTHETESTS 1/{limit} reset={left}s")
    }
}

/// Settings of a fake before it starts.
#[derive(Debug)]
pub struct Builder {
    pub(super) settings: Settings,
    pub(super) clock_offset: i64,
}

impl Default for Builder {
    fn default() -> Builder {
        let mut settings = Settings {
            credentials: Vec::new(),
            switches: Switches::default(),
            limits: HashMap::new(),
            window: Duration::from_secs(3600),
            used: HashMap::new(),
            seed: 1,
            hints_to: "https://hooks.example.com/webhooks/eventbrite".to_owned(),
            webhook_id: "15905335".to_owned(),
            bridge: None,
        };
        settings.accept(Platform::Humanitix, HUMANITIX_KEY, &[]);
        settings.accept(Platform::Eventbrite, EVENTBRITE_TOKEN, &[ORGANIZATION]);
        Builder { settings, clock_offset: 0 }
    }
}

impl Builder {
    /// One more valid credential. `owners`: the organizations of an Eventbrite token; empty for a Humanitix key.
    #[must_use]
    pub fn credential(mut self, platform: Platform, secret: &str, owners: &[&str]) -> Builder {
        self.settings.accept(platform, secret, owners);
        self
    }

    /// None of the credentials that are valid so far.
    #[must_use]
    pub fn no_credentials(mut self) -> Builder {
        self.settings.credentials.clear();
        self
    }

    /// Calls that each credential has in a window.
    #[must_use]
    pub fn rate_limit(mut self, platform: Platform, calls: usize) -> Builder {
        self.settings.limits.insert(platform.as_str(), calls);
        self
    }

    /// Another window than an hour.
    #[must_use]
    pub fn rate_window(mut self, window: Duration) -> Builder {
        self.settings.window = window;
        self
    }

    /// See [`Fake::set_clock_offset`].
    #[must_use]
    pub fn clock_offset(mut self, millis: i64) -> Builder {
        self.clock_offset = millis;
        self
    }

    /// Other ids and other chances.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Builder {
        self.settings.seed = seed;
        self
    }

    /// How the platforms behave from the start.
    #[must_use]
    pub fn switches(mut self, change: impl FnOnce(&mut Switches)) -> Builder {
        change(&mut self.settings.switches);
        self
    }

    /// What hints say about the webhook.
    #[must_use]
    pub fn webhook(mut self, endpoint_url: &str, webhook_id: &str) -> Builder {
        endpoint_url.clone_into(&mut self.settings.hints_to);
        webhook_id.clone_into(&mut self.settings.webhook_id);
        self
    }

    /// Humanitix orders also make envelopes of the bridge convention, signed with this secret.
    #[must_use]
    pub fn bridge(mut self, secret: &str) -> Builder {
        self.settings.bridge = Some(secret.to_owned());
        self
    }

    /// Listens.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(self) -> Result<Fake> {
        super::server::start(self).await
    }
}
