//! What the words for the state of an order mean. The lists are open: unknown words count as a paid order that stands.

use crate::observation::{OrderDoc, Payment, Standing};

const VOID: &[&str] = &["cancelled", "canceled", "deleted", "abandoned"];
const REFUNDED: &[&str] = &["refunded"];
const PAID: &[&str] = &["placed", "completed", "refunded"];
const UNPAID: &[&str] = &["unpaid", "pending", "abandoned", "started"];

/// Free orders, and those to be paid offline, are `placed` as well; the gross and the attendees tell.
pub(super) fn standing(doc: &OrderDoc) -> Standing {
    let rank = if doc.says(REFUNDED) { 2 } else { u8::from(doc.says(VOID)) };
    let payment = if doc.says(PAID) { Some(Payment::Paid) } else { doc.says(UNPAID).then_some(Payment::Unpaid) };
    Standing { rank, refunded: rank == 2, void: rank > 0, payment }
}

/// Whether all that the word means is known.
pub(super) fn is_known(doc: &OrderDoc) -> bool {
    let standing = standing(doc);
    doc.platform_status.is_none() || standing.void || standing.payment.is_some()
}
