//! The trigger that tells all backends of changed settings. Apart from [`crate::api`], because its macro wants the standard
//! `Result`.

use pgrx::prelude::*;
use pgrx::trigger_support::PgTriggerError;

use crate::server;

#[pg_trigger(sql = false)]
fn settings_changed<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, PgTriggerError> {
    server::announce_settings(trigger.relation()?.oid());
    Ok(None)
}
