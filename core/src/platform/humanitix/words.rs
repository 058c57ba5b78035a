//! What the words for the state of an order mean. The lists are open: unknown words count as a paid order that stands.

use crate::money::Amount;
use crate::observation::{OrderDoc, Payment, Standing};

const VOID: &[&str] = &["cancelled", "canceled", "deleted", "abandoned"];
const REFUNDED: &[&str] = &["refunded"];
const PARTLY: &[&str] = &["partiallyRefunded"];
const FREE: &[&str] = &["free"];
const PAID: &[&str] = &["paid", "partiallyRefunded", "refunded"];
const UNPAID: &[&str] = &["unpaid", "pending", "incomplete", "outstanding", "abandoned"];
const SAYS_NOTHING: &[&str] = &["complete"];

/// Being void is documented for tickets only, not for orders.
pub(super) fn standing(doc: &OrderDoc) -> Standing {
    let rank = if doc.says(REFUNDED) { 2 } else { u8::from(doc.says(PARTLY)) };
    let payment = if doc.says(PAID) {
        Some(Payment::Paid)
    } else if doc.says(FREE) {
        Some(Payment::Free)
    } else {
        doc.says(UNPAID).then_some(Payment::Unpaid)
    };
    let refunds = doc.refunds.unwrap_or_default();
    Standing { rank, refunded: rank > 0 || refunds > Amount::ZERO, void: doc.says(VOID), payment }
}

/// Whether all that the word means is known.
pub(super) fn is_known(doc: &OrderDoc) -> bool {
    let standing = standing(doc);
    doc.platform_status.is_none() || doc.says(SAYS_NOTHING) || standing.void || standing.payment.is_some()
}
