//! Too long, too slow, too many: what the real worker does about senders that use it up.

use boxoffice_tests::body::envelope;
use boxoffice_tests::http::raw;
use boxoffice_tests::scene::{SECRET, bytes};
use boxoffice_tests::sql::line;
use boxoffice_tests::{Database, Result, Scene, sign, wire};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The default of `BOXOFFICE_MAX_BODY_BYTES`.
const LIMIT: usize = 1 << 20;

/// A right envelope of exactly that many bytes.
fn of_length(order: &str, length: usize) -> Vec<u8> {
    let mut body = bytes(&envelope("order.created", order));
    body.resize(length, b' ');
    body
}

fn post(framing: &str, body: &[u8], sent: &[u8]) -> Vec<u8> {
    let signature = format!("x-humanitix-signature: {}", sign::hex(SECRET, body));
    wire::request("POST /webhooks/humanitix HTTP/1.1", &[&signature, framing], sent)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_taken_whole_or_refused_never_cut() -> Result {
    let scene = Scene::open().await?;
    for (order, length, expected) in [("o1", LIMIT, (200, "processed")), ("o2", LIMIT + 1, (413, "too_large"))] {
        let body = of_length(order, length);
        let framed = post(&format!("content-length: {length}"), &body, &body);
        let chunked = post("transfer-encoding: chunked", &body, &wire::chunked(&body, 60_000));
        for request in [framed, chunked] {
            let answer = wire::only(&raw(scene.worker.address(), &request).await?)?;
            let answer = scene.keep(&answer)?;
            let expected = if answer.outcome == "duplicate" { (200, "duplicate") } else { expected };
            assert_eq!(answer.decision(), expected, "{length}");
        }
    }
    assert_eq!(
        line(&scene.client, "SELECT count(*), min(length(body)), max(length(body)) FROM webhook_logs").await?,
        format!("2|{LIMIT}|{LIMIT}")
    );
    assert_eq!(line(&scene.client, "SELECT platform_order_id FROM ticket_sales").await?, "o1");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_is_a_setting_and_exact() -> Result {
    let scene = Scene::open_with(Database::create().await?, &[("BOXOFFICE_MAX_BODY_BYTES", "2000")]).await?;
    for (order, length, status) in [("o1", 1999, 200), ("o2", 2000, 200), ("o3", 2001, 413), ("o4", 200_000, 413)] {
        assert_eq!(scene.signed(of_length(order, length)).await?.status, status, "{length}");
        let body = of_length(order, length);
        let chunked = post("transfer-encoding: chunked", &body, &wire::chunked(&body, 999));
        let answer = wire::only(&raw(scene.worker.address(), &chunked).await?)?;
        assert_eq!(scene.keep(&answer)?.status, status, "{length} in chunks");
    }
    assert_eq!(scene.count("ticket_sales").await?, 2);
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_header_bytes_are_431() -> Result {
    let scene = Scene::open().await?;
    let long = format!("x-long: {}", "y".repeat(20_000));
    let many: Vec<String> = (0..150).map(|number| format!("x-{number}: y")).collect();
    for head in [vec![long.as_str()], many.iter().map(String::as_str).collect()] {
        let answer =
            raw(scene.worker.address(), &wire::request("POST /webhooks/humanitix HTTP/1.1", &head, b"")).await?;
        assert_eq!(wire::only(&answer)?.status, 431);
    }
    // A signature header of a few kilobytes is only wrong.
    let long = "ab".repeat(5000);
    let answer = scene.post("/webhooks/humanitix", &[("x-humanitix-signature", &long)], "{}").await?;
    assert_eq!(answer.decision(), (401, "rejected"));
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_too_slowly_is_408_and_not_kept() -> Result {
    let scene = Scene::open_with(Database::create().await?, &[("BOXOFFICE_BODY_SECONDS", "0.2")]).await?;
    let body = bytes(&envelope("order.created", "o1"));
    let framing = format!("content-length: {}", body.len());
    // All but the last byte, and then nothing for ever.
    let request = post(&framing, &body, &body[..body.len() - 1]);
    let answer = wire::only(&raw(scene.worker.address(), &request).await?)?;
    assert_eq!(scene.keep(&answer)?.decision(), (408, "body_timeout"));
    // The same in chunks without an end.
    let mut chunks = wire::chunked(&body, 100);
    chunks.truncate(chunks.len() - 5);
    let answer = wire::only(&raw(scene.worker.address(), &post("transfer-encoding: chunked", &body, &chunks)).await?)?;
    assert_eq!(scene.keep(&answer)?.decision(), (408, "body_timeout"));
    assert_eq!(scene.count("webhook_logs").await?, 0);
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_come_too_slowly_and_idle_connections_are_closed() -> Result {
    let settings = [("BOXOFFICE_HEADER_SECONDS", "0.2"), ("BOXOFFICE_IDLE_SECONDS", "0.2")];
    let scene = Scene::open_with(Database::create().await?, &settings).await?;
    for begin in [&b""[..], b"POST /webhooks/hum", b"POST /webhooks/humanitix HTTP/1.1\r\nx-a: b\r\n"] {
        let mut stream = TcpStream::connect(scene.worker.address()).await?;
        stream.write_all(begin).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?; // ends, because the worker closes
        assert!(answer.is_empty(), "{:?}", String::from_utf8_lossy(&answer));
    }
    // After an answer the connection may idle, but not for ever.
    let mut stream = TcpStream::connect(scene.worker.address()).await?;
    stream.write_all(b"GET /live HTTP/1.1\r\nhost: x\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    assert_eq!(wire::only(&answer)?.status, 200);
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_open_client_gets_its_answer_and_a_vanished_one_leaves_nothing() -> Result {
    let scene = Scene::open().await?;
    let body = bytes(&envelope("order.created", "o1"));
    let request = post(&format!("content-length: {}", body.len()), &body, &body);
    // Closes its side right after the request, and still listens.
    let mut stream = TcpStream::connect(scene.worker.address()).await?;
    stream.write_all(&request).await?;
    stream.shutdown().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    assert_eq!(scene.keep(&wire::only(&answer)?)?.decision(), (200, "processed"));

    // Closes its side in the middle of the body: that was no delivery.
    let mut stream = TcpStream::connect(scene.worker.address()).await?;
    stream.write_all(&request[..request.len() - 10]).await?;
    stream.shutdown().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    if !answer.is_empty() {
        assert_eq!(wire::only(&answer)?.status, 400);
    }
    // Goes away without a word, in every state.
    for at in [0, 1, 30, request.len() / 2, request.len() - 1] {
        let mut stream = TcpStream::connect(scene.worker.address()).await?;
        stream.write_all(&request[..at]).await?;
        drop(stream);
    }
    assert_eq!(scene.signed(body).await?.decision(), (200, "duplicate"));
    assert_eq!(scene.count("webhook_logs").await?, 2);
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_silent_connections_keep_nobody_out() -> Result {
    let scene = Scene::open().await?;
    let mut silent = Vec::new();
    for number in 0..300 {
        let mut stream = TcpStream::connect(scene.worker.address()).await?;
        if number % 2 == 0 {
            stream.write_all(b"POST /webhooks/humanitix HTTP/1.1\r\ncontent-length: 1000000\r\n\r\n{").await?;
        }
        silent.push(stream);
    }
    for number in 0..20 {
        let answer = scene.signed(bytes(&envelope("order.created", &format!("o{number}")))).await?;
        assert_eq!(answer.decision(), (200, "processed"));
    }
    drop(silent);
    scene.close().await
}
