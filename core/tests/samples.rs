//! Every sample of what platforms send goes through this crate and comes out as `samples.expected.json` says.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]
//!
//! Our own fixtures are always there. Recorded samples, which are not part of the project, are read too where there are
//! any: in `$BOXOFFICE_SAMPLES`, or in `shared/samples` beside the project. After a deliberate change, or with new
//! files, `BOXOFFICE_WRITE_EXPECTED=1` writes the expectations anew: read the difference before you keep it.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use boxoffice_core::headers::Headers;
use boxoffice_core::platform::{Platform, ResourceKind};
use serde_json::{Value, json};

/// When the answers were asked for: 2026-11-22T00:00:00Z.
const FETCHED_AT: i64 = 1_795_305_600_000_000;
/// After every date in a sample.
const ARRIVED: i64 = 1_830_000_000_000_000;

fn crate_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The name in the expectations, the platform, and the file.
fn files() -> Vec<(String, Platform, PathBuf)> {
    let samples =
        std::env::var_os("BOXOFFICE_SAMPLES").map_or_else(|| crate_dir().join("../../shared/samples"), Into::into);
    let mut files = Vec::new();
    for (root, path) in [("fixtures", crate_dir().join("tests/fixtures")), ("samples", samples)] {
        for platform in Platform::all() {
            let Ok(folder) = fs::read_dir(path.join(platform.as_str())) else { continue };
            for entry in folder {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap();
                if name.ends_with(".json") {
                    files.push((format!("{root}/{}/{name}", platform.as_str()), platform, path));
                }
            }
        }
    }
    files.sort();
    files
}

fn webhook(platform: Platform, headers: &Value, body: &[u8]) -> Value {
    let headers = Headers::from_json(&headers.to_string()).unwrap();
    common::delivery(platform.webhook(&platform.default_settings(), &headers, body, ARRIVED))
}

fn run(platform: Platform, how: &str, body: &[u8]) -> Value {
    match how {
        "webhook" => webhook(platform, &json!({}), body),
        "webhooks" => {
            let list: Vec<Value> = serde_json::from_slice(body).unwrap();
            let run = |item: &Value| webhook(platform, &item["headers"], item["body_raw"].as_str().unwrap().as_bytes());
            Value::Array(list.iter().map(run).collect())
        }
        kind => {
            let kind = ResourceKind::from_name(kind).unwrap();
            common::resources(platform.resource(kind, body, Some(FETCHED_AT), ARRIVED))
        }
    }
}

/// How a new file is probably to be read.
fn guess(name: &str, body: &[u8]) -> &'static str {
    let value: Value = serde_json::from_slice(body).unwrap();
    let has = |field: &str| value.get(field).is_some();
    let file = name.rsplit('/').next().unwrap_or_default();
    match () {
        () if value.as_array().is_some_and(|list| list.iter().any(|item| item.get("body_raw").is_some())) => "webhooks",
        () if has("event_type") || has("api_url") => "webhook",
        () if has("orders") => "orders",
        () if has("tickets") => "tickets",
        () if has("attendees") && has("pagination") && !has("id") => "attendees",
        () if has("events") => "events",
        () if has("orderId") || file.starts_with("ticket") => "ticket",
        () if has("order_id") || file.starts_with("attendee") => "attendee",
        () if file.contains("_bare_array") => "orders",
        () if has("costs") => "order",
        () if has("start") || has("ticketTypes") || file.contains("event") => "event",
        () => "order",
    }
}

#[test]
fn every_sample_comes_out_as_expected() {
    let path = crate_dir().join("tests/fixtures/samples.expected.json");
    let expected: BTreeMap<String, Value> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let write = std::env::var_os("BOXOFFICE_WRITE_EXPECTED").is_some();
    let (mut next, mut wrong, mut fixtures) = (expected.clone(), Vec::new(), 0);
    for (name, platform, file) in files() {
        fixtures += usize::from(name.starts_with("fixtures/"));
        let body = fs::read(&file).unwrap();
        let known = expected.get(&name);
        let how = known.and_then(|known| known["how"].as_str()).unwrap_or_else(|| guess(&name, &body)).to_owned();
        let result = run(platform, &how, &body);
        match known {
            Some(known) if known["result"] == result => {}
            None if name.starts_with("samples/") && !write => {}
            known => wrong.push(format!("{name}\n  expected {}\n  found    {result}", known.unwrap_or(&Value::Null))),
        }
        next.insert(name, json!({ "how": how, "result": result }));
    }
    if write {
        write_expected(&path, &next);
        return;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(fixtures, expected.keys().filter(|name| name.starts_with("fixtures/")).count(), "a fixture is missing");
}

/// One line a file, so that differences can be read.
fn write_expected(path: &Path, expected: &BTreeMap<String, Value>) {
    let lines: Vec<_> =
        expected.iter().map(|(name, value)| format!("{}: {value}", Value::from(name.as_str()))).collect();
    fs::write(path, format!("{{\n{}\n}}\n", lines.join(",\n"))).unwrap();
}

#[test]
fn every_sample_is_harmless_as_everything() {
    for (_, _, file) in files() {
        let body = fs::read(file).unwrap();
        for platform in Platform::all() {
            let _ = webhook(platform, &json!({}), &body);
            for kind in ResourceKind::ALL {
                let _ = platform.resource(kind, &body, Some(FETCHED_AT), ARRIVED);
            }
        }
    }
}
