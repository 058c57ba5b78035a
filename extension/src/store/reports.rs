//! What reconciliations found: `reconciliation_differences`.

use pgrx::pg_sys::BuiltinOid::{BOOLARRAYOID, INT8OID, TEXTARRAYOID, TEXTOID};
use pgrx::spi::SpiClient;

use super::compare::Difference;
use super::plan::Plan;
use super::runs::Run;
use crate::error::Result;

// What is said of an order that was missing is said once, whichever page tells more about it later.
static ADD: Plan = Plan {
    sql: "INSERT INTO boxoffice.reconciliation_differences (run_id, platform, platform_order_id, platform_attendee_id, difference, columns,
              ours, theirs, currency, money_difference, healed)
          SELECT $1, $2, k.order_id, k.attendee_id, k.kind, string_to_array(k.columns, ','), k.ours::jsonb, k.theirs::jsonb, k.currency,
              k.money::numeric, k.healed
          FROM (SELECT unnest($3) AS order_id, unnest($4) AS attendee_id, unnest($5) AS kind, unnest($6) AS columns, unnest($7) AS ours,
                       unnest($8) AS theirs, unnest($9) AS currency, unnest($10) AS money, unnest($11) AS healed) k
          WHERE NOT EXISTS (SELECT FROM boxoffice.reconciliation_differences m
                            WHERE m.run_id = $1 AND m.platform_order_id = k.order_id AND m.difference = 'missing_here')
          ON CONFLICT DO NOTHING",
    types: &[
        INT8OID,
        TEXTOID,
        TEXTARRAYOID,
        TEXTARRAYOID,
        TEXTARRAYOID,
        TEXTARRAYOID,
        TEXTARRAYOID,
        TEXTARRAYOID,
        TEXTARRAYOID,
        TEXTARRAYOID,
        BOOLARRAYOID,
    ],
};

static PURGE: Plan = Plan {
    sql: "DELETE FROM boxoffice.reconciliation_differences d
          WHERE NOT EXISTS (SELECT FROM boxoffice.sync_history h WHERE h.id = d.run_id)",
    types: &[],
};

/// A difference and what it is called.
pub struct Found<'d> {
    /// What differs.
    pub difference: &'d Difference,
    /// The word for it.
    pub kind: &'static str,
    /// Our row was put right.
    pub healed: bool,
}

/// Adds differences to the report of a run.
pub fn add(client: &mut SpiClient<'_>, run: &Run, found: &[Found<'_>]) -> Result<()> {
    if found.is_empty() {
        return Ok(());
    }
    let texts = |pick: fn(&Difference) -> Option<&str>| found.iter().map(|f| pick(f.difference)).collect::<Vec<_>>();
    let columns: Vec<String> = found.iter().map(|f| f.difference.columns.join(",")).collect();
    ADD.write(
        client,
        &[
            run.id.into(),
            run.platform.as_str().into(),
            texts(|d| Some(&d.order_id)).into(),
            texts(|d| Some(&d.attendee_id)).into(),
            found.iter().map(|f| f.kind).collect::<Vec<_>>().into(),
            columns.iter().map(String::as_str).collect::<Vec<_>>().into(),
            texts(|d| d.ours.as_deref()).into(),
            texts(|d| d.theirs.as_deref()).into(),
            texts(|d| d.currency.as_deref()).into(),
            texts(|d| d.money.as_deref()).into(),
            found.iter().map(|f| f.healed).collect::<Vec<_>>().into(),
        ],
    )?;
    Ok(())
}

/// Deletes the differences of runs that are no more.
pub fn purge(client: &mut SpiClient<'_>) -> Result<()> {
    PURGE.write(client, &[])?;
    Ok(())
}
