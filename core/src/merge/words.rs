//! What the platforms' words for the state of an order mean. The lists are open: unknown words count as a paid order that
//! stands, and [`is_known_humanitix`], [`is_known_eventbrite`] let whoever reads a copy note them.

use crate::observation::{OrderDoc, Payment};

fn is(doc: &OrderDoc, words: &[&str]) -> bool {
    doc.platform_status.as_deref().is_some_and(|said| words.iter().any(|word| said.eq_ignore_ascii_case(word)))
}

const VOID: &[&str] = &["cancelled", "canceled", "deleted", "abandoned"];
const REFUNDED: &[&str] = &["refunded"];

mod humanitix {
    pub(super) const PARTLY: &[&str] = &["partiallyRefunded"];
    pub(super) const FREE: &[&str] = &["free"];
    pub(super) const PAID: &[&str] = &["paid", "partiallyRefunded", "refunded"];
    pub(super) const UNPAID: &[&str] = &["unpaid", "pending", "incomplete", "outstanding", "abandoned"];
    pub(super) const SAYS_NOTHING: &[&str] = &["complete"];
}

mod eventbrite {
    pub(super) const PAID: &[&str] = &["placed", "completed", "refunded"];
    pub(super) const UNPAID: &[&str] = &["unpaid", "pending", "abandoned", "started"];
}

/// What a Humanitix order says of its refund: 1 partly, 2 wholly.
pub(super) fn humanitix_rank(doc: &OrderDoc) -> u8 {
    if is(doc, REFUNDED) { 2 } else { u8::from(is(doc, humanitix::PARTLY)) }
}

/// Whether a Humanitix order says that it is void. Documented for tickets only, not for orders.
pub(super) fn humanitix_void(doc: &OrderDoc) -> bool {
    is(doc, VOID)
}

/// What a Humanitix order says of its payment.
pub(super) fn humanitix_payment(doc: &OrderDoc) -> Option<Payment> {
    if is(doc, humanitix::PAID) {
        Some(Payment::Paid)
    } else if is(doc, humanitix::FREE) {
        Some(Payment::Free)
    } else {
        is(doc, humanitix::UNPAID).then_some(Payment::Unpaid)
    }
}

/// Whether all that a Humanitix order's word means is known.
pub(crate) fn is_known_humanitix(doc: &OrderDoc) -> bool {
    doc.platform_status.is_none()
        || is(doc, humanitix::SAYS_NOTHING)
        || humanitix_void(doc)
        || humanitix_payment(doc).is_some()
}

/// What an Eventbrite order says of being void: 1 cancelled, deleted or never completed, 2 refunded.
pub(super) fn eventbrite_rank(doc: &OrderDoc) -> u8 {
    if is(doc, REFUNDED) { 2 } else { u8::from(is(doc, VOID)) }
}

/// What an Eventbrite order says of its payment. Free orders, and those to be paid offline, are `placed` as well; the gross
/// and the attendees tell.
pub(super) fn eventbrite_payment(doc: &OrderDoc) -> Option<Payment> {
    if is(doc, eventbrite::PAID) { Some(Payment::Paid) } else { is(doc, eventbrite::UNPAID).then_some(Payment::Unpaid) }
}

/// Whether all that an Eventbrite order's word means is known.
pub(crate) fn is_known_eventbrite(doc: &OrderDoc) -> bool {
    doc.platform_status.is_none() || eventbrite_rank(doc) > 0 || eventbrite_payment(doc).is_some()
}
