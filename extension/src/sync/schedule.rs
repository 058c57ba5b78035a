//! Synchronisations that are due.

use pgrx::Spi;

use super::begin::{self, EventSync};
use crate::error::Result;
use crate::server;
use crate::store::due;
use crate::store::jobs::words::Priority;
use crate::store::runs::words::{Mode, Reason};

/// Begins what is due: lists of the events of accounts, changes of many events together, single events. Says how many.
pub fn begin_due() -> Result<i32> {
    Spi::connect_mut(|client| {
        server::require_writable()?;
        let mut begun = 0;
        let scheduled = Priority::Scheduled.number();
        for (platform, account, is_first) in due::discoveries(client)? {
            let reason = if is_first { Reason::First } else { Reason::Schedule };
            begin::discovery(client, platform, &account, reason, scheduled)?;
            begun += 1;
        }
        for (platform, account, events) in due::together(client)? {
            let events: Vec<&str> = events.iter().map(String::as_str).collect();
            begin::account_changes(client, platform, &account, &events, scheduled)?;
            begun += 1;
        }
        for ((platform, event), mode) in due::events(client)? {
            server::check_interrupts();
            let (reason, priority) = match mode {
                Mode::Full => (Reason::First, Priority::Scheduled),
                Mode::Reconcile => (Reason::Daily, Priority::Daily),
                Mode::Changes | Mode::Discovery | Mode::Burst => (Reason::Schedule, Priority::Scheduled),
            };
            let priority = priority.number();
            begin::event(client, &EventSync { platform, event: &event, mode, reason, priority, dry_run: false })?;
            begun += 1;
        }
        Ok(begun)
    })
}
