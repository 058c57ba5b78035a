//! Bodies that are rightly signed and wrong all the same, through HTTP. Each is kept to the byte, and none is an
//! accident.

use boxoffice_tests::body::envelope;
use boxoffice_tests::scene::bytes;
use boxoffice_tests::sql::line;
use boxoffice_tests::{Answer, Result, Scene};
use serde_json::json;

/// An envelope's text with one piece of it replaced; the piece must be there.
fn with(order_id: &str, piece: &str, by: &str) -> Vec<u8> {
    let text = envelope("order.created", order_id).to_string();
    assert!(text.contains(piece), "{piece} is not in {text}");
    text.replacen(piece, by, 1).into_bytes()
}

/// Sends it, and compares what is kept with what was sent.
async fn send(scene: &Scene, body: &[u8]) -> Result<Answer> {
    let answer = scene.signed(body).await?;
    let kept = scene.client.query_one("SELECT body FROM webhook_logs WHERE id = $1", &[&answer.log_id]).await?;
    assert!(kept.get::<_, &[u8]>(0) == body, "kept are other bytes than were sent");
    Ok(answer)
}

async fn unusable(scene: &Scene, name: &str, body: &[u8], code: &str) -> Result {
    let answer = send(scene, body).await?;
    assert_eq!(answer.decision(), (400, "invalid"), "{name}: {answer:?}");
    let query = "SELECT error_code, processed, next_attempt_at IS NULL FROM webhook_logs ORDER BY id DESC LIMIT 1";
    assert_eq!(line(&scene.client, query).await?, format!("{code}|f|t"), "{name}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_json() -> Result {
    let scene = Scene::open().await?;
    let whole = bytes(&envelope("order.created", "o1"));
    let control = with("o1", "Wilhelmina", "Wil\u{1}helmina");
    for (name, body) in [
        ("empty", &b""[..]),
        ("white space", b" \r\n\t "),
        ("only a byte order mark", b"\xef\xbb\xbf"),
        ("text", b"hello"),
        ("HTML", b"<html><body>502</body></html>"),
        ("a form", b"event_type=order.created&order=1"),
        ("truncated in a string", &whole[..whole.len() / 2]),
        ("truncated by one byte", &whole[..whole.len() - 1]),
        ("two documents", &[&whole[..], &whole].concat()),
        ("a trailing comma", b"{\"event_type\":\"order.created\",}"),
        ("single quotes", b"{'event_type':'order.created'}"),
        ("NaN", b"{\"event_type\":NaN}"),
        ("a control character", &control),
    ] {
        unusable(&scene, name, body, "22P02").await?;
    }
    for (name, body) in [
        ("a lone continuation byte", &[&whole[..], b"\x80"].concat()[..]),
        ("Latin-1", b"{\"event_type\":\"caf\xe9\"}"),
        ("an overlong slash", b"{\"event_type\":\"\xc0\xaf\"}"),
        ("a surrogate in UTF-8", b"{\"event_type\":\"\xed\xa0\x80\"}"),
        ("gzip", b"\x1f\x8b\x08"),
        ("UTF-16", b"\xff\xfe{\0\"\0a\0\"\0:\x001\0}\0"),
    ] {
        unusable(&scene, name, body, "22021").await?;
    }
    assert_eq!(scene.count("ticket_sales").await?, 0);
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn json_of_the_wrong_shape() -> Result {
    let scene = Scene::open().await?;
    for body in [
        "null",
        "true",
        "0",
        "\"order.created\"",
        "[]",
        "{}",
        "[{\"event_type\":\"order.created\"}]",
        r#"{"event_type":null}"#,
        r#"{"event_type":""}"#,
        r#"{"event_type":["order.created"]}"#,
        r#"{"event_type":"order.created"}"#,
        r#"{"event_type":"order.created","data":null}"#,
        r#"{"event_type":"order.created","data":[]}"#,
        r#"{"event_type":"order.created","data":{}}"#,
        r#"{"event_type":"order.created","data":{"order":[]}}"#,
        r#"{"event_type":"order.created","data":{"order":{}}}"#,
        r#"{"event_type":"order.created","data":{"order":{"id":""}}}"#,
        r#"{"event_type":"order.created","data":{"order":{"id":{}}}}"#,
        r#"{"event_type":"order.created","data":{"order":{"id":1.5}}}"#,
        r#"{"event_type":"order.created","data":{"order":{"id":true}}}"#,
        r#"{"event_type":"order.created","data":{"event":{"id":"e1"}}}"#,
    ] {
        unusable(&scene, body, body.as_bytes(), "22000").await?;
    }
    let long = json!({"event_type": "order.created", "data": {"order": {"id": "x".repeat(257)}}});
    unusable(&scene, "a long id", &bytes(&long), "22000").await?;
    assert_eq!(scene.count("ticket_sales").await?, 0);
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_event_type_is_kept_and_ignored() -> Result {
    let scene = Scene::open().await?;
    let long = "y".repeat(5000);
    for name in ["order.transferred", "ORDER.CREATED", "order.created ", "ping", "💥", "'; DROP TABLE x", &long] {
        let answer = send(&scene, &bytes(&envelope(name, "o1"))).await?;
        // White space around a word is no other word.
        let expected = if name.trim() == "order.created" { "processed" } else { "ignored" };
        assert_eq!(answer.decision(), (200, expected), "{name}");
    }
    assert_eq!(
        line(&scene.client, "SELECT bool_and(processed), max(length(event_type)) FROM webhook_logs").await?,
        "t|128"
    );
    assert_eq!(scene.count("ticket_sales").await?, 1);
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn deeply_nested_json() -> Result {
    let scene = Scene::open().await?;
    let (open, close) = ("[".repeat(10_000), "]".repeat(10_000));
    unusable(&scene, "closed", format!("{open}{close}").as_bytes(), "22P02").await?;
    unusable(&scene, "left open", "[".repeat(100_000).as_bytes(), "22P02").await?;
    unusable(&scene, "objects", "{\"a\":".repeat(10_000).as_bytes(), "22P02").await?;
    let inside = with("o1", "\"The Cellar\"", &format!("{open}{close}"));
    unusable(&scene, "within an envelope", &inside, "22P02").await?;
    // As deep as anybody would go is fine, also for the database that keeps it.
    let (open, close) = ("[".repeat(100), "]".repeat(100));
    let deep = with("o2", "\"The Cellar\"", &format!("{open}{close}"));
    assert_eq!(send(&scene, &deep).await?.decision(), (200, "processed"));
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_duplicate_keys_the_last_one_counts() -> Result {
    let scene = Scene::open().await?;
    let body = with("o1", "\"total_amount\":75", "\"total_amount\":1,\"total_amount\":2,\"total_amount\":75");
    assert_eq!(send(&scene, &body).await?.decision(), (200, "processed"));
    let twice = with("o0", "\"id\":\"o0\"", "\"id\":\"o0\",\"id\":\"o2\"");
    assert_eq!(send(&scene, &twice).await?.decision(), (200, "processed"));
    let query =
        "SELECT string_agg(platform_order_id || '=' || total_amount, ' ' ORDER BY platform_order_id) FROM ticket_sales";
    assert_eq!(line(&scene.client, query).await?, "o1=75.00 o2=75.00");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn nul_characters_and_lone_surrogates() -> Result {
    let scene = Scene::open().await?;
    // In a text, in an id, in a key, in the event type, in a field that nobody reads.
    for (order, piece, by) in [
        ("o1", "Wilhelmina", r"Wil\u0000helmina"),
        ("o2", "\"o2\"", r#""o\u00002""#),
        ("o3", "\"address\"", r#""addr\u0000ess""#),
        ("o4", "order.created", r"order.\u0000created"),
        ("o5", "1 Example Street", r"\u0000\u0000"),
        ("o6", "Wilhelmina", r"\ud83c Wilhelmina"),
        ("o7", "\"address\"", r#""\udfad\ud83c""#),
        ("o8", "General", r"\ud83c\udfad\udfad"),
        ("o9", "l1", r"\u0000"),
    ] {
        let answer = send(&scene, &with(order, piece, by)).await?;
        assert_eq!(answer.decision(), (200, "processed"), "{order}: {answer:?}");
    }
    let orders = "SELECT string_agg(platform_order_id, ' ' ORDER BY platform_order_id) FROM ticket_sales";
    assert_eq!(line(&scene.client, orders).await?, "o1 o2 o3 o4 o5 o6 o7 o8 o9");
    let names = "SELECT string_agg(DISTINCT customer_name, ',' ORDER BY customer_name) FROM ticket_sales";
    assert_eq!(line(&scene.client, names).await?, "Wilhelmina Canary,\u{fffd} Wilhelmina Canary");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_all_the_world_come_back_as_they_went_in() -> Result {
    let scene = Scene::open().await?;
    let long = "Ω".repeat(4096);
    let names = [
        "🎭👩‍👩‍👧‍👦🏳️‍🌈",
        "محمد بن سلمان",
        "יוסף כהן",
        "\u{202e}gnorw\u{202c}",
        "山田 太郎",
        "Zoë Müller",
        "Zoe\u{308}",
        "O'Brien \"Bob\"",
        "'; DROP TABLE attendees; --",
        "<script>alert(1)</script>",
        "%s %n $1 \\",
        "a\\u0041",
        "\u{feff}BOM",
        "NULL",
        &long,
    ];
    for (number, name) in names.iter().enumerate() {
        let mut body = envelope("order.created", &format!("o{number}"));
        body["data"]["order"]["customer"] = json!({"name": name, "email": "a@example.org"});
        body["data"]["event"]["name"] = json!(name);
        // Once as UTF-8 and once with escapes.
        let mut text = body.to_string();
        if number % 2 == 1 {
            text = text.chars().flat_map(|c| if c.is_ascii() { vec![c.to_string()] } else { escaped(c) }).collect();
        }
        assert_eq!(send(&scene, text.as_bytes()).await?.decision(), (200, "processed"), "{name}");
        let query = "SELECT customer_name FROM ticket_sales WHERE platform_order_id = $1";
        let row = scene.client.query_one(query, &[&format!("o{number}")]).await?;
        assert_eq!(row.get::<_, &str>(0), *name);
    }
    scene.close().await
}

fn escaped(c: char) -> Vec<String> {
    c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}
