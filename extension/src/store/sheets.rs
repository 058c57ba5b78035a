//! What analytics needs to be told when numbers of an order change: which days to recompute, and what they were before.

use std::collections::BTreeSet;

use boxoffice_core::merge::Sale;
use boxoffice_core::money::Amount;
use boxoffice_core::observation::Payment;
use boxoffice_core::time::Micros;
use pgrx::pg_sys::BuiltinOid::TEXTARRAYOID;
use pgrx::spi::SpiClient;

use super::orders::Changed;
use super::plan::Plan;
use super::table::{Cell, Conflict, Kind, Table};
use crate::error::Result;

static MARKS: Table = Table {
    name: "boxoffice.sheet_marks",
    columns: &[("platform", Kind::Text), ("external_event_id", Kind::Text), ("utc_day", Kind::Time)],
    key: &[],
    sticky: None,
    returning: "",
};

static HISTORY: Table = Table {
    name: "boxoffice.sale_history",
    columns: &[
        ("platform", Kind::Text),
        ("platform_order_id", Kind::Text),
        ("external_event_id", Kind::Text),
        ("external_session_id", Kind::Text),
        ("ticket_quantity", Kind::Int),
        ("valid_quantity", Kind::Int),
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
        ("void_date", Kind::Time),
        ("purchase_date", Kind::Time),
    ],
    key: &["platform", "platform_order_id", "valid_until"],
    sticky: None,
    returning: "",
};

const DAY: Micros = 86_400_000_000;

type Mark<'a> = (&'a str, &'a str, Option<Micros>);

/// Appends the marks of all orders whose numbers have changed, and what their numbers were before. Reads and locks nothing.
pub fn note(client: &mut SpiClient<'_>, changed: &[Changed<'_>]) -> Result<()> {
    let mut marks: BTreeSet<Mark<'_>> = BTreeSet::new();
    let mut history: Vec<Vec<Cell<'_>>> = Vec::new();
    for order in changed {
        let before = order.before.as_ref().map(|b| &b.sale);
        let after = order.after.as_ref().map(|a| &a.sale);
        if before.zip(after).is_some_and(|(before, after)| same_numbers(before, after)) {
            continue;
        }
        let platform = order.key.platform.as_str();
        for sale in before.into_iter().chain(after) {
            let event = sale.external_event_id.as_deref().unwrap_or_default();
            marks.insert((platform, event, day(sale.purchase_date)));
            if taken_back(sale) {
                marks.insert((platform, event, day(sale.void_date)));
            }
        }
        history.extend(before.map(|sale| numbers(platform, &order.key.order_id, sale)));
    }
    if !marks.is_empty() {
        let rows: Vec<Vec<Cell<'_>>> = marks
            .into_iter()
            .map(|(platform, event, day)| vec![platform.into(), event.into(), Cell::Time(day)])
            .collect();
        MARKS.insert(client, Conflict::Fail, &rows)?;
    }
    if !history.is_empty() {
        // Of several changes in one transaction the first one knows what was shown before.
        HISTORY.insert(client, Conflict::Keep, &history)?;
    }
    Ok(())
}

static MARK_ROWS: Plan = Plan {
    sql: "INSERT INTO boxoffice.sheet_marks (platform, external_event_id, utc_day)
          SELECT DISTINCT s.platform, COALESCE(s.external_event_id, ''), date_trunc('day', d.at, 'UTC')
          FROM (SELECT unnest($1) AS platform, unnest($2) AS order_id) k
          JOIN boxoffice.ticket_sales s ON s.platform = k.platform AND s.platform_order_id = k.order_id
          CROSS JOIN LATERAL (VALUES (s.purchase_date), (s.void_date)) d (at)",
    types: &[TEXTARRAYOID, TEXTARRAYOID],
};

static KEEP_ROWS: Plan = Plan {
    sql: "INSERT INTO boxoffice.sale_history (platform, platform_order_id, external_event_id, external_session_id, ticket_quantity,
              valid_quantity, currency, total_amount, fee_amount, tax_amount, discount_amount, refund_amount, kept_amount, net_amount,
              payment_status, refund_status, void_date, purchase_date)
          SELECT s.platform, s.platform_order_id, s.external_event_id, s.external_session_id, s.ticket_quantity,
              s.valid_quantity, s.currency, s.total_amount, s.fee_amount, s.tax_amount, s.discount_amount, s.refund_amount, s.kept_amount,
              s.net_amount, s.payment_status, s.refund_status, s.void_date, s.purchase_date
          FROM (SELECT unnest($1) AS platform, unnest($2) AS order_id) k
          JOIN boxoffice.ticket_sales s ON s.platform = k.platform AND s.platform_order_id = k.order_id
          ON CONFLICT DO NOTHING",
    types: &[TEXTARRAYOID, TEXTARRAYOID],
};

/// Notes these orders by their rows as they are in the table: for rows that are healed, of which nobody knows what they were.
/// Called before they are overwritten and, with `after`, once more.
pub fn note_rows(client: &mut SpiClient<'_>, rows: &[Vec<Cell<'_>>], after: bool) -> Result<()> {
    let key = |row: &Vec<Cell<'_>>, i: usize| row.get(i).and_then(Cell::text).unwrap_or_default().to_owned();
    let (platforms, orders): (Vec<String>, Vec<String>) = rows.iter().map(|row| (key(row, 0), key(row, 1))).unzip();
    MARK_ROWS.write(client, &[platforms.clone().into(), orders.clone().into()])?;
    if !after {
        KEEP_ROWS.write(client, &[platforms.into(), orders.into()])?;
    }
    Ok(())
}

fn day(at: Option<Micros>) -> Option<Micros> {
    at.map(|at| at.div_euclid(DAY) * DAY)
}

/// Whether there may be a second fact: `sale_facts` says what of. Without a date it is one of unknown time.
fn taken_back(sale: &Sale) -> bool {
    let fees_kept = sale.kept_amount.zip(sale.net_amount).map(|(kept, net)| kept.0 - net.0);
    sale.void_date.is_some()
        || !matches!(sale.refund_status.as_str(), "none" | "requested")
        || sale.valid_quantity.is_some_and(|valid| sale.ticket_quantity.is_some_and(|bought| bought != valid))
        || sale.kept_amount != sale.total_amount
        || sale.refund_amount.is_some_and(|refund| refund.0 > 0)
        || fees_kept.is_some_and(|kept| kept != sale.fee_amount.map_or(0, |fee| fee.0))
}

/// Everything that a fact is made of.
fn same_numbers(a: &Sale, b: &Sale) -> bool {
    let numbers = |sale: &Sale| {
        (
            (sale.ticket_quantity, sale.valid_quantity, sale.currency),
            (sale.total_amount, sale.fee_amount, sale.tax_amount, sale.discount_amount),
            (sale.refund_amount, sale.kept_amount, sale.net_amount),
            (sale.payment_status, sale.refund_status, sale.void_date, sale.purchase_date),
        )
    };
    numbers(a) == numbers(b)
        && a.external_event_id == b.external_event_id
        && a.external_session_id == b.external_session_id
}

fn numbers<'a>(platform: &'a str, order: &'a str, sale: &'a Sale) -> Vec<Cell<'a>> {
    let money = |amount: Option<Amount>| Cell::from(amount.map(|a| a.to_numeric(sale.currency)));
    let count = |n: Option<i64>| Cell::Int(n.map(|n| i32::try_from(n).unwrap_or(i32::MAX)));
    vec![
        platform.into(),
        order.into(),
        sale.external_event_id.as_deref().into(),
        sale.external_session_id.as_deref().into(),
        count(sale.ticket_quantity),
        count(sale.valid_quantity),
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
        Cell::Time(sale.void_date),
        Cell::Time(sale.purchase_date),
    ]
}
