//! What both platforms' attendees have in common: being gone, being checked in, the row (merge rules, section 4).

use super::observe::known;
use super::state::{AttendeeState, AttendeeVersion, Held, Scan, State};
use super::{Attendee, AttendeeStatus, GONE};
use crate::money::Amount;
use crate::observation::{AttendeeDoc, Void};
use crate::time::Micros;

/// What the platform says of a check-in.
pub(super) enum PlatformCheckIn {
    /// Nothing.
    Unknown,
    /// In or out, and when: can be compared with a scan.
    Dated(Micros, bool),
    /// In, since the date when that was first seen: a platform that never heard of our scan cannot undo it.
    Undated(Option<Micros>),
}

/// A 404 counts only well after the last sighting, because replicas lag; and never for what the API has not shown.
pub(super) fn gone(at: Option<Micros>, seen: Option<Micros>) -> bool {
    matches!((at, seen), (Some(at), Some(seen)) if at >= seen.saturating_add(GONE))
}

impl State {
    /// The order itself is gone.
    pub(super) fn order_gone(&self) -> bool {
        gone(self.gone, self.seen)
    }

    /// The attendee is gone, by itself or with the order. One that was never sighted goes with the order; one that was
    /// seen valid since the order's 404 does not.
    pub(super) fn attendee_gone(&self, held: &AttendeeState) -> bool {
        gone(held.gone, held.seen) || (self.order_gone() && (held.seen.is_none() || gone(self.gone, held.seen)))
    }
}

/// Inside or not, and since when; the later of scan and platform wins, and in wins a tie.
pub(super) fn check_in(platform: PlatformCheckIn, scan: Option<&Scan>) -> (bool, Option<Micros>) {
    let event = |at, entry: bool| (entry, entry.then(|| known(at)).flatten());
    match (platform, scan) {
        (PlatformCheckIn::Dated(at, entry), Some(scan)) if (at, entry) > (scan.at, scan.entry) => event(at, entry),
        (_, Some(scan)) => event(scan.at, scan.entry),
        (PlatformCheckIn::Dated(at, entry), None) => event(at, entry),
        (PlatformCheckIn::Undated(first), None) => (true, first),
        (PlatformCheckIn::Unknown, None) => (false, None),
    }
}

/// The row of an attendee: its newest copy whole, with what was decided about it.
pub(super) fn row(
    id: &str,
    own: &Held<AttendeeVersion, AttendeeDoc>,
    void: Void,
    check_in: (bool, Option<Micros>),
    price: Option<Amount>,
) -> Attendee {
    let doc = &own.doc;
    let (inside, checked_in_at) = check_in;
    let status = match (void, inside) {
        (Void::Valid, true) => AttendeeStatus::CheckedIn,
        (Void::Valid, false) => AttendeeStatus::Registered,
        (Void::Cancelled | Void::Refunded, _) => AttendeeStatus::Cancelled,
    };
    Attendee {
        id: id.to_owned(),
        external_event_id: doc.external_event_id.clone(),
        external_session_id: doc.external_session_id.clone(),
        name: doc.name.clone(),
        first_name: doc.first_name.clone(),
        last_name: doc.last_name.clone(),
        email: doc.email.clone(),
        phone: doc.phone.clone(),
        ticket_type: doc.ticket_type.clone(),
        price,
        currency: doc.currency,
        barcode: doc.barcode.clone(),
        status,
        checked_in_at,
        refunded: void == Void::Refunded,
        donation: doc.donation,
        source_version: known(own.key.version),
    }
}

/// Distinct names, sorted, as one text; `None` without any.
pub(super) fn ticket_types<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Sum of the prices of those rows; unknown prices count nothing.
pub(super) fn sum<'a>(rows: impl Iterator<Item = &'a Attendee>) -> Amount {
    rows.filter_map(|row| row.price).fold(Amount::ZERO, Amount::saturating_add)
}

/// How many rows, as the database counts.
pub(super) fn count<'a>(rows: impl Iterator<Item = &'a Attendee>) -> i64 {
    rows.fold(0, |count: i64, _| count.saturating_add(1))
}
