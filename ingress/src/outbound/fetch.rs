//! One job to one answer: the HTTP client. A credential goes to the base URL of its own account and nowhere else; a
//! redirect is an answer like any other; nothing of an answer is understood here.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as _, Incoming};
use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Map, Value};
use tokio::time::timeout;
use tower_service::Service;

use crate::config::credentials::Account;
use crate::config::fetch::FetchConfig;
use crate::config::settings::{self, UsageError};
use crate::config::values::wrong;
use crate::store::tls;
use crate::store::{Fetched, Job, NoAnswer, Page};

const AGENT: &str = concat!("boxoffice-ingress/", env!("CARGO_PKG_VERSION"));
/// Shorter than the idle limits of the platforms' load balancers.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// A peer that vanished without a word is noticed before the next request needs it.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Headers that the database wants to see, and the beginning of the names of some more.
const HEADERS: [&str; 5] = ["content-type", "retry-after", "date", "location", COUNTERS];
const HEADERS_PREFIX: &str = "x-ratelimit";
/// Calls used, as `token:SECRET 9/2000 reset=3476s, key:SECRET 9/2000 …`: what follows a colon goes no further than here.
const COUNTERS: &str = "x-rate-limit";
/// Longer values are cut here, in characters.
const VALUE_MAX: usize = 500;

/// Asks platforms.
pub struct Fetcher {
    client: Client<Limited, Empty<Bytes>>,
    /// By name.
    accounts: BTreeMap<String, Account>,
    /// For the whole of a fetch.
    timeout: Duration,
    max_bytes: usize,
}

impl Fetcher {
    /// Prepares; connects to nothing. Fails when the certificates cannot be read.
    pub fn new(config: &FetchConfig) -> Result<Fetcher, UsageError> {
        let roots = match &config.root_cert {
            Some(file) => tls::from_file(file),
            // A system without certificates is fine as long as nobody needs them.
            None if config.accounts.iter().any(|account| account.base.is_https()) => tls::from_system(),
            None => Ok(RootCertStore::empty()),
        };
        let unusable = |why: String| wrong(&settings::FETCH_ROOT_CERT, &why);
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(error.to_string()))?
            .with_root_certificates(roots.map_err(unusable)?)
            .with_no_client_auth();
        let mut http = HttpConnector::new();
        // https is the business of the connector around it.
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_keepalive(Some(KEEPALIVE));
        let https =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(config.concurrency)
            .build(Limited { https, limit: config.connect_timeout });
        let accounts = config.accounts.iter().map(|account| (account.name.clone(), account.clone())).collect();
        Ok(Fetcher { client, accounts, timeout: config.timeout, max_bytes: config.max_bytes })
    }

    /// Names of the accounts that can be used.
    pub fn accounts(&self) -> Vec<String> {
        self.accounts.keys().cloned().collect()
    }

    /// The platform's name, if we can ask it: what may be a label of a metric.
    pub fn platform(&self, job: &Job) -> Option<&'static str> {
        self.account(job).map(|account| account.platform)
    }

    fn account(&self, job: &Job) -> Option<&Account> {
        self.accounts.get(&format!("{}/{}", job.platform, job.account))
    }

    /// Does a job, in bounded time and memory.
    pub async fn fetch(&self, job: &Job) -> Fetched {
        // We have said for whom we can work; for anybody else there is no connection.
        let account = self.account(job).ok_or(NoAnswer::Connect)?;
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = account.base.join(&job.path).ok_or(NoAnswer::Path)?;
        let headers = request.headers_mut();
        headers.insert(account.header.clone(), account.value.clone());
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        timeout(self.timeout, self.exchange(request, account)).await.unwrap_or(Err(NoAnswer::Timeout))
    }

    async fn exchange(&self, request: Request<Empty<Bytes>>, account: &Account) -> Fetched {
        let (parts, body) = self.client.request(request).await.map_err(|error| why(&error))?.into_parts();
        let body = read(body, self.max_bytes).await?;
        Ok(Page { status: parts.status.as_u16(), headers: select(&parts.headers, &account.value), body })
    }
}

/// Reads a whole body, or stops where it becomes too long.
async fn read(mut body: Incoming, max: usize) -> Result<Vec<u8>, NoAnswer> {
    // What the server has announced; as much as is known to come.
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > max {
        return Err(NoAnswer::TooLarge);
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        // Trailers are of no interest.
        let Ok(data) = frame.map_err(|_| NoAnswer::Broken)?.into_data() else { continue };
        let length = bytes.len() + data.len();
        if length > max {
            return Err(NoAnswer::TooLarge);
        }
        if length > bytes.capacity() {
            // Doubled as usual, but never beyond what may come.
            bytes.reserve_exact((2 * length).max(announced).min(max) - bytes.len());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// The headers that the database wants to see, as a JSON object, without the credential, which some platforms repeat in them.
/// Of a repeated header the first counts.
fn select(headers: &HeaderMap, credential: &HeaderValue) -> String {
    let credential = String::from_utf8_lossy(credential.as_bytes());
    let secret = credential.rsplit(' ').next().unwrap_or_default();
    let wanted = |name: &str| HEADERS.contains(&name) || name.starts_with(HEADERS_PREFIX);
    let object: Map<String, Value> = headers
        .keys()
        .filter(|name| wanted(name.as_str()))
        .filter_map(|name| {
            let mut text = String::from_utf8_lossy(headers.get(name)?.as_bytes()).into_owned();
            if *name == COUNTERS {
                text = without_names(&text);
            }
            if !secret.is_empty() {
                text = text.replace(secret, "");
            }
            Some((name.as_str().to_owned(), text.chars().take(VALUE_MAX).collect::<String>().into()))
        })
        .collect();
    Value::Object(object).to_string()
}

/// What is left when everything between a colon and the end of its word is taken out.
fn without_names(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(|word| match word.split_once(':') {
            Some((kind, _)) => format!("{kind}: "),
            None => word.to_owned(),
        })
        .collect()
}

/// The word for a request without an answer.
fn why(error: &Error) -> NoAnswer {
    if !error.is_connect() {
        return NoAnswer::Broken;
    }
    // The connector gives its own errors for name and socket, and `io::Error` for what TLS has to say.
    match std::error::Error::source(error) {
        Some(cause) if cause.is::<io::Error>() => NoAnswer::Tls,
        _ => NoAnswer::Connect,
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A connector whose attempts end in time, with all that belongs to them: name, socket and TLS.
#[derive(Clone)]
struct Limited {
    https: HttpsConnector<HttpConnector>,
    limit: Duration,
}

impl Service<Uri> for Limited {
    type Response = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let attempt = timeout(self.limit, self.https.call(uri));
        Box::pin(async move { attempt.await.unwrap_or_else(|elapsed| Err(elapsed.into())) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_selected() {
        let mut headers = HeaderMap::new();
        let long = "\u{e9}".repeat(600);
        for (name, value) in [
            ("content-type", "application/json".as_bytes()),
            ("Retry-After", b"7"),
            ("retry-after", b"8"),
            ("x-ratelimit-token", b"\xff/2000"),
            ("location", long.as_bytes()),
            ("set-cookie", b"secret"),
            ("X-Rate-Limit", b"token:PRIVATE 9/2000 reset=3476s, key:ALSO:PRIVATE\t2000/2000 reset=5s"),
            ("x-ratelimit-echo", b"a SECRETSECRET b"),
        ] {
            let name: hyper::header::HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let credential = HeaderValue::from_static("Bearer SECRETSECRET");
        let object: Value = serde_json::from_str(&select(&headers, &credential)).unwrap();
        assert_eq!(
            object,
            serde_json::json!({
                "content-type": "application/json", "retry-after": "7", "x-ratelimit-token": "\u{fffd}/2000",
                "location": "\u{e9}".repeat(500), "x-rate-limit": "token: 9/2000 reset=3476s, key: 2000/2000 reset=5s",
                "x-ratelimit-echo": "a  b"
            })
        );
        assert_eq!(select(&HeaderMap::new(), &credential), "{}");
    }
}
