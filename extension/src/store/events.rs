//! Events of the platforms and their links: `ticket_platforms`.

use std::collections::{BTreeMap, BTreeSet};

use boxoffice_core::observation::EventCopy;
use boxoffice_core::platform::Platform;
use boxoffice_core::time::Micros;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::BuiltinOid::{self, INT4ARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID};
use pgrx::spi::{SpiClient, SpiHeapTupleData};

use super::orders::Changed;
use super::plan::Plan;
use super::{micros, timestamp};
use crate::error::Result;

const TEXT: BuiltinOid = TEXTARRAYOID;

static READ_LINKS: Plan = Plan {
    sql: "SELECT p.platform, p.external_event_id, p.event_id, p.external_title IS NULL, p.external_venue IS NULL,
                 p.external_starts_at IS NULL
          FROM (SELECT unnest($1) AS platform, unnest($2) AS external_event_id) k
          JOIN boxoffice.ticket_platforms p USING (platform, external_event_id)",
    types: &[TEXT, TEXT],
};

static READ_LINK: Plan = Plan {
    sql: "SELECT p.event_id, p.external_title IS NULL, p.external_venue IS NULL, p.external_starts_at IS NULL
          FROM boxoffice.ticket_platforms p WHERE p.platform = $1 AND p.external_event_id = $2",
    types: &[BuiltinOid::TEXTOID, BuiltinOid::TEXTOID],
};

static REGISTER: Plan = Plan {
    sql: "INSERT INTO boxoffice.ticket_platforms (platform, external_event_id, external_title, external_venue, external_starts_at)
          SELECT unnest($1), unnest($2), unnest($3), unnest($4), unnest($5)
          ON CONFLICT DO NOTHING",
    types: &[TEXT, TEXT, TEXT, TEXT, TIMESTAMPTZARRAYOID],
};

// At an equal version the later copy wins only if it differs, which healing a half-written copy needs.
static UPSERT: Plan = Plan {
    sql: "INSERT INTO boxoffice.ticket_platforms AS p (platform, external_event_id, external_title, external_venue,
              external_starts_at, external_ends_at, external_time_zone, external_capacity, external_event_url, external_status,
              currency, source_version, platform_data, external_sessions, on_sale)
          SELECT r.a, r.b, r.c, r.d, r.e, r.f, r.g, r.h, r.i, r.j, r.k, r.l, r.m::jsonb, r.n::jsonb, r.o
          FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) AS r (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o)
          ON CONFLICT (platform, external_event_id) DO UPDATE SET
              external_title = excluded.external_title, external_venue = COALESCE(excluded.external_venue, p.external_venue),
              external_starts_at = excluded.external_starts_at, external_ends_at = excluded.external_ends_at,
              external_time_zone = excluded.external_time_zone, external_capacity = excluded.external_capacity,
              external_event_url = excluded.external_event_url, external_status = excluded.external_status, on_sale = excluded.on_sale,
              currency = excluded.currency, source_version = excluded.source_version,
              external_sessions = COALESCE(excluded.external_sessions, p.external_sessions),
              platform_data = COALESCE(excluded.platform_data, p.platform_data)
          WHERE p.source_version IS NULL OR excluded.source_version > p.source_version
             OR (excluded.source_version = p.source_version AND excluded.platform_data::text > p.platform_data::text)
          RETURNING platform, external_event_id",
    types: &[
        TEXT,
        TEXT,
        TEXT,
        TEXT,
        TIMESTAMPTZARRAYOID,
        TIMESTAMPTZARRAYOID,
        TEXT,
        INT4ARRAYOID,
        TEXT,
        TEXT,
        TEXT,
        TIMESTAMPTZARRAYOID,
        TEXT,
        TEXT,
        BuiltinOid::BOOLARRAYOID,
    ],
};

// What a delivery mentions about an event and nobody has said yet.
static FILL: Plan = Plan {
    sql: "UPDATE boxoffice.ticket_platforms p SET external_title = COALESCE(p.external_title, $3), external_venue = COALESCE(p.external_venue, $4),
              external_starts_at = COALESCE(p.external_starts_at, $5)
          WHERE p.platform = $1 AND p.external_event_id = $2",
    types: &[
        BuiltinOid::TEXTOID,
        BuiltinOid::TEXTOID,
        BuiltinOid::TEXTOID,
        BuiltinOid::TEXTOID,
        BuiltinOid::TIMESTAMPTZOID,
    ],
};

static FILL_OURS: Plan =
    Plan { sql: "SELECT boxoffice.fill_event($1, $2)", types: &[BuiltinOid::TEXTOID, BuiltinOid::TEXTOID] };

/// Which of our events each event of a platform is linked to.
#[derive(Default)]
pub struct Links(BTreeMap<(Platform, String), Link>);

/// What is known of an event of a platform.
struct Link {
    event_id: Option<String>,
    /// Title, venue, start: which of them nobody has said yet.
    unknown: [bool; 3],
}

impl Link {
    /// From three columns of a row.
    fn unknown(row: &SpiHeapTupleData<'_>, first: usize) -> Result<[bool; 3]> {
        let mut unknown = [false; 3];
        for (i, flag) in unknown.iter_mut().enumerate() {
            *flag = row.get::<bool>(first + i)?.unwrap_or(false);
        }
        Ok(unknown)
    }

    /// Whether the copy says something that is unknown.
    fn learns_from(&self, event: &EventCopy) -> bool {
        let told = [event.title.is_some(), event.venue.is_some(), event.starts_at.is_some()];
        self.unknown.iter().zip(told).any(|(unknown, told)| *unknown && told)
    }
}

impl Links {
    /// Our event, when there is a link.
    pub fn event_id(&self, platform: Platform, external_event_id: Option<&str>) -> Option<String> {
        self.0.get(&(platform, external_event_id?.to_owned()))?.event_id.clone()
    }
}

/// Looks up the links of all events that the changed orders name, and registers events that were not known yet.
///
/// `mentioned` may tell more about those: title, venue, start.
pub fn links(
    client: &mut SpiClient<'_>,
    changed: &[&Changed<'_>],
    mentioned: &[(Platform, &EventCopy)],
) -> Result<Links> {
    let mut wanted: BTreeSet<(Platform, &str)> =
        mentioned.iter().map(|(platform, event)| (*platform, event.external_event_id.as_str())).collect();
    for order in changed {
        let Some(shown) = &order.after else { continue };
        let ids = shown.attendees.iter().map(|a| &a.external_event_id).chain([&shown.sale.external_event_id]);
        wanted.extend(ids.flatten().map(|id| (order.key.platform, id.as_str())));
    }
    if wanted.is_empty() {
        return Ok(Links::default());
    }
    let links = read_links(client, &wanted)?;
    let told: BTreeMap<(Platform, &str), &EventCopy> =
        mentioned.iter().map(|(platform, event)| ((*platform, event.external_event_id.as_str()), *event)).collect();
    for ((platform, id), event) in told {
        if links.0.get(&(platform, id.to_owned())).is_some_and(|link| link.learns_from(event)) {
            let (title, venue) = (event.title.as_deref(), event.venue.as_deref());
            let starts_at = event.starts_at.and_then(timestamp);
            FILL.write(client, &[platform.as_str().into(), id.into(), title.into(), venue.into(), starts_at.into()])?;
            FILL_OURS.write(client, &[platform.as_str().into(), id.into()])?;
        }
    }
    wanted.retain(|(platform, id)| !links.0.contains_key(&(*platform, (*id).to_owned())));
    if !wanted.is_empty() {
        register(client, &wanted, mentioned)?;
    }
    Ok(links)
}

/// Looks up links; events that are not known are not in the answer.
pub fn read_links(client: &SpiClient<'_>, wanted: &BTreeSet<(Platform, &str)>) -> Result<Links> {
    let mut links = Links::default();
    // One event is the common case, and a third of the cost.
    if let (1, Some((platform, id))) = (wanted.len(), wanted.first()) {
        for row in READ_LINK.read(client, &[platform.as_str().into(), (*id).into()])? {
            let link = Link { event_id: row.get(1)?, unknown: Link::unknown(&row, 2)? };
            links.0.insert((*platform, (*id).to_owned()), link);
        }
        return Ok(links);
    }
    let (platforms, ids): (Vec<&str>, Vec<&str>) = wanted.iter().map(|(platform, id)| (platform.as_str(), *id)).unzip();
    for row in READ_LINKS.read(client, &[platforms.into(), ids.into()])? {
        if let (Some(platform), Some(id)) = (row.get::<String>(1)?, row.get::<String>(2)?) {
            let link = Link { event_id: row.get(3)?, unknown: Link::unknown(&row, 4)? };
            links.0.extend(Platform::from_name(&platform).map(|platform| ((platform, id), link)));
        }
    }
    Ok(links)
}

fn register(
    client: &mut SpiClient<'_>,
    wanted: &BTreeSet<(Platform, &str)>,
    mentioned: &[(Platform, &EventCopy)],
) -> Result<()> {
    let told = |platform: Platform, id: &str| {
        mentioned.iter().find(|(p, event)| *p == platform && event.external_event_id == id).map(|(_, event)| *event)
    };
    let about: Vec<Option<&EventCopy>> = wanted.iter().map(|(platform, id)| told(*platform, id)).collect();
    let (platforms, ids): (Vec<&str>, Vec<&str>) = wanted.iter().map(|(platform, id)| (platform.as_str(), *id)).unzip();
    let titles: Vec<Option<&str>> = about.iter().map(|e| e.and_then(|e| e.title.as_deref())).collect();
    let venues: Vec<Option<&str>> = about.iter().map(|e| e.and_then(|e| e.venue.as_deref())).collect();
    let starts: Vec<_> = about.iter().map(|e| e.and_then(|e| e.starts_at).and_then(timestamp)).collect();
    REGISTER.write(client, &[platforms.into(), ids.into(), titles.into(), venues.into(), starts.into()])?;
    Ok(())
}

/// Writes what the platforms' APIs say about their events; an older copy changes nothing. Returns how many rows changed.
pub fn upsert(client: &mut SpiClient<'_>, events: &[(Platform, &EventCopy)]) -> Result<usize> {
    // One row for each event: of several copies the newest, as the statement itself would choose.
    let mut newest: BTreeMap<(Platform, &str), &EventCopy> = BTreeMap::new();
    for (platform, event) in events {
        let entry = newest.entry((*platform, &event.external_event_id)).or_insert(event);
        let text = |e: &EventCopy| e.raw.as_ref().map(|d| d.text.clone());
        if (event.version, text(event)) > (entry.version, text(entry)) {
            *entry = event;
        }
    }
    let platforms: Vec<&str> = newest.keys().map(|(platform, _)| platform.as_str()).collect();
    let rows: Vec<&EventCopy> = newest.into_values().collect();
    if rows.is_empty() {
        return Ok(0);
    }
    let capacity = |e: &&EventCopy| e.capacity.and_then(|n| i32::try_from(n).ok());
    let table = UPSERT.write(
        client,
        &[
            platforms.into(),
            rows.iter().map(|e| e.external_event_id.as_str()).collect::<Vec<_>>().into(),
            rows.iter().map(|e| e.title.as_deref()).collect::<Vec<_>>().into(),
            rows.iter().map(|e| e.venue.as_deref()).collect::<Vec<_>>().into(),
            rows.iter().map(|e| e.starts_at.and_then(timestamp)).collect::<Vec<_>>().into(),
            rows.iter().map(|e| e.ends_at.and_then(timestamp)).collect::<Vec<_>>().into(),
            rows.iter().map(|e| e.time_zone.as_deref()).collect::<Vec<_>>().into(),
            rows.iter().map(capacity).collect::<Vec<_>>().into(),
            rows.iter().map(|e| e.url.as_deref()).collect::<Vec<_>>().into(),
            rows.iter().map(|e| e.platform_status.as_deref()).collect::<Vec<_>>().into(),
            rows.iter().map(|e| e.currency.as_ref().map(|c| c.as_str().to_owned())).collect::<Vec<_>>().into(),
            rows.iter().map(|e| timestamp(e.version)).collect::<Vec<_>>().into(),
            rows.iter().map(|e| e.raw.as_ref().map(|d| d.text.as_str())).collect::<Vec<_>>().into(),
            rows.iter().map(|e| sessions(e)).collect::<Vec<_>>().into(),
            rows.iter().map(|e| e.on_sale).collect::<Vec<_>>().into(),
        ],
    )?;
    let mut changed = Vec::new();
    for row in table {
        if let (Some(platform), Some(id)) = (row.get::<String>(1)?, row.get::<String>(2)?) {
            changed.push((platform, id));
        }
    }
    for (platform, id) in &changed {
        FILL_OURS.write(client, &[platform.as_str().into(), id.as_str().into()])?;
    }
    Ok(changed.len())
}

/// The dates of an event as JSON; `None` where it has none.
fn sessions(event: &EventCopy) -> Option<String> {
    (!event.sessions.is_empty()).then(|| serde_json::to_string(&event.sessions).ok()).flatten()
}

static OURS: Plan = Plan {
    sql: "SELECT NULL, event_id, title, venue, starts_at FROM boxoffice.ticket_events WHERE title IS NOT NULL ORDER BY event_id",
    types: &[],
};

static UNLINKED: Plan = Plan {
    sql: "SELECT platform, external_event_id, external_title, external_venue, external_starts_at FROM boxoffice.ticket_platforms
          WHERE event_id IS NULL AND external_title IS NOT NULL ORDER BY platform, external_event_id",
    types: &[],
};

/// What is known of an event, of a platform or of ours.
#[derive(Debug, Clone)]
pub struct Known {
    /// Whose it is; `None` for ours.
    pub platform: Option<String>,
    /// Its id.
    pub id: String,
    /// Title.
    pub title: Option<String>,
    /// Name of the venue.
    pub venue: Option<String>,
    /// Start.
    pub starts_at: Option<Micros>,
}

/// Our events that have a title.
pub fn ours(client: &SpiClient<'_>) -> Result<Vec<Known>> {
    known(client, &OURS)
}

/// Events of platforms that have a title and are not linked.
pub fn unlinked(client: &SpiClient<'_>) -> Result<Vec<Known>> {
    known(client, &UNLINKED)
}

fn known(client: &SpiClient<'_>, plan: &Plan) -> Result<Vec<Known>> {
    let mut all = Vec::new();
    for row in plan.read(client, &[])? {
        all.push(Known {
            platform: row.get(1)?,
            id: row.get(2)?.unwrap_or_default(),
            title: row.get(3)?,
            venue: row.get(4)?,
            starts_at: row.get::<TimestampWithTimeZone>(5)?.map(micros),
        });
    }
    Ok(all)
}
