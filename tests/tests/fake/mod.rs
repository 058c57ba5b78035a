//! The fake platforms: their calls, what goes wrong with them, and that their truth is what their answers add up to.
//! Needs no PostgreSQL.

use boxoffice_core::platform::ResourceKind;
use boxoffice_tests::Result;
use boxoffice_tests::fake::Platform;
use boxoffice_tests::fake::{EVENTBRITE_TOKEN, Fake, HUMANITIX_KEY, Person};
use boxoffice_tests::http::{self, Response};
use serde_json::Value;

mod eventbrite;
mod faults;
mod hints;
mod humanitix;
mod sold;
mod truth;

/// GET with the credential that is valid by default.
async fn get(fake: &Fake, platform: Platform, path: &str) -> Result<Response> {
    let bearer = format!("Bearer {EVENTBRITE_TOKEN}");
    let header = match platform {
        Platform::Humanitix => ("x-api-key", HUMANITIX_KEY),
        Platform::Eventbrite => ("authorization", bearer.as_str()),
    };
    http::get_with(&format!("{}{path}", fake.url(platform)), &[header]).await
}

/// The body of a 200.
async fn ok(fake: &Fake, platform: Platform, path: &str) -> Result<Value> {
    let answer = get(fake, platform, path).await?;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

/// The status and the error that an answer names.
async fn refused(fake: &Fake, platform: Platform, path: &str) -> Result<(u16, String)> {
    let answer = get(fake, platform, path).await?;
    let body = answer.json()?;
    let name = match platform {
        Platform::Humanitix => &body["message"],
        Platform::Eventbrite => &body["error"],
    };
    Ok((answer.status, name.as_str().unwrap_or_default().to_owned()))
}

/// The project's own reader finds nothing odd in a body.
fn nothing_odd(platform: Platform, kind: ResourceKind, body: &Value) {
    let notes = platform.resource(kind, body.to_string().as_bytes(), None, i64::MAX).map(|read| read.notes);
    assert_eq!(notes, Ok(Vec::new()), "{kind:?}: {body}");
}

fn wilhelmina() -> Person {
    Person::new("Wilhelmina", "Canary")
}

fn items<'a>(body: &'a Value, key: &str) -> &'a [Value] {
    body[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
