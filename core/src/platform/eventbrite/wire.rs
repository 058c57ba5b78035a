//! What Eventbrite's API v3 sends.
//!
//! Ids are texts, "not necessarily numeric". Amounts are `{"currency", "value", "major_value", "display"}` with `value`
//! in minor units; `display` is for humans and never read. Fields that are null may be absent, costs altogether.

use serde_json::Value;

use crate::document::access::{Notes, Object};
use crate::error::Result;
use crate::money::{Amount, Currency};
use crate::time::Micros;

use super::python;

/// An amount object under `name`; `path` is its whole path.
pub(super) fn cost(parent: Object<'_>, name: &str, path: &'static str) -> Result<Option<(Amount, Option<Currency>)>> {
    let Some(cost) = parent.object(name, path) else { return Ok(None) };
    let currency = cost.currency(&["currency"]);
    let minor = match currency {
        Some(currency) => cost.minor_amount("value", currency)?,
        None => None,
    };
    // Answers of 2015 lack one of the two, some summaries the other.
    let amount = match minor {
        Some(minor) => Some(minor),
        None => cost.amount(&["major_value"], currency)?,
    };
    if amount.is_none() {
        cost.note("value", "is missing");
    }
    Ok(amount.map(|amount| (amount, currency)))
}

/// `costs` of an order or attendee, in one currency.
#[derive(Default)]
pub(super) struct Costs {
    pub currency: Option<Currency>,
    pub gross: Option<Amount>,
    /// `eventbrite_fee` and `payment_fee`.
    pub fees: Option<Amount>,
    pub tax: Option<Amount>,
    pub discount_amount: Option<Amount>,
}

impl Costs {
    fn read(parent: Object<'_>) -> Result<Costs> {
        let Some(costs) = parent.object("costs", "costs") else { return Ok(Costs::default()) };
        let gross = cost(costs, "gross", "costs.gross")?;
        let others = [
            cost(costs, "eventbrite_fee", "costs.eventbrite_fee")?,
            cost(costs, "payment_fee", "costs.payment_fee")?,
            cost(costs, "tax", "costs.tax")?,
            cost(costs, "discount_amount", "costs.discount_amount")?,
        ];
        let currency = gross.into_iter().chain(others.into_iter().flatten()).find_map(|(_, currency)| currency);
        let mut same = |found: Option<(Amount, Option<Currency>)>| match found {
            Some((_, other)) if other.is_some() && other != currency => {
                parent.note("costs", "mix currencies; only those of the first are used");
                None
            }
            found => found.map(|(amount, _)| amount),
        };
        let gross = same(gross);
        let [eventbrite_fee, payment_fee, tax, discount_amount] = others.map(&mut same);
        let fees = match (eventbrite_fee, payment_fee) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
        Ok(Costs { currency, gross, fees, tax, discount_amount })
    }
}

/// An order, without its expansions.
pub(super) struct Order {
    pub id: String,
    pub event_id: Option<String>,
    pub status: Option<String>,
    pub name: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<String>,
    pub costs: Costs,
    /// `time_remaining` is not null: somebody is still in the checkout.
    pub in_checkout: bool,
    pub has_opted_in: Option<bool>,
    pub created: Option<Micros>,
    pub changed: Option<Micros>,
    /// Its list of attendees goes on elsewhere.
    pub has_more_items: bool,
}

impl Order {
    pub(super) fn read(value: &Value, notes: &Notes) -> Result<Order> {
        let order = Object::required(value, "", notes)?;
        let preferences = order.object("contact_list_preferences", "contact_list_preferences");
        Ok(Order {
            id: order.required_id(&["id"])?,
            event_id: order.id(&["event_id"]),
            status: order.text(&["status"]),
            name: name(order, &["name"]),
            first_name: name(order, &["first_name"]),
            last_name: name(order, &["last_name"]),
            email: email(order),
            costs: Costs::read(order)?,
            in_checkout: order.has(&["time_remaining"]),
            has_opted_in: preferences.and_then(|preferences| preferences.flag(&["has_opted_in"])),
            created: order.instant(&["created"]),
            changed: order.instant(&["changed"]),
            has_more_items: has_more_items(order),
        })
    }
}

/// Does a paged answer go on? Old answers tell only by their page numbers.
pub(super) fn has_more_items(parent: Object<'_>) -> bool {
    let Some(pagination) = parent.object("pagination", "pagination") else { return false };
    pagination.flag(&["has_more_items"]).unwrap_or_else(|| {
        let [page, pages] = ["page_number", "page_count"].map(|name| pagination.integer(&[name]));
        page.zip(pages).is_some_and(|(page, pages)| page < pages)
    })
}

/// An attendee: one ticket, whatever its `quantity` says.
pub(super) struct Attendee {
    pub id: String,
    pub order_id: Option<String>,
    pub event_id: Option<String>,
    pub name: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub ticket_class_name: Option<String>,
    pub donation: bool,
    pub costs: Costs,
    pub checked_in: bool,
    pub cancelled: bool,
    pub refunded: bool,
    /// From `status`, a text for people that is announced as deprecated; but nothing else tells who has not paid.
    pub paid: Option<bool>,
    pub barcode: Option<String>,
    /// The newest change of a barcode.
    pub barcode_changed: Option<Micros>,
    pub changed: Option<Micros>,
}

impl Attendee {
    pub(super) fn read(value: &Value, notes: &Notes) -> Result<Attendee> {
        let attendee = Object::required(value, "", notes)?;
        // Unset when the organizer does not ask; then everything else still counts.
        let profile = attendee.object("profile", "profile");
        let profile_name = |field: &str| profile.and_then(|profile| name(profile, &[field]));
        let class = attendee.object("ticket_class", "ticket_class");
        let barcodes: Vec<_> = attendee
            .array("barcodes")
            .unwrap_or_default()
            .iter()
            .filter_map(|barcode| attendee.element(barcode, "barcodes[]"))
            .collect();
        let is = |field| attendee.flag(&[field]).unwrap_or(false);
        Ok(Attendee {
            id: attendee.required_id(&["id"])?,
            order_id: attendee.id(&["order_id"]),
            event_id: attendee.id(&["event_id"]),
            name: profile_name("name"),
            first_name: profile_name("first_name"),
            last_name: profile_name("last_name"),
            email: profile.and_then(email),
            phone: profile.and_then(|profile| profile.text(&["cell_phone", "work_phone", "home_phone"])),
            ticket_class_name: attendee
                .text(&["ticket_class_name"])
                .or_else(|| class.and_then(|class| class.text(&["name"]))),
            donation: is("donation") || class.and_then(|class| class.flag(&["donation"])).unwrap_or(false),
            costs: Costs::read(attendee)?,
            checked_in: is("checked_in"),
            cancelled: is("cancelled"),
            refunded: is("refunded"),
            paid: attendee.text(&["status"]).as_deref().and_then(paid),
            barcode: barcodes.iter().find_map(|barcode| barcode.text(&["barcode"])),
            barcode_changed: barcodes.iter().filter_map(|barcode| barcode.instant(&["changed"])).max(),
            changed: attendee.instant(&["changed"]),
        })
    }
}

/// Cancelled and deleted attendees no longer say whether they were paid.
fn paid(status: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| status.eq_ignore_ascii_case(word));
    if is(&["attending", "checked in"]) { Some(true) } else { is(&["unpaid"]).then_some(false) }
}

fn name(parent: Object<'_>, names: &[&str]) -> Option<String> {
    parent.text(names).map(python::undo)
}

/// The placeholder of tickets whose holder is not named yet ("Info Requested", as name and as e-mail) is no address.
fn email(parent: Object<'_>) -> Option<String> {
    name(parent, &["email"]).filter(|email| !email.eq_ignore_ascii_case("info requested"))
}
