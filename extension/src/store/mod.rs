//! The only module that runs SQL. Each submodule owns one table or a pair that changes together.

pub mod account_lists;
pub mod accounts;
pub mod compare;
pub mod deliveries;
pub mod due;
pub mod events;
pub mod freshness;
pub mod jobs;
pub mod orders;
pub mod plan;
pub mod probe;
pub mod projection;
pub mod rejections;
pub mod reports;
pub mod runs;
pub mod settings;
pub mod sheets;
pub mod table;

use boxoffice_core::time::Micros;
use pgrx::datum::TimestampWithTimeZone;

/// Microseconds between 1970, where our instants start, and 2000, where the server's do.
const EPOCH_OFFSET: Micros = 946_684_800_000_000;

/// The server's form of an instant; `None` when out of its range.
pub fn timestamp(at: Micros) -> Option<TimestampWithTimeZone> {
    TimestampWithTimeZone::try_from(at.checked_sub(EPOCH_OFFSET)?).ok()
}

/// Our form of a finite instant of the server.
pub fn micros(at: TimestampWithTimeZone) -> Micros {
    at.into_inner().saturating_add(EPOCH_OFFSET)
}

/// The present time.
pub fn now() -> Micros {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| Micros::try_from(d.as_micros()).unwrap_or(Micros::MAX))
}
