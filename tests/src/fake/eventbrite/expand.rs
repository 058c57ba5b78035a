//! `expand=`: what is asked for beside the object itself.

use crate::fake::answer::Answer;
use crate::fake::query::Query;

const KNOWN: [&str; 12] = [
    "attendees",
    "refund_requests",
    "event",
    "venue",
    "ticket_classes",
    "ticket_class",
    "order",
    "contact_list_preferences",
    "promotional_code",
    "merchandise",
    "ticket_buyer_settings",
    "organizer",
];

/// Expansions by their paths (`attendees`, `event.venue`).
#[derive(Debug, Clone, Default)]
pub(super) struct Expand(Vec<String>);

impl Expand {
    /// A name that nobody knows is refused, so that a typing error is not taken for an empty answer.
    pub(super) fn parse(query: &Query) -> Result<Expand, Answer> {
        let names: Vec<String> = query.list("expand").unwrap_or_default().into_iter().map(str::to_owned).collect();
        let known = |name: &String| {
            let parts: Vec<&str> = name.split('.').collect();
            parts.len() <= 4 && parts.iter().all(|part| KNOWN.contains(part))
        };
        match names.iter().all(known) {
            true => Ok(Expand(names)),
            false => Err(Answer::eventbrite(
                400,
                "ARGUMENTS_ERROR",
                "There are errors with your arguments: expand - INVALID",
            )),
        }
    }

    /// Is it asked for? A nested expansion asks for what it is in.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|path| path.split('.').next() == Some(name))
    }

    /// What is asked for within one of them.
    pub(super) fn within(&self, name: &str) -> Expand {
        let inner = self.0.iter().filter_map(|path| path.strip_prefix(name)?.strip_prefix('.'));
        Expand(inner.map(str::to_owned).collect())
    }
}
