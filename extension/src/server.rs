//! What needs the server's C interface: subtransactions, locks, invalidation. The only module with `unsafe`.
#![allow(clippy::result_large_err, reason = "pgrx hands over what it caught by value")]
#![allow(unsafe_code, reason = "pgrx has no safe form of these calls")]

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};

use pgrx::pg_sys::panic::CaughtError;
use pgrx::{PgSqlErrorCode, PgTryBuilder, pg_sys};

use crate::error::{Error, Result};

/// Keeps events from being linked or unlinked until the end of the transaction, so that no sale is written with a link
/// as it was before. Before anything else: whoever links holds this lock while waiting for no other.
///
/// # Errors
/// When the extension's schema is not there.
pub fn lock_links() -> Result<()> {
    // SAFETY: both look a name up in the system catalogs.
    let table = unsafe {
        let schema = pg_sys::get_namespace_oid(c"boxoffice_private".as_ptr(), true);
        pg_sys::get_relname_relid(c"link_lock".as_ptr(), schema)
    };
    if table == pg_sys::InvalidOid {
        return Err(Error::Spi("the table boxoffice_private.link_lock is missing".to_owned()));
    }
    let mode = pg_sys::RowExclusiveLock as pg_sys::LOCKMODE;
    // SAFETY: an ordinary lock of a table, released with the transaction. Deliveries do not exclude each other, and take it
    // without touching the shared lock table.
    unsafe { pg_sys::LockRelationOid(table, mode) };
    Ok(())
}

/// Ends the statement here if somebody has cancelled it or its time is over. For loops that may run for longer than a person
/// would wait, and for what they call; statements that they run look by themselves.
pub fn check_interrupts() {
    pgrx::check_for_interrupts!();
}

/// Runs `work` in a subtransaction: its effects stay when it succeeds and are gone when it fails.
///
/// # Errors
/// What `work` returned, or the statement that failed. Trouble that is not the data's fault (cancellation, shutdown, full
/// disk, deadlock …) is not returned but thrown on: the whole transaction has to end.
pub fn in_subtransaction<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    // SAFETY: the sequence of PL/pgSQL's exception blocks: context and owner saved before, restored after, in both ways.
    let (context, owner) = unsafe {
        let saved = (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner);
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(saved.0);
        saved
    };
    let caught = PgTryBuilder::new(AssertUnwindSafe(|| Ok(work()))).catch_others(Err).catch_rust_panic(Err).execute();
    // SAFETY: as above; the subtransaction begun there is the current one.
    unsafe {
        match &caught {
            Ok(Ok(_)) => pg_sys::ReleaseCurrentSubTransaction(),
            _ => pg_sys::RollbackAndReleaseCurrentSubTransaction(),
        }
        pg_sys::MemoryContextSwitchTo(context);
        pg_sys::CurrentResourceOwner = owner;
    }
    match caught {
        Ok(result) => result,
        Err(CaughtError::PostgresError(report)) if is_about_the_data(report.sql_error_code()) => {
            Err(Error::Statement { code: report.sql_error_code(), message: report.message().to_owned() })
        }
        Err(other) => other.rethrow(),
    }
}

/// Whether an error says something about the delivery (or about a trigger of the user's) rather than about the server.
fn is_about_the_data(code: PgSqlErrorCode) -> bool {
    let state = crate::error::sqlstate(code);
    // XX000 is not among them: pgrx calls every SQLSTATE so that it does not know, and triggers may have made up their own.
    !["08", "25", "40", "53", "55", "57", "58", "F0", "XX001", "XX002"].iter().any(|class| state.starts_with(class))
}

/// Number of the backend process, to spread counters.
pub fn process_id() -> i32 {
    // SAFETY: a plain global that does not change during the life of the process.
    unsafe { pg_sys::MyProcPid }
}

/// Whether settings were changed, by whomever, since the last call; true at first.
pub fn settings_are_stale() -> bool {
    // SAFETY: reads this backend's queue of messages. Without it a long transaction might hear of a rotation only at its end.
    unsafe { pg_sys::AcceptInvalidationMessages() }
    STALE.swap(false, Ordering::Relaxed)
}

/// Makes the next call of [`settings_are_stale`] say yes.
pub fn forget_settings() {
    STALE.store(true, Ordering::Relaxed);
}

/// Whether a statement of this transaction sees what others have committed before it.
pub fn sees_latest() -> bool {
    // SAFETY: a plain global, set at the start of the transaction.
    unsafe { pg_sys::XactIsoLevel < pg_sys::XACT_REPEATABLE_READ as i32 }
}

/// Tells all backends, at the commit, that their copy of the settings is stale. `relation` is the table that changed.
pub fn announce_settings(relation: pg_sys::Oid) {
    // SAFETY: only queues a message about a relation that is open, because its trigger runs.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(relation) }
}

static STALE: AtomicBool = AtomicBool::new(true);

/// Starts listening for those messages.
pub fn listen_for_settings() {
    // SAFETY: called once, when the library is loaded; the callback lives as long as the library, which is never unloaded.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(relation_changed), pg_sys::Datum::from(0)) }
}

/// Any relation will do: other changes are rare, and reading a few rows once more does no harm.
#[pgrx::pg_guard]
extern "C-unwind" fn relation_changed(_argument: pg_sys::Datum, _relation: pg_sys::Oid) {
    forget_settings();
}
