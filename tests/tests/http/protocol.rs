//! HTTP as it is spoken on the wire: methods, paths, versions, framing. With the real worker and the real database
//! behind.

use boxoffice_tests::body::envelope;
use boxoffice_tests::http::{self, raw};
use boxoffice_tests::scene::{SECRET, bytes};
use boxoffice_tests::sql::line;
use boxoffice_tests::{Result, Scene, sign, wire};
use hyper::Method;

fn signed_headers(body: &[u8]) -> Vec<String> {
    vec![format!("x-humanitix-signature: {}", sign::hex(SECRET, body)), format!("content-length: {}", body.len())]
}

/// A POST of this body as bytes, with other header lines in place of the usual ones.
fn post(version: &str, head: &[String], body: &[u8]) -> Vec<u8> {
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    wire::request(&format!("POST /webhooks/humanitix {version}"), &head, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_and_pages() -> Result {
    let scene = Scene::open().await?;
    for path in ["/webhooks/humanitix", "/webhooks/humanitix/", "/functions/v1/eventbrite-webhook/token"] {
        let url = scene.worker.url(path);
        for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE, Method::from_bytes(b"PROPFIND")?] {
            let answer = http::request(method.clone(), &url, &[], Vec::new()).await?;
            assert_eq!(answer.header("allow"), Some("POST, OPTIONS"), "{method} {path}");
            assert_eq!(scene.keep(&answer)?.decision(), (405, "method_not_allowed"), "{method} {path}");
        }
        let head = http::request(Method::HEAD, &url, &[], Vec::new()).await?;
        assert_eq!((head.status, head.body.len()), (405, 0));
        let options = http::request(Method::OPTIONS, &url, &[("origin", "https://evil.example")], Vec::new()).await?;
        assert_eq!((options.status, options.header("allow")), (204, Some("POST, OPTIONS")));
        assert_eq!(options.header("access-control-allow-origin"), None, "no browser is invited");
    }
    for page in ["/live", "/ready", "/ready/", "/metrics"] {
        let url = scene.worker.url(page);
        let get = http::get(&url).await?;
        let head = http::request(Method::HEAD, &url, &[], Vec::new()).await?;
        assert_eq!((get.status, head.status, head.body.len()), (200, 200, 0), "{page}");
        assert_eq!(http::post(&url, &[], "x").await?.status, 405, "{page}");
        assert_eq!(http::request(Method::OPTIONS, &url, &[], Vec::new()).await?.status, 204, "{page}");
    }
    let ready = http::get(&scene.worker.url("/ready")).await?.json()?;
    assert_eq!(ready["library_version"], env!("CARGO_PKG_VERSION"));
    for path in ["/", "/favicon.ico", "/webhooks", "/.env", "/webhooks/humanitix/../../live", "/%2e%2e/live"] {
        assert_eq!(http::get(&scene.worker.url(path)).await?.status, 404, "{path}");
    }
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn both_path_forms_and_trailing_slashes() -> Result {
    let scene = Scene::open().await?;
    let paths = [
        "/webhooks/humanitix",
        "/webhooks/humanitix/",
        "/functions/v1/humanitix-webhook",
        "/functions/v1/humanitix-webhook/",
        "/webhooks/humanitix?source=bridge",
        "/webhooks/humanitix/a-token-that-nobody-asked-for",
    ];
    for (number, path) in paths.iter().enumerate() {
        let body = bytes(&envelope("order.created", &format!("o{number}")));
        let signature = sign::hex(SECRET, &body);
        let answer = scene.post(path, &[("x-humanitix-signature", &signature)], body).await?;
        assert_eq!(answer.decision(), (200, "processed"), "{path}");
    }
    assert_eq!(scene.count("ticket_sales").await?, 6);
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_and_framings_of_http() -> Result {
    let scene = Scene::open().await?;
    let address = scene.worker.address();
    let mut number = 0;
    let mut next = || {
        number += 1;
        bytes(&envelope("order.created", &format!("o{number}")))
    };
    let accepted = async |request: Vec<u8>| -> Result {
        let answers = wire::answers(&raw(address, &request).await?)?;
        let last = answers.last().map(|answer| scene.keep(answer)).transpose()?;
        assert_eq!(
            last.as_ref().map(|answer| answer.decision()),
            Some((200, "processed")),
            "{:?}",
            String::from_utf8_lossy(&request)
        );
        Ok(())
    };
    for version in ["HTTP/1.1", "HTTP/1.0"] {
        let body = next();
        accepted(post(version, &signed_headers(&body), &body)).await?;
    }
    for size in [1, 7, 100_000] {
        let body = next();
        let head = [signed_headers(&body).remove(0), "transfer-encoding: chunked".into()];
        accepted(post("HTTP/1.1", &head, &wire::chunked(&body, size))).await?;
    }
    // Whatever the sender calls it, the bytes are what is signed and read.
    for kind in ["application/json; charset=latin1", "text/plain", "application/x-www-form-urlencoded", "nonsense"] {
        let body = next();
        let head = [signed_headers(&body), vec![format!("content-type: {kind}")]].concat();
        accepted(post("HTTP/1.1", &head, &body)).await?;
    }
    // Names of headers in any case.
    let body = next();
    accepted(post(
        "HTTP/1.1",
        &signed_headers(&body)
            .iter()
            .map(|line| line.replacen("x-humanitix-s", "X-HUMANITIX-S", 1))
            .collect::<Vec<_>>(),
        &body,
    ))
    .await?;
    assert_eq!(scene.count("ticket_sales").await?, i64::from(number));
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn expect_100_continue() -> Result {
    let scene = Scene::open().await?;
    let body = bytes(&envelope("order.created", "o1"));
    let head = [signed_headers(&body), vec!["expect: 100-continue".into()]].concat();
    let answers = wire::answers(&raw(scene.worker.address(), &post("HTTP/1.1", &head, &body)).await?)?;
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [100, 200]);
    scene.keep(&answers[1])?;
    // Who is not welcome is told before sending the body.
    let head = ["content-length: 99999999".to_owned(), "expect: 100-continue".into()];
    let refused = wire::only(&raw(scene.worker.address(), &post("HTTP/1.1", &head, b"")).await?)?;
    assert_eq!(scene.keep(&refused)?.decision(), (413, "too_large"));
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_order() -> Result {
    let scene = Scene::open().await?;
    let (mut requests, mut expected) = (Vec::new(), Vec::new());
    for number in 0..40 {
        let body = match number % 4 {
            0 => bytes(&envelope("order.created", &format!("o{number}"))),
            1 => bytes(&envelope("order.unheard_of", &format!("o{number}"))),
            2 => b"no json".to_vec(),
            _ => bytes(&envelope("order.created", "forged")),
        };
        let key = if number % 4 == 3 { "another secret" } else { SECRET };
        expected.push([(200, "processed"), (200, "ignored"), (400, "invalid"), (401, "rejected")][number % 4]);
        let close = if number == 39 { "close" } else { "keep-alive" };
        let head = format!(
            "POST /webhooks/humanitix HTTP/1.1\r\nhost: x\r\nconnection: {close}\r\n\
             x-humanitix-signature: {}\r\ncontent-length: {}\r\n\r\n",
            sign::hex(key, &body),
            body.len()
        );
        requests.extend_from_slice(head.as_bytes());
        requests.extend_from_slice(&body);
    }
    let answers = wire::answers(&raw(scene.worker.address(), &requests).await?)?;
    let answers = answers.iter().map(|answer| scene.keep(answer)).collect::<Result<Vec<_>>>()?;
    assert_eq!(answers.iter().map(|answer| answer.decision()).collect::<Vec<_>>(), expected);
    let ids: Vec<i64> = answers.iter().filter_map(|answer| answer.log_id).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_serves_many_requests() -> Result {
    let scene = Scene::open().await?;
    let mut connection = http::Connection::open(scene.worker.address()).await?;
    for number in 0..100 {
        let body = bytes(&envelope("order.created", &format!("o{}", number % 50)));
        let signature = sign::hex(SECRET, &body);
        let answer = connection
            .send(Method::POST, "/webhooks/humanitix", &[("x-humanitix-signature", &signature)], body)
            .await?;
        let expected = if number < 50 { "processed" } else { "duplicate" };
        assert_eq!(scene.keep(&answer)?.decision(), (200, expected));
    }
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_could_be_read_in_two_ways_are_refused() -> Result {
    let scene = Scene::open().await?;
    let body = bytes(&envelope("order.created", "o1"));
    let signature = signed_headers(&body).remove(0);
    let length = format!("content-length: {}", body.len());
    for head in [
        vec![signature.clone(), length.clone(), "content-length: 5".into()],
        vec![signature.clone(), "content-length: +5".into()],
        vec![signature.clone(), "content-length: -1".into()],
        vec![signature.clone(), "content-length: 99999999999999999999999".into()],
        vec![signature.clone(), "transfer-encoding: gzip".into()],
        vec![signature.clone(), "transfer-encoding: chunked, identity".into()],
        vec![format!("{signature}\r\n folded: line"), length.clone()],
        vec![signature.clone(), "bad name: x".into(), length.clone()],
        vec![signature.clone(), ":path-token: x".into(), length.clone()],
    ] {
        let answer = raw(scene.worker.address(), &post("HTTP/1.1", &head, &body)).await?;
        let statuses: Vec<u16> = wire::answers(&answer)?.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [400], "{head:?}");
    }
    for start in ["GARBAGE", "POST /webhooks/humanitix", "POST  /webhooks/humanitix HTTP/1.1", "\u{16}\u{3}\u{1}"] {
        let answer = raw(scene.worker.address(), &wire::request(start, &[], b"")).await?;
        let statuses: Vec<u16> = wire::answers(&answer)?.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [400], "{start:?}");
    }
    assert_eq!(line(&scene.client, "SELECT count(*) FROM webhook_logs").await?, "0");
    scene.close().await
}
