//! What the envelopes of an order say together.
//!
//! An envelope may be thin: a refund that names only the order and the amount is one that bridges send. What it leaves out is
//! not unknown, it is what the newest envelope said that did not leave it out.

use crate::observation::OrderDoc;
use crate::time::Micros;

use super::state::{EnvelopeContent, EnvelopeVersion, Held};

/// One envelope as it is kept.
pub(super) type Copy = Held<EnvelopeVersion, EnvelopeContent>;

/// The envelopes that still count, newest first: the newest of all, and each that has the newest word on some field.
///
/// Which those are depends only on the set of all envelopes ever seen, so it grows like any other register: the winner of a
/// field is never dropped before something newer has a word on that field.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Envelopes(Vec<Copy>);

impl Envelopes {
    /// The newest.
    pub fn newest(&self) -> Option<&Copy> {
        self.0.first()
    }

    /// The newest word on a field.
    pub fn field<'a, T>(&'a self, field: impl Fn(&'a EnvelopeContent) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(|held| field(&held.doc))
    }

    /// When the newest that says whether the order stands cancelled it.
    pub fn cancelled(&self) -> Option<Micros> {
        self.0
            .iter()
            .find(|held| held.doc.stands.is_some())
            .filter(|held| held.doc.stands == Some(false))
            .map(|held| held.key.timestamp)
    }

    /// All that are kept, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Copy> {
        self.0.iter()
    }

    /// Adds an envelope; true when it counts and was not here.
    pub fn offer(&mut self, key: EnvelopeVersion, content: impl FnOnce() -> EnvelopeContent) -> bool {
        // Newest first, so the search looks for the opposite order.
        let Err(place) = self.0.binary_search_by(|held| key.cmp(&held.key)) else { return false };
        self.0.insert(place, Held { key, doc: content() });
        let mut told = 0;
        let mut newest = true;
        self.0.retain(|held| {
            let tells = fields(&held.doc);
            let keep = newest || tells & !told != 0;
            newest = false;
            told |= tells;
            keep
        });
        self.0.iter().any(|held| held.key == key)
    }

    /// Adds those of another state; true when any of them counts and was not here.
    pub fn join(&mut self, other: &Envelopes) -> bool {
        let mut changed = false;
        for held in &other.0 {
            changed |= self.offer(held.key, || held.doc.clone());
        }
        changed
    }
}

/// Which fields an envelope has a word on, a bit each.
fn fields(content: &EnvelopeContent) -> u32 {
    let EnvelopeContent { quantity, stands, doc } = content;
    // Taken apart, so that a new field cannot be forgotten here.
    let OrderDoc {
        platform_status,
        external_event_id,
        external_session_id,
        customer_name,
        customer_email,
        customer_phone,
        currency,
        purchase_total,
        total,
        fees,
        tax,
        discount,
        refunds,
        purchased,
        marketing_opt_in,
        ticket_types,
    } = doc;
    let told = [
        platform_status.is_some(),
        external_event_id.is_some(),
        external_session_id.is_some(),
        customer_name.is_some(),
        customer_email.is_some(),
        customer_phone.is_some(),
        currency.is_some(),
        purchase_total.is_some(),
        total.is_some(),
        fees.is_some(),
        tax.is_some(),
        discount.is_some(),
        refunds.is_some(),
        purchased.is_some(),
        marketing_opt_in.is_some(),
        !ticket_types.is_empty(),
        quantity.is_some(),
        stands.is_some(),
    ];
    told.iter().rev().fold(0, |bits, &told| bits << 1 | u32::from(told))
}
