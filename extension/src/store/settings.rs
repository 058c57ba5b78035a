//! Settings and secrets of all platforms, kept in memory until somebody changes them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use boxoffice_core::platform::Platform;
use boxoffice_core::settings::{Authentication, Encoding, Secret, Secrets, Settings, SignedContent};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::spi::SpiClient;

use super::micros;
use super::plan::Plan;
use crate::error::Result;
use crate::server;

/// What is set for each platform.
pub type AllSettings = BTreeMap<Platform, (Settings, Secrets)>;

static READ: Plan = Plan {
    sql: "SELECT s.platform, NULL::text AS kind, NULL::text AS value, NULL::timestamptz AS valid_until, NULL::integer AS generation,
                 s.authentication, s.signature_header, s.signature_encoding, s.signature_prefix, s.timestamp_header,
                 s.signed_content, s.tolerance_seconds, s.webhook_ids
          FROM boxoffice.platform_settings s
          UNION ALL
          SELECT k.platform, k.kind, k.value, k.valid_until, k.generation, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
          FROM boxoffice.webhook_secrets k",
    types: &[],
};

thread_local! {
    static KEPT: RefCell<Option<Rc<AllSettings>>> = const { RefCell::new(None) };
}

/// The present settings; platforms without rows have their defaults and no secret.
pub fn read(client: &SpiClient<'_>) -> Result<Rc<AllSettings>> {
    // Asked before the rows are read: a change that comes in meanwhile makes the copy stale again.
    if !server::settings_are_stale()
        && let Some(kept) = KEPT.with_borrow(Clone::clone)
    {
        return Ok(kept);
    }
    let all = load(client).inspect_err(|_| server::forget_settings())?;
    let all = Rc::new(all);
    if server::sees_latest() {
        KEPT.with_borrow_mut(|kept| *kept = Some(Rc::clone(&all)));
    } else {
        // An old snapshot may lack a rotation whose message has already been heard.
        server::forget_settings();
    }
    Ok(all)
}

fn load(client: &SpiClient<'_>) -> Result<AllSettings> {
    let mut all: AllSettings =
        Platform::all().into_iter().map(|p| (p, (p.default_settings(), Secrets::default()))).collect();
    let (mut keys, mut tokens) = (Vec::new(), Vec::new());
    for row in READ.read(client, &[])? {
        let Some(name) = row.get::<String>(1)? else { continue };
        let Some(platform) = Platform::from_name(&name) else { continue };
        let Some((settings, _)) = all.get_mut(&platform) else { continue };
        let Some(kind) = row.get::<String>(2)? else {
            let column = |i: usize| row.get::<String>(i);
            if let Some(word) = column(6)? {
                settings.authentication = match word.as_str() {
                    "path_token" => Authentication::PathToken,
                    "none" => Authentication::None,
                    _ => Authentication::Signature,
                };
            }
            if let Some(header) = column(7)? {
                settings.signature_header = header;
            }
            if let Some(word) = column(8)? {
                settings.encoding = if word == "base64" { Encoding::Base64 } else { Encoding::Hex };
            }
            if let Some(prefix) = column(9)? {
                settings.prefix = prefix;
            }
            if let Some(header) = column(10)? {
                settings.timestamp_header = (!header.is_empty()).then_some(header);
            }
            if let Some(word) = column(11)? {
                settings.signed_content = match word.as_str() {
                    "timestamp.body" => SignedContent::TimestampDotBody,
                    "timestampbody" => SignedContent::TimestampBody,
                    _ => SignedContent::Body,
                };
            }
            if let Some(seconds) = row.get::<i32>(12)? {
                settings.tolerance_seconds = seconds.into();
            }
            if let Some(ids) = row.get::<Vec<Option<String>>>(13)? {
                settings.webhook_ids = ids.into_iter().flatten().collect();
            }
            continue;
        };
        let Some(value) = row.get::<String>(3)? else { continue };
        let generation = row.get::<i32>(5)?.unwrap_or_default();
        let secret = Secret { value, valid_until: row.get::<TimestampWithTimeZone>(4)?.map(micros) };
        match kind.as_str() {
            "path_token" => tokens.push((generation, platform, secret)),
            _ => keys.push((generation, platform, secret)),
        }
    }
    // Newest first. Sorted here: there are few, and a sort in SQL would cost more than the rest of the statement.
    keys.sort_by_key(|(generation, ..)| std::cmp::Reverse(*generation));
    tokens.sort_by_key(|(generation, ..)| std::cmp::Reverse(*generation));
    for (_, platform, key) in keys {
        all.entry(platform).and_modify(|(_, secrets)| secrets.signature.push(key));
    }
    for (_, platform, token) in tokens {
        all.entry(platform).and_modify(|(_, secrets)| secrets.path_token.push(token));
    }
    Ok(all)
}

/// Version of the installed SQL; `None` outside an installed extension.
pub fn sql_version() -> Option<String> {
    pgrx::Spi::connect(|client| {
        let sql = "SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'boxoffice'";
        client.select(sql, Some(1), &[]).and_then(|table| table.first().get_one::<String>()).ok().flatten()
    })
}
