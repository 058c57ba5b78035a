//! How synchronisations begin: which lists are read, and from when on.

use boxoffice_core::platform::call::Listing;
use boxoffice_core::platform::{Platform, ResourceKind};
use boxoffice_core::time::Micros;
use pgrx::spi::SpiClient;

use super::end;
use crate::error::Result;
use crate::store::jobs::lists;
use crate::store::runs::begin::{self, New};
use crate::store::runs::words::{Failure, Mode, Reason};
use crate::store::{account_lists, accounts, freshness, runs};

/// What organizations list of what has changed.
pub const CHANGES: [ResourceKind; 2] = [ResourceKind::Orders, ResourceKind::Attendees];

/// A synchronisation of one event of a platform.
#[derive(Debug, Clone, Copy)]
pub struct EventSync<'a> {
    /// The platform.
    pub platform: Platform,
    /// Its event.
    pub event: &'a str,
    /// Everything, changes, or a comparison.
    pub mode: Mode,
    /// Why.
    pub reason: Reason,
    /// Priority of its pages.
    pub priority: i16,
    /// Compared only.
    pub dry_run: bool,
}

/// Begins a synchronisation of one event of a platform, or joins one that has not begun to read. `None`: somebody else has
/// begun it at this moment.
pub fn event(client: &mut SpiClient<'_>, sync: &EventSync<'_>) -> Result<Option<i64>> {
    let EventSync { platform, event, mode, reason, priority, dry_run } = *sync;
    let name = platform.as_str();
    let account = account_lists::of(client, name, event)?;
    let new = New { platform: name, account: &account, event: Some(event), mode, reason, priority, dry_run };
    if let Some(run) = begin::joinable_event(client, &new)? {
        lists::raise(client, run, priority)?;
        return Ok(Some(run));
    }
    let Some(run) = begin::begin(client, &new)? else { return Ok(None) };
    if !dry_run {
        freshness::attempted(client, name, &[event], mode != Mode::Changes)?;
    }
    let since = match mode {
        Mode::Changes => freshness::last_sync(client, name, event)?.map(|at| at.saturating_sub(freshness::OVERLAP)),
        _ => None,
    };
    let location = runs::location(client, platform, event)?;
    let lists = platform.event_listings(event, since, location.as_deref());
    let in_turn = mode == Mode::Reconcile;
    add(client, run, &lists, since, in_turn, "the platform's id of the event cannot stand in a path")?;
    Ok(Some(run))
}

/// Begins to list an account's events, or joins a listing that has not begun to read.
pub fn discovery(
    client: &mut SpiClient<'_>,
    platform: Platform,
    account: &str,
    reason: Reason,
    priority: i16,
) -> Result<Option<i64>> {
    let name = platform.as_str();
    if let Some(run) = begin::joinable_discovery(client, name, account)? {
        lists::hurry(client, run, priority)?;
        return Ok(Some(run));
    }
    let new = New { platform: name, account, event: None, mode: Mode::Discovery, reason, priority, dry_run: false };
    let Some(run) = begin::begin(client, &new)? else { return Ok(None) };
    let lists = discovery_lists(client, platform, account)?;
    // The account's own region first: what that lists needs no other.
    add(client, run, &lists, None, true, NO_LIST)?;
    Ok(Some(run))
}

/// Adds the lists of the account's events to a run that has found its organizations.
pub fn go_on_with_discovery(client: &mut SpiClient<'_>, platform: Platform, account: &str, run: i64) -> Result<()> {
    let lists = discovery_lists(client, platform, account)?;
    let added = lists::add(client, run, &lists, false)?;
    begin::opened(client, run, added, None)
}

fn discovery_lists(client: &mut SpiClient<'_>, platform: Platform, account: &str) -> Result<Vec<Listing>> {
    let (organizations, locations) = accounts::scope(client, platform, account)?;
    Ok(platform.discovery(&organizations, &locations))
}

/// Begins to ask for the changes of many events at once, as lists of their organizations.
pub fn account_changes(
    client: &mut SpiClient<'_>,
    platform: Platform,
    account: &str,
    events: &[&str],
    priority: i16,
) -> Result<Option<i64>> {
    let name = platform.as_str();
    let (mode, reason) = (Mode::Changes, Reason::Schedule);
    let new = New { platform: name, account, event: None, mode, reason, priority, dry_run: false };
    let Some(run) = begin::begin(client, &new)? else { return Ok(None) };
    freshness::attempted(client, name, events, false)?;
    let since = freshness::oldest_sync(client, name, events)?.map(|at| at.saturating_sub(freshness::OVERLAP));
    let (organizations, _) = accounts::scope(client, platform, account)?;
    let lists = organization_lists(platform, &organizations, &CHANGES, since);
    add(client, run, &lists, since, false, NO_LIST)?;
    Ok(Some(run))
}

/// Lists of organizations with what has changed since then.
pub fn organization_lists(
    platform: Platform,
    organizations: &[String],
    kinds: &[ResourceKind],
    since: Option<Micros>,
) -> Vec<Listing> {
    let of = |organization: &String| -> Vec<Listing> {
        let list = |kind: &ResourceKind| platform.organization_listing(organization, *kind, since.unwrap_or_default());
        kinds.iter().filter_map(list).collect()
    };
    organizations.iter().flat_map(of).collect()
}

/// Why a run has failed that has nothing to ask for.
pub const NO_LIST: &str = "there is no list that can be asked for";

/// Adds lists to a run that has just begun; says whether there were any: without, it has failed.
pub fn add(
    client: &mut SpiClient<'_>,
    run: i64,
    lists: &[Listing],
    since: Option<Micros>,
    in_turn: bool,
    without: &str,
) -> Result<bool> {
    let added = lists::add(client, run, lists, in_turn)?;
    begin::opened(client, run, added, since)?;
    if added == 0 {
        end::fail(client, run, Failure::NoList, without)?;
    }
    Ok(added > 0)
}
