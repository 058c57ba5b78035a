//! From SQL's values to ours: what the functions of [`crate::api`] do with their arguments.

use boxoffice_core::headers::Headers;
use boxoffice_core::time::Micros;
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::{Array, JsonB};

use crate::deliver::ingest;
use crate::deliver::ingest::{Incoming, Receipt};
use crate::deliver::replay;
use crate::deliver::resource;
use crate::deliver::resource::Report;
use crate::diagnose::explain;
use crate::diagnose::explain::Step;
use crate::diagnose::sample;
use crate::error::{Error, Result};
use crate::fetch;
use crate::fetch::claim::{self, Claimed};
use crate::fetch::{Answered, Outcome};
use crate::store::deliveries::Filter;
use crate::store::runs::words::Mode;
use crate::store::{micros, now};
use crate::sync::{request, upkeep};

/// The value, or an error that names the argument.
pub(super) fn given<T>(value: Option<T>, name: &'static str) -> Result<T> {
    value.ok_or(Error::Null(name))
}

fn header_map(headers: JsonB) -> Result<Headers> {
    Ok(Headers::from_value(headers.0)?)
}

/// Of both forms of `ingest_webhook`.
pub(super) fn ingest_one(platform: Option<&str>, headers: Option<JsonB>, body: Option<&[u8]>) -> Result<Vec<Receipt>> {
    let headers = header_map(given(headers, "headers")?)?;
    ingest::ingest(&[Incoming { platform: given(platform, "platform")?, headers, body: given(body, "body")? }])
}

/// Of `ingest_webhooks`.
pub(super) fn ingest_many(
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

/// Of `process_webhook`.
pub(super) fn process_one(
    platform: Option<&str>,
    event_type: Option<&str>,
    data: Option<JsonB>,
) -> Result<Vec<Receipt>> {
    let data = given(data, "data")?.0;
    Ok(vec![ingest::process(given(platform, "platform")?, given(event_type, "event_type")?, data)?])
}

/// Of both forms of `apply_resource`.
pub(super) fn apply_one(
    platform: Option<&str>,
    kind: Option<&str>,
    body: Option<&[u8]>,
    fetched_at: Option<TimestampWithTimeZone>,
) -> Result<Vec<Report>> {
    let (platform, kind, body) = (given(platform, "platform")?, given(kind, "kind")?, given(body, "body")?);
    Ok(vec![resource::apply_resource(platform, kind, body, fetched_at.map(micros))?])
}

/// Of both forms of `explain_webhook`.
pub(super) fn explain_one(platform: Option<&str>, headers: Option<JsonB>, body: Option<&[u8]>) -> Result<Vec<Step>> {
    let headers = header_map(given(headers, "headers")?)?;
    explain::explain(given(platform, "platform")?, &headers, given(body, "body")?)
}

/// Of `retry_failed_webhooks`.
pub(super) fn retry_some(
    limit: Option<i32>,
    include_dead: Option<bool>,
    filter: &Filter<'_>,
) -> Result<Vec<replay::Round>> {
    Ok(vec![replay::retry(given(limit, "max_deliveries")?, given(include_dead, "include_dead")?, filter)?])
}

fn span(from: Option<TimestampWithTimeZone>, until: Option<TimestampWithTimeZone>) -> Result<(Micros, Micros)> {
    Ok((micros(given(from, "from_time")?), until.map_or_else(now, micros)))
}

/// Of `replay_webhooks`.
pub(super) fn replay_some(
    from: Option<TimestampWithTimeZone>,
    until: Option<TimestampWithTimeZone>,
    platform: Option<&str>,
) -> Result<Vec<replay::Replayed>> {
    let (from, until) = span(from, until)?;
    Ok(vec![replay::replay_all(from, until, platform)?])
}

/// Of `replay_diff`.
pub(super) fn diff_some(
    from: Option<TimestampWithTimeZone>,
    until: Option<TimestampWithTimeZone>,
    platform: Option<&str>,
) -> Result<Vec<(i64, String, String)>> {
    let (from, until) = span(from, until)?;
    replay::diff(from, until, platform)
}

/// Of `complete_fetch`.
pub(super) fn complete_one(
    id: Option<i64>,
    http_status: Option<i32>,
    headers: Option<JsonB>,
    body: Option<&[u8]>,
) -> Result<Vec<Outcome>> {
    let headers = headers.map_or_else(|| Ok(Headers::default()), header_map)?;
    let status = http_status.map(u16::try_from).transpose().map_err(|_| Error::Argument {
        message: "http_status is no HTTP status".to_owned(),
        hint: "Without an answer it is NULL, and headers say why: {\":error\": \"timeout\"}.",
    })?;
    let answered = Answered { status, headers: &headers, body: body.unwrap_or_default() };
    Ok(vec![fetch::complete(given(id, "id")?, &answered)?])
}

/// Of `api_listings`.
pub(super) fn list_some(
    platform: Option<&str>,
    scope: Option<&str>,
    scope_id: Option<&str>,
    since: Option<TimestampWithTimeZone>,
    location: Option<&str>,
) -> Result<Vec<(&'static str, String)>> {
    let (platform, scope, id) = (given(platform, "platform")?, given(scope, "scope")?, given(scope_id, "scope_id")?);
    fetch::listings(platform, scope, id, since.map(micros), location)
}

/// Of `claim_fetches`.
pub(super) fn claim_some(max_jobs: Option<i32>, accounts: Option<Array<'_, &str>>) -> Result<Vec<Claimed>> {
    let accounts: Option<Vec<Option<String>>> =
        accounts.map(|list| list.iter().map(|a| a.map(str::to_owned)).collect());
    claim::claim(max_jobs, accounts.as_deref())
}

/// Of `reconcile_event`.
pub(super) fn reconcile_one(event_id: Option<&str>, dry_run: Option<bool>) -> Result<Vec<Option<i64>>> {
    request::event(event_id, Mode::Reconcile, given(dry_run, "dry_run")?)
}

/// Of `begin_discovery`.
pub(super) fn discover_one(
    platform: Option<&str>,
    account: Option<&str>,
    reason: Option<&str>,
    priority: Option<i32>,
) -> Result<Option<i64>> {
    let (platform, account) = (given(platform, "platform")?, given(account, "account")?);
    request::discovery(platform, account, given(reason, "reason")?, given(priority, "priority")?)
}

/// Of `fail_run`.
pub(super) fn fail_one(run: Option<i64>, why: Option<&str>, is_its_own: Option<bool>) -> Result<()> {
    upkeep::fail_run(given(run, "run")?, given(why, "why")?, given(is_its_own, "is_its_own")?)
}

/// Of `mend_times`.
pub(super) fn mend_some(ahead: Option<Interval>) -> Result<i32> {
    let ahead = ahead.map(|ahead| Micros::try_from(ahead.as_micros())).transpose();
    upkeep::mend_times(ahead.map_err(|_| Error::invalid("ahead is out of range"))?)
}

/// Of `forget_account_fetches`.
pub(super) fn forget_some(platform: Option<&str>, account: Option<&str>) -> Result<()> {
    upkeep::forget_account(given(platform, "platform")?, given(account, "account")?)
}

/// Of `withdraw_runs`.
pub(super) fn withdraw_some(ids: Option<Array<'_, i64>>) -> Result<Vec<i64>> {
    let ids: Vec<i64> = given(ids, "ids")?.iter().flatten().collect();
    upkeep::withdraw(&ids)
}

/// Of `sample_webhook`.
pub(super) fn sample_one(platform: Option<&str>, event_type: Option<&str>) -> Result<Vec<sample::Sample>> {
    Ok(vec![sample::sample(given(platform, "platform")?, given(event_type, "event_type")?)?])
}
