//! What the Humanitix API sends (OpenAPI 1.21.0, and what live answers have on top of it).
//!
//! Money is in major units. Unset fields are absent rather than null; of the documented ones only `_id` is relied on,
//! and every enumeration is open.

use serde_json::Value;

use crate::document::access::{Notes, Object};
use crate::error::Result;
use crate::money::{Amount, Currency};
use crate::time::Micros;

/// `totals` (present state, after refunds) or `purchaseTotals` (the same fields at purchase).
#[derive(Default)]
pub(super) struct Totals {
    pub total: Option<Amount>,
    pub refunds: Option<Amount>,
    pub booking_fee: Option<Amount>,
    pub total_taxes: Option<Amount>,
    pub discounts: Option<Amount>,
}

impl Totals {
    pub(super) fn read(totals: Option<Object<'_>>, currency: Option<Currency>) -> Result<Totals> {
        let Some(totals) = totals else { return Ok(Totals::default()) };
        Ok(Totals {
            total: totals.amount(&["total"], currency)?,
            refunds: totals.amount(&["refunds"], currency)?,
            booking_fee: totals.amount(&["bookingFee"], currency)?,
            total_taxes: totals.amount(&["totalTaxes"], currency)?,
            discounts: totals.amount(&["discounts"], currency)?,
        })
    }
}

/// An order: one buyer, no tickets.
pub(super) struct Order {
    pub id: String,
    pub event_id: Option<String>,
    pub event_date_id: Option<String>,
    pub status: Option<String>,
    pub financial_status: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<String>,
    pub mobile: Option<String>,
    pub currency: Option<Currency>,
    pub totals: Totals,
    pub purchase_totals: Totals,
    pub mail_list_opt_in: Option<bool>,
    pub created_at: Option<Micros>,
    pub completed_at: Option<Micros>,
    pub updated_at: Option<Micros>,
}

impl Order {
    pub(super) fn read(value: &Value, notes: &Notes) -> Result<Order> {
        let order = Object::required(value, "", notes)?;
        let currency = order.currency(&["currency"]);
        Ok(Order {
            id: order.required_id(&["_id"])?,
            event_id: order.id(&["eventId"]),
            event_date_id: order.id(&["eventDateId"]),
            status: order.text(&["status"]),
            financial_status: order.text(&["financialStatus"]),
            first_name: order.text(&["firstName"]),
            last_name: order.text(&["lastName"]),
            email: order.text(&["email"]),
            mobile: order.text(&["mobile"]),
            currency,
            totals: Totals::read(order.object("totals", "totals"), currency)?,
            purchase_totals: Totals::read(order.object("purchaseTotals", "purchaseTotals"), currency)?,
            mail_list_opt_in: order.flag(&["organiserMailListOptIn"]),
            created_at: order.instant(&["createdAt"]),
            completed_at: order.instant(&["completedAt"]),
            updated_at: order.instant(&["updatedAt"]),
        })
    }
}

/// An entry of `checkInHistory`, or `checkIn` itself.
pub(super) struct CheckIn {
    pub checked_in: Option<bool>,
    pub date: Option<Micros>,
}

impl CheckIn {
    fn read(check_in: Object<'_>) -> CheckIn {
        CheckIn { checked_in: check_in.flag(&["checkedIn"]), date: check_in.instant(&["date"]) }
    }
}

/// A ticket: one admission, or a donation line. It has names, but no e-mail address.
pub(super) struct Ticket {
    pub id: String,
    pub order_id: String,
    pub event_id: Option<String>,
    pub event_date_id: Option<String>,
    pub status: Option<String>,
    pub cancelled_at: Option<Micros>,
    pub check_in: Option<CheckIn>,
    pub check_in_history: Vec<CheckIn>,
    pub is_donation: bool,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub ticket_type_name: Option<String>,
    pub currency: Option<Currency>,
    pub price: Option<Amount>,
    pub total: Option<Amount>,
    pub passed_on_fee: Option<Amount>,
    pub custom_scanning_code: Option<String>,
    pub qr_code_id: Option<String>,
    pub updated_at: Option<Micros>,
}

impl Ticket {
    pub(super) fn read(value: &Value, notes: &Notes) -> Result<Ticket> {
        let ticket = Object::required(value, "", notes)?;
        let currency = ticket.currency(&["currency"]);
        let history = ticket.array("checkInHistory").unwrap_or_default();
        Ok(Ticket {
            id: ticket.required_id(&["_id"])?,
            order_id: ticket.required_id(&["orderId"])?,
            event_id: ticket.id(&["eventId"]),
            event_date_id: ticket.id(&["eventDateId"]),
            status: ticket.text(&["status"]),
            cancelled_at: ticket.instant(&["cancelledAt"]),
            check_in: ticket.object("checkIn", "checkIn").map(CheckIn::read),
            check_in_history: history
                .iter()
                .filter_map(|entry| ticket.element(entry, "checkInHistory[]").map(CheckIn::read))
                .collect(),
            is_donation: ticket.flag(&["isDonation"]).unwrap_or(false),
            first_name: ticket.text(&["firstName"]),
            last_name: ticket.text(&["lastName"]),
            ticket_type_name: ticket.text(&["ticketTypeName"]),
            currency,
            price: ticket.amount(&["price"], currency)?,
            total: ticket.amount(&["total"], currency)?,
            passed_on_fee: ticket.amount(&["passedOnFee"], currency)?,
            custom_scanning_code: ticket.text(&["customScanningCode"]),
            qr_code_id: ticket.object("qrCodeData", "qrCodeData").and_then(|code| code.text(&["_id"])),
            updated_at: ticket.instant(&["updatedAt"]),
        })
    }
}

/// One date of an event.
pub(super) struct EventDate {
    pub id: Option<String>,
    pub start: Option<Micros>,
    pub end: Option<Micros>,
    /// Neither disabled nor deleted.
    pub active: bool,
}

/// An event; each of its dates is a session.
pub(super) struct Event {
    pub id: String,
    pub name: Option<String>,
    pub venue_name: Option<String>,
    pub start_date: Option<Micros>,
    pub end_date: Option<Micros>,
    pub dates: Vec<EventDate>,
    pub timezone: Option<String>,
    pub total_capacity: Option<i64>,
    pub currency: Option<Currency>,
    pub published: Option<bool>,
    pub marked_as_sold_out: Option<bool>,
    pub suspend_sales: Option<bool>,
    pub url: Option<String>,
    pub updated_at: Option<Micros>,
}

impl Event {
    pub(super) fn read(value: &Value, notes: &Notes) -> Result<Event> {
        let event = Object::required(value, "", notes)?;
        let dates = event.array("dates").unwrap_or_default();
        let date = |entry| {
            let date = event.element(entry, "dates[]")?;
            Some(EventDate {
                id: date.id(&["_id"]),
                start: date.instant(&["startDate"]),
                end: date.instant(&["endDate"]),
                active: ["disabled", "deleted"].into_iter().all(|name| date.flag(&[name]) != Some(true)),
            })
        };
        Ok(Event {
            id: event.required_id(&["_id"])?,
            name: event.text(&["name"]),
            venue_name: event.object("eventLocation", "eventLocation").and_then(|place| place.text(&["venueName"])),
            start_date: event.instant(&["startDate"]),
            end_date: event.instant(&["endDate"]),
            dates: dates.iter().filter_map(date).collect(),
            timezone: event.text(&["timezone"]),
            total_capacity: event.places(&["totalCapacity"]),
            currency: event.currency(&["currency"]),
            published: event.flag(&["published"]),
            marked_as_sold_out: event.flag(&["markedAsSoldOut"]),
            suspend_sales: event.flag(&["suspendSales"]),
            url: event.text(&["url"]),
            updated_at: event.instant(&["updatedAt"]),
        })
    }
}
