//! Rows into tables: one list of columns makes every statement that writes them.
//!
//! A few rows go in as `VALUES ($1, $2, …)`, which costs the server a third less than arrays for one row; many rows go in as
//! one array for each column.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;

use boxoffice_core::time::Micros;
use pgrx::datum::{DatumWithOid, TimestampWithTimeZone};
use pgrx::pg_sys::BuiltinOid;
use pgrx::spi::{SpiClient, SpiTupleTable};

use super::plan::Plan;
use super::projection::Difference;
use super::timestamp;
use crate::error::Result;

/// Up to this many rows are written as `VALUES`.
const FEW: usize = 4;

/// What a column takes, and how it is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// text
    Text,
    /// numeric, as text: the exact digits
    Numeric,
    /// jsonb, as text
    Json,
    /// text[], as lines of one text
    Lines,
    /// bytea
    Bytes,
    /// integer
    Int,
    /// boolean
    Bool,
    /// timestamptz
    Time,
}

impl Kind {
    fn oid(self, array: bool) -> BuiltinOid {
        match (self, array) {
            (Kind::Text | Kind::Numeric | Kind::Json | Kind::Lines, false) => BuiltinOid::TEXTOID,
            (Kind::Text | Kind::Numeric | Kind::Json | Kind::Lines, true) => BuiltinOid::TEXTARRAYOID,
            (Kind::Bytes, false) => BuiltinOid::BYTEAOID,
            (Kind::Bytes, true) => BuiltinOid::BYTEAARRAYOID,
            (Kind::Int, false) => BuiltinOid::INT4OID,
            (Kind::Int, true) => BuiltinOid::INT4ARRAYOID,
            (Kind::Bool, false) => BuiltinOid::BOOLOID,
            (Kind::Bool, true) => BuiltinOid::BOOLARRAYOID,
            (Kind::Time, false) => BuiltinOid::TIMESTAMPTZOID,
            (Kind::Time, true) => BuiltinOid::TIMESTAMPTZARRAYOID,
        }
    }

    fn expression(self, value: &str) -> String {
        match self {
            Kind::Numeric => format!("{value}::numeric"),
            Kind::Json => format!("{value}::jsonb"),
            Kind::Lines => format!("string_to_array({value}, chr(10))"),
            Kind::Text | Kind::Bytes | Kind::Int | Kind::Bool | Kind::Time => value.to_owned(),
        }
    }
}

/// A value for a column.
#[derive(Debug, Clone)]
pub enum Cell<'a> {
    /// For `Text`, `Numeric`, `Json` and `Lines`.
    Text(Option<Cow<'a, str>>),
    /// For `Bytes`.
    Bytes(&'a [u8]),
    /// For `Int`.
    Int(Option<i32>),
    /// For `Bool`.
    Bool(Option<bool>),
    /// For `Time`; out of the server's range is NULL.
    Time(Option<Micros>),
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Cell<'a> {
        Cell::Text(Some(Cow::Borrowed(text)))
    }
}

impl<'a> From<Option<&'a str>> for Cell<'a> {
    fn from(text: Option<&'a str>) -> Cell<'a> {
        Cell::Text(text.map(Cow::Borrowed))
    }
}

impl From<Option<String>> for Cell<'_> {
    fn from(text: Option<String>) -> Self {
        Cell::Text(text.map(Cow::Owned))
    }
}

impl Cell<'_> {
    /// The text of a `Text` cell.
    pub fn text(&self) -> Option<&str> {
        match self {
            Cell::Text(text) => text.as_deref(),
            _ => None,
        }
    }
}

/// How rows of a table are compared with what they should be.
pub struct Comparison {
    /// Columns that do not matter.
    pub ignored: &'static [&'static str],
    /// Columns whose values may be told.
    pub told: &'static [&'static str],
    /// Column with the currency of the money; empty for none.
    pub currency: &'static str,
    /// Money held, with `{}` for the row; empty for none.
    pub money: &'static str,
}

/// What to do about a row whose key is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Conflict {
    /// It cannot be there: fail.
    Fail,
    /// Leave it.
    Keep,
    /// Overwrite it.
    Overwrite,
    /// Write nothing: only look.
    Compare,
}

/// A table and the columns that are written.
pub struct Table {
    /// Qualified name.
    pub name: &'static str,
    /// In the order of the cells.
    pub columns: &'static [(&'static str, Kind)],
    /// Primary key.
    pub key: &'static [&'static str],
    /// A column that keeps its value when a NULL would overwrite it.
    pub sticky: Option<&'static str>,
    /// What the statement returns.
    pub returning: &'static str,
}

thread_local! {
    static PLANS: RefCell<HashMap<(usize, usize, Conflict), &'static Plan>> = RefCell::new(HashMap::new());
}

impl Table {
    /// Inserts rows, in their order; each has one cell for each column.
    pub fn insert<'c>(
        &self,
        client: &mut SpiClient<'c>,
        conflict: Conflict,
        rows: &[Vec<Cell<'_>>],
    ) -> Result<SpiTupleTable<'c>> {
        let few = if rows.len() <= FEW { rows.len() } else { 0 };
        let plan = self.plan(few, conflict);
        if few > 0 {
            let cells: Vec<DatumWithOid<'_>> = rows.iter().flatten().map(scalar).collect();
            plan.write(client, &cells)
        } else {
            let columns: Vec<DatumWithOid<'_>> =
                self.columns.iter().enumerate().map(|(i, (_, kind))| array(*kind, rows, i)).collect();
            plan.write(client, &columns)
        }
    }

    /// Rows that are not there as they should be: their positions, and what differs. Keys are left to the caller.
    pub fn compare(
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
        let list = |each: &dyn Fn(&str) -> String, names: &[&str]| {
            names.iter().map(|name| each(name)).collect::<Vec<_>>().join(", ")
        };
        let told = |row: &str| {
            let value = |name: &str| format!("'{name}', CASE WHEN t.{name} IS DISTINCT FROM r.{name} THEN {row}.{name} END");
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
        let typed = self.columns.iter().enumerate().map(|(i, (name, kind))| {
            format!("{} AS {name}", kind.expression(&format!("unnest(${})", i + 1)))
        });
        format!(
            "SELECT r.position::bigint, t.platform IS NULL, array_remove(ARRAY[{}], NULL)::text[], {}, {}, {currency}, {money} \
             FROM (SELECT {}, generate_series(1, array_length($1, 1)) AS position) r LEFT JOIN {} t ON {} \
             WHERE t.platform IS NULL OR ({}) IS DISTINCT FROM ({}) ORDER BY r.position",
            list(&|name| format!("CASE WHEN t.{name} IS DISTINCT FROM r.{name} THEN '{name}' END"), &compared),
            told("t"),
            told("r"),
            typed.collect::<Vec<_>>().join(", "),
            self.name,
            self.key.iter().map(|name| format!("t.{name} = r.{name}")).collect::<Vec<_>>().join(" AND "),
            list(&|name| format!("t.{name}"), &compared),
            list(&|name| format!("r.{name}"), &compared),
        )
    }

    fn plan(&self, few: usize, conflict: Conflict) -> &'static Plan {
        let name = (std::ptr::from_ref(self).addr(), few, conflict);
        if let Some(plan) = PLANS.with_borrow(|plans| plans.get(&name).copied()) {
            return plan;
        }
        let types = (0..few.max(1)).flat_map(|_| self.columns).map(|(_, kind)| kind.oid(few == 0)).collect::<Vec<_>>();
        // Never freed, like the plan that is prepared from it: there are few, and they are used for the backend's life.
        let plan: &'static Plan =
            Box::leak(Box::new(Plan { sql: self.sql(few, conflict).leak(), types: types.leak() }));
        PLANS.with_borrow_mut(|plans| plans.insert(name, plan));
        plan
    }

    fn sql(&self, few: usize, conflict: Conflict) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let width = names.len();
        let row = |value: &dyn Fn(usize) -> String| {
            let cells = self.columns.iter().enumerate().map(|(i, (_, kind))| kind.expression(&value(i + 1)));
            cells.collect::<Vec<_>>().join(", ")
        };
        let source = if few > 0 {
            let rows = (0..few).map(|r| format!("({})", row(&|i| format!("${}", r * width + i))));
            format!("VALUES {}", rows.collect::<Vec<_>>().join(", "))
        } else {
            // In the SELECT list, not in FROM, where each array would first be stored in a temporary table; and not by
            // subscript, which looks for the element from the start of the array.
            format!("SELECT {}", row(&|i| format!("unnest(${i})")))
        };
        let mut sql = format!("INSERT INTO {} AS t ({}) {source}", self.name, names.join(", "));
        match conflict {
            Conflict::Fail | Conflict::Compare => {}
            Conflict::Keep => sql.push_str(" ON CONFLICT DO NOTHING"),
            Conflict::Overwrite => {
                let set = names.iter().filter(|name| !self.key.contains(name)).map(|name| {
                    if self.sticky == Some(name) {
                        format!("{name} = COALESCE(excluded.{name}, t.{name})")
                    } else {
                        format!("{name} = excluded.{name}")
                    }
                });
                let set = set.chain(["updated_at = now()".to_owned()]).collect::<Vec<_>>().join(", ");
                let _ = write!(sql, " ON CONFLICT ({}) DO UPDATE SET {set}", self.key.join(", "));
            }
        }
        if !self.returning.is_empty() {
            let _ = write!(sql, " RETURNING {}", self.returning);
        }
        sql
    }
}

fn time(at: Option<Micros>) -> Option<TimestampWithTimeZone> {
    at.and_then(timestamp)
}

fn scalar<'a>(cell: &'a Cell<'_>) -> DatumWithOid<'a> {
    match cell {
        Cell::Text(text) => text.as_deref().into(),
        Cell::Bytes(bytes) => (*bytes).into(),
        Cell::Int(number) => (*number).into(),
        Cell::Bool(truth) => (*truth).into(),
        Cell::Time(at) => time(*at).into(),
    }
}

/// One column of all rows. A cell of another kind than the column's would be a mistake of ours; it becomes NULL.
fn array<'a>(kind: Kind, rows: &'a [Vec<Cell<'_>>], column: usize) -> DatumWithOid<'a> {
    macro_rules! collect {
        ($($pattern:pat => $value:expr),+) => {
            rows.iter().map(|row| match row.get(column) { $(Some($pattern) => $value,)+ _ => None }).collect::<Vec<_>>().into()
        };
    }
    match kind {
        Kind::Text | Kind::Numeric | Kind::Json | Kind::Lines => collect!(Cell::Text(text) => text.as_deref()),
        Kind::Bytes => collect!(Cell::Bytes(bytes) => Some(*bytes)),
        Kind::Int => collect!(Cell::Int(number) => *number),
        Kind::Bool => collect!(Cell::Bool(truth) => *truth),
        Kind::Time => collect!(Cell::Time(at) => time(*at)),
    }
}
