//! Correctly signed deliveries to try things with.

use boxoffice_core::headers::PATH_TOKEN;
use boxoffice_core::settings::{Authentication, Secret};
use boxoffice_core::verify;
use pgrx::Spi;
use serde_json::{Map, Value};

use crate::deliver::ingest::known;
use crate::error::{Error, Result};
use crate::store::{now, settings};

/// A request as a platform (or its bridge) would send it.
pub struct Sample {
    /// Path on the worker, with the token where one is needed.
    pub path: String,
    /// Headers, the path token among them under its pseudo name.
    pub headers: Value,
    /// Body.
    pub body: String,
}

/// Makes one, with a new order each time.
pub fn sample(platform: &str, event_type: &str) -> Result<Sample> {
    let platform = known(platform)?;
    let now = now();
    let body = platform.sample_body(event_type, now.unsigned_abs(), now)?;
    let all = Spi::connect(settings::read)?;
    let (settings, secrets) =
        all.get(&platform).ok_or_else(|| Error::Spi("the platform has no settings".to_owned()))?;
    let valid = |list: &[Secret]| list.iter().find(|s| s.valid_until.is_none_or(|until| until > now)).cloned();
    let missing =
        |hint| Error::Argument { message: format!("no secret is set for platform \"{}\"", platform.as_str()), hint };

    let mut headers = Map::new();
    headers.insert("content-type".to_owned(), Value::from("application/json"));
    for (name, value) in platform.sample_headers(event_type) {
        headers.insert(name.to_owned(), Value::from(value));
    }
    let mut path = format!("/webhooks/{}", platform.as_str());
    match settings.authentication {
        Authentication::Signature => {
            let secret = valid(&secrets.signature)
                .ok_or_else(|| missing("Set one with boxoffice.set_webhook_secret(platform, secret)."))?;
            for (name, value) in verify::sign(settings, &secret.value, body.as_bytes(), now) {
                headers.insert(name, Value::from(value));
            }
        }
        Authentication::PathToken => {
            let token = valid(&secrets.path_token)
                .ok_or_else(|| missing("Set one with boxoffice.set_path_token(platform, token)."))?;
            path = format!("{path}/{}", token.value);
            headers.insert(PATH_TOKEN.to_owned(), Value::from(token.value));
        }
        Authentication::None => {}
    }
    Ok(Sample { path, headers: Value::Object(headers), body })
}
