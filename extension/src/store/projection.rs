//! The rows people read, `ticket_sales` and `attendees`: written only where they differ.

use std::collections::BTreeMap;

use boxoffice_core::merge::Attendee;
use boxoffice_core::money::Amount;
use boxoffice_core::observation::Payment;
use pgrx::spi::SpiClient;

use super::events::Links;
use super::orders::Changed;
use super::sheets;
use super::table::{Cell, Conflict, Kind, Table};
use crate::error::Result;
use crate::server;

pub(super) static SALES: Table = Table {
    name: "boxoffice.ticket_sales",
    columns: &[
        ("platform", Kind::Text),
        ("platform_order_id", Kind::Text),
        ("event_id", Kind::Text),
        ("external_event_id", Kind::Text),
        ("external_session_id", Kind::Text),
        ("customer_name", Kind::Text),
        ("customer_email", Kind::Text),
        ("customer_phone", Kind::Text),
        ("ticket_quantity", Kind::Int),
        ("valid_quantity", Kind::Int),
        ("ticket_type", Kind::Text),
        ("currency", Kind::Text),
        ("total_amount", Kind::Numeric),
        ("fee_amount", Kind::Numeric),
        ("tax_amount", Kind::Numeric),
        ("discount_amount", Kind::Numeric),
        ("refund_amount", Kind::Numeric),
        ("kept_amount", Kind::Numeric),
        ("net_amount", Kind::Numeric),
        ("payment_status", Kind::Text),
        ("refund_status", Kind::Text),
        ("refund_method", Kind::Text),
        ("refund_date", Kind::Time),
        ("void_date", Kind::Time),
        ("purchase_date", Kind::Time),
        ("platform_status", Kind::Text),
        ("marketing_opt_in", Kind::Bool),
        ("source_version", Kind::Time),
        ("unlisted_at", Kind::Time),
        ("raw_data", Kind::Json),
    ],
    key: &["platform", "platform_order_id"],
    sticky: Some("raw_data"),
    returning: "",
};

pub(super) static ATTENDEES: Table = Table {
    name: "boxoffice.attendees",
    columns: &[
        ("platform", Kind::Text),
        ("platform_order_id", Kind::Text),
        ("platform_attendee_id", Kind::Text),
        ("event_id", Kind::Text),
        ("external_event_id", Kind::Text),
        ("external_session_id", Kind::Text),
        ("name", Kind::Text),
        ("first_name", Kind::Text),
        ("last_name", Kind::Text),
        ("email", Kind::Text),
        ("phone", Kind::Text),
        ("ticket_type", Kind::Text),
        ("ticket_price", Kind::Numeric),
        ("currency", Kind::Text),
        ("barcode", Kind::Text),
        ("status", Kind::Text),
        ("checked_in_at", Kind::Time),
        ("refunded", Kind::Bool),
        ("source_version", Kind::Time),
        ("platform_data", Kind::Json),
    ],
    key: &["platform", "platform_order_id", "platform_attendee_id"],
    sticky: Some("platform_data"),
    returning: "",
};

/// How many rows were written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Written {
    /// Rows of `ticket_sales`.
    pub sales: usize,
    /// Rows of `attendees`.
    pub attendees: usize,
    /// Rows of `ticket_platforms`.
    pub events: usize,
}

impl Written {
    /// Adds the rows of another write.
    pub fn add(&mut self, more: Written) {
        self.sales += more.sales;
        self.attendees += more.attendees;
        self.events += more.events;
    }

    /// All of them.
    pub fn rows(&self) -> usize {
        self.sales + self.attendees + self.events
    }
}

/// Writes what differs. `careful`: rows of new orders may be there already, which happens only when somebody else has
/// written to the tables; looking for that always would cost a sixth of the whole delivery.
pub fn write(client: &mut SpiClient<'_>, changed: &[Changed<'_>], links: &Links, careful: bool) -> Result<Written> {
    let (new, known): (Vec<&Changed<'_>>, Vec<&Changed<'_>>) = changed.iter().partition(|c| c.is_new && !careful);
    let mut written = Written::default();
    for (orders, conflict) in [(new, Conflict::Fail), (known, Conflict::Overwrite)] {
        let sales: Vec<Vec<Cell<'_>>> = orders.iter().filter_map(|order| sale_row(order, links)).collect();
        let attendees: Vec<Vec<Cell<'_>>> = orders.iter().flat_map(|order| attendee_rows(order, links)).collect();
        for (table, rows) in [(&SALES, &sales), (&ATTENDEES, &attendees)] {
            if !rows.is_empty() {
                table.insert(client, conflict, rows)?;
            }
        }
        written.sales += sales.len();
        written.attendees += attendees.len();
    }
    sheets::note(client, changed)?;
    Ok(written)
}

fn sale_row<'a>(order: &'a Changed<'_>, links: &'a Links) -> Option<Vec<Cell<'a>>> {
    let sale = &order.after.as_ref()?.sale;
    let same = order.before.as_ref().is_some_and(|b| b.sale == *sale) && order.order_document.is_none();
    if same { None } else { sale_cells(order, links) }
}

/// The row of an order.
pub(super) fn sale_cells<'a>(order: &'a Changed<'_>, links: &'a Links) -> Option<Vec<Cell<'a>>> {
    let sale = &order.after.as_ref()?.sale;
    let money = |amount: Option<Amount>| Cell::from(amount.map(|a| a.to_numeric(sale.currency)));
    let count = |n: Option<i64>| Cell::Int(n.map(|n| i32::try_from(n).unwrap_or(i32::MAX)));
    Some(vec![
        order.key.platform.as_str().into(),
        order.key.order_id.as_str().into(),
        links.event_id(order.key.platform, sale.external_event_id.as_deref()).into(),
        sale.external_event_id.as_deref().into(),
        sale.external_session_id.as_deref().into(),
        sale.customer_name.as_deref().into(),
        sale.customer_email.as_deref().into(),
        sale.customer_phone.as_deref().into(),
        count(sale.ticket_quantity),
        count(sale.valid_quantity),
        sale.ticket_type.as_deref().into(),
        sale.currency.as_ref().map(|c| c.as_str()).into(),
        money(sale.total_amount),
        money(sale.fee_amount),
        money(sale.tax_amount),
        money(sale.discount_amount),
        money(sale.refund_amount),
        money(sale.kept_amount),
        money(sale.net_amount),
        sale.payment_status.map(Payment::as_str).into(),
        sale.refund_status.as_str().into(),
        sale.refund_method.into(),
        Cell::Time(sale.refund_date),
        Cell::Time(sale.void_date),
        Cell::Time(sale.purchase_date),
        sale.platform_status.as_deref().into(),
        Cell::Bool(sale.marketing_opt_in),
        Cell::Time(sale.source_version),
        Cell::Time(sale.unlisted_at),
        order.order_document.map(|d| d.text.as_str()).into(),
    ])
}

fn attendee_rows<'a>(order: &'a Changed<'_>, links: &'a Links) -> Vec<Vec<Cell<'a>>> {
    let before: BTreeMap<&str, &Attendee> =
        order.before.iter().flat_map(|b| &b.attendees).map(|a| (a.id.as_str(), a)).collect();
    let differs =
        |a: &Attendee| before.get(a.id.as_str()) != Some(&a) || order.attendee_documents.contains_key(a.id.as_str());
    attendee_cells(order, links, differs)
}

/// The rows of those attendees of an order that are wanted.
pub(super) fn attendee_cells<'a>(
    order: &'a Changed<'_>,
    links: &'a Links,
    wanted: impl Fn(&Attendee) -> bool,
) -> Vec<Vec<Cell<'a>>> {
    let Some(after) = &order.after else { return Vec::new() };
    let row = |attendee: &'a Attendee| {
        server::check_interrupts();
        let platform = order.key.platform;
        // The attendee's event, else its order's.
        let event = attendee.external_event_id.as_deref().or(after.sale.external_event_id.as_deref());
        vec![
            platform.as_str().into(),
            order.key.order_id.as_str().into(),
            attendee.id.as_str().into(),
            links.event_id(platform, event).into(),
            event.into(),
            attendee.external_session_id.as_deref().into(),
            attendee.name.as_deref().into(),
            attendee.first_name.as_deref().into(),
            attendee.last_name.as_deref().into(),
            attendee.email.as_deref().into(),
            attendee.phone.as_deref().into(),
            attendee.ticket_type.as_deref().into(),
            attendee.price.map(|a| a.to_numeric(attendee.currency)).into(),
            attendee.currency.as_ref().map(|c| c.as_str()).into(),
            attendee.barcode.as_deref().into(),
            attendee.status.as_str().into(),
            Cell::Time(attendee.checked_in_at),
            Cell::Bool(Some(attendee.refunded)),
            Cell::Time(attendee.source_version),
            order.attendee_documents.get(attendee.id.as_str()).map(|d| d.text.as_str()).into(),
        ]
    };
    // A donation line carries money, but is nobody.
    after.attendees.iter().filter(|a| !a.donation && wanted(a)).map(row).collect()
}
