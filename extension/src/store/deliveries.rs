//! The audit trail: `webhook_logs`.

use boxoffice_core::backoff;
use boxoffice_core::time::Micros;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::BuiltinOid::{
    self, BOOLARRAYOID, BOOLOID, BYTEAARRAYOID, INT4OID, INT8OID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID,
};
use pgrx::spi::SpiClient;

use super::plan::Plan;
use super::{micros, timestamp};
use crate::error::Result;

const TEXT: BuiltinOid = TEXTARRAYOID;

static APPEND: Plan = Plan {
    sql: "INSERT INTO boxoffice.webhook_logs (platform, event_type, source, status, processed, platform_order_id, error_message, error_code,
              notes, verified_by, headers, body, next_attempt_at, fetched_at, created_at, processed_at)
          SELECT $1[i], $2[i], $3[i], $4[i], $15[i], $5[i], $6[i], $7[i], CASE WHEN $8[i] <> '' THEN string_to_array($8[i], chr(10)) END,
              $9[i], $10[i]::jsonb, $11[i], $12[i], $13[i], $14, CASE WHEN $15[i] THEN $14 END
          FROM generate_series(1, array_length($1, 1)) AS i
          RETURNING id",
    types: &[
        TEXT,
        TEXT,
        TEXT,
        TEXT,
        TEXT,
        TEXT,
        TEXT,
        TEXT,
        TEXT,
        TEXT,
        BYTEAARRAYOID,
        TIMESTAMPTZARRAYOID,
        TIMESTAMPTZARRAYOID,
        TIMESTAMPTZOID,
        BOOLARRAYOID,
    ],
};

static LOCK: Plan = Plan {
    sql: "SELECT platform, event_type, source, headers::text, body, fetched_at, attempts
          FROM boxoffice.webhook_logs WHERE id = $1 FOR UPDATE",
    types: &[INT8OID],
};

static DUE: Plan = Plan {
    sql: "SELECT id FROM boxoffice.webhook_logs
          WHERE (next_attempt_at IS NOT NULL AND ($2 OR next_attempt_at <= clock_timestamp())) OR ($2 AND status = 'dead')
          ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED",
    types: &[INT4OID, BOOLOID],
};

static FINISH: Plan = Plan {
    sql: "UPDATE boxoffice.webhook_logs SET status = $2, processed = $9, event_type = COALESCE($3, event_type),
              platform_order_id = COALESCE($4, platform_order_id), error_message = $5, error_code = $6,
              notes = CASE WHEN $7 <> '' THEN string_to_array($7, chr(10)) END, attempts = attempts + 1, next_attempt_at = $8,
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
    /// SQLSTATE and message of the error.
    pub error: Option<(String, String)>,
    /// Oddities.
    pub notes: Vec<String>,
}

impl Verdict {
    fn next_attempt(&self, attempts: i32, seed: u64, now: Micros) -> Option<TimestampWithTimeZone> {
        if self.status != Status::Failed {
            return None;
        }
        timestamp(now.saturating_add(backoff::delay(attempts, seed)))
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
pub fn append(client: &mut SpiClient<'_>, entries: &[Entry<'_>], now: Micros) -> Result<Vec<i64>> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    fn column<'a, 'e, T>(entries: &'a [Entry<'e>], value: impl Fn(&'a Entry<'e>) -> T) -> Vec<T> {
        entries.iter().map(value).collect()
    }
    let table = APPEND.write(
        client,
        &[
            column(entries, |e| e.platform).into(),
            column(entries, |e| e.verdict.event_type.as_deref()).into(),
            column(entries, |e| e.source.as_str()).into(),
            column(entries, |e| e.verdict.status.as_str()).into(),
            column(entries, |e| e.verdict.order_id.as_deref()).into(),
            column(entries, |e| e.verdict.error.as_ref().map(|(_, message)| message.as_str())).into(),
            column(entries, |e| e.verdict.error.as_ref().map(|(code, _)| code.as_str())).into(),
            column(entries, |e| e.verdict.notes.join("\n")).into(),
            column(entries, |e| e.verified_by).into(),
            column(entries, |e| e.headers).into(),
            column(entries, |e| e.body).into(),
            entries
                .iter()
                .zip(0u64..)
                .map(|(e, i)| e.verdict.next_attempt(1, now.unsigned_abs().wrapping_add(i), now))
                .collect::<Vec<_>>()
                .into(),
            column(entries, |e| e.fetched_at.and_then(timestamp)).into(),
            timestamp(now).into(),
            column(entries, |e| e.verdict.status.is_final()).into(),
        ],
    )?;
    // The rows come back as they were inserted: in the order of the arrays.
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
}

/// Reads a delivery and locks its row.
pub fn lock(client: &mut SpiClient<'_>, id: i64) -> Result<Option<Kept>> {
    let mut table = LOCK.write(client, &[id.into()])?;
    let Some(row) = table.next() else { return Ok(None) };
    Ok(Some(Kept {
        platform: row.get(1)?.unwrap_or_default(),
        event_type: row.get(2)?,
        source: row.get(3)?.unwrap_or_default(),
        headers: row.get(4)?.unwrap_or_default(),
        body: row.get(5)?.unwrap_or_default(),
        fetched_at: row.get::<TimestampWithTimeZone>(6)?.map(micros),
        attempts: row.get(7)?.unwrap_or_default(),
    }))
}

/// Ids of the deliveries whose time has come, oldest first, locked; those that another session works on are skipped.
pub fn due(client: &mut SpiClient<'_>, limit: i32, include_dead: bool) -> Result<Vec<i64>> {
    let mut ids = Vec::new();
    for row in DUE.write(client, &[limit.into(), include_dead.into()])? {
        ids.extend(row.get::<i64>(1)?);
    }
    Ok(ids)
}

/// Writes what became of another try. A delivery that has failed too often is dead; returns the status written.
pub fn finish(client: &mut SpiClient<'_>, id: i64, attempts: i32, verdict: &mut Verdict, now: Micros) -> Result<Status> {
    if verdict.status == Status::Failed && attempts >= backoff::MAX_ATTEMPTS {
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
            verdict.notes.join("\n").into(),
            next.into(),
            verdict.status.is_final().into(),
        ],
    )?;
    Ok(verdict.status)
}
