//! Synchronisation on request.

use boxoffice_core::platform::Platform;
use pgrx::Spi;

use super::begin::{self, EventSync};
use crate::error::{Error, Result};
use crate::server;
use crate::store::jobs::words::Priority;
use crate::store::runs::words::{Mode, Reason};
use crate::store::{account_lists, due, jobs};

/// Begins a synchronisation of each platform's event that one of ours is linked to.
pub fn event(event_id: Option<&str>, mode: Mode, dry_run: bool) -> Result<Vec<Option<i64>>> {
    let event_id = event_id.ok_or_else(|| Error::null("event_id must not be null"))?;
    Spi::connect_mut(|client| {
        server::require_writable()?;
        let events = due::linked(client, event_id)?;
        if events.is_empty() {
            return Err(Error::not_found(
                format!("event \"{event_id}\" is not linked to an event of a platform"),
                "SELECT * FROM boxoffice.link_suggestions shows what it could be linked to; link_event() links.",
            ));
        }
        let mut begun = Vec::with_capacity(events.len());
        for (platform, event) in &events {
            let account = account_lists::of(client, platform.as_str(), event)?;
            account_lists::require(client, Some(platform.as_str()), Some(&account))?;
            begun.push(begin::event(client, &by_hand(*platform, event, mode, dry_run))?);
        }
        jobs::announce_work(client)?;
        Ok(begun)
    })
}

/// Begins to list the events of a platform's accounts, and to read everything of those that are linked.
pub fn platform(name: Option<&str>) -> Result<Vec<Option<i64>>> {
    Spi::connect_mut(|client| {
        server::require_writable()?;
        account_lists::require(client, name, None)?;
        // Required above.
        let Some(platform) = name.and_then(Platform::from_name) else { return Ok(Vec::new()) };
        let mut begun = Vec::new();
        for account in account_lists::held(client, platform.as_str())? {
            begun.push(begin::discovery(client, platform, &account, Reason::Manual, Priority::Manual.number())?);
        }
        for (platform, event) in due::readable(client, platform.as_str())? {
            begun.push(begin::event(client, &by_hand(platform, &event, Mode::Full, false))?);
        }
        jobs::announce_work(client)?;
        Ok(begun)
    })
}

fn by_hand(platform: Platform, event: &str, mode: Mode, dry_run: bool) -> EventSync<'_> {
    EventSync { platform, event, mode, reason: Reason::Manual, priority: Priority::Manual.number(), dry_run }
}

/// Begins to list an account's events, as somebody or something has asked.
pub fn discovery(platform: &str, account: &str, reason: &str, priority: i32) -> Result<Option<i64>> {
    let platform = crate::deliver::ingest::known(platform)?;
    let reason = Reason::from_word(reason).ok_or_else(|| Error::Argument {
        message: format!("unknown reason \"{reason}\""),
        hint: "Reasons are manual, first, schedule, daily and burst.",
    })?;
    let priority = i16::try_from(priority).ok().and_then(Priority::from_number).ok_or_else(|| Error::Argument {
        message: format!("there is no priority {priority}"),
        hint: "Priorities are -1 to 6, see the column fetch_jobs.priority.",
    })?;
    Spi::connect_mut(|client| {
        server::require_writable()?;
        begin::discovery(client, platform, account, reason, priority.number())
    })
}
