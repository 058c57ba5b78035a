//! What a platform is sent, and what is made of what it answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is how a test fails")]

mod common;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use boxoffice_ingress::Config;
use boxoffice_ingress::store::Page;
use common::jobs::until;
use common::platform::{Platform, Say, accounts, ok};
use common::{Worker, start};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

async fn asking(platform: &Platform, change: impl FnOnce(&mut Config)) -> Worker {
    start(|config, _| {
        config.fetch.accounts = platform.account();
        config.fetch.poll = Duration::from_millis(20);
        change(config);
    })
    .await
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// A file of this test's own, gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, text: &str, mode: u32) -> Scratch {
        let path = std::env::temp_dir().join(format!("boxoffice-{}-{name}", std::process::id()));
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.set_permissions(std::fs::Permissions::from_mode(mode)).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn a_credential_goes_to_its_own_base_and_nowhere_else() {
    let body: Vec<u8> = (0..=255).collect();
    let sent = body.clone();
    let humanitix = Platform::start(move |_| ok(&sent)).await;
    let eventbrite = Platform::start(|_| ok(b"{}")).await;
    let file = Scratch::new("accounts", "# further ones\n\nhumanitix second-one key-of-the-second\n", 0o600);
    let worker = start(|config, _| {
        config.fetch.accounts = accounts(&[
            ("HUMANITIX_API_URL", &format!("{}/prefix", humanitix.url())),
            ("HUMANITIX_API_KEY", "key-of-humanitix"),
            ("EVENTBRITE_API_URL", &eventbrite.url()),
            ("EVENTBRITE_OAUTH_TOKEN", "token-of-eventbrite"),
            ("BOXOFFICE_CREDENTIALS_FILE", file.0.to_str().unwrap()),
        ]);
        config.fetch.poll = Duration::from_millis(20);
    })
    .await;
    let jobs = &worker.fake.jobs;
    let first = jobs.add("humanitix/default", "/v1/events?page=1&pageSize=100");
    let page = jobs.completed(first).await.unwrap();
    assert_eq!((page.status, page.body), (200, body));
    assert_eq!(page.headers, r#"{"content-type":"application/json"}"#);
    let second = jobs.add("humanitix/second-one", "/v1/events");
    jobs.completed(second).await.unwrap();
    let third = jobs.add("eventbrite/default", "/v3/orders/1034608029/?expand=attendees");
    jobs.completed(third).await.unwrap();
    let stranger = jobs.add("humanitix/third", "/v1/events");
    assert_eq!(jobs.word(stranger).await, "connect");

    let names = ["eventbrite/default", "humanitix/default", "humanitix/second-one"];
    assert_eq!(jobs.announced.lock().unwrap()[0], names);
    assert_eq!(jobs.claims.lock().unwrap()[0].1, names);

    let asked = humanitix.requests.lock().unwrap().clone();
    assert_eq!(asked.len(), 2);
    assert!(asked[0].starts_with("GET /prefix/v1/events?page=1&pageSize=100 HTTP/1.1\r\n"), "{asked:?}");
    assert_eq!(header(&asked[0], "x-api-key"), Some("key-of-humanitix"));
    assert_eq!(header(&asked[1], "x-api-key"), Some("key-of-the-second"));
    assert_eq!(header(&asked[0], "host"), Some(humanitix.address.to_string().as_str()));
    assert_eq!(header(&asked[0], "accept"), Some("application/json"));
    assert_eq!(header(&asked[0], "accept-encoding"), Some("identity"));
    let agent = format!("boxoffice-ingress/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(header(&asked[0], "user-agent"), Some(agent.as_str()));
    assert!(asked.iter().all(|head| header(head, "authorization").is_none() && !head.contains("eventbrite")));

    let asked = eventbrite.requests.lock().unwrap().clone();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].starts_with("GET /v3/orders/1034608029/?expand=attendees HTTP/1.1\r\n"), "{asked:?}");
    assert_eq!(header(&asked[0], "authorization"), Some("Bearer token-of-eventbrite"));
    assert!(!asked[0].contains("key-of") && header(&asked[0], "x-api-key").is_none());
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let other = Platform::start(|_| ok(b"stolen")).await;
    let to = format!("{}/v1/x", other.url());
    let location = to.clone();
    let platform = Platform::start(move |path| {
        let status = path.trim_start_matches('/');
        Say::Bytes(format!("HTTP/1.1 {status} R\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n").into_bytes())
    });
    let platform = platform.await;
    let worker = asking(&platform, |_| {}).await;
    for status in [301, 302, 303, 307, 308] {
        let id = worker.fake.jobs.add("humanitix/default", &format!("/{status}"));
        let Page { status: got, headers, body } = worker.fake.jobs.completed(id).await.unwrap();
        assert_eq!((got, body), (status, Vec::new()));
        assert_eq!(serde_json::from_str::<Value>(&headers).unwrap(), json!({"location": to}));
    }
    assert_eq!((platform.count(), other.count()), (5, 0));
}

#[tokio::test]
async fn every_status_is_an_answer() {
    let platform = Platform::start(|path| {
        let status = path.trim_start_matches('/');
        let date = "date: Sat, 01 Aug 2026 10:00:00 GMT\r\nset-cookie: secret=1\r\nX-RateLimit-Token: 1/2000";
        let head = format!("HTTP/1.1 {status} S\r\nRetry-After: 7\r\n{date}\r\ncontent-length: 2\r\n\r\nno");
        Say::Bytes(head.into_bytes())
    });
    let platform = platform.await;
    let worker = asking(&platform, |_| {}).await;
    for status in [201, 400, 401, 403, 404, 410, 429, 500, 503] {
        let id = worker.fake.jobs.add("humanitix/default", &format!("/{status}"));
        let page = worker.fake.jobs.completed(id).await.unwrap();
        assert_eq!((page.status, page.body.as_slice()), (status, &b"no"[..]));
        assert_eq!(
            serde_json::from_str::<Value>(&page.headers).unwrap(),
            json!({"retry-after": "7", "date": "Sat, 01 Aug 2026 10:00:00 GMT", "x-ratelimit-token": "1/2000"})
        );
    }
}

#[tokio::test]
async fn answers_that_are_none() {
    let chunk = format!("{:x}\r\n{}\r\n", 600, "x".repeat(600));
    let platform = Platform::start(move |path| match path {
        "/announced" => Say::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n".to_vec()),
        "/unannounced" => {
            Say::Hang(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{chunk}").into_bytes())
        }
        "/most" => ok(&[b'x'; 1000]),
        "/silent" => Say::Hang(Vec::new()),
        "/stuck" => Say::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec()),
        "/short" => Say::Cut(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec()),
        "/cut" => Say::Cut(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n".to_vec()),
        "/nothing" => Say::Cut(Vec::new()),
        "/head" => Say::Cut(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()),
        _ => Say::Cut(b"this is no HTTP\r\n\r\n".to_vec()),
    })
    .await;
    let worker = asking(&platform, |config| {
        config.fetch.max_bytes = 1000;
        config.fetch.timeout = Duration::from_millis(300);
    })
    .await;
    let jobs = &worker.fake.jobs;
    for (path, word) in [
        ("/announced", "too_large"),
        ("/unannounced", "too_large"),
        ("/silent", "timeout"),
        ("/stuck", "timeout"),
        ("/short", "broken"),
        ("/cut", "broken"),
        ("/nothing", "broken"),
        ("/head", "broken"),
        ("/rubbish", "broken"),
    ] {
        let id = jobs.add("humanitix/default", path);
        assert_eq!(jobs.word(id).await, word, "{path}");
    }
    let id = jobs.add("humanitix/default", "/most");
    assert_eq!(jobs.completed(id).await.unwrap().body.len(), 1000);
    for line in [
        "fetches_total{platform=\"humanitix\",status=\"too_large\"} 2",
        "fetches_total{platform=\"humanitix\",status=\"timeout\"} 2",
        "fetches_total{platform=\"humanitix\",status=\"broken\"} 5",
        "fetches_total{platform=\"humanitix\",status=\"200\"} 1",
        "fetch_bytes_total 1000",
    ] {
        worker.wait_metric(line).await;
    }
}

#[tokio::test]
async fn paths_that_lead_elsewhere_are_not_asked_for() {
    let platform = Platform::start(|_| ok(b"{}")).await;
    let worker = asking(&platform, |_| {}).await;
    for path in ["", "//b.example/", "@b.example/", "https://b.example/", "/../x", "/a\r\nx-a: b", "/\u{e9}", "/a#b"] {
        let id = worker.fake.jobs.add("humanitix/default", path);
        assert_eq!(worker.fake.jobs.word(id).await, "path", "{path:?}");
    }
    assert_eq!(platform.count(), 0);
}

#[tokio::test]
async fn connecting_has_its_own_words_and_limit() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = free.local_addr().unwrap();
    drop(free);
    // Accepts, in the kernel, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_address = silent.local_addr().unwrap();
    // One speaks, but not TLS, and one hangs up.
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain_address = plain.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        }
    });
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mute_address = mute.local_addr().unwrap();
    tokio::spawn(async move { while mute.accept().await.is_ok() {} });
    let certificate = tls().0;
    let unknown_name = "no-such-host.invalid:443".to_owned();
    for (address, word) in [
        (nobody.to_string(), "connect"),
        (silent_address.to_string(), "connect"),
        (unknown_name, "connect"),
        (plain_address.to_string(), "tls"),
        (mute_address.to_string(), "tls"),
    ] {
        let worker = start(|config, _| {
            config.fetch.accounts =
                accounts(&[("HUMANITIX_API_URL", &format!("https://{address}")), ("HUMANITIX_API_KEY", "12345678")]);
            config.fetch.root_cert = Some(certificate.0.clone());
            config.fetch.connect_timeout = Duration::from_millis(300);
            config.fetch.poll = Duration::from_millis(20);
        })
        .await;
        let started = Instant::now();
        let id = worker.fake.jobs.add("humanitix/default", "/v1/events");
        assert_eq!(worker.fake.jobs.word(id).await, word, "{address}");
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

/// A certificate for `localhost`, its file, and what a server needs to use it.
fn tls() -> (Scratch, TlsAcceptor) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    (Scratch::new(&format!("{number}.pem"), &cert.pem(), 0o644), TlsAcceptor::from(Arc::new(config)))
}

#[tokio::test]
async fn a_server_is_believed_only_with_its_certificate_and_name() {
    let (certificate, acceptor) = tls();
    let (other, _) = tls();
    let (platform, listener) = Platform::bind().await;
    let server = Arc::clone(&platform);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, server) = (acceptor.clone(), Arc::clone(&server));
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    server.serve(stream, Arc::new(|_: &str| ok(b"safe"))).await;
                }
            });
        }
    });
    for (host, root, good) in
        [("localhost", &certificate, true), ("localhost", &other, false), ("127.0.0.1", &certificate, false)]
    {
        let worker = start(|config, _| {
            let url = format!("https://{host}:{}", platform.address.port());
            config.fetch.accounts = accounts(&[("HUMANITIX_API_URL", &url), ("HUMANITIX_API_KEY", "12345678")]);
            config.fetch.root_cert = Some(root.0.clone());
            config.fetch.poll = Duration::from_millis(20);
        })
        .await;
        let id = worker.fake.jobs.add("humanitix/default", "/v1/events");
        match good {
            true => assert_eq!(worker.fake.jobs.completed(id).await.unwrap().body, b"safe"),
            false => assert_eq!(worker.fake.jobs.word(id).await, "tls"),
        }
    }
    assert_eq!(platform.count(), 1);
}

#[tokio::test]
async fn connections_are_kept() {
    let (platform, listener) = Platform::bind().await;
    let server = Arc::clone(&platform);
    let accepted = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            tokio::spawn(Arc::clone(&server).serve(stream, Arc::new(|_: &str| ok(b"{}"))));
        }
    });
    let worker = asking(&platform, |config| config.fetch.concurrency = 1).await;
    for _ in 0..5 {
        let id = worker.fake.jobs.add("humanitix/default", "/v1/events");
        worker.fake.jobs.completed(id).await.unwrap();
    }
    until("five requests", || platform.count() == 5).await;
    assert_eq!(accepted.load(std::sync::atomic::Ordering::SeqCst), 1);
}
