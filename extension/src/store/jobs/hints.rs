//! Hints that wait for a list which may show what they are about, and those of what nobody has heard of.

use boxoffice_core::time::Micros;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::BuiltinOid::{BOOLOID, INT2OID, INT4OID, INT8OID, TEXTOID, TIMESTAMPTZOID};
use pgrx::spi::SpiClient;

use super::words::{DOUBTFUL_MAX, Priority};
use crate::error::Result;
use crate::store::plan::Plan;
use crate::store::{micros, timestamp};

static WAITING: Plan = Plan {
    sql: include_str!("../sql/hints_waiting.sql"),
    types: &[TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, BOOLOID],
};
static PUT_OFF: Plan = Plan {
    sql: include_str!("../sql/hints_put_off.sql"),
    types: &[TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID],
};
static BY_KIND: Plan =
    Plan { sql: include_str!("../sql/hints_by_kind.sql"), types: &[TEXTOID, TEXTOID, TIMESTAMPTZOID] };
static COVER: Plan = Plan {
    sql: include_str!("../sql/hints_cover.sql"),
    types: &[TEXTOID, TEXTOID, TIMESTAMPTZOID, INT8OID, BOOLOID, BOOLOID, INT8OID],
};
static SHOWN: Plan = Plan { sql: include_str!("../sql/hints_shown.sql"), types: &[INT8OID] };
static SETTLE: Plan =
    Plan { sql: include_str!("../sql/hints_settle.sql"), types: &[INT8OID, INT4OID, INT8OID, INT2OID] };
static SIFT: Plan = Plan {
    sql: include_str!("../sql/hints_sift.sql"),
    types: &[TEXTOID, TEXTOID, TIMESTAMPTZOID, INT8OID, INT2OID, INT8OID],
};
static DOUBTFUL: Plan = Plan { sql: include_str!("../sql/hints_doubtful.sql"), types: &[TEXTOID, TEXTOID, INT2OID] };

/// Hints that one call covers or sifts at most.
const AT_ONCE: i64 = 50_000;
/// Hints that one claim puts off at most.
const PUT_OFF_AT_ONCE: i64 = 20_000;

/// Whose hints, and when.
#[derive(Debug, Clone, Copy)]
pub struct Of<'a> {
    /// The platform.
    pub platform: &'a str,
    /// The account.
    pub account: &'a str,
    /// Those that are due then.
    pub now: Micros,
}

/// Hints that a list may show, by kind.
#[derive(Debug, Clone, Copy, Default)]
pub struct Kinds {
    /// Of orders.
    pub orders: i64,
    /// Of attendees.
    pub attendees: i64,
    /// Of these: a list of orders has not shown them.
    pub not_shown: i64,
}

/// Whether more hints wait than that: of those that a list may show, or (with `all`) of any kind; with `before` only those that
/// arrived before then.
pub fn more_wait_than(
    client: &mut SpiClient<'_>,
    of: &Of<'_>,
    threshold: i32,
    before: Option<Micros>,
    all: bool,
) -> Result<bool> {
    let most = i64::from(threshold) + 1;
    let before = before.and_then(timestamp);
    let arguments =
        [of.platform.into(), of.account.into(), timestamp(of.now).into(), before.into(), most.into(), all.into()];
    Ok(WAITING.write(client, &arguments)?.first().get_one::<i64>()?.unwrap_or_default() >= most)
}

/// Lets hints that a list may show wait until then, so that a flood is not read by every claim.
pub fn put_off(client: &mut SpiClient<'_>, of: &Of<'_>, until: Micros) -> Result<()> {
    let arguments = [
        of.platform.into(),
        of.account.into(),
        timestamp(of.now).into(),
        timestamp(until).into(),
        PUT_OFF_AT_ONCE.into(),
    ];
    PUT_OFF.write(client, &arguments)?;
    Ok(())
}

/// Counts the hints that a list may show.
pub fn by_kind(client: &mut SpiClient<'_>, of: &Of<'_>) -> Result<Kinds> {
    let arguments = [of.platform.into(), of.account.into(), timestamp(of.now).into()];
    let Some(row) = BY_KIND.write(client, &arguments)?.next() else { return Ok(Kinds::default()) };
    let count = |i: usize| -> Result<i64> { Ok(row.get::<i64>(i)?.unwrap_or_default()) };
    Ok(Kinds { orders: count(1)?, attendees: count(2)?, not_shown: count(3)? })
}

/// Lets hints wait for the lists of a run; says when the oldest arrived, `None` when there are none.
pub fn cover(
    client: &mut SpiClient<'_>,
    of: &Of<'_>,
    run: i64,
    (orders, attendees): (bool, bool),
) -> Result<Option<Micros>> {
    let arguments = [
        of.platform.into(),
        of.account.into(),
        timestamp(of.now).into(),
        run.into(),
        orders.into(),
        attendees.into(),
        AT_ONCE.into(),
    ];
    let mut table = COVER.write(client, &arguments)?;
    let Some(row) = table.next() else { return Ok(None) };
    Ok(row.get::<TimestampWithTimeZone>(1)?.map(micros))
}

/// Ends the wait for the lists of a run: what they have shown is done, what they have not is fetched individually, unless it is
/// one of too many that nobody has heard of. `few`: so many of those are not too many.
pub fn settle(client: &mut SpiClient<'_>, platform: &str, account: &str, run: i64, few: i32) -> Result<()> {
    SHOWN.write(client, &[run.into()])?;
    let room = room_for_doubtful(client, platform, account)?;
    SETTLE.write(client, &[run.into(), few.into(), room.into(), Priority::Doubtful.number().into()])?;
    Ok(())
}

/// Where no list can stand in for hints: puts those of what nobody has heard of behind everything else, and drops those that are
/// too many. Says whether there may be more: until all are sorted the others have to wait, since the ones that matter may be
/// among the last.
pub fn sift(client: &mut SpiClient<'_>, of: &Of<'_>) -> Result<bool> {
    let room = room_for_doubtful(client, of.platform, of.account)?;
    let arguments = [
        of.platform.into(),
        of.account.into(),
        timestamp(of.now).into(),
        room.into(),
        Priority::Doubtful.number().into(),
        AT_ONCE.into(),
    ];
    Ok(SIFT.write(client, &arguments)?.first().get_one::<i64>()?.unwrap_or_default() == AT_ONCE)
}

fn room_for_doubtful(client: &mut SpiClient<'_>, platform: &str, account: &str) -> Result<i64> {
    let arguments = [platform.into(), account.into(), Priority::Doubtful.number().into()];
    let waiting = DOUBTFUL.write(client, &arguments)?.first().get_one::<i64>()?.unwrap_or_default();
    Ok((i64::from(DOUBTFUL_MAX) - waiting).max(0))
}
