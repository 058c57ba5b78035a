//! What a client is told. One table lives here and nowhere else: what the worker itself may have to say.
//! What a SQLSTATE means is in `boxoffice_contract`. The text of a database error never gets this far.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use crate::inbound::route::Allow;
use crate::store::Row;

/// Every answer has its whole body at hand.
pub type Answer = Response<Full<Bytes>>;

/// Seconds after which a sender should come back when we are in trouble: longer than a failover's first retries.
const RETRY_TROUBLE: HeaderValue = HeaderValue::from_static("5");
/// Seconds after which a sender that was too fast should come back.
const RETRY_TOO_FAST: HeaderValue = HeaderValue::from_static("30");

/// An answer that the worker gives by itself, without a decision of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// No such path.
    NotFound,
    /// The path knows other methods.
    MethodNotAllowed(Allow),
    /// The body is longer than allowed.
    TooLarge,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The body ended early or was not well framed.
    BodyBroken,
    /// Too many requests of this sender were not believed; it may come again after so many seconds.
    TooMany(u32),
    /// As many deliveries as allowed are waiting already.
    QueueFull,
    /// There is no database connection.
    Away,
    /// The delivery waited too long for its turn; it was not sent to the database.
    Waited,
    /// The worker is stopping.
    Stopping,
    /// The connection was lost, or the deadline passed, in mid-call: nobody knows whether the delivery is kept.
    Uncertain,
    /// The database refused the call; nothing was kept.
    Failed,
}

impl Problem {
    /// The status of the answer.
    pub const fn status(self) -> StatusCode {
        match self {
            Problem::NotFound => StatusCode::NOT_FOUND,
            Problem::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Problem::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Problem::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Problem::BodyBroken => StatusCode::BAD_REQUEST,
            Problem::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Problem::QueueFull
            | Problem::Away
            | Problem::Waited
            | Problem::Stopping
            | Problem::Uncertain
            | Problem::Failed => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The stable name of the answer, for its `outcome` and for metrics.
    pub const fn outcome(self) -> &'static str {
        match self {
            Problem::NotFound => "not_found",
            Problem::MethodNotAllowed(_) => "method_not_allowed",
            Problem::TooLarge => "too_large",
            Problem::BodyTimeout => "body_timeout",
            Problem::BodyBroken => "body_broken",
            Problem::TooMany(_) => "too_many",
            Problem::QueueFull => "queue_full",
            Problem::Away => "database_away",
            Problem::Waited => "waited_too_long",
            Problem::Stopping => "stopping",
            Problem::Uncertain => "uncertain",
            Problem::Failed => "failed",
        }
    }

    /// One sentence for the client.
    pub const fn message(self) -> &'static str {
        match self {
            Problem::NotFound => "no such path",
            Problem::MethodNotAllowed(_) => "method not allowed",
            Problem::TooLarge => "body too large",
            Problem::BodyTimeout => "body did not arrive in time",
            Problem::BodyBroken => "body is incomplete",
            Problem::TooMany(_) => "too many requests that could not be verified, try again later",
            Problem::QueueFull => "too many deliveries are waiting, try again later",
            Problem::Stopping => "worker is stopping, try again",
            Problem::Away | Problem::Waited | Problem::Uncertain | Problem::Failed => {
                "delivery could not be processed now, try again later"
            }
        }
    }

    /// Whether the connection is of no further use: unread bytes of the body stand between it and the next request.
    const fn closes(self) -> bool {
        matches!(self, Problem::TooLarge | Problem::BodyTimeout | Problem::BodyBroken | Problem::TooMany(_))
    }

    /// The answer.
    pub fn answer(self) -> Answer {
        let mut answer = delivery(self.status(), self.outcome(), None, Some(self.message()));
        if let Problem::MethodNotAllowed(allow) = self {
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow.header()));
        }
        if let Problem::TooMany(seconds) = self {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.closes() {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

/// The answer to a delivery on which the database has decided, with the outcome for metrics.
///
/// A status that must not reach a platform becomes 503: 410 unsubscribes on some, a redirect would send the
/// delivery, with its personal data, somewhere else, and anything that is no final status cannot be sent at all.
pub fn decided(row: &Row) -> (Answer, &str) {
    let status = u16::try_from(row.http_status).ok().filter(|status| allowed(*status));
    match status.and_then(|status| StatusCode::from_u16(status).ok()) {
        Some(status) => (delivery(status, &row.outcome, row.log_id, row.message.as_deref()), &row.outcome),
        None => (Problem::Failed.answer(), Problem::Failed.outcome()),
    }
}

fn allowed(status: u16) -> bool {
    // 2xx without a body (204, 205) or for parts (206, 207) have other rules than "here is your JSON".
    matches!(status, 200..=202 | 400..=409 | 411..=499 | 500..=599)
}

fn delivery(status: StatusCode, outcome: &str, log_id: Option<i64>, message: Option<&str>) -> Answer {
    json_answer(status, &json!({"outcome": outcome, "log_id": log_id, "message": message}))
}

/// An answer with a JSON body; 503 and 429 say when to come back.
pub fn json_answer(status: StatusCode, body: &Value) -> Answer {
    let mut answer = text(status, "application/json", format!("{body}\n"));
    match status {
        StatusCode::SERVICE_UNAVAILABLE => answer.headers_mut().insert(RETRY_AFTER, RETRY_TROUBLE),
        StatusCode::TOO_MANY_REQUESTS => answer.headers_mut().insert(RETRY_AFTER, RETRY_TOO_FAST),
        _ => None,
    };
    answer
}

/// An answer with a body of the given type.
pub fn text(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// The answer to `OPTIONS`. Webhooks come from servers, so no browser is invited (no CORS headers).
pub fn options(allow: Allow) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow.header()));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(http_status: i32) -> Row {
        Row { log_id: Some(7), outcome: "processed".into(), http_status, message: None }
    }

    #[test]
    fn statuses_that_must_not_reach_a_platform() {
        for status in [-1, 0, 99, 100, 101, 199, 204, 205, 206, 301, 302, 304, 307, 308, 410, 600, 999, 70_000] {
            let row = row(status);
            let (answer, outcome) = decided(&row);
            assert_eq!(answer.status(), 503, "{status}");
            assert!(answer.headers().contains_key(RETRY_AFTER));
            assert_eq!(outcome, "failed");
        }
        for status in [200, 202, 400, 401, 404, 413, 429, 500, 503] {
            assert_eq!(i32::from(decided(&row(status)).0.status().as_u16()), status);
        }
    }

    #[test]
    fn when_to_come_back() {
        assert_eq!(decided(&row(429)).0.headers()[RETRY_AFTER], "30");
        assert_eq!(decided(&row(503)).0.headers()[RETRY_AFTER], "5");
        assert!(!decided(&row(200)).0.headers().contains_key(RETRY_AFTER));
    }
}
