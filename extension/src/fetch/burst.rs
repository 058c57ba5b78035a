//! Many hints at once: a list of what has changed is read in their place, where the platform has one.

use boxoffice_core::platform::{Platform, ResourceKind};
use boxoffice_core::time::Micros;
use pgrx::spi::SpiClient;

use super::SECOND;
use super::shares::Shares;
use crate::error::Result;
use crate::store::jobs::claim::Account;
use crate::store::jobs::hints::{self, Of};
use crate::store::jobs::words::Priority;
use crate::store::runs::begin as runs;
use crate::store::runs::words::{Mode, Reason};
use crate::store::{account_lists, now};
use crate::sync::begin::{self, CHANGES, NO_LIST};

/// How long hints wait for the next list.
const WAIT: Micros = 60 * SECOND;
/// Clocks differ, and a hint takes a while: lists are asked for from so much earlier. What is missed by this is fetched
/// individually afterwards.
const EARLIER: Micros = 120 * SECOND;
/// Hints that have waited for so long are enough for a list, when the share of single calls is used up.
const LONG: Micros = 30 * SECOND;
/// A flood that comes in meanwhile is put off, from this many hints on.
const FLOOD: i32 = 1000;

/// Whether hints of orders and attendees wait for a list. Begins one when too many wait. `moment` moves on with it.
pub(super) fn hints_wait(
    client: &mut SpiClient<'_>,
    account: &Account,
    shares: &Shares,
    moment: &mut Micros,
) -> Result<bool> {
    let mut waits = account.in_burst;
    if !waits && let Some(platform) = Platform::from_name(&account.platform).filter(|p| lists_changes(*p)) {
        let threshold = if shares.has_room_for_hints() { account.burst_threshold } else { 0 };
        let before = (threshold == 0).then(|| moment.saturating_sub(LONG));
        if hints::more_wait_than(client, &of(account, *moment), threshold, before, false)? {
            waits = begin_burst(client, platform, account, *moment, threshold)?;
            // A list that has just begun is due as well.
            *moment = now();
        }
    }
    // That of the burst before; the one that has just begun has covered what there was.
    if let Some(until) = account.burst_until.filter(|until| waits && until > moment)
        && hints::more_wait_than(client, &of(account, *moment), FLOOD, None, true)?
    {
        // It is not to be read by every claim.
        hints::put_off(client, &of(account, *moment), until)?;
    }
    Ok(waits)
}

fn of(account: &Account, now: Micros) -> Of<'_> {
    Of { platform: &account.platform, account: &account.name, now }
}

/// Whether the platform has lists of all that has changed in an organization.
fn lists_changes(platform: Platform) -> bool {
    CHANGES.iter().any(|kind| platform.organization_listing("1", *kind, 0).is_some())
}

/// Begins to read lists in the place of the hints that wait. Where there are none, sorts out those of what nobody has heard of.
fn begin_burst(
    client: &mut SpiClient<'_>,
    platform: Platform,
    account: &Account,
    moment: Micros,
    threshold: i32,
) -> Result<bool> {
    let of = of(account, moment);
    if account.organizations.is_empty() || account.burst_is_off || !account.is_active {
        return hints::sift(client, &of);
    }
    let (kinds, threshold) = (hints::by_kind(client, &of)?, i64::from(threshold));
    let orders = kinds.orders > threshold;
    // The lists of orders show their attendees too; those that they did not show have a list of their own.
    let attendees = kinds.not_shown > threshold || (!orders && kinds.attendees > threshold);
    if !orders && !attendees {
        return Ok(false);
    }
    let new = runs::New {
        platform: &account.platform,
        account: &account.name,
        event: None,
        mode: Mode::Burst,
        reason: Reason::Burst,
        priority: Priority::List.number(),
        dry_run: false,
    };
    let Some(run) = runs::begin(client, &new)? else { return Ok(false) };
    let Some(oldest) = hints::cover(client, &of, run, (orders, attendees))? else {
        // All of them are locked by somebody else.
        runs::discard(client, run)?;
        return Ok(false);
    };
    let wanted = [(orders, ResourceKind::Orders), (attendees, ResourceKind::Attendees)];
    let kinds: Vec<ResourceKind> = wanted.into_iter().filter(|(wanted, _)| *wanted).map(|(_, kind)| kind).collect();
    let since = Some(oldest.saturating_sub(EARLIER));
    let lists = begin::organization_lists(platform, &account.organizations, &kinds, since);
    if !begin::add(client, run, &lists, since, false, NO_LIST)? {
        return Ok(false);
    }
    account_lists::begin_burst(client, &account.platform, &account.name, moment.saturating_add(WAIT))?;
    Ok(true)
}
