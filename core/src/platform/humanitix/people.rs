//! The attendees in an envelope.

use serde_json::Value;

use crate::document::Document;
use crate::document::access::{Notes, Object};
use crate::error::{Error, Result};
use crate::observation::{AttendeeCopy, AttendeeDoc, OrderDoc, Void};
use crate::platform::page::reason;
use crate::time::Micros;

use super::normalise::whole_name;

/// Is this a list of people? Lines of several tickets with one id (`quantity`) are not, whatever the list is called.
pub(super) fn are_people(list: &Value) -> bool {
    list.as_array().is_some_and(|list| list.is_empty() || list.iter().any(|entry| !is_line(entry)))
}

/// The attendees; what cannot be used is left out with a note.
pub(super) fn read(list: &Value, version: Micros, order: &OrderDoc, notes: &Notes) -> Vec<AttendeeCopy> {
    let mut attendees = Vec::new();
    for (i, entry) in list.as_array().into_iter().flatten().enumerate() {
        match attendee(entry, version, order, notes) {
            Ok(attendee) => attendees.push(attendee),
            Err(error) => notes.add(format_args!("data.order.attendees[{i}] was left out: {}", reason(&error))),
        }
    }
    attendees
}

fn is_line(entry: &Value) -> bool {
    entry.get("quantity").is_some_and(|quantity| !quantity.is_null())
}

fn attendee(value: &Value, version: Micros, order: &OrderDoc, notes: &Notes) -> Result<AttendeeCopy> {
    if is_line(value) {
        return Err(Error::Shape("it has a quantity, so it is not one attendee".into()));
    }
    let entry = Object::required(value, "data.order.attendees[]", notes)?;
    let [first_name, last_name] = [["first_name", "firstName"], ["last_name", "lastName"]].map(|n| entry.text(&n));
    let void = match entry.text(&["status"]).as_deref() {
        Some("cancelled" | "canceled") => Void::Cancelled,
        Some("refunded") => Void::Refunded,
        _ => Void::Valid,
    };
    Ok(AttendeeCopy {
        id: entry.required_id(&["id", "_id"])?,
        version,
        doc: AttendeeDoc {
            void,
            checked_in: entry.flag(&["checked_in", "checkedIn"]).unwrap_or(false),
            check_in_date: entry.instant(&["checked_in_at", "checkedInAt"]),
            donation: entry.flag(&["is_donation", "isDonation"]).unwrap_or(false),
            external_session_id: order.external_session_id.clone(),
            name: whole_name(first_name.as_deref(), last_name.as_deref()).or_else(|| entry.text(&["name"])),
            first_name,
            last_name,
            email: entry.text(&["email"]),
            phone: entry.text(&["phone", "mobile"]),
            ticket_type: entry.text(&["ticket_type_name", "ticketTypeName", "ticket_type", "ticketType"]),
            price: entry.amount(&["price"], order.currency)?,
            barcode: entry.text(&["barcode"]),
            currency: order.currency,
            external_event_id: order.external_event_id.clone(),
        },
        fees: None,
        paid: None,
        raw: Document::from_value(value),
    })
}
