//! The audit trail: `webhook_logs`.

use boxoffice_core::backoff;
use boxoffice_core::platform::Platform;
use boxoffice_core::time::Micros;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::BuiltinOid::{BOOLOID, INT4OID, INT8OID, TEXTOID, TIMESTAMPTZOID};
use pgrx::spi::{SpiClient, SpiHeapTupleData};

use super::plan::Plan;
use super::table::{Cell, Conflict, Kind, Table};
use super::{micros, timestamp};
use crate::error::Result;

static LOGS: Table = Table {
    name: "boxoffice.webhook_logs",
    columns: &[
        ("platform", Kind::Text),
        ("event_type", Kind::Text),
        ("source", Kind::Text),
        ("status", Kind::Text),
        ("processed", Kind::Bool),
        ("platform_order_id", Kind::Text),
        ("external_event_id", Kind::Text),
        ("error_message", Kind::Text),
        ("error_code", Kind::Text),
        ("notes", Kind::Lines),
        ("next_attempt_at", Kind::Time),
        ("verified_by", Kind::Text),
        ("fetched_at", Kind::Time),
        ("headers", Kind::Json),
        ("body", Kind::Bytes),
        ("created_at", Kind::Time),
        ("processed_at", Kind::Time),
    ],
    key: &["id"],
    sticky: None,
    returning: "id",
};

static LOCK: Plan = Plan {
    sql: "SELECT platform, event_type, source, headers::text, body, fetched_at, attempts, platform_order_id, created_at
          FROM boxoffice.webhook_logs WHERE id = $1 FOR UPDATE",
    types: &[INT8OID],
};

static READ: Plan = Plan {
    sql: "SELECT platform, event_type, source, headers::text, body, fetched_at, attempts, platform_order_id, created_at
          FROM boxoffice.webhook_logs WHERE id = $1",
    types: &[INT8OID],
};

static BETWEEN: Plan = Plan {
    sql: "SELECT id FROM boxoffice.webhook_logs
          WHERE created_at >= $1 AND created_at <= $2 AND ($3 IS NULL OR platform = $3) AND id > $4 ORDER BY id LIMIT $5",
    types: &[TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, INT8OID, INT4OID],
};

static DUE: Plan = Plan {
    sql: "SELECT id, platform, platform_order_id FROM boxoffice.webhook_logs
          WHERE ((next_attempt_at IS NOT NULL AND ($2 OR next_attempt_at <= clock_timestamp())) OR ($2 AND status = 'dead'))
            AND ($3 IS NULL OR platform = $3) AND ($4 IS NULL OR event_type = $4) AND ($5 IS NULL OR error_code = $5)
          ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED",
    types: &[INT4OID, BOOLOID, TEXTOID, TEXTOID, TEXTOID],
};

// A delivery is tried again after seven hours and a fifth at most: what is later was written by a clock that was ahead.
static MEND: Plan = Plan {
    sql: "UPDATE boxoffice.webhook_logs l SET next_attempt_at = $1 WHERE l.next_attempt_at > $1 + interval '8 hours'",
    types: &[TIMESTAMPTZOID],
};

static FINISH: Plan = Plan {
    sql: "UPDATE boxoffice.webhook_logs SET status = $2, processed = $9, event_type = COALESCE($3, event_type),
              platform_order_id = COALESCE($4, platform_order_id), error_message = $5, error_code = $6,
              notes = string_to_array($7, chr(10)), attempts = attempts + 1, next_attempt_at = $8,
              processed_at = CASE WHEN $9 THEN clock_timestamp() ELSE processed_at END
          WHERE id = $1",
    types: &[INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, BOOLOID],
};

/// Where a body came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Pushed at us.
    Webhook,
    /// `process_webhook()`.
    Manual,
    /// An answer of a platform's API.
    Api,
}

impl Source {
    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Webhook => "webhook",
            Source::Manual => "manual",
            Source::Api => "api",
        }
    }
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It said something new.
    Processed,
    /// It said nothing new.
    Duplicate,
    /// It is of no interest.
    Ignored,
    /// It is a hint; the resource will be fetched.
    Queued,
    /// It cannot be understood.
    Invalid,
    /// It could not be applied; will be tried again.
    Failed,
    /// Tried too often.
    Dead,
}

impl Status {
    /// Nothing is left to be done about it.
    pub fn is_final(self) -> bool {
        matches!(self, Status::Processed | Status::Duplicate | Status::Ignored | Status::Queued)
    }

    /// The word in the table and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Processed => "processed",
            Status::Duplicate => "duplicate",
            Status::Ignored => "ignored",
            Status::Queued => "queued",
            Status::Invalid => "invalid",
            Status::Failed => "failed",
            Status::Dead => "dead",
        }
    }
}

/// What is to be written about a delivery after a try.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// What became of it.
    pub status: Status,
    /// What it calls itself.
    pub event_type: Option<String>,
    /// The order it speaks of.
    pub order_id: Option<String>,
    /// The platform's event, when it names it itself.
    pub event_id: Option<String>,
    /// SQLSTATE and message of the error.
    pub error: Option<(String, String)>,
    /// Oddities.
    pub notes: Vec<String>,
}

impl Verdict {
    fn next_attempt(&self, attempts: i32, seed: u64, now: Micros) -> Option<Micros> {
        (self.status == Status::Failed).then(|| now.saturating_add(backoff::DELIVERY.delay(attempts, seed)))
    }

    fn lines(&self) -> Option<String> {
        (!self.notes.is_empty()).then(|| self.notes.join("\n"))
    }
}

/// A row to append.
pub struct Entry<'a> {
    /// Name of the platform.
    pub platform: &'static str,
    /// Where it came from.
    pub source: Source,
    /// signature, path_token, open or trusted.
    pub verified_by: &'static str,
    /// Redacted headers, JSON.
    pub headers: &'a str,
    /// The exact bytes.
    pub body: &'a [u8],
    /// When we asked, for API bodies.
    pub fetched_at: Option<Micros>,
    /// What became of it.
    pub verdict: &'a Verdict,
}

/// Appends rows; returns their ids, in order.
pub fn append<'a>(client: &mut SpiClient<'_>, entries: &'a [Entry<'a>], now: Micros) -> Result<Vec<i64>> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let row = |(entry, seed): (&'a Entry<'a>, u64)| {
        let verdict = entry.verdict;
        let error = verdict.error.as_ref();
        vec![
            entry.platform.into(),
            verdict.event_type.clone().into(),
            entry.source.as_str().into(),
            verdict.status.as_str().into(),
            Cell::Bool(Some(verdict.status.is_final())),
            verdict.order_id.clone().into(),
            verdict.event_id.clone().into(),
            error.map(|(_, message)| message.clone()).into(),
            error.map(|(code, _)| code.clone()).into(),
            verdict.lines().into(),
            Cell::Time(verdict.next_attempt(1, seed, now)),
            entry.verified_by.into(),
            Cell::Time(entry.fetched_at),
            entry.headers.into(),
            Cell::Bytes(entry.body),
            Cell::Time(Some(now)),
            Cell::Time(verdict.status.is_final().then_some(now)),
        ]
    };
    let rows: Vec<_> = entries.iter().zip(now.unsigned_abs()..).map(row).collect();
    let table = LOGS.insert(client, Conflict::Fail, &rows)?;
    // The rows come back as they were inserted: in the order given.
    let mut ids = Vec::with_capacity(entries.len());
    for row in table {
        ids.extend(row.get::<i64>(1)?);
    }
    Ok(ids)
}

/// A kept delivery.
pub struct Kept {
    /// Name of the platform.
    pub platform: String,
    /// What it called itself.
    pub event_type: Option<String>,
    /// webhook, manual or api.
    pub source: String,
    /// Redacted headers, JSON.
    pub headers: String,
    /// The exact bytes.
    pub body: Vec<u8>,
    /// When we asked.
    pub fetched_at: Option<Micros>,
    /// Tries so far.
    pub attempts: i32,
    /// The order it speaks of.
    pub order_id: Option<String>,
    /// When it arrived. Part of what it says, like `fetched_at`: some news has no other time.
    pub arrived: Micros,
}

/// Which deliveries; `None` is all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// Of this platform.
    pub platform: Option<&'a str>,
    /// Of this event type.
    pub event_type: Option<&'a str>,
    /// That failed with this SQLSTATE.
    pub error_code: Option<&'a str>,
}

/// Reads a delivery and locks its row.
pub fn lock(client: &mut SpiClient<'_>, id: i64) -> Result<Option<Kept>> {
    LOCK.write(client, &[id.into()])?.next().map(|row| kept(&row)).transpose()
}

/// Reads a delivery.
pub fn read(client: &SpiClient<'_>, id: i64) -> Result<Option<Kept>> {
    READ.read(client, &[id.into()])?.next().map(|row| kept(&row)).transpose()
}

/// Ids of the deliveries of a time, in their order, of at most that many after one of them.
pub fn between(
    client: &SpiClient<'_>,
    from: Micros,
    until: Micros,
    platform: Option<Platform>,
    after: i64,
    limit: i32,
) -> Result<Vec<i64>> {
    let platform = platform.map(Platform::as_str);
    let times = (timestamp(from), timestamp(until));
    let mut ids = Vec::new();
    for row in BETWEEN.read(client, &[times.0.into(), times.1.into(), platform.into(), after.into(), limit.into()])? {
        ids.extend(row.get::<i64>(1)?);
    }
    Ok(ids)
}

fn kept(row: &SpiHeapTupleData<'_>) -> Result<Kept> {
    Ok(Kept {
        platform: row.get(1)?.unwrap_or_default(),
        event_type: row.get(2)?,
        source: row.get(3)?.unwrap_or_default(),
        headers: row.get(4)?.unwrap_or_default(),
        body: row.get(5)?.unwrap_or_default(),
        fetched_at: row.get::<TimestampWithTimeZone>(6)?.map(micros),
        attempts: row.get(7)?.unwrap_or_default(),
        order_id: row.get(8)?,
        arrived: row.get::<TimestampWithTimeZone>(9)?.map_or(0, micros),
    })
}

/// Ids of the deliveries whose time has come, the oldest, locked; those that another session works on are skipped.
///
/// In the order of their orders' keys, in which everybody locks them.
pub fn due(client: &mut SpiClient<'_>, limit: i32, include_dead: bool, filter: &Filter<'_>) -> Result<Vec<i64>> {
    let mut due = Vec::new();
    let Filter { platform, event_type, error_code } = *filter;
    let arguments = [limit.into(), include_dead.into(), platform.into(), event_type.into(), error_code.into()];
    for row in DUE.write(client, &arguments)? {
        due.push((row.get::<String>(2)?, row.get::<String>(3)?, row.get::<i64>(1)?));
    }
    due.sort();
    Ok(due.into_iter().filter_map(|(_, _, id)| id).collect())
}

/// Writes what became of another try. A delivery that has failed too often is dead; returns the status written.
pub fn finish(
    client: &mut SpiClient<'_>,
    id: i64,
    attempts: i32,
    verdict: &mut Verdict,
    now: Micros,
) -> Result<Status> {
    if verdict.status == Status::Failed && backoff::DELIVERY.is_spent(attempts) {
        verdict.status = Status::Dead;
    }
    let next = verdict.next_attempt(attempts, id.unsigned_abs(), now);
    FINISH.write(
        client,
        &[
            id.into(),
            verdict.status.as_str().into(),
            verdict.event_type.as_deref().into(),
            verdict.order_id.as_deref().into(),
            verdict.error.as_ref().map(|(_, message)| message.as_str()).into(),
            verdict.error.as_ref().map(|(code, _)| code.as_str()).into(),
            verdict.lines().into(),
            next.and_then(timestamp).into(),
            verdict.status.is_final().into(),
        ],
    )?;
    Ok(verdict.status)
}

/// Puts right times of next tries that a clock has written that was ahead; says how many.
pub fn mend(client: &mut SpiClient<'_>, now: Micros) -> Result<usize> {
    Ok(MEND.write(client, &[timestamp(now).into()])?.len())
}
