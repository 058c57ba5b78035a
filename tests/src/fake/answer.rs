//! What is answered, before faults have touched it.

use serde_json::{Value, json};

/// An answer of a platform.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Value,
    /// It is a page of a list.
    pub page: Option<usize>,
}

impl Answer {
    pub(super) fn ok(body: Value) -> Answer {
        Answer { status: 200, headers: Vec::new(), body, page: None }
    }

    pub(super) fn page(number: usize, body: Value) -> Answer {
        Answer { page: Some(number), ..Answer::ok(body) }
    }

    fn error(status: u16, body: Value) -> Answer {
        Answer { status, body, ..Answer::ok(Value::Null) }
    }

    /// An error of Humanitix.
    pub(super) fn humanitix(status: u16, message: impl Into<String>) -> Answer {
        let error = match status {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            429 => "Too Many Requests",
            503 => "Service Unavailable",
            _ => "Internal Server Error",
        };
        let message: String = message.into();
        Answer::error(status, json!({"statusCode": status, "error": error, "message": message}))
    }

    /// An error of Eventbrite.
    pub(super) fn eventbrite(status: u16, error: &str, description: impl Into<String>) -> Answer {
        let description: String = description.into();
        Answer::error(status, json!({"status_code": status, "error_description": description, "error": error}))
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((name, value.into()));
        self
    }
}

/// What a handler is asked, and the replica that it reads.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: super::query::Query,
    pub raw_query: &'a str,
    pub headers: &'a hyper::HeaderMap,
    /// How far the replica is behind.
    pub lag: std::time::Duration,
    /// How far its attendees are behind.
    pub attendee_lag: std::time::Duration,
}

impl Asked<'_> {
    /// A header, when it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
