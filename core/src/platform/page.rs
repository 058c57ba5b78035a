//! What the APIs of both platforms have in common: single resources, pages of them, and error answers.

use serde_json::Value;

use crate::document::{self, access::Notes};
use crate::error::{Error, Result};
use crate::platform::call::Page;
use crate::platform::{ResourceKind, Resources};

/// Reads an answer item by item. `item` gets one resource and adds what it says; what it added before it failed is
/// taken back. `between` is called before each.
pub(super) fn read(
    kind: ResourceKind,
    body: &[u8],
    between: &dyn Fn(),
    mut item: impl FnMut(Value, &Notes, &mut Resources) -> Result<()>,
) -> Result<Resources> {
    let body = document::parse(body)?;
    error_answer(&body)?;
    let (notes, mut out) = (Notes::default(), Resources::default());
    if kind.is_page() {
        out.page = Page::read(&body);
        let items = items(body, kind.as_str())?;
        out.items = items.len();
        for (i, value) in items.into_iter().enumerate() {
            between();
            notes.at(kind.as_str(), i);
            let before = (out.observations.len(), out.events.len());
            if let Err(error) = item(value, &notes, &mut out) {
                out.observations.truncate(before.0);
                out.events.truncate(before.1);
                notes.add(format_args!("left out: {}", reason(&error)));
            }
        }
    } else {
        out.items = 1;
        item(body, &notes, &mut out)?;
    }
    out.notes = notes.into_vec();
    Ok(out)
}

/// The reason in an error, without the introduction that `Display` gives it.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::Shape(why) | Error::Amount(why) | Error::Address(why) => why.clone(),
        other => other.to_string(),
    }
}

/// The envelope that the API sends around a page, or a bare array.
fn items(body: Value, key: &str) -> Result<Vec<Value>> {
    let found = match body {
        Value::Array(items) => return Ok(items),
        Value::Object(mut map) => map.remove(key),
        _ => None,
    };
    match found {
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(Error::Shape(format!("{key} is not an array"))),
        None => Err(Error::Shape(format!("{key} is missing"))),
    }
}

/// Both platforms answer errors as an object with a status and an `error`:
/// `{"statusCode":404,"error":"Not Found",…}`, `{"status_code":404,"error":"NOT_FOUND",…}`.
fn error_answer(body: &Value) -> Result<()> {
    let field = |names: [&str; 2]| names.into_iter().find_map(|name| body.get(name).filter(|value| !value.is_null()));
    let Some(status) = field(["statusCode", "status_code"]) else { return Ok(()) };
    let Some(error) = field(["error", "message"]) else { return Ok(()) };
    let status =
        status.as_u64().filter(|status| *status < 1000).map_or_else(String::new, |status| format!(" ({status})"));
    // A code, not prose: messages can name people and orders.
    let code = body.get("error").and_then(|_| error.as_str()).filter(|code| is_code(code)).unwrap_or("without a code");
    Err(Error::Shape(format!("it is an error answer of the platform: {code}{status}")))
}

fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_- ".contains(&b))
}
