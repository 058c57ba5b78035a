//! What goes wrong, and when.

use std::time::Duration;

use crate::fake::platform::Platform;
use serde_json::{Value, json};

use super::answer::Answer;
use super::{Fake, lock};
use crate::random::Random;

/// Something that goes wrong with an answer. Several at once add up, except that the first status counts.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The replica is behind: for this long after a change there is the state before it, or 404.
    Lag(Duration),
    /// Torn: attendees and tickets are behind, orders are not.
    Torn(Duration),
    /// 500 `INTERNAL_ERROR`, or Humanitix's `Something went wrong.`
    Internal,
    /// 500 `EXPANSION_FAILED`; only where there is an `expand`.
    ExpansionFailed,
    /// 401, as for a credential that was revoked.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
    /// 429, with the header `retry-after` (seconds) if given.
    TooMany(Option<u64>),
    /// 503 with a page of HTML.
    Unavailable,
    /// Nothing for a while, then the answer.
    Slow(Duration),
    /// Nothing for a while after half of the body.
    Stall(Duration),
    /// The connection ends after half of the body.
    Truncated,
    /// This many bytes more: white space behind the body.
    Oversized(usize),
    /// A part of the body has another type.
    WrongType(WrongType),
    /// 200 with something that is no JSON.
    NotJson,
    /// 302 to the same path below this URL.
    Redirect(String),
    /// The connection is reset instead of an answer.
    Reset,
}

/// What has another type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongType {
    /// The id of an object is a number if it can be, else an array.
    Id,
    /// `costs` or `totals` is a text.
    Money,
    /// `attendees` of an order, or the items of a page, are an object.
    List,
    /// The whole body is an array with the object in it.
    Body,
}

/// Names a fault that was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultId(usize);

/// A fault that is about to start: by default at every request, until it is ended.
#[must_use = "it begins with `start`"]
pub struct FaultRule<'a> {
    fake: &'a Fake,
    rule: Rule,
}

/// Says which paths, with their queries, are meant.
type Predicate = Box<dyn Fn(&str) -> bool + Send>;

struct Rule {
    id: usize,
    fault: Fault,
    platform: Option<Platform>,
    on: Vec<Predicate>,
    left: Option<usize>,
    percent: usize,
    hits: usize,
}

pub(super) struct Faults {
    rules: Vec<Rule>,
    random: Random,
    next: usize,
}

impl Faults {
    pub(super) fn new(seed: u64) -> Faults {
        Faults { rules: Vec::new(), random: Random::new(seed), next: 0 }
    }

    /// Those that strike a request.
    pub(super) fn strike(&mut self, platform: Platform, path_and_query: &str) -> Vec<Fault> {
        let expanded = path_and_query.contains("expand=");
        let mut struck = Vec::new();
        for rule in &mut self.rules {
            let meant = rule.platform.is_none_or(|only| only == platform)
                && rule.left != Some(0)
                && (expanded || !matches!(rule.fault, Fault::ExpansionFailed))
                && rule.on.iter().all(|on| on(path_and_query));
            if meant && (rule.percent >= 100 || self.random.below(100) < rule.percent) {
                rule.left = rule.left.map(|left| left - 1);
                rule.hits += 1;
                struck.push(rule.fault.clone());
            }
        }
        struck
    }
}

impl FaultRule<'_> {
    /// Only for paths with their queries that contain this text.
    pub fn on(self, text: &str) -> Self {
        let text = text.to_owned();
        self.when(move |path| path.contains(&text))
    }

    /// Only for paths with their queries that this is true of.
    pub fn when(mut self, on: impl Fn(&str) -> bool + Send + 'static) -> Self {
        self.rule.on.push(Box::new(on));
        self
    }

    /// Only for one platform.
    pub fn only(mut self, platform: Platform) -> Self {
        self.rule.platform = Some(platform);
        self
    }

    /// That many times.
    pub fn times(mut self, count: usize) -> Self {
        self.rule.left = Some(count);
        self
    }

    /// In that many of a hundred cases.
    pub fn percent(mut self, of_hundred: usize) -> Self {
        self.rule.percent = of_hundred;
        self
    }

    /// From now on.
    pub fn start(mut self) -> FaultId {
        let mut faults = lock(&self.fake.shared().faults);
        faults.next += 1;
        self.rule.id = faults.next;
        let id = FaultId(self.rule.id);
        faults.rules.push(self.rule);
        id
    }
}

impl Fake {
    /// Prepares a fault; see [`FaultRule`].
    pub fn fault(&self, fault: Fault) -> FaultRule<'_> {
        let rule = Rule { id: 0, fault, platform: None, on: Vec::new(), left: None, percent: 100, hits: 0 };
        FaultRule { fake: self, rule }
    }

    /// Ends a fault; how often it struck.
    pub fn end_fault(&self, id: FaultId) -> usize {
        let mut faults = lock(&self.shared().faults);
        let hits = faults.rules.iter().find(|rule| rule.id == id.0).map_or(0, |rule| rule.hits);
        faults.rules.retain(|rule| rule.id != id.0);
        hits
    }

    /// How often a fault struck so far.
    pub fn fault_hits(&self, id: FaultId) -> usize {
        lock(&self.shared().faults).rules.iter().find(|rule| rule.id == id.0).map_or(0, |rule| rule.hits)
    }

    /// Ends all of them.
    pub fn clear_faults(&self) {
        lock(&self.shared().faults).rules.clear();
    }
}

/// The answer that a fault gives instead of the real one.
pub(super) fn instead(platform: Platform, faults: &[Fault]) -> Option<Answer> {
    faults.iter().find_map(|fault| match platform {
        Platform::Humanitix => humanitix(fault),
        Platform::Eventbrite => eventbrite(fault),
    })
}

fn humanitix(fault: &Fault) -> Option<Answer> {
    Some(match fault {
        Fault::Internal | Fault::ExpansionFailed => Answer::humanitix(500, "Something went wrong."),
        Fault::Unauthorized => Answer::humanitix(401, "Invalid API Key."),
        Fault::Forbidden => Answer::humanitix(403, "You do not have permission to do this."),
        Fault::NotFound => Answer::humanitix(404, "Event with id: 5ac5a094d8fe7c0c0f212fe2 not found."),
        Fault::TooMany(wait) => with_wait(Answer::humanitix(429, "Rate limit exceeded."), *wait),
        _ => return None,
    })
}

fn eventbrite(fault: &Fault) -> Option<Answer> {
    let error = Answer::eventbrite;
    Some(match fault {
        Fault::Internal => error(500, "INTERNAL_ERROR", "Unhandled error occurred in Eventbrite."),
        Fault::ExpansionFailed => error(500, "EXPANSION_FAILED", "An error occurred expanding the response."),
        Fault::Unauthorized => error(401, "INVALID_AUTH", "The OAuth token you provided was invalid."),
        Fault::Forbidden => {
            error(403, "NOT_AUTHORIZED", "You do not have permission to access the resource you requested.")
        }
        Fault::NotFound => error(404, "NOT_FOUND", "The order you requested does not exist."),
        Fault::TooMany(wait) => with_wait(
            error(
                429,
                "HIT_RATE_LIMIT",
                "Your token has hit its hourly rate limit. Default rate limits are 2,000 calls per hour.",
            ),
            *wait,
        ),
        _ => return None,
    })
}

fn with_wait(answer: Answer, wait: Option<u64>) -> Answer {
    match wait {
        Some(seconds) => answer.header("retry-after", seconds.to_string()),
        None => answer,
    }
}

/// Gives the body, or the first item of a page, other types.
pub(super) fn mangle(body: &mut Value, wrong: WrongType) {
    let list = ["orders", "attendees", "tickets", "events"].into_iter().find(|key| body.get(key).is_some());
    if wrong == WrongType::Body {
        *body = json!([body.take()]);
        return;
    }
    if wrong == WrongType::List {
        if let Some(key) = list {
            body[key] = json!({"0": body[key].take()});
        }
        return;
    }
    // An order that is expanded has a list, too, but is no page.
    let page = body.get("pagination").is_some() || body.get("pageSize").is_some();
    let item = match list.filter(|_| page) {
        Some(key) => body.get_mut(key).and_then(|items| items.get_mut(0)),
        None => Some(body),
    };
    let Some(item) = item.and_then(Value::as_object_mut) else { return };
    for key in if wrong == WrongType::Id { ["_id", "id"] } else { ["totals", "costs"] } {
        let Some(field) = item.get_mut(key) else { continue };
        *field = match wrong {
            WrongType::Id => field.as_str().and_then(|id| id.parse::<u64>().ok()).map_or(json!([1]), |id| json!(id)),
            _ => json!("67.38"),
        };
    }
}
