//! What the outbound pump tells the operator. Names of platforms and accounts, numbers of leases, words and sizes; never a
//! path, a header or a body.

use std::time::Duration;

use boxoffice_contract::fetch::{AccountChange, Outcome};

use crate::log;
use crate::outbound::desk::Answer;
use crate::retry::report;
use crate::store::{Completion, Fetched, Job, StoreError};

/// What the database has decided about an answer; what a person need not know is told only with `debug`. What has changed
/// about an account is news, and comes once.
pub fn completed(job: &Job, completion: &Completion, debug: bool) {
    if let Some(change) = &completion.account_change {
        let event = match AccountChange::from_word(change) {
            Some(AccountChange::Troubled) => "account_troubled",
            Some(AccountChange::Well) => "account_well",
            Some(AccountChange::Resumed) => "account_resumed",
            Some(AccountChange::Paused) => "account_paused",
            None => "account_changed",
        };
        let fields = [
            ("platform", job.platform.as_str().into()),
            ("account", job.account.as_str().into()),
            ("detail", completion.account_detail.as_deref().into()),
        ];
        log::info(event, &fields);
    }
    let fields = [
        ("fetch", job.id.into()),
        ("platform", job.platform.as_str().into()),
        ("account", job.account.as_str().into()),
        ("outcome", completion.outcome.as_str().into()),
        ("message", completion.message.as_deref().into()),
    ];
    match Outcome::from_word(&completion.outcome) {
        Some(Outcome::Stopped) => log::error("account_stopped", &fields),
        Some(Outcome::Dead) => log::error("fetch_dead", &fields),
        Some(Outcome::Lost) => log::warn("fetch_lost", &fields),
        _ if debug => log::debug("fetch_completed", &fields),
        _ => {}
    }
}

/// An answer that will not be handed over.
pub fn dropped(answer: &Answer) {
    log::error(
        "fetch_not_handed_over",
        &[
            ("fetch", answer.job.id.into()),
            ("platform", answer.job.platform.as_str().into()),
            ("account", answer.job.account.as_str().into()),
            ("tries", answer.tries.into()),
            ("waited_seconds", answer.since.elapsed().as_secs().into()),
        ],
    );
}

/// The database does not know the pump's functions, or does not let us call them. `idle`: there is no credential to fetch with
/// either, so a worker for deliveries only is what is wanted.
pub fn refused(error: &StoreError, idle: bool) {
    if idle && error.sqlstate.as_deref() == Some("42501") {
        log::info("outbound_off", &[("message", error.message.as_str().into())]);
        return;
    }
    let hint = "ALTER EXTENSION boxoffice UPDATE, then boxoffice.grant_ingress() for the worker's role; tried again once a \
                minute. Webhooks are not affected. BOXOFFICE_FETCH_CONCURRENCY=0 switches fetching off.";
    report("outbound_refused", error, &[("hint", hint.into())]);
}

/// The end of a fetch.
pub fn fetched(job: &Job, fetched: &Fetched, took: Duration) {
    let (status, bytes) = match fetched {
        Ok(page) => (page.status.into(), page.body.len()),
        Err(why) => (why.word().into(), 0),
    };
    log::debug(
        "fetch",
        &[
            ("fetch", job.id.into()),
            ("platform", job.platform.as_str().into()),
            ("account", job.account.as_str().into()),
            ("status", status),
            ("body_bytes", bytes.into()),
            ("total_us", (took.as_micros() as u64).into()),
        ],
    );
}
