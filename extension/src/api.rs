//! The SQL surface. Declared in `sql/40_functions.sql`; each body is one line.
//!
//! Arguments are `Option`s where a NULL must be an error: a STRICT function called with a NULL would silently do nothing.
#![allow(clippy::result_large_err, reason = "the error type that keeps its SQLSTATE is pgrx's, and large")]
#![allow(clippy::type_complexity, reason = "the row types of SQL functions are spelled out, as in SQL")]

use boxoffice_core::headers::Headers;
use boxoffice_core::time::Micros;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Array, JsonB};

use crate::error::{Error, Result};
use crate::explain::Step;
use crate::ingest::{Incoming, Receipt};
use crate::resource::Report;
use crate::fetch::Answered;
use crate::store::deliveries::Filter;
use crate::store::{micros, now, timestamp};
use crate::suggest::Suggestion;
use crate::{explain, fetch, finish, ingest, replay, resource, sample, suggest};

type Rows<T> = std::result::Result<TableIterator<'static, T>, ErrorReport>;
type Receipts =
    (name!(log_id, Option<i64>), name!(outcome, &'static str), name!(http_status, i32), name!(message, String));
type Reports = (
    name!(log_id, Option<i64>),
    name!(items, i32),
    name!(orders_changed, i32),
    name!(attendees_changed, i32),
    name!(events_changed, i32),
    name!(notes, Vec<String>),
);
type Suggested = (
    name!(platform, Option<String>),
    name!(external_event_id, String),
    name!(external_title, Option<String>),
    name!(external_starts_at, Option<TimestampWithTimeZone>),
    name!(event_id, String),
    name!(event_title, Option<String>),
    name!(event_starts_at, Option<TimestampWithTimeZone>),
    name!(score, Option<AnyNumeric>),
);
type Steps = (name!(step, &'static str), name!(passed, Option<bool>), name!(detail, String));

#[pg_extern(sql = false)]
fn version() -> TableIterator<'static, (name!(library_version, &'static str), name!(sql_version, Option<String>))> {
    TableIterator::once((env!("CARGO_PKG_VERSION"), crate::store::settings::sql_version()))
}

#[pg_extern(sql = false)]
fn ingest_webhook(platform: Option<&str>, headers: Option<JsonB>, body: Option<&[u8]>) -> Rows<Receipts> {
    rows(ingest_one(platform, headers, body), receipt)
}

#[pg_extern(sql = false)]
fn ingest_webhook_text(platform: Option<&str>, headers: Option<JsonB>, body: Option<&str>) -> Rows<Receipts> {
    rows(ingest_one(platform, headers, body.map(str::as_bytes)), receipt)
}

#[pg_extern(sql = false)]
fn ingest_webhooks(
    platforms: Option<Array<'_, &str>>,
    headers: Option<Array<'_, JsonB>>,
    bodies: Option<Array<'_, &[u8]>>,
) -> Rows<Receipts> {
    rows(ingest_many(platforms, headers, bodies), receipt)
}

#[pg_extern(sql = false)]
fn process_webhook(platform: Option<&str>, event_type: Option<&str>, data: Option<JsonB>) -> Rows<Receipts> {
    rows(process_one(platform, event_type, data), receipt)
}

#[pg_extern(sql = false)]
fn apply_resource(
    platform: Option<&str>,
    kind: Option<&str>,
    body: Option<&[u8]>,
    fetched_at: Option<TimestampWithTimeZone>,
) -> Rows<Reports> {
    rows(apply_one(platform, kind, body, fetched_at), report)
}

#[pg_extern(sql = false)]
fn apply_resource_text(
    platform: Option<&str>,
    kind: Option<&str>,
    body: Option<&str>,
    fetched_at: Option<TimestampWithTimeZone>,
) -> Rows<Reports> {
    rows(apply_one(platform, kind, body.map(str::as_bytes), fetched_at), report)
}

#[pg_extern(sql = false)]
fn explain_webhook(platform: Option<&str>, headers: Option<JsonB>, body: Option<&[u8]>) -> Rows<Steps> {
    rows(explain_one(platform, headers, body), step)
}

#[pg_extern(sql = false)]
fn explain_webhook_text(platform: Option<&str>, headers: Option<JsonB>, body: Option<&str>) -> Rows<Steps> {
    rows(explain_one(platform, headers, body.map(str::as_bytes)), step)
}

#[pg_extern(sql = false)]
fn replay_webhook(log_id: Option<i64>) -> Rows<(name!(outcome, &'static str), name!(message, String))> {
    rows(given(log_id, "log_id").and_then(replay::replay).map(|verdict| vec![verdict]), |verdict| verdict)
}

#[pg_extern(sql = false)]
fn retry_failed_webhooks(
    max_deliveries: Option<i32>,
    include_dead: Option<bool>,
    platform: Option<&str>,
    event_type: Option<&str>,
    error_code: Option<&str>,
) -> Rows<(name!(tried, i32), name!(succeeded, i32), name!(failed, i32), name!(dead, i32))> {
    rows(retry_some(max_deliveries, include_dead, &Filter { platform, event_type, error_code }), |r| (r.tried, r.succeeded, r.failed, r.dead))
}

#[pg_extern(sql = false)]
fn replay_webhooks(
    from_time: Option<TimestampWithTimeZone>,
    until_time: Option<TimestampWithTimeZone>,
    platform: Option<&str>,
) -> Rows<(name!(replayed, i32), name!(changed, i32), name!(failed, i32))> {
    rows(replay_some(from_time, until_time, platform), |r| (r.replayed, r.changed, r.failed))
}

#[pg_extern(sql = false)]
fn replay_diff(
    from_time: Option<TimestampWithTimeZone>,
    until_time: Option<TimestampWithTimeZone>,
    platform: Option<&str>,
) -> Rows<(name!(log_id, i64), name!(platform_order_id, String), name!(change, String))> {
    rows(diff_some(from_time, until_time, platform), |change| change)
}

#[pg_extern(sql = false)]
fn complete_fetch(
    id: Option<i64>,
    http_status: Option<i32>,
    headers: Option<JsonB>,
    body: Option<&[u8]>,
) -> Rows<(name!(outcome, &'static str), name!(message, String))> {
    rows(complete_one(id, http_status, headers, body), |outcome| outcome)
}

#[pg_extern(sql = false)]
fn finish_sync_runs(max_orders: Option<i32>) -> std::result::Result<i32, ErrorReport> {
    Ok(given(max_orders, "max_orders").and_then(finish::finish_some)?)
}

#[pg_extern(sql = false)]
fn api_listings(
    platform: Option<&str>,
    scope: Option<&str>,
    scope_id: Option<&str>,
    since: Option<TimestampWithTimeZone>,
    location: Option<&str>,
) -> Rows<(name!(kind, &'static str), name!(path, String))> {
    rows(list_some(platform, scope, scope_id, since, location), |list| list)
}

#[pg_extern(sql = false)]
fn suggest_links() -> Rows<Suggested> {
    rows(suggest::suggest(), suggested)
}

#[pg_extern(sql = false)]
fn sample_webhook(
    platform: Option<&str>,
    event_type: Option<&str>,
) -> Rows<(name!(path, String), name!(headers, JsonB), name!(body, String))> {
    rows(sample_one(platform, event_type), |s| (s.path, JsonB(s.headers), s.body))
}

// === From SQL's values to ours ===

fn given<T>(value: Option<T>, name: &'static str) -> Result<T> {
    value.ok_or(Error::Null(name))
}

fn header_map(headers: JsonB) -> Result<Headers> {
    Ok(Headers::from_value(headers.0)?)
}

fn ingest_one(platform: Option<&str>, headers: Option<JsonB>, body: Option<&[u8]>) -> Result<Vec<Receipt>> {
    let headers = header_map(given(headers, "headers")?)?;
    ingest::ingest(&[Incoming { platform: given(platform, "platform")?, headers, body: given(body, "body")? }])
}

fn ingest_many(
    platforms: Option<Array<'_, &str>>,
    headers: Option<Array<'_, JsonB>>,
    bodies: Option<Array<'_, &[u8]>>,
) -> Result<Vec<Receipt>> {
    let (platforms, headers, bodies) =
        (given(platforms, "platforms")?, given(headers, "headers")?, given(bodies, "bodies")?);
    if platforms.len() != headers.len() || platforms.len() != bodies.len() {
        return Err(Error::Argument {
            message: format!(
                "the arrays have different lengths: {} platforms, {} headers, {} bodies",
                platforms.len(),
                headers.len(),
                bodies.len()
            ),
            hint: "Give one platform, one headers object and one body for each delivery.",
        });
    }
    let mut items = Vec::with_capacity(platforms.len());
    for ((platform, headers), body) in platforms.iter().zip(headers.iter()).zip(bodies.iter()) {
        items.push(Incoming {
            platform: given(platform, "an element of platforms")?,
            headers: header_map(given(headers, "an element of headers")?)?,
            body: given(body, "an element of bodies")?,
        });
    }
    ingest::ingest(&items)
}

fn process_one(platform: Option<&str>, event_type: Option<&str>, data: Option<JsonB>) -> Result<Vec<Receipt>> {
    let data = given(data, "data")?.0;
    Ok(vec![ingest::process(given(platform, "platform")?, given(event_type, "event_type")?, data)?])
}

fn apply_one(
    platform: Option<&str>,
    kind: Option<&str>,
    body: Option<&[u8]>,
    fetched_at: Option<TimestampWithTimeZone>,
) -> Result<Vec<Report>> {
    let (platform, kind, body) = (given(platform, "platform")?, given(kind, "kind")?, given(body, "body")?);
    Ok(vec![resource::apply_resource(platform, kind, body, fetched_at.map(micros))?])
}

fn explain_one(platform: Option<&str>, headers: Option<JsonB>, body: Option<&[u8]>) -> Result<Vec<Step>> {
    let headers = header_map(given(headers, "headers")?)?;
    explain::explain(given(platform, "platform")?, &headers, given(body, "body")?)
}

fn retry_some(limit: Option<i32>, include_dead: Option<bool>, filter: &Filter<'_>) -> Result<Vec<replay::Round>> {
    Ok(vec![replay::retry(given(limit, "max_deliveries")?, given(include_dead, "include_dead")?, filter)?])
}

fn span(from: Option<TimestampWithTimeZone>, until: Option<TimestampWithTimeZone>) -> Result<(Micros, Micros)> {
    Ok((micros(given(from, "from_time")?), until.map_or_else(now, micros)))
}

fn replay_some(
    from: Option<TimestampWithTimeZone>,
    until: Option<TimestampWithTimeZone>,
    platform: Option<&str>,
) -> Result<Vec<replay::Replayed>> {
    let (from, until) = span(from, until)?;
    Ok(vec![replay::replay_all(from, until, platform)?])
}

fn diff_some(
    from: Option<TimestampWithTimeZone>,
    until: Option<TimestampWithTimeZone>,
    platform: Option<&str>,
) -> Result<Vec<(i64, String, String)>> {
    let (from, until) = span(from, until)?;
    replay::diff(from, until, platform)
}

fn complete_one(
    id: Option<i64>,
    http_status: Option<i32>,
    headers: Option<JsonB>,
    body: Option<&[u8]>,
) -> Result<Vec<(&'static str, String)>> {
    let headers = headers.map_or_else(|| Ok(Headers::default()), header_map)?;
    let status = http_status.map(u16::try_from).transpose().map_err(|_| Error::Argument {
        message: "http_status is no HTTP status".to_owned(),
        hint: "Without an answer it is NULL, and headers say why: {\":error\": \"timeout\"}.",
    })?;
    let answered = Answered { status, headers: &headers, body: body.unwrap_or_default() };
    Ok(vec![fetch::complete(given(id, "id")?, &answered)?])
}

fn list_some(
    platform: Option<&str>,
    scope: Option<&str>,
    scope_id: Option<&str>,
    since: Option<TimestampWithTimeZone>,
    location: Option<&str>,
) -> Result<Vec<(&'static str, String)>> {
    let (platform, scope, id) = (given(platform, "platform")?, given(scope, "scope")?, given(scope_id, "scope_id")?);
    fetch::listings(platform, scope, id, since.map(micros), location)
}

fn sample_one(platform: Option<&str>, event_type: Option<&str>) -> Result<Vec<sample::Sample>> {
    Ok(vec![sample::sample(given(platform, "platform")?, given(event_type, "event_type")?)?])
}

// === From our values to SQL's ===

fn rows<T, R>(result: Result<Vec<T>>, row: fn(T) -> R) -> std::result::Result<TableIterator<'static, R>, ErrorReport>
where
    T: 'static,
    R: 'static,
{
    Ok(TableIterator::new(result?.into_iter().map(row)))
}

fn receipt(r: Receipt) -> (Option<i64>, &'static str, i32, String) {
    (r.log_id, r.outcome, r.http_status, r.message)
}

fn report(r: Report) -> (Option<i64>, i32, i32, i32, i32, Vec<String>) {
    let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    (r.log_id, count(r.items), count(r.orders_changed), count(r.attendees_changed), count(r.events_changed), r.notes)
}

fn step(s: Step) -> (&'static str, Option<bool>, String) {
    (s.step, s.passed, s.detail)
}

fn suggested(s: Suggestion) -> Suggested {
    let (theirs, ours) = (s.theirs, s.ours);
    let at = |at: Option<Micros>| at.and_then(timestamp);
    let score = AnyNumeric::try_from(format!("{:.2}", s.score).as_str()).ok();
    (
        theirs.platform,
        theirs.id,
        theirs.title,
        at(theirs.starts_at),
        ours.id,
        ours.title,
        at(ours.starts_at),
        score,
    )
}
