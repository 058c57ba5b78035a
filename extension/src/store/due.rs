//! What is to be synchronised: linked events, and what the view `sync_plan` and the accounts say is due.

use boxoffice_core::platform::Platform;
use pgrx::pg_sys::BuiltinOid::TEXTOID;
use pgrx::spi::SpiClient;

use super::plan::Plan;
use super::runs::words::Mode;
use crate::error::{Error, Result};

static DISCOVERIES: Plan = Plan { sql: include_str!("sql/schedule_discoveries.sql"), types: &[] };
static TOGETHER: Plan = Plan { sql: include_str!("sql/schedule_together.sql"), types: &[] };
static EVENTS: Plan = Plan { sql: include_str!("sql/schedule_events.sql"), types: &[] };
static LINKED: Plan = Plan {
    sql: "SELECT t.platform, t.external_event_id FROM boxoffice.ticket_platforms t WHERE t.event_id = $1
          ORDER BY t.platform, t.external_event_id",
    types: &[TEXTOID],
};
// Nobody could read what no account can.
static READABLE: Plan = Plan {
    sql: "SELECT t.platform, t.external_event_id FROM boxoffice.ticket_platforms t
          WHERE t.platform = $1 AND t.event_id IS NOT NULL
            AND EXISTS (SELECT FROM boxoffice.platform_accounts k
                WHERE k.platform = t.platform AND k.name = boxoffice.account_of(t.platform, t.external_event_id)
                  AND boxoffice.is_held(k.announced_at))
          ORDER BY t.external_event_id",
    types: &[TEXTOID],
};

/// An event of a platform.
pub type Event = (Platform, String);

/// Accounts whose events are to be listed: platform, name, and whether that has never been done.
pub fn discoveries(client: &mut SpiClient<'_>) -> Result<Vec<(Platform, String, bool)>> {
    let mut due = Vec::new();
    for row in DISCOVERIES.write(client, &[])? {
        due.push((platform(row.get(1)?)?, row.get::<String>(2)?.unwrap_or_default(), row.get(3)?.unwrap_or(false)));
    }
    Ok(due)
}

/// Events whose changes can be asked for together: platform, account, events.
pub fn together(client: &mut SpiClient<'_>) -> Result<Vec<(Platform, String, Vec<String>)>> {
    let mut due = Vec::new();
    for row in TOGETHER.write(client, &[])? {
        let events = row.get::<Vec<Option<String>>>(3)?.unwrap_or_default().into_iter().flatten().collect();
        due.push((platform(row.get(1)?)?, row.get::<String>(2)?.unwrap_or_default(), events));
    }
    Ok(due)
}

/// Events that are due, and how.
pub fn events(client: &mut SpiClient<'_>) -> Result<Vec<(Event, Mode)>> {
    let mut due = Vec::new();
    for row in EVENTS.write(client, &[])? {
        let mode = row.get::<String>(3)?.as_deref().and_then(Mode::from_word);
        let mode = mode.ok_or_else(|| Error::Spi("sync_plan shows an unknown mode".to_owned()))?;
        due.push(((platform(row.get(1)?)?, row.get::<String>(2)?.unwrap_or_default()), mode));
    }
    Ok(due)
}

/// Events of the platforms that one of ours is linked to.
pub fn linked(client: &mut SpiClient<'_>, event_id: &str) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    for row in LINKED.write(client, &[event_id.into()])? {
        events.push((platform(row.get(1)?)?, row.get::<String>(2)?.unwrap_or_default()));
    }
    Ok(events)
}

/// Linked events of a platform that an account can read which a worker holds.
pub fn readable(client: &mut SpiClient<'_>, of: &str) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    for row in READABLE.write(client, &[of.into()])? {
        events.push((platform(row.get(1)?)?, row.get::<String>(2)?.unwrap_or_default()));
    }
    Ok(events)
}

fn platform(name: Option<String>) -> Result<Platform> {
    name.as_deref()
        .and_then(Platform::from_name)
        .ok_or_else(|| Error::Spi("a row is of an unknown platform".to_owned()))
}
