//! The SQL surface. Declared in `sql/`; each body is one line.
//!
//! Arguments are `Option`s where a NULL must be an error: a STRICT function called with a NULL would silently do nothing.
#![allow(clippy::result_large_err, reason = "the error type that keeps its SQLSTATE is pgrx's, and large")]
#![allow(clippy::type_complexity, reason = "the row types of SQL functions are spelled out, as in SQL")]

mod arguments;

use boxoffice_core::platform::Platform;
use boxoffice_core::time::Micros;
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::iter::{SetOfIterator, TableIterator};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Array, JsonB};

use crate::deliver::ingest::Receipt;
use crate::deliver::replay;
use crate::deliver::resource::Report;
use crate::diagnose::explain::Step;
use crate::diagnose::ready;
use crate::diagnose::suggest;
use crate::diagnose::suggest::Suggestion;
use crate::error::Result;
use crate::fetch::Outcome;
use crate::fetch::claim::Claimed;
use crate::server;
use crate::store::accounts::Change;
use crate::store::deliveries::Filter;
use crate::store::runs::words::Mode;
use crate::store::{settings, timestamp};
use crate::sync::{finish, request, schedule, upkeep};
use arguments::{
    apply_one, claim_some, complete_one, diff_some, discover_one, explain_one, fail_one, forget_some, given,
    ingest_many, ingest_one, list_some, mend_some, process_one, reconcile_one, replay_some, retry_some, sample_one,
    withdraw_some,
};

type Rows<T> = std::result::Result<TableIterator<'static, T>, ErrorReport>;
type Answer<T> = std::result::Result<T, ErrorReport>;
type Runs<T> = std::result::Result<SetOfIterator<'static, T>, ErrorReport>;
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
type Platforms = (
    name!(name, &'static str),
    name!(title, &'static str),
    name!(authentication, &'static str),
    name!(signature_header, String),
    name!(sends_deliveries, bool),
    name!(event_types, Vec<&'static str>),
    name!(api_url, Option<&'static str>),
    name!(credential, Option<&'static str>),
    name!(credential_variable, Option<&'static str>),
    name!(calls_per_hour, Option<i32>),
    name!(has_organizations, bool),
    name!(has_locations, bool),
    name!(payout_days, Option<i32>),
    name!(set_up, Vec<&'static str>),
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
type Completed = (
    name!(outcome, &'static str),
    name!(message, String),
    name!(account_change, Option<&'static str>),
    name!(account_detail, Option<String>),
);
type Claims = (name!(id, i64), name!(platform, String), name!(account, String), name!(path, String));
type Steps = (name!(step, &'static str), name!(passed, Option<bool>), name!(detail, String));

#[pg_extern(sql = false)]
fn version() -> TableIterator<'static, (name!(library_version, &'static str), name!(sql_version, Option<String>))> {
    TableIterator::once((ready::LIBRARY, settings::sql_version()))
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
    rows(retry_some(max_deliveries, include_dead, &Filter { platform, event_type, error_code }), |r| {
        (r.tried, r.succeeded, r.failed, r.dead)
    })
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
) -> Rows<Completed> {
    rows(complete_one(id, http_status, headers, body), completed)
}

#[pg_extern(sql = false)]
fn claim_fetches(max_jobs: Option<i32>, accounts: Option<Array<'_, &str>>) -> Rows<Claims> {
    rows(claim_some(max_jobs, accounts), claimed)
}

#[pg_extern(sql = false)]
fn retry_dead_fetches(platform: Option<&str>) -> Answer<i32> {
    Ok(upkeep::retry_dead(platform)?)
}

#[pg_extern(sql = false)]
fn end_lost_fetches() -> Answer<i32> {
    Ok(upkeep::end_lost_fetches()?)
}

#[pg_extern(sql = false)]
fn fail_run(run: Option<i64>, why: Option<&str>, is_its_own: Option<bool>) -> Answer<()> {
    Ok(fail_one(run, why, is_its_own)?)
}

#[pg_extern(sql = false)]
fn end_stalled_runs() -> Answer<i32> {
    Ok(upkeep::end_stalled_runs()?)
}

#[pg_extern(sql = false)]
fn purge_finished_jobs() -> Answer<i32> {
    Ok(upkeep::purge()?)
}

#[pg_extern(sql = false)]
fn mend_times(ahead: Option<Interval>) -> Answer<i32> {
    Ok(mend_some(ahead)?)
}

#[pg_extern(sql = false)]
fn rehome_fetches() -> Answer<()> {
    Ok(upkeep::rehome()?)
}

#[pg_extern(sql = false)]
fn forget_account_fetches(platform: Option<&str>, account: Option<&str>) -> Answer<()> {
    Ok(forget_some(platform, account)?)
}

#[pg_extern(sql = false)]
fn sync_event(event_id: Option<&str>) -> Runs<Option<i64>> {
    Ok(SetOfIterator::new(request::event(event_id, Mode::Full, false)?))
}

#[pg_extern(sql = false)]
fn sync_platform(platform: Option<&str>) -> Runs<Option<i64>> {
    Ok(SetOfIterator::new(request::platform(platform)?))
}

#[pg_extern(sql = false)]
fn reconcile_event(event_id: Option<&str>, dry_run: Option<bool>) -> Runs<Option<i64>> {
    Ok(SetOfIterator::new(reconcile_one(event_id, dry_run)?))
}

#[pg_extern(sql = false)]
fn begin_discovery(
    platform: Option<&str>,
    account: Option<&str>,
    reason: Option<&str>,
    priority: Option<i32>,
) -> Answer<Option<i64>> {
    Ok(discover_one(platform, account, reason, priority)?)
}

#[pg_extern(sql = false)]
fn schedule_syncs() -> Answer<i32> {
    Ok(schedule::begin_due()?)
}

#[pg_extern(sql = false)]
fn withdraw_runs(ids: Option<Array<'_, i64>>) -> Runs<i64> {
    Ok(SetOfIterator::new(withdraw_some(ids)?))
}

#[pg_extern(sql = false)]
fn finish_sync_runs(max_orders: Option<i32>) -> Answer<i32> {
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
fn title_likeness(one: Option<&str>, other: Option<&str>) -> f64 {
    suggest::titles(one, other)
}

#[pg_extern(sql = false)]
fn check_ready()
-> Rows<(name!(problem, Option<String>), name!(library_version, &'static str), name!(sql_version, Option<String>))> {
    rows(ready::check().map(|problem| vec![problem]), |problem| (problem, ready::LIBRARY, settings::sql_version()))
}

#[pg_extern(sql = false)]
fn _platforms() -> Rows<Platforms> {
    rows(Ok(Platform::all()), platform)
}

#[pg_extern(sql = false)]
fn hide_statement() {
    server::hide_statement();
}

#[pg_extern(sql = false)]
fn sample_webhook(
    platform: Option<&str>,
    event_type: Option<&str>,
) -> Rows<(name!(path, String), name!(headers, JsonB), name!(body, String))> {
    rows(sample_one(platform, event_type), |s| (s.path, JsonB(s.headers), s.body))
}

// === From our values to SQL's ===

fn claimed(c: Claimed) -> Claims {
    (c.lease, c.platform, c.account, c.path)
}

fn completed(o: Outcome) -> (&'static str, String, Option<&'static str>, Option<String>) {
    let change = o.change.as_ref();
    (o.word.word(), o.message, change.map(Change::word), change.and_then(Change::detail))
}

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

fn platform(p: Platform) -> Platforms {
    let (settings, access) = (p.default_settings(), p.access());
    (
        p.name(),
        p.title(),
        settings.authentication.as_str(),
        settings.signature_header,
        p.sends_deliveries(),
        p.event_types().to_vec(),
        access.map(|access| access.url),
        access.map(|access| access.credential),
        access.map(|access| access.credential_variable),
        access.map(|access| access.calls_per_hour),
        access.is_some_and(|access| access.has_organizations),
        access.is_some_and(|access| access.has_locations),
        p.payout_days(),
        p.set_up().to_vec(),
    )
}

fn suggested(s: Suggestion) -> Suggested {
    let (theirs, ours) = (s.theirs, s.ours);
    let at = |at: Option<Micros>| at.and_then(timestamp);
    let score = AnyNumeric::try_from(format!("{:.2}", s.score).as_str()).ok();
    (theirs.platform, theirs.id, theirs.title, at(theirs.starts_at), ours.id, ours.title, at(ours.starts_at), score)
}
