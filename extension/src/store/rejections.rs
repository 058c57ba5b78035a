//! Deliveries that were turned away: `webhook_rejections`, counted in bounded space.

use std::collections::BTreeMap;

use boxoffice_core::platform::Platform;
use boxoffice_core::time::Micros;
use boxoffice_core::verify::Refusal;
use pgrx::pg_sys::BuiltinOid::{BYTEAARRAYOID, INT2OID, INT8ARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID};
use pgrx::spi::SpiClient;

use super::plan::Plan;
use super::timestamp;
use crate::error::Result;

/// How many rows there are for each platform and reason.
const SLOTS: i32 = 16;
/// How much is kept of a body.
const SAMPLE_BYTES: usize = 2048;

static COUNT: Plan = Plan {
    sql: "INSERT INTO boxoffice.webhook_rejections AS r (platform, reason, slot, count, first_at, last_at, last_headers, last_body)
          SELECT k.platform, k.reason, $6, k.count, $7, $7, k.headers::jsonb, k.body
          FROM unnest($1, $2, $3, $4, $5) AS k (platform, reason, count, headers, body)
          ON CONFLICT (platform, reason, slot) DO UPDATE SET count = r.count + excluded.count,
              last_at = GREATEST(r.last_at, excluded.last_at), last_headers = excluded.last_headers, last_body = excluded.last_body",
    types: &[TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID, TEXTARRAYOID, BYTEAARRAYOID, INT2OID, TIMESTAMPTZOID],
};

/// A delivery that was turned away.
pub struct Rejection<'a> {
    /// `None`: no platform of that name. The name itself is not kept, or anybody could make rows.
    pub platform: Option<Platform>,
    /// Why.
    pub refusal: Refusal,
    /// Redacted headers, JSON.
    pub headers: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// Counts them and keeps the last of each kind as a sample.
pub fn count(client: &mut SpiClient<'_>, rejections: &[Rejection<'_>], now: Micros) -> Result<()> {
    let mut kinds: BTreeMap<(&str, &str), (i64, &Rejection<'_>)> = BTreeMap::new();
    for rejection in rejections {
        let platform = rejection.platform.map_or("(unknown)", Platform::as_str);
        let entry = kinds.entry((platform, rejection.refusal.code())).or_insert((0, rejection));
        *entry = (entry.0 + 1, rejection);
    }
    if kinds.is_empty() {
        return Ok(());
    }
    let sample = |r: &Rejection<'_>| r.body[..r.body.len().min(SAMPLE_BYTES)].to_vec();
    let slot = i16::try_from(crate::server::process_id().rem_euclid(SLOTS)).unwrap_or(0);
    COUNT.write(
        client,
        &[
            kinds.keys().map(|(platform, _)| *platform).collect::<Vec<_>>().into(),
            kinds.keys().map(|(_, reason)| *reason).collect::<Vec<_>>().into(),
            kinds.values().map(|(count, _)| *count).collect::<Vec<_>>().into(),
            kinds.values().map(|(_, last)| last.headers).collect::<Vec<_>>().into(),
            kinds.values().map(|(_, last)| sample(last)).collect::<Vec<_>>().into(),
            slot.into(),
            timestamp(now).into(),
        ],
    )?;
    Ok(())
}
