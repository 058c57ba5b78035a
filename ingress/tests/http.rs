//! What HTTP looks like from outside.

mod common;

use std::sync::atomic::Ordering;

use boxoffice_ingress::store::Class;
use boxoffice_ingress::store::StoreError;
use common::{failure, get, post, start};
use serde_json::json;

#[tokio::test]
async fn a_delivery_is_answered_with_the_decision() {
    let worker = start(|_, _| {}).await;
    let reply = worker.post("/webhooks/humanitix?x=1", "{}").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("retry-after"), None);
    assert_eq!(reply.json(), json!({"outcome": "processed", "log_id": 7, "message": "got 2"}));
    assert_eq!(worker.post("/functions/v1/eventbrite-webhook/token/", "").await.status, 200);
    assert_eq!(worker.fake.bodies(), [["{}"], [""]]);
    let headers = worker.fake.headers.lock().unwrap();
    assert_eq!(headers[0], json!({"host": "x", "content-length": "2", ":remote-addr": "127.0.0.1"}));
    assert_eq!(headers[1][":path-token"], "token");
}

#[tokio::test]
async fn headers_travel_as_they_are() {
    let worker = start(|config, _| config.proxies = common::proxies("127.0.0.1")).await;
    let mut wire = worker.wire().await;
    wire.send(
        b"POST /webhooks/a HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\nX-Twice: 1\r\nx-twice: 2\r\nx-odd: \xe9\r\n",
    )
    .await;
    wire.send("x-forwarded-for: 1.1.1.1, [2001:db8::7]:99\r\n\r\nB").await;
    assert_eq!(wire.reply().await.status, 200);
    let headers = worker.fake.headers.lock().unwrap().remove(0);
    assert_eq!(headers["x-twice"], json!(["1", "2"]));
    assert_eq!(headers["x-odd"], "\u{e9}");
    assert_eq!(headers[":remote-addr"], "2001:db8::7");
    // A name that could be taken for one of ours is no HTTP.
    wire.send("POST /webhooks/a HTTP/1.1\r\nhost: x\r\n:path-token: forged\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(wire.reply().await.status, 400);
}

#[tokio::test]
async fn statuses() {
    let worker = start(|_, _| {}).await;
    for (wanted, sent) in [(401, 401), (400, 400), (413, 413), (503, 503), (410, 503), (302, 503), (204, 503), (7, 503)]
    {
        let reply = worker.post("/webhooks/humanitix", &format!("status {wanted}")).await;
        assert_eq!(reply.status, sent);
        assert_eq!(reply.header("retry-after").is_some(), sent == 503);
    }
    let too_fast = worker.post("/webhooks/humanitix", "status 429").await;
    assert_eq!((too_fast.status, too_fast.header("retry-after")), (429, Some("30")));
}

#[tokio::test]
async fn methods_and_paths() {
    let worker = start(|_, _| {}).await;
    for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
        let reply =
            worker.ask(&format!("{method} /webhooks/humanitix HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("POST, OPTIONS")), "{method}");
        assert_eq!(reply.body.is_empty(), method == "HEAD");
    }
    let options = worker.ask("OPTIONS /webhooks/humanitix HTTP/1.1\r\nhost: x\r\norigin: http://evil\r\n\r\n").await;
    assert_eq!((options.status, options.header("allow")), (204, Some("POST, OPTIONS")));
    assert!(!options.headers.keys().any(|name| name.starts_with("access-control")));
    assert_eq!(worker.post("/live", "").await.status, 405);
    for path in ["/", "/webhooks", "/webhooks/UPPER", "/webhooks/a/b/c", "/admin"] {
        assert_eq!(worker.post(path, "{}").await.status, 404, "{path}");
    }
    assert_eq!(worker.fake.calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn pages() {
    let worker = start(|_, _| {}).await.connected().await;
    assert_eq!(worker.ask(&get("/live")).await.json(), json!({"live": true}));
    let ready = worker.ask(&get("/ready")).await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json(), json!({"ready": true, "library_version": "1.2.3", "sql_version": "1.2"}));
    let head = worker.ask("HEAD /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_ne!(head.header("content-length"), Some("0"));

    worker.post("/webhooks/humanitix", "{}").await;
    worker.post("/webhooks/nobody", "{}").await;
    let metrics = worker.ask(&get("/metrics")).await;
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain"));
    for line in [
        "requests_total{platform=\"humanitix\",status=\"200\",outcome=\"processed\"} 1",
        "requests_total{platform=\"other\",status=\"404\",outcome=\"refused\"} 1",
        "batch_size_count 2",
        "commit_seconds_count 2",
        "queue_depth 0",
        "buffered_bytes 0",
        "db_connected 1",
    ] {
        assert!(metrics.body.contains(&format!("boxoffice_ingress_{line}\n")), "{line}\n{}", metrics.body);
    }
    assert!(!metrics.body.contains("nobody"));
}

#[tokio::test]
async fn ready_follows_the_database() {
    let worker = start(|_, _| {}).await.connected().await;
    assert_eq!(worker.ask(&get("/ready")).await.status, 200);
    worker.fake.away.store(true, Ordering::SeqCst);
    let reply = worker.until_ready_is(503).await;
    assert_eq!(reply.header("retry-after"), Some("5"));
    assert_eq!(reply.json(), json!({"ready": false, "reason": "there is no connection to the database"}));
    assert_eq!(worker.ask(&get("/live")).await.status, 200);
    worker.fake.away.store(false, Ordering::SeqCst);
    worker.until_ready_is(200).await;
    // The probe's own connection broke, the server is there: still ready once the pump has come back too.
    worker.fake.break_connections();
    let worker = worker.connected().await;
    worker.until_ready_is(200).await;
    // What the database itself finds wrong.
    *worker.fake.problem.lock().unwrap() = Some("of another version".to_owned());
    assert_eq!(worker.until_ready_is(503).await.json()["reason"], "of another version");
}

#[tokio::test]
async fn ready_says_why_deliveries_were_not_kept() {
    let error = StoreError { sqlstate: Some("53100".to_owned()), ..failure(Class::Trouble) };
    let worker = start(|_, fake| fake.errors.lock().unwrap().push(error)).await.connected().await;
    assert_eq!(worker.ask(&get("/ready")).await.status, 200);
    assert_eq!(worker.post("/webhooks/humanitix", "x").await.status, 503);
    let reply = worker.ask(&get("/ready")).await;
    assert_eq!((reply.status, &reply.json()["reason"]), (503, &"the disk of the database is full".into()));
    assert!(!reply.body.contains("PRIVATE"));
    assert_eq!(worker.post("/webhooks/humanitix", "x").await.status, 200);
    assert_eq!(worker.ask(&get("/ready")).await.status, 200);
}

#[tokio::test]
async fn many_who_ask_are_one_question() {
    let worker = start(|_, _| {}).await.connected().await;
    let mut wire = worker.wire().await;
    wire.send(get("/ready").repeat(200)).await;
    for _ in 0..200 {
        assert_eq!(wire.reply().await.status, 200);
    }
    // A quarter of a second each; nobody takes that long for 200 answers out of memory, and twice as many would be allowed.
    assert!(worker.fake.questions.load(Ordering::SeqCst) < 20);
}

#[tokio::test]
async fn http_1_0_keep_alive_and_pipelining() {
    let worker = start(|_, _| {}).await;
    let mut old = worker.wire().await;
    old.send("POST /webhooks/humanitix HTTP/1.0\r\ncontent-length: 3\r\n\r\nold").await;
    assert_eq!(old.reply().await.status, 200);
    assert!(old.closed().await);

    let mut wire = worker.wire().await;
    wire.send(post("/webhooks/humanitix", "status 401") + &post("/webhooks/humanitix", "two") + &get("/live")).await;
    assert_eq!(wire.reply().await.status, 401);
    assert_eq!(wire.reply().await.status, 200);
    assert_eq!(wire.reply().await.status, 200);
}

#[tokio::test]
async fn chunked_bodies_arrive_whole() {
    let worker = start(|_, _| {}).await;
    let mut wire = worker.wire().await;
    wire.send("POST /webhooks/humanitix HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").await;
    wire.send("3\r\nabc\r\n").await;
    wire.send("5;ext=1\r\ndefgh\r\n0\r\ntrailer: t\r\n\r\n").await;
    assert_eq!(wire.reply().await.status, 200);
    assert_eq!(worker.fake.bodies(), [["abcdefgh"]]);
    // Broken framing is not a shorter body.
    wire.send("POST /webhooks/humanitix HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcX").await;
    assert_eq!(wire.reply().await.status, 400);
    assert!(wire.closed().await);
    assert_eq!(worker.fake.bodies().len(), 1);
}

#[tokio::test]
async fn expect_100_continue() {
    let worker = start(|config, _| config.max_body_bytes = 10).await;
    let mut wire = worker.wire().await;
    let head = |length| {
        format!("POST /webhooks/a HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n")
    };
    wire.send(head(4)).await;
    assert_eq!(wire.reply().await.status, 100);
    wire.send("body").await;
    assert_eq!(wire.reply().await.status, 200);
    // Too long: said before a byte of it is sent.
    wire.send(head(11)).await;
    let reply = wire.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (413, Some("close")));
    assert!(wire.closed().await);
}

#[tokio::test]
async fn a_half_closed_sender_gets_its_answer() {
    use tokio::io::AsyncWriteExt as _;
    let worker = start(|_, _| {}).await;
    let mut wire = worker.wire().await;
    worker.fake.close_gate().await;
    wire.send(post("/webhooks/humanitix", "half")).await;
    wire.stream.shutdown().await.unwrap();
    worker.fake.wait_entered(1).await;
    worker.fake.open_gate();
    assert_eq!(wire.reply().await.status, 200);
    assert!(wire.closed().await);
}
