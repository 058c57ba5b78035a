//! The rows people read, `ticket_sales` and `attendees`: written only where they differ.

use std::collections::BTreeMap;

use boxoffice_core::merge::{Attendee, Sale};
use boxoffice_core::money::Amount;
use pgrx::pg_sys::BuiltinOid::{TEXTARRAYOID, TEXTOID};
use pgrx::spi::SpiClient;

use super::events::Links;
use super::orders::Changed;
use super::plan::Plan;
use super::table::{Cell, Comparison, Conflict, Kind, Table};
use crate::error::Result;

static SALES: Table = Table {
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
        ("net_amount", Kind::Numeric),
        ("refund_status", Kind::Text),
        ("refund_method", Kind::Text),
        ("refund_date", Kind::Time),
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

static ATTENDEES: Table = Table {
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

static SALES_COMPARED: Comparison = Comparison {
    // They say when we learned something, not what.
    ignored: &["source_version", "unlisted_at", "raw_data"],
    told: &[
        "event_id",
        "external_event_id",
        "ticket_quantity",
        "valid_quantity",
        "currency",
        "total_amount",
        "fee_amount",
        "tax_amount",
        "discount_amount",
        "refund_amount",
        "net_amount",
        "refund_status",
        "refund_date",
        "purchase_date",
        "platform_status",
    ],
    currency: "currency",
    money: "COALESCE({}.total_amount - COALESCE({}.refund_amount, 0), 0)",
};

static ATTENDEES_COMPARED: Comparison = Comparison {
    ignored: &["source_version", "platform_data"],
    told: &["event_id", "external_event_id", "status", "checked_in_at", "refunded", "ticket_price", "currency"],
    currency: "",
    money: "",
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
    Ok(written)
}

/// A row that is not as it should be.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The order.
    pub order_id: String,
    /// The attendee; empty for the order itself.
    pub attendee_id: String,
    /// There is no such row.
    pub missing: bool,
    /// There is a row that should not be.
    pub extra: bool,
    /// Columns that differ.
    pub columns: Vec<String>,
    /// What is there, JSON; only columns that say nothing about a person.
    pub ours: Option<String>,
    /// What should be there.
    pub theirs: Option<String>,
    /// Currency of the money.
    pub currency: Option<String>,
    /// Money held, what should be there less what is.
    pub money: Option<String>,
}

/// Compares the rows of these orders, as they are in the tables, with what they should be; with `heal` puts them right.
/// Nothing is deleted: an attendee that should not be there is cancelled.
pub fn compare(client: &mut SpiClient<'_>, orders: &[&Changed<'_>], links: &Links, heal: bool) -> Result<Vec<Difference>> {
    let sales: Vec<Vec<Cell<'_>>> = orders.iter().filter_map(|order| sale_cells(order, links)).collect();
    let attendees: Vec<Vec<Cell<'_>>> = orders.iter().flat_map(|order| attendee_cells(order, links, |_| true)).collect();
    let mut differences = Vec::new();
    for (table, rows, comparison) in [(&SALES, sales, &SALES_COMPARED), (&ATTENDEES, attendees, &ATTENDEES_COMPARED)] {
        let found = table.compare(client, comparison, &rows)?;
        let mut wrong = Vec::with_capacity(found.len());
        for (position, difference) in found {
            let Some(row) = rows.get(position) else { continue };
            let key = |i: usize| row.get(i).and_then(Cell::text).unwrap_or_default().to_owned();
            let attendee_id = if table.key.len() > 2 { key(2) } else { String::new() };
            differences.push(Difference { order_id: key(1), attendee_id, ..difference });
            wrong.push(row.clone());
        }
        if heal && !wrong.is_empty() {
            table.insert(client, Conflict::Overwrite, &wrong)?;
        }
    }
    differences.extend(extra(client, orders, heal)?);
    Ok(differences)
}

static EXTRA: Plan = Plan {
    sql: "SELECT a.platform_order_id, a.platform_attendee_id
          FROM (SELECT unnest($1) AS platform, unnest($2) AS order_id) o
          JOIN boxoffice.attendees a ON a.platform = o.platform AND a.platform_order_id = o.order_id AND a.status <> 'cancelled'
          WHERE NOT EXISTS (SELECT FROM unnest($3, $4) AS k (order_id, attendee_id)
                            WHERE k.order_id = a.platform_order_id AND k.attendee_id = a.platform_attendee_id)
          ORDER BY a.platform, a.platform_order_id, a.platform_attendee_id",
    types: &[TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID],
};

static CANCEL: Plan = Plan {
    sql: "UPDATE boxoffice.attendees SET status = 'cancelled', updated_at = now()
          WHERE platform = $1 AND platform_order_id = $2 AND platform_attendee_id = $3",
    types: &[TEXTOID, TEXTOID, TEXTOID],
};

fn extra(client: &mut SpiClient<'_>, orders: &[&Changed<'_>], heal: bool) -> Result<Vec<Difference>> {
    let Some(platform) = orders.first().map(|order| order.key.platform.as_str()) else { return Ok(Vec::new()) };
    let shown = orders.iter().filter(|order| order.after.is_some());
    let (platforms, ids): (Vec<&str>, Vec<&str>) =
        shown.map(|order| (order.key.platform.as_str(), order.key.order_id.as_str())).unzip();
    let known = orders.iter().flat_map(|order| {
        let attendees = order.after.iter().flat_map(|after| &after.attendees);
        attendees.map(|attendee| (order.key.order_id.as_str(), attendee.id.as_str()))
    });
    let (known_orders, known_attendees): (Vec<&str>, Vec<&str>) = known.unzip();
    let table =
        EXTRA.read(client, &[platforms.into(), ids.into(), known_orders.into(), known_attendees.into()])?;
    let mut found = Vec::new();
    for row in table {
        found.push(Difference {
            order_id: row.get(1)?.unwrap_or_default(),
            attendee_id: row.get(2)?.unwrap_or_default(),
            missing: false,
            extra: true,
            columns: vec!["status".to_owned()],
            ours: None,
            theirs: None,
            currency: None,
            money: None,
        });
    }
    for difference in found.iter().filter(|_| heal) {
        CANCEL.write(
            client,
            &[platform.into(), difference.order_id.as_str().into(), difference.attendee_id.as_str().into()],
        )?;
    }
    Ok(found)
}

fn sale_row<'a>(order: &'a Changed<'_>, links: &'a Links) -> Option<Vec<Cell<'a>>> {
    let sale = &order.after.as_ref()?.sale;
    let same = order.before.as_ref().is_some_and(|b| b.sale == *sale) && order.order_document.is_none();
    if same { None } else { sale_cells(order, links) }
}

fn sale_cells<'a>(order: &'a Changed<'_>, links: &'a Links) -> Option<Vec<Cell<'a>>> {
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
        money(net_amount(sale)),
        sale.refund_status.as_str().into(),
        sale.refund_method.into(),
        Cell::Time(sale.refund_date),
        Cell::Time(sale.purchase_date),
        sale.platform_status.as_deref().into(),
        Cell::Bool(sale.marketing_opt_in),
        Cell::Time(sale.source_version),
        Cell::Time(sale.unlisted_at),
        order.order_document.map(|d| d.text.as_str()).into(),
    ])
}

/// What is left of the charge after refunds and fees; never less than nothing, because a refund may include the fee.
fn net_amount(sale: &Sale) -> Option<Amount> {
    let taken = sale.refund_amount.unwrap_or_default().saturating_add(sale.fee_amount.unwrap_or_default());
    sale.total_amount.map(|total| total.saturating_sub(taken).max(Amount::ZERO))
}

fn attendee_rows<'a>(order: &'a Changed<'_>, links: &'a Links) -> Vec<Vec<Cell<'a>>> {
    let before: BTreeMap<&str, &Attendee> =
        order.before.iter().flat_map(|b| &b.attendees).map(|a| (a.id.as_str(), a)).collect();
    let differs =
        |a: &Attendee| before.get(a.id.as_str()) != Some(&a) || order.attendee_documents.contains_key(a.id.as_str());
    attendee_cells(order, links, differs)
}

fn attendee_cells<'a>(
    order: &'a Changed<'_>,
    links: &'a Links,
    wanted: impl Fn(&Attendee) -> bool,
) -> Vec<Vec<Cell<'a>>> {
    let Some(after) = &order.after else { return Vec::new() };
    let row = |attendee: &'a Attendee| {
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
