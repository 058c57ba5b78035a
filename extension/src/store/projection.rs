//! The rows people read, `ticket_sales` and `attendees`: written only where they differ.

use std::collections::BTreeMap;

use boxoffice_core::merge::{Attendee, Sale};
use boxoffice_core::money::Amount;
use boxoffice_core::platform::Platform;
use pgrx::pg_sys::BuiltinOid::{self, BOOLARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID};
use pgrx::spi::SpiClient;

use super::events::Links;
use super::orders::Changed;
use super::plan::Plan;
use super::timestamp;
use crate::error::Result;

const TEXT: BuiltinOid = TEXTARRAYOID;
const TIME: BuiltinOid = TIMESTAMPTZARRAYOID;

const SALE_TYPES: &[BuiltinOid] = &[
    TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, INT4ARRAYOID, INT4ARRAYOID, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT,
    TEXT, TEXT, TIME, TIME, TEXT, BOOLARRAYOID, TIME, TEXT,
];
const ATTENDEE_TYPES: &[BuiltinOid] = &[
    TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TIME, BOOLARRAYOID, TIME,
    TEXT,
];

// Rows of new orders go in with the plain form: the other one looks for conflicts that are not there, which costs a sixth.
static NEW_SALES: Plan = Plan { sql: include_str!("../../../sql/queries/insert_sales.sql"), types: SALE_TYPES };
static SALES: Plan = Plan {
    sql: concat!(
        include_str!("../../../sql/queries/insert_sales.sql"),
        include_str!("../../../sql/queries/or_update_sales.sql")
    ),
    types: SALE_TYPES,
};
static NEW_ATTENDEES: Plan =
    Plan { sql: include_str!("../../../sql/queries/insert_attendees.sql"), types: ATTENDEE_TYPES };
static ATTENDEES: Plan = Plan {
    sql: concat!(
        include_str!("../../../sql/queries/insert_attendees.sql"),
        include_str!("../../../sql/queries/or_update_attendees.sql")
    ),
    types: ATTENDEE_TYPES,
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

/// A row of `ticket_sales` that has to be written.
struct SaleRow<'a> {
    order: &'a Changed<'a>,
    sale: &'a Sale,
}

/// A row of `attendees` that has to be written.
struct AttendeeRow<'a> {
    order: &'a Changed<'a>,
    attendee: &'a Attendee,
}

/// Writes what differs. `careful`: rows of new orders may be there already, which happens only when somebody else has
/// written to the tables.
pub fn write(client: &mut SpiClient<'_>, changed: &[Changed<'_>], links: &Links, careful: bool) -> Result<Written> {
    let (new, known): (Vec<&Changed<'_>>, Vec<&Changed<'_>>) = changed.iter().partition(|c| c.is_new && !careful);
    let mut written = Written::default();
    for (orders, sales_plan, attendees_plan) in [(new, &NEW_SALES, &NEW_ATTENDEES), (known, &SALES, &ATTENDEES)] {
        let sales: Vec<SaleRow<'_>> = orders.iter().copied().filter_map(changed_sale).collect();
        let attendees: Vec<AttendeeRow<'_>> = orders.iter().copied().flat_map(changed_attendees).collect();
        if !sales.is_empty() {
            write_sales(client, sales_plan, &sales, links)?;
        }
        if !attendees.is_empty() {
            write_attendees(client, attendees_plan, &attendees, links)?;
        }
        written.sales += sales.len();
        written.attendees += attendees.len();
    }
    Ok(written)
}

fn changed_sale<'a>(order: &'a Changed<'a>) -> Option<SaleRow<'a>> {
    let sale = &order.after.as_ref()?.sale;
    let same = order.before.as_ref().is_some_and(|b| b.sale == *sale) && order.order_document.is_none();
    (!same).then_some(SaleRow { order, sale })
}

fn changed_attendees<'a>(order: &'a Changed<'a>) -> impl Iterator<Item = AttendeeRow<'a>> {
    let before: BTreeMap<&str, &Attendee> =
        order.before.iter().flat_map(|b| &b.attendees).map(|a| (a.id.as_str(), a)).collect();
    order.after.iter().flat_map(|a| &a.attendees).filter_map(move |attendee| {
        let same = before.get(attendee.id.as_str()).is_some_and(|b| *b == attendee)
            && !order.attendee_documents.contains_key(attendee.id.as_str());
        (!same && !attendee.donation).then_some(AttendeeRow { order, attendee })
    })
}

/// Collects one column of the rows into an array for `unnest`.
fn column<'r, R, T>(rows: &'r [R], value: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

fn platform(order: &Changed<'_>) -> &'static str {
    Platform::as_str(order.key.platform)
}

fn write_sales(client: &mut SpiClient<'_>, plan: &Plan, rows: &[SaleRow<'_>], links: &Links) -> Result<()> {
    let amount = |pick: fn(&Sale) -> Option<Amount>| {
        column(rows, move |r| pick(r.sale).map(|a| a.to_numeric(r.sale.currency)))
    };
    let count = |n: Option<i64>| n.map(|n| i32::try_from(n).unwrap_or(i32::MAX));
    plan.write(
        client,
        &[
            column(rows, |r| platform(r.order)).into(),
            column(rows, |r| r.order.key.order_id.as_str()).into(),
            column(rows, |r| links.event_id(r.order.key.platform, r.sale.external_event_id.as_deref())).into(),
            column(rows, |r| r.sale.external_event_id.as_deref()).into(),
            column(rows, |r| r.sale.external_session_id.as_deref()).into(),
            column(rows, |r| r.sale.customer_name.as_deref()).into(),
            column(rows, |r| r.sale.customer_email.as_deref()).into(),
            column(rows, |r| r.sale.customer_phone.as_deref()).into(),
            column(rows, |r| count(r.sale.ticket_quantity)).into(),
            column(rows, |r| count(r.sale.valid_quantity)).into(),
            column(rows, |r| r.sale.ticket_type.as_deref()).into(),
            column(rows, |r| r.sale.currency.as_ref().map(|c| c.as_str().to_owned())).into(),
            amount(|s| s.total_amount).into(),
            amount(|s| s.fee_amount).into(),
            amount(|s| s.tax_amount).into(),
            amount(|s| s.discount_amount).into(),
            amount(|s| s.refund_amount).into(),
            amount(net_amount).into(),
            column(rows, |r| r.sale.refund_status.as_str()).into(),
            column(rows, |r| r.sale.refund_method).into(),
            column(rows, |r| r.sale.refund_date.and_then(timestamp)).into(),
            column(rows, |r| r.sale.purchase_date.and_then(timestamp)).into(),
            column(rows, |r| r.sale.platform_status.as_deref()).into(),
            column(rows, |r| r.sale.marketing_opt_in).into(),
            column(rows, |r| r.sale.source_version.and_then(timestamp)).into(),
            column(rows, |r| r.order.order_document.map(|d| d.text.as_str())).into(),
        ],
    )?;
    Ok(())
}

fn write_attendees(client: &mut SpiClient<'_>, plan: &Plan, rows: &[AttendeeRow<'_>], links: &Links) -> Result<()> {
    let document = |r: &AttendeeRow<'_>| r.order.attendee_documents.get(r.attendee.id.as_str()).map(|d| d.text.clone());
    plan.write(
        client,
        &[
            column(rows, |r| platform(r.order)).into(),
            column(rows, |r| r.order.key.order_id.as_str()).into(),
            column(rows, |r| r.attendee.id.as_str()).into(),
            column(rows, |r| links.event_id(r.order.key.platform, event_of(r))).into(),
            column(rows, event_of).into(),
            column(rows, |r| r.attendee.external_session_id.as_deref()).into(),
            column(rows, |r| r.attendee.name.as_deref()).into(),
            column(rows, |r| r.attendee.first_name.as_deref()).into(),
            column(rows, |r| r.attendee.last_name.as_deref()).into(),
            column(rows, |r| r.attendee.email.as_deref()).into(),
            column(rows, |r| r.attendee.phone.as_deref()).into(),
            column(rows, |r| r.attendee.ticket_type.as_deref()).into(),
            column(rows, |r| r.attendee.price.map(|a| a.to_numeric(r.attendee.currency))).into(),
            column(rows, |r| r.attendee.currency.as_ref().map(|c| c.as_str().to_owned())).into(),
            column(rows, |r| r.attendee.barcode.as_deref()).into(),
            column(rows, |r| r.attendee.status.as_str()).into(),
            column(rows, |r| r.attendee.checked_in_at.and_then(timestamp)).into(),
            column(rows, |r| r.attendee.refunded).into(),
            column(rows, |r| r.attendee.source_version.and_then(timestamp)).into(),
            column(rows, document).into(),
        ],
    )?;
    Ok(())
}

/// What is left of the charge after refunds and fees; never less than nothing, because a refund may include the fee.
fn net_amount(sale: &Sale) -> Option<Amount> {
    let taken = sale.refund_amount.unwrap_or_default().saturating_add(sale.fee_amount.unwrap_or_default());
    sale.total_amount.map(|total| total.saturating_sub(taken).max(Amount::ZERO))
}

/// The attendee's event, else its order's.
fn event_of<'a>(row: &'a AttendeeRow<'a>) -> Option<&'a str> {
    let order = || row.order.after.as_ref().and_then(|d| d.sale.external_event_id.as_deref());
    row.attendee.external_event_id.as_deref().or_else(order)
}
