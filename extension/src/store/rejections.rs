//! Deliveries that were turned away: `webhook_rejections`, counted in bounded space.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use boxoffice_core::headers::Headers;
use boxoffice_core::platform::Platform;
use boxoffice_core::time::Micros;
use boxoffice_core::verify::Refusal;
use pgrx::pg_sys::BuiltinOid::{BOOLOID, BYTEAARRAYOID, INT2OID, INT8ARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID};
use pgrx::spi::SpiClient;

use super::plan::Plan;
use super::timestamp;
use crate::error::{Error, Result};
use crate::server;

/// How many rows there are for each platform and reason.
const SLOTS: i32 = 16;
/// How much is kept of headers and body. With both of them a row stays shorter than 2 kB, from where on the server would try
/// to compress it at each count.
const SAMPLE_HEADERS: usize = 800;
const SAMPLE_BODY: usize = 512;
/// How many samples each session takes of a kind in a minute: enough for somebody who tries things, and few in a flood.
const SAMPLES_A_MINUTE: u32 = 10;
const MINUTE: Duration = Duration::from_secs(60);
/// How long to wait for a row that somebody holds, and in how many slots to try it.
const WAIT: Duration = Duration::from_millis(20);
const TRIES: i32 = 3;

static COUNT: Plan = Plan {
    sql: "INSERT INTO boxoffice.webhook_rejections AS r (platform, reason, slot, count, first_at, last_at, last_headers, last_body)
          SELECT k.platform, k.reason, $6, k.count, $7, $7, k.headers::jsonb, k.body
          FROM unnest($1, $2, $3, $4, $5) AS k (platform, reason, count, headers, body)
          ON CONFLICT (platform, reason, slot) DO UPDATE SET count = r.count + excluded.count,
              last_at = GREATEST(r.last_at, excluded.last_at),
              last_headers = CASE WHEN $8 THEN excluded.last_headers ELSE r.last_headers END,
              last_body = CASE WHEN $8 THEN excluded.last_body ELSE r.last_body END",
    types: &[TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID, TEXTARRAYOID, BYTEAARRAYOID, INT2OID, TIMESTAMPTZOID, BOOLOID],
};

/// Why, and of which platform.
type Reason = (&'static str, &'static str);

thread_local! {
    /// When the present minute of a kind began, and how many samples it has had.
    static SAMPLED: RefCell<BTreeMap<Reason, (Instant, u32)>> = const { RefCell::new(BTreeMap::new()) };
}

/// A delivery that was turned away.
pub struct Rejection<'a> {
    /// `None`: no platform of that name. The name itself is not kept, or anybody could make rows.
    pub platform: Option<Platform>,
    /// Why.
    pub refusal: Refusal,
    /// Its headers.
    pub headers: &'a Headers,
    /// Name of the header that holds the signature.
    pub signature_header: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// Counts them, and now and then keeps one of each kind as a sample.
///
/// A row that somebody holds is passed by: a count that is missing harms nobody, but those who travel with these deliveries
/// must not wait.
pub fn count(client: &mut SpiClient<'_>, rejections: &[Rejection<'_>], now: Micros) -> Result<()> {
    let mut kinds: BTreeMap<Reason, (i64, &Rejection<'_>)> = BTreeMap::new();
    for rejection in rejections {
        let platform = rejection.platform.map_or("(unknown)", Platform::as_str);
        let entry = kinds.entry((platform, rejection.refusal.code())).or_insert((0, rejection));
        *entry = (entry.0 + 1, rejection);
    }
    // Those with a sample and those without are two statements.
    let (sampled, counted): (BTreeMap<_, _>, BTreeMap<_, _>) =
        kinds.into_iter().partition(|(kind, _)| takes_sample(kind));
    for (kinds, sample) in [(sampled, true), (counted, false)] {
        if !kinds.is_empty() {
            write_somewhere(client, &kinds, sample, now)?;
        }
    }
    Ok(())
}

fn takes_sample(kind: &Reason) -> bool {
    SAMPLED.with_borrow_mut(|sampled| {
        let (since, count) = sampled.entry(*kind).or_insert_with(|| (Instant::now(), 0));
        if since.elapsed() >= MINUTE {
            (*since, *count) = (Instant::now(), 0);
        }
        *count += 1;
        *count <= SAMPLES_A_MINUTE
    })
}

fn write_somewhere(
    client: &mut SpiClient<'_>,
    kinds: &BTreeMap<Reason, (i64, &Rejection<'_>)>,
    sample: bool,
    now: Micros,
) -> Result<()> {
    for attempt in 0..TRIES {
        let slot = server::process_id().wrapping_add(attempt * SLOTS / TRIES).rem_euclid(SLOTS);
        match server::in_subtransaction_with_lock_timeout(WAIT, || write(client, kinds, slot, sample, now)) {
            Err(Error::Locked) => {}
            other => return other,
        }
    }
    Ok(())
}

fn write(
    client: &mut SpiClient<'_>,
    kinds: &BTreeMap<Reason, (i64, &Rejection<'_>)>,
    slot: i32,
    sample: bool,
    now: Micros,
) -> Result<()> {
    let headers = |r: &Rejection<'_>| r.headers.redacted_sample(&[r.signature_header], SAMPLE_HEADERS);
    let body = |r: &Rejection<'_>| r.body[..r.body.len().min(SAMPLE_BODY)].to_vec();
    COUNT.write(
        client,
        &[
            kinds.keys().map(|(platform, _)| *platform).collect::<Vec<_>>().into(),
            kinds.keys().map(|(_, reason)| *reason).collect::<Vec<_>>().into(),
            kinds.values().map(|(count, _)| *count).collect::<Vec<_>>().into(),
            kinds.values().map(|(_, last)| headers(last)).collect::<Vec<_>>().into(),
            kinds.values().map(|(_, last)| body(last)).collect::<Vec<_>>().into(),
            i16::try_from(slot).unwrap_or(0).into(),
            timestamp(now).into(),
            sample.into(),
        ],
    )?;
    Ok(())
}
