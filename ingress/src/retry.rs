//! What both pumps do when a call of the database fails: say so, and wait longer each time.

use std::time::Duration;

use serde_json::Value;

use crate::log;
use crate::store::StoreError;

/// First pause after a failed attempt to connect; doubled each time.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// Longest pause, so that a database that is back is found soon.
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// The server gives up after the batch timeout by itself (`statement_timeout`), which leaves a usable session and a
/// certain answer; we wait this much longer for it to say so.
pub(crate) const DEADLINE_GRACE: Duration = Duration::from_secs(1);

/// Writes a failed call into the log.
pub(crate) fn report(event: &str, error: &StoreError, more: &[log::Field<'_>]) {
    let sqlstate = error.sqlstate.as_deref().map_or(Value::Null, Value::from);
    let mut fields = vec![("sqlstate", sqlstate), ("message", error.message.as_str().into())];
    fields.extend_from_slice(more);
    log::error(event, &fields);
}

/// Pause before the attempt after `failures` failed ones: between half and all of a time that doubles, so that many
/// workers do not come back in step.
pub(crate) fn backoff(failures: u32, random: u64) -> Duration {
    let full = BACKOFF_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(BACKOFF_MAX);
    full / 2 + full.mul_f64((random >> 11) as f64 / (1_u64 << 53) as f64) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_differ() {
        assert_eq!(backoff(1, 0), Duration::from_millis(50));
        assert!(backoff(1, u64::MAX) <= Duration::from_millis(100));
        assert_eq!(backoff(3, 0), Duration::from_millis(200));
        for failures in [8, 20, u32::MAX] {
            assert_eq!(backoff(failures, 0), Duration::from_secs(5));
            assert!(backoff(failures, u64::MAX) <= Duration::from_secs(10));
        }
    }
}
