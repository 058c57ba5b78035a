//! A write as every delivery makes it: `ready_probe`, and the lock of `webhook_logs`.

use pgrx::spi::SpiClient;

use super::plan::Plan;
use crate::error::Result;

static LOCK: Plan = Plan { sql: "LOCK TABLE boxoffice.webhook_logs IN ROW EXCLUSIVE MODE", types: &[] };

// Past a row that another probe holds: that one is writing.
static WRITE: Plan = Plan {
    sql: "UPDATE boxoffice.ready_probe SET probes = probes + 1
          WHERE only_row = (SELECT p.only_row FROM boxoffice.ready_probe p FOR UPDATE SKIP LOCKED LIMIT 1)",
    types: &[],
};

/// Takes the lock without which nothing can be kept, and writes. The caller takes it back.
pub fn write(client: &mut SpiClient<'_>) -> Result<()> {
    LOCK.write(client, &[])?;
    WRITE.write(client, &[])?;
    Ok(())
}
