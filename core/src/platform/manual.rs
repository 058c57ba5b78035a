//! Bodies made from what a trusted caller hands over in SQL.

use serde_json::{Map, Value};

use super::Platform;
use crate::error::{Error, Result};
use crate::time::{self, Micros};

impl Platform {
    /// The body of a delivery that says `event_type` about `data`, as the platform would send it.
    ///
    /// Humanitix: `data` is the inner object of an envelope (`{event, order}`); it is dated `now`, because a statement made by
    /// hand is as new as that. Eventbrite: `data` is the whole body
    /// (`{config, api_url}`), and `config.action` becomes `event_type`.
    ///
    /// # Errors
    /// [`Error::Shape`] when `data` is not an object.
    pub fn manual_body(self, event_type: &str, data: Value, now: Micros) -> Result<String> {
        let Value::Object(mut data) = data else {
            return Err(Error::Shape("data is not an object".to_owned()));
        };
        let body = match self {
            Platform::Humanitix => {
                let mut envelope = Map::new();
                envelope.insert("event_type".to_owned(), Value::from(event_type));
                envelope.insert("timestamp".to_owned(), Value::from(time::to_text(now)));
                envelope.insert("data".to_owned(), Value::Object(data));
                envelope
            }
            Platform::Eventbrite => {
                let config = data.entry("config").or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(config) = config {
                    config.insert("action".to_owned(), Value::from(event_type));
                }
                data
            }
        };
        Ok(Value::Object(body).to_string())
    }

    /// Headers that a delivery of this type has besides those that prove it.
    pub fn sample_headers(self, event_type: &str) -> Vec<(&'static str, String)> {
        match self {
            Platform::Humanitix => Vec::new(),
            Platform::Eventbrite => vec![
                ("user-agent", "Eventbrite Webhooks (sample)".to_owned()),
                ("x-eventbrite-event", event_type.to_owned()),
            ],
        }
    }
}
