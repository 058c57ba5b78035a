//! Which request is meant: a pure function of method and path. Paths that are not in the table do not exist.

use hyper::Method;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'a> {
    /// A delivery of a platform.
    Webhook {
        /// The platform's name as it stands in the path; the database decides whether it exists.
        platform: &'a str,
        /// The secret part of the path, as sent (not percent-decoded).
        token: Option<&'a str>,
    },
    /// Is the process up?
    Live,
    /// Can a delivery be kept right now?
    Ready,
    /// Numbers for Prometheus.
    Metrics,
    /// `OPTIONS`: which methods does this path know?
    Options(Allow),
    /// The path exists, the method does not.
    MethodNotAllowed(Allow),
    /// No such path.
    NotFound,
}

/// The methods of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allow {
    /// A webhook.
    Post,
    /// A page about the worker itself.
    Get,
}

impl Allow {
    /// The value of the `Allow` header.
    pub const fn header(self) -> &'static str {
        match self {
            Allow::Post => "POST, OPTIONS",
            Allow::Get => "GET, HEAD, OPTIONS",
        }
    }
}

/// Longest name of a platform, in bytes.
const PLATFORM_MAX: usize = 40;

/// Finds the route. `path` has no query string; a trailing slash means nothing.
pub fn route<'a>(method: &Method, path: &'a str) -> Route<'a> {
    if let Some(page) = page(path) {
        return match *method {
            Method::GET | Method::HEAD => page,
            Method::OPTIONS => Route::Options(Allow::Get),
            _ => Route::MethodNotAllowed(Allow::Get),
        };
    }
    let Some((platform, token)) = webhook(path) else { return Route::NotFound };
    match *method {
        Method::POST => Route::Webhook { platform, token },
        Method::OPTIONS => Route::Options(Allow::Post),
        _ => Route::MethodNotAllowed(Allow::Post),
    }
}

fn page(path: &str) -> Option<Route<'static>> {
    match path.strip_suffix('/').unwrap_or(path) {
        "/live" => Some(Route::Live),
        "/ready" => Some(Route::Ready),
        "/metrics" => Some(Route::Metrics),
        _ => None,
    }
}

fn webhook(path: &str) -> Option<(&str, Option<&str>)> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let (rest, suffix) = match path.strip_prefix("/webhooks/") {
        Some(rest) => (rest, ""),
        None => (path.strip_prefix("/functions/v1/")?, "-webhook"),
    };
    let (name, token) = match rest.split_once('/') {
        Some((name, token)) => (name, Some(token)),
        None => (rest, None),
    };
    let platform = name.strip_suffix(suffix)?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    let good_platform = (1..=PLATFORM_MAX).contains(&platform.len()) && platform.bytes().all(plain);
    let good_token = token.is_none_or(|token| !token.is_empty() && !token.contains('/'));
    (good_platform && good_token).then_some((platform, token))
}

/// The path as it may be logged: without the token, and without anything of a path that is not ours, since a
/// mistyped address may hold a token too.
pub fn masked(path: &str) -> String {
    if page(path).is_some() {
        return path.to_owned();
    }
    match webhook(path) {
        None => "(other)".to_owned(),
        Some((_, None)) => path.to_owned(),
        Some((_, Some(token))) => {
            let path = path.strip_suffix('/').unwrap_or(path);
            format!("{}***", path.strip_suffix(token).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(path: &str) -> Route<'_> {
        route(&Method::POST, path)
    }

    fn hook<'a>(platform: &'a str, token: Option<&'a str>) -> Route<'a> {
        Route::Webhook { platform, token }
    }

    #[test]
    fn both_families_of_webhook_paths() {
        assert_eq!(post("/webhooks/humanitix"), hook("humanitix", None));
        assert_eq!(post("/webhooks/humanitix/"), hook("humanitix", None));
        assert_eq!(post("/webhooks/eventbrite/tok%2Fen"), hook("eventbrite", Some("tok%2Fen")));
        assert_eq!(post("/webhooks/eventbrite/token/"), hook("eventbrite", Some("token")));
        assert_eq!(post("/functions/v1/humanitix-webhook"), hook("humanitix", None));
        assert_eq!(post("/functions/v1/eventbrite-webhook/abc"), hook("eventbrite", Some("abc")));
        assert_eq!(post("/functions/v1/a-webhook-webhook"), hook("a-webhook", None));
    }

    #[test]
    fn everything_else_does_not_exist() {
        let long = format!("/webhooks/{}", "a".repeat(41));
        for path in [
            "/",
            "",
            "*",
            "/webhooks",
            "/webhooks/",
            "/webhooks//",
            "/webhooks//x",
            "/webhooks/UPPER",
            "/webhooks/a.b",
            "/webhooks/a/b/c",
            "/webhooks/a/b//",
            "/functions/v1/humanitix",
            "/functions/v1/-webhook",
            "/webhooks/%61",
            "/functions/v1/",
            "/livex",
            "/live/x",
            "//live",
            &long,
        ] {
            assert_eq!(post(path), Route::NotFound, "{path}");
        }
        assert!(matches!(post(&long[..long.len() - 1]), Route::Webhook { .. }));
    }

    #[test]
    fn methods() {
        assert_eq!(route(&Method::GET, "/webhooks/x"), Route::MethodNotAllowed(Allow::Post));
        assert_eq!(route(&Method::HEAD, "/webhooks/x"), Route::MethodNotAllowed(Allow::Post));
        assert_eq!(route(&Method::PUT, "/functions/v1/x-webhook"), Route::MethodNotAllowed(Allow::Post));
        assert_eq!(route(&Method::OPTIONS, "/webhooks/x/t"), Route::Options(Allow::Post));
        assert_eq!(route(&Method::GET, "/live"), Route::Live);
        assert_eq!(route(&Method::HEAD, "/ready/"), Route::Ready);
        assert_eq!(route(&Method::GET, "/metrics"), Route::Metrics);
        assert_eq!(post("/metrics"), Route::MethodNotAllowed(Allow::Get));
        assert_eq!(route(&Method::GET, "/nowhere"), Route::NotFound);
    }

    #[test]
    fn tokens_are_never_logged() {
        assert_eq!(masked("/webhooks/eventbrite/s3cret/"), "/webhooks/eventbrite/***");
        assert_eq!(masked("/functions/v1/eventbrite-webhook/s3cret"), "/functions/v1/eventbrite-webhook/***");
        assert_eq!(masked("/webhooks/a/a"), "/webhooks/a/***");
        assert_eq!(masked("/webhooks/humanitix"), "/webhooks/humanitix");
        assert_eq!(masked("/webhook/eventbrite/s3cret"), "(other)");
        assert_eq!(masked("/ready"), "/ready");
    }
}
