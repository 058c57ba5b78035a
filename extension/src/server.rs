//! What needs the server's C interface: subtransactions, locks, invalidation. The only module with `unsafe`.
#![allow(clippy::result_large_err, reason = "pgrx hands over what it caught by value")]
#![allow(unsafe_code, reason = "pgrx has no safe form of these calls")]

use std::ffi::CString;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use boxoffice_contract::sqlstate;
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

/// Fails unless this transaction may write. Without it a standby would say "cannot assign TransactionIds", an internal error.
pub fn require_writable() -> Result<()> {
    // SAFETY: reads the server's own state.
    if unsafe { pg_sys::RecoveryInProgress() } {
        return Err(Error::ReadOnly("the server is a standby"));
    }
    // SAFETY: a plain global of this backend.
    if unsafe { pg_sys::XactReadOnly } {
        return Err(Error::ReadOnly("the transaction is read-only"));
    }
    Ok(())
}

/// Like [`in_subtransaction`], and no lock is waited for longer than `limit`: then the result is [`Error::Locked`].
pub fn in_subtransaction_with_lock_timeout<T>(limit: Duration, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let set = pg_sys::GucAction::GUC_ACTION_SAVE;
    let limit = limit.as_millis().max(1);
    // SAFETY: what the server does for the SET of a function: a level of its own, which ends below, or with the transaction
    // when an error is thrown on. The value is text that the setting takes, as any user may set it.
    let level = unsafe {
        // Whoever waits less has reasons.
        let present = u128::try_from(pg_sys::LockTimeout).unwrap_or_default();
        let limit = if present > 0 { limit.min(present) } else { limit };
        let level = pg_sys::NewGUCNestLevel();
        if let Ok(value) = CString::new(limit.to_string()) {
            let (user, session) = (pg_sys::GucContext::PGC_USERSET, pg_sys::GucSource::PGC_S_SESSION);
            pg_sys::set_config_option(c"lock_timeout".as_ptr(), value.as_ptr(), user, session, set, true, 0, false);
        }
        level
    };
    let result = subtransaction(work, |code| code == PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE || stays_inside(code));
    // SAFETY: the level begun above; those above it have ended with the subtransaction.
    unsafe { pg_sys::AtEOXact_GUC(true, level) }
    match result {
        Err(Error::Statement { code: PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE, .. }) => Err(Error::Locked),
        other => other,
    }
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
    subtransaction(work, stays_inside)
}

/// Like [`in_subtransaction`], and whatever fails is returned, but for a cancellation: for work whose trouble is to be reported
/// and no more, as by EXCEPTION WHEN OTHERS.
pub fn attempt<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    subtransaction(work, |code| code != PgSqlErrorCode::ERRCODE_QUERY_CANCELED)
}

/// Runs `work` in a subtransaction of which nothing stays. Errors of statements are thrown on.
pub fn in_undone_subtransaction(work: impl FnOnce() -> Result<()>) -> Result<()> {
    let mut reached = false;
    let undone = || {
        work()?;
        reached = true;
        Err(Error::Spi("undone on purpose".to_owned()))
    };
    let result = subtransaction::<()>(undone, |_| false);
    if reached { Ok(()) } else { result }
}

/// Fails as a delivery would when the disk is full: writes a temporary file and lets it go. A row would not tell, since it
/// often fits on a page that is there; and rows that need new pages each time would make their table grow.
pub fn try_disk() {
    const BLOCK: usize = 8192;
    const BLOCKS: usize = 16;
    // SAFETY: a plain global, in kilobytes; -1 is no limit.
    if (0..(BLOCKS * BLOCK / 1024) as i32).contains(&unsafe { pg_sys::temp_file_limit }) {
        return; // It would be refused because of that.
    }
    // Not zeros: a file system may need no space for those.
    let mut block = [0_u8; BLOCK];
    block.iter_mut().enumerate().for_each(|(i, byte)| *byte = (i * 167 + i / 256) as u8);
    // SAFETY: the server's own files for sorts and the like. Should writing fail, the file ends with the transaction.
    unsafe {
        let file = pg_sys::BufFileCreateTemp(false);
        for _ in 0..BLOCKS {
            pg_sys::BufFileWrite(file, block.as_mut_ptr().cast(), BLOCK);
        }
        pg_sys::BufFileClose(file);
    }
}

/// Keeps the running statement out of the log should it fail, until the end of the function that has called.
pub fn hide_statement() {
    let (set, session) = (pg_sys::GucAction::GUC_ACTION_SAVE, pg_sys::GucSource::PGC_S_SESSION);
    // As a superuser might: who may not set it has no less reason to hide a secret.
    let superuser = pg_sys::GucContext::PGC_SUSET;
    // SAFETY: a setting and a value that exist; the level is that of the calling function, which ends with it.
    unsafe {
        pg_sys::set_config_option(
            c"log_min_error_statement".as_ptr(),
            c"panic".as_ptr(),
            superuser,
            session,
            set,
            true,
            0,
            false,
        );
    }
}

/// `returned`: which errors of statements are returned.
fn subtransaction<T>(work: impl FnOnce() -> Result<T>, returned: impl Fn(PgSqlErrorCode) -> bool) -> Result<T> {
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
        Err(CaughtError::PostgresError(report)) if returned(report.sql_error_code()) => {
            Err(Error::Statement { code: report.sql_error_code(), message: report.message().to_owned() })
        }
        Err(other) => other.rethrow(),
    }
}

/// Whether an error says something about the delivery (or about a trigger of the user's) rather than about the server.
fn stays_inside(code: PgSqlErrorCode) -> bool {
    !sqlstate::meaning(&crate::error::sqlstate(code)).ends_call
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
