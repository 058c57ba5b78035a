//! What a correct system shows once everything is settled. Worked out from the model, without the project's own code.
//!
//! Where refunds can be seen in several ways that do not add up (Eventbrite), the rule is the documented one: what refund
//! requests or the drop of the costs state, if it covers the refunded attendees less their fees, else their prices.

use std::sync::Arc;

use crate::fake::platform::Platform;

use super::model::{Order, Status, Ticket, Versions};
use super::money::Money;
use super::{Fake, lock};

/// What became of the money of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundStatus {
    /// Nothing was refunded.
    None,
    /// The buyer has asked for it.
    Requested,
    /// Some of it.
    Partial,
    /// All of it.
    Refunded,
    /// The order is void, and nothing was refunded.
    Cancelled,
}

impl RefundStatus {
    /// The name in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            RefundStatus::None => "none",
            RefundStatus::Requested => "requested",
            RefundStatus::Partial => "partial",
            RefundStatus::Refunded => "refunded",
            RefundStatus::Cancelled => "cancelled",
        }
    }
}

/// Where an attendee stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttendeeStatus {
    /// Has a valid ticket.
    Registered,
    /// Is in.
    CheckedIn,
    /// Has no valid ticket any more.
    Cancelled,
}

impl AttendeeStatus {
    /// The name in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            AttendeeStatus::Registered => "registered",
            AttendeeStatus::CheckedIn => "checked_in",
            AttendeeStatus::Cancelled => "cancelled",
        }
    }
}

/// An order as it must be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct TruthOrder {
    /// The platform's id of the order.
    pub order_id: String,
    /// The platform's id of the event.
    pub event_id: String,
    /// The date (Humanitix).
    pub session_id: Option<String>,
    /// Buyer.
    pub buyer_name: String,
    /// Buyer's address.
    pub buyer_email: String,
    /// Buyer's telephone number (Humanitix).
    pub buyer_phone: Option<String>,
    /// ISO 4217.
    pub currency: String,
    /// What the buyer was charged.
    pub total_amount: Money,
    /// What went back.
    pub refund_amount: Money,
    /// What became of it.
    pub refund_status: RefundStatus,
    /// What the organiser holds of the charge.
    pub kept_amount: Money,
    /// That less the fees that the platform keeps.
    pub net_amount: Money,
    /// paid, free, or unpaid: to be paid offline, and was not yet (Eventbrite).
    pub payment_status: &'static str,
    /// Admissions, void ones included, donations not.
    pub ticket_quantity: i64,
    /// Those of them that admit.
    pub valid_quantity: i64,
    /// Everybody but donations.
    pub attendees: Vec<TruthAttendee>,
    /// It answers 404. To show this, a system must have read what it was at its end.
    pub erased: bool,
    /// The costs have dropped by a plain amount: only a system that read the order before can know `total_amount`.
    pub needs_earlier_copy: bool,
    /// It has a donation, which only expansions (Eventbrite) tell from an admission.
    pub has_donation: bool,
}

/// An attendee as it must be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct TruthAttendee {
    /// The platform's id.
    pub id: String,
    /// Holder.
    pub name: String,
    /// Holder's address (Eventbrite).
    pub email: Option<String>,
    /// Name of the kind of ticket.
    pub ticket_type: String,
    /// Where they stand.
    pub status: AttendeeStatus,
    /// The platform says they are in, whatever their status is.
    pub checked_in: bool,
    /// Paid for it, fees included.
    pub price: Money,
    /// What is scanned at the door.
    pub barcode: String,
}

impl Fake {
    /// All orders of a platform, the oldest first. Carts are none.
    pub fn truth(&self, platform: Platform) -> Vec<TruthOrder> {
        let events: Vec<String> = {
            let model = lock(&self.shared().model);
            let of = |id: &&String| model.event(id).is_some_and(|event| event.platform == platform);
            model.event_ids.iter().filter(of).cloned().collect()
        };
        events.iter().flat_map(|event| self.truth_of_event(event)).collect()
    }

    /// Those of one event.
    pub fn truth_of_event(&self, event: &str) -> Vec<TruthOrder> {
        let model = lock(&self.shared().model);
        let ids = model.orders_of.get(event).into_iter().flatten();
        let orders = ids.filter_map(|id| model.orders.get(id).and_then(Versions::newest));
        orders.filter(|order| order.status != Status::Started).map(truth).collect()
    }

    /// One order; `None` for a cart.
    pub fn truth_of(&self, order: &str) -> Option<TruthOrder> {
        let model = lock(&self.shared().model);
        let order = model.orders.get(order).and_then(Versions::newest);
        order.filter(|order| order.status != Status::Started).map(truth)
    }
}

fn truth(order: &Arc<Order>) -> TruthOrder {
    let money = |minor| Money::new(minor, &order.currency);
    let void = |ticket: &&Ticket| order.erased || ticket.cancelled_at.is_some();
    let admissions: Vec<&Ticket> = order.tickets.iter().filter(|ticket| !ticket.donation).collect();
    let valid = admissions.iter().copied().filter(|ticket| !void(ticket)).count();
    let Outcome { total, refunded, status: refund_status, dead, fees, returned } = match order.platform {
        Platform::Humanitix => humanitix(order, !admissions.is_empty(), valid > 0),
        Platform::Eventbrite => eventbrite(order, !admissions.is_empty(), valid > 0),
    };
    let unpaid = order.status == Status::Unpaid;
    let kept = if unpaid || (dead && refunded == 0) { 0 } else { (total - refunded).max(0) };
    let attendee = |ticket: &&Ticket| TruthAttendee {
        id: ticket.id.clone(),
        name: ticket.holder.name(),
        email: (order.platform == Platform::Eventbrite).then(|| ticket.holder.email.clone()),
        ticket_type: ticket.type_name.clone(),
        status: match (void(ticket), ticket.checked_in) {
            (true, _) => AttendeeStatus::Cancelled,
            (false, true) => AttendeeStatus::CheckedIn,
            (false, false) => AttendeeStatus::Registered,
        },
        checked_in: ticket.checked_in,
        price: money(match order.platform {
            Platform::Humanitix if order.absorb_fees => ticket.net(),
            Platform::Humanitix => ticket.net() + ticket.fee,
            Platform::Eventbrite => ticket.gross(),
        }),
        barcode: ticket.barcode.clone(),
    };
    TruthOrder {
        order_id: order.id.clone(),
        event_id: order.event_id.clone(),
        session_id: order.date_id.clone(),
        buyer_name: order.buyer.name(),
        buyer_email: order.buyer.email.clone(),
        buyer_phone: order.buyer.phone.clone().filter(|_| order.platform == Platform::Humanitix),
        currency: order.currency.clone(),
        total_amount: money(total),
        refund_amount: money(refunded),
        refund_status,
        kept_amount: money(kept),
        net_amount: money((kept - (fees - returned)).max(0)),
        payment_status: match total {
            _ if unpaid => "unpaid",
            0 => "free",
            _ => "paid",
        },
        ticket_quantity: i64::try_from(admissions.len()).unwrap_or_default(),
        valid_quantity: i64::try_from(valid).unwrap_or_default(),
        attendees: admissions.iter().map(attendee).collect(),
        erased: order.erased,
        needs_earlier_copy: order.dropped > 0,
        has_donation: admissions.len() < order.tickets.len(),
    }
}

/// What became of an order's money, in minor units.
struct Outcome {
    total: i64,
    refunded: i64,
    status: RefundStatus,
    /// The order as a whole is no more.
    dead: bool,
    fees: i64,
    /// Fees that went back with whole prices.
    returned: i64,
}

/// The money is the platform's; tickets are their own truth.
fn humanitix(order: &Order, any: bool, live: bool) -> Outcome {
    let passed = |ticket: &Ticket| if order.absorb_fees { 0 } else { ticket.fee };
    let total = order.refundable() + order.sold().map(passed).sum::<i64>() + order.amex_fee;
    let status = match order.refunds {
        _ if order.status == Status::Refunded => RefundStatus::Refunded,
        1.. => RefundStatus::Partial,
        _ if !live && (any || order.erased) => RefundStatus::Cancelled,
        _ => RefundStatus::None,
    };
    let void = || order.tickets.iter().filter(|ticket| order.erased || ticket.cancelled_at.is_some());
    let prices: i64 = void().map(|ticket| ticket.net() + passed(ticket)).sum();
    Outcome {
        total,
        refunded: order.refunds,
        status,
        dead: order.erased && !live,
        fees: order.sold().map(|ticket| ticket.fee).sum::<i64>() + order.amex_fee,
        returned: if prices == order.refunds { void().map(passed).sum() } else { 0 },
    }
}

fn eventbrite(order: &Order, any: bool, admits: bool) -> Outcome {
    let sum = |of: &dyn Fn(&&Ticket) -> bool, part: &dyn Fn(&Ticket) -> i64| {
        order.tickets.iter().filter(of).map(part).sum::<i64>()
    };
    let fee = |ticket: &Ticket| ticket.fee + ticket.payment_fee;
    // What cost nothing cannot be refunded.
    let back = |ticket: &&Ticket| ticket.refunded && ticket.gross() > 0;
    let total = sum(&|_| true, &Ticket::gross);
    // Donations are lines that can be valid as well.
    let live = !order.erased && order.tickets.iter().any(|ticket| ticket.cancelled_at.is_none());
    let processed: i64 = order.requests.iter().filter_map(|request| request.processed).map(|(_, minor)| minor).sum();
    let stated = processed.max(sum(&|ticket| ticket.dropped, &Ticket::gross) + order.dropped());
    let (whole, given) = (sum(&back, &Ticket::gross), sum(&back, &fee));
    let some = order.tickets.iter().any(|ticket| back(&ticket));
    let all = some
        && order.tickets.iter().all(|ticket| back(&ticket) || (ticket.gross() == 0 && ticket.cancelled_at.is_some()));
    let wholly = total > 0 && ((order.status == Status::Refunded && !live) || all);
    let mut refunded = if stated > 0 && stated >= whole - given { stated } else { whole }.min(total);
    if wholly && refunded == 0 {
        refunded = total;
    }
    let dead = (!matches!(order.status, Status::Placed | Status::Unpaid) || order.erased) && !live;
    let status = if wholly || (total > 0 && refunded >= total) {
        RefundStatus::Refunded
    } else if some || refunded > 0 {
        RefundStatus::Partial
    } else if dead || (any && !admits) {
        RefundStatus::Cancelled
    } else if order.requests.iter().any(|request| request.processed.is_none()) {
        RefundStatus::Requested
    } else {
        RefundStatus::None
    };
    let returned = (refunded - (whole - given)).clamp(0, given);
    Outcome { total, refunded, status, dead, fees: sum(&|_| true, &fee), returned }
}
