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
use super::timestamp;
use crate::error::Result;
use crate::server;

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
    pub(super) fn oid(self, array: bool) -> BuiltinOid {
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

    pub(super) fn expression(self, value: &str) -> String {
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
    pub(super) static PLANS: RefCell<HashMap<(usize, usize, Conflict), &'static Plan>> = RefCell::new(HashMap::new());
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
pub(super) fn array<'a>(kind: Kind, rows: &'a [Vec<Cell<'_>>], column: usize) -> DatumWithOid<'a> {
    // Once a column: with many rows each takes its time.
    server::check_interrupts();
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
