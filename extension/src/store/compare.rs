//! The rows people read, compared with what they should be.

use pgrx::datum::DatumWithOid;
use pgrx::pg_sys::BuiltinOid::{self, TEXTARRAYOID, TEXTOID};
use pgrx::spi::SpiClient;

use super::events::Links;
use super::orders::Changed;
use super::plan::Plan;
use super::projection::{ATTENDEES, SALES, attendee_cells, sale_cells};
use super::sheets;
use super::table::{Cell, Conflict, PLANS, Table, array};
use crate::error::Result;

/// How rows of a table are compared with what they should be.
struct Comparison {
    /// Columns that do not matter.
    ignored: &'static [&'static str],
    /// Columns whose values may be told.
    told: &'static [&'static str],
    /// Column with the currency of the money; empty for none.
    currency: &'static str,
    /// Money held, with `{}` for the row; empty for none.
    money: &'static str,
}

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
        "kept_amount",
        "net_amount",
        "payment_status",
        "refund_status",
        "refund_date",
        "void_date",
        "purchase_date",
        "platform_status",
    ],
    currency: "currency",
    money: "COALESCE({}.kept_amount, 0)",
};

static ATTENDEES_COMPARED: Comparison = Comparison {
    ignored: &["source_version", "platform_data"],
    told: &["event_id", "external_event_id", "status", "checked_in_at", "refunded", "ticket_price", "currency"],
    currency: "",
    money: "",
};

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
pub fn compare(
    client: &mut SpiClient<'_>,
    orders: &[&Changed<'_>],
    links: &Links,
    heal: bool,
) -> Result<Vec<Difference>> {
    let sales: Vec<Vec<Cell<'_>>> = orders.iter().filter_map(|order| sale_cells(order, links)).collect();
    let attendees: Vec<Vec<Cell<'_>>> =
        orders.iter().flat_map(|order| attendee_cells(order, links, |_| true)).collect();
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
            let is_sale = std::ptr::eq(table, &SALES);
            if is_sale {
                sheets::note_rows(client, &wrong, false)?;
            }
            table.insert(client, Conflict::Overwrite, &wrong)?;
            if is_sale {
                sheets::note_rows(client, &wrong, true)?;
            }
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
    let table = EXTRA.read(client, &[platforms.into(), ids.into(), known_orders.into(), known_attendees.into()])?;
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

impl Table {
    /// Rows that are not there as they should be: their positions, and what differs. Keys are left to the caller.
    fn compare(
        &self,
        client: &SpiClient<'_>,
        comparison: &Comparison,
        rows: &[Vec<Cell<'_>>],
    ) -> Result<Vec<(usize, Difference)>> {
        let name = (std::ptr::from_ref(self).addr(), 0, Conflict::Compare);
        let plan = match PLANS.with_borrow(|plans| plans.get(&name).copied()) {
            Some(plan) => plan,
            None => {
                let types: Vec<BuiltinOid> = self.columns.iter().map(|(_, kind)| kind.oid(true)).collect();
                // Never freed, like the others.
                let plan: &'static Plan =
                    Box::leak(Box::new(Plan { sql: self.compare_sql(comparison).leak(), types: types.leak() }));
                PLANS.with_borrow_mut(|plans| plans.insert(name, plan));
                plan
            }
        };
        let columns: Vec<DatumWithOid<'_>> =
            self.columns.iter().enumerate().map(|(i, (_, kind))| array(*kind, rows, i)).collect();
        let mut found = Vec::new();
        for row in plan.read(client, &columns)? {
            let Some(position) = row.get::<i64>(1)?.and_then(|n| usize::try_from(n - 1).ok()) else { continue };
            let columns = row.get::<Vec<Option<String>>>(3)?.unwrap_or_default();
            let difference = Difference {
                order_id: String::new(),
                attendee_id: String::new(),
                missing: row.get(2)?.unwrap_or(false),
                extra: false,
                columns: columns.into_iter().flatten().collect(),
                ours: row.get(4)?,
                theirs: row.get(5)?,
                currency: row.get(6)?,
                money: row.get(7)?,
            };
            found.push((position, difference));
        }
        Ok(found)
    }

    fn compare_sql(&self, comparison: &Comparison) -> String {
        let compared: Vec<&str> = self
            .columns
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| !self.key.contains(name) && !comparison.ignored.contains(name))
            .collect();
        // A row that was put back by a page that did not have its document gets it with the page that has.
        let bare = self.sticky.map(|name| format!("t.{name} IS NULL AND r.{name} IS NOT NULL"));
        let no_document =
            bare.as_ref().zip(self.sticky).map(|(bare, name)| format!(", CASE WHEN {bare} THEN '{name}' END"));
        let list = |each: &dyn Fn(&str) -> String, names: &[&str]| {
            names.iter().map(|name| each(name)).collect::<Vec<_>>().join(", ")
        };
        let told = |row: &str| {
            let value =
                |name: &str| format!("'{name}', CASE WHEN t.{name} IS DISTINCT FROM r.{name} THEN {row}.{name} END");
            format!("NULLIF(jsonb_strip_nulls(jsonb_build_object({})), '{{}}')::text", list(&value, comparison.told))
        };
        let (currency, money) = if comparison.money.is_empty() {
            ("NULL::text".to_owned(), "NULL::text".to_owned())
        } else {
            let held = |row: &str| comparison.money.replace("{}", row);
            (
                format!("COALESCE(r.{0}, t.{0})::text", comparison.currency),
                format!("({} - {})::text", held("r"), held("t")),
            )
        };
        let typed = self
            .columns
            .iter()
            .enumerate()
            .map(|(i, (name, kind))| format!("{} AS {name}", kind.expression(&format!("unnest(${})", i + 1))));
        format!(
            "SELECT r.position::bigint, t.platform IS NULL, array_remove(ARRAY[{}{}], NULL)::text[], {}, {}, {currency}, {money} \
             FROM (SELECT {}, generate_series(1, array_length($1, 1)) AS position) r LEFT JOIN {} t ON {} \
             WHERE t.platform IS NULL OR ({}) IS DISTINCT FROM ({}){} ORDER BY r.position",
            list(&|name| format!("CASE WHEN t.{name} IS DISTINCT FROM r.{name} THEN '{name}' END"), &compared),
            no_document.unwrap_or_default(),
            told("t"),
            told("r"),
            typed.collect::<Vec<_>>().join(", "),
            self.name,
            self.key.iter().map(|name| format!("t.{name} = r.{name}")).collect::<Vec<_>>().join(" AND "),
            list(&|name| format!("t.{name}"), &compared),
            list(&|name| format!("r.{name}"), &compared),
            bare.map(|bare| format!(" OR ({bare})")).unwrap_or_default(),
        )
    }
}
