//! `explain_webhook`: one answer for each cause, nothing written, nobody's data shown.

use std::collections::BTreeSet;

use boxoffice_tests::payloads::{self, envelope};
use boxoffice_tests::sql::{SECRET, apply, deliver, line, lines, open_humanitix, signed};
use boxoffice_tests::{Database, Result, sign};
use serde_json::{Value, json};
use tokio_postgres::Client;

const BODY: &str = payloads::SAMPLE_CREATED;

async fn open() -> Result<(Database, Client)> {
    let db = Database::create().await?;
    let client = db.client().await?;
    open_humanitix(&client).await?;
    Ok((db, client))
}

/// The steps, as `step|passed|detail`.
async fn explain(client: &Client, platform: &str, headers: &Value, body: &str) -> Result<Vec<String>> {
    let query =
        "SELECT step || '|' || coalesce(passed::text, '-') || '|' || detail FROM explain_webhook($1, $2, $3::text)";
    Ok(client.query(query, &[&platform, &headers, &body]).await?.iter().map(|row| row.get(0)).collect())
}

/// The detail of the only step that is not as it should be.
async fn trouble(client: &Client, platform: &str, headers: &Value, body: &str) -> Result<String> {
    let steps = explain(client, platform, headers, body).await?;
    let failed: Vec<&str> = steps.iter().filter_map(|s| s.split_once("|false|").map(|(_, detail)| detail)).collect();
    assert_eq!(failed.len(), 1, "{steps:#?}");
    Ok(failed[0].to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reason_to_refuse_has_its_own_answer() -> Result {
    let (_db, client) = open().await?;
    client.batch_execute("SELECT link_event('humanitix', 'evt_1234567890')").await?;
    let key = |key: &str| json!({"x-humanitix-signature": sign::hex(key, BODY.as_bytes())});
    let mut seen = BTreeSet::new();
    let mut check = |found: String, code: &str| {
        assert!(found.starts_with(&format!("{code}: ")), "{code}: {found}");
        assert!(found.trim_end_matches('.').contains(". "), "no hint: {found}");
        assert!(seen.insert(found), "said twice: {code}");
    };
    check(trouble(&client, "humanitix", &json!({}), BODY).await?, "signature_missing");
    check(trouble(&client, "humanitix", &json!({"x-humanitix-signature": "xyz"}), BODY).await?, "signature_malformed");
    check(trouble(&client, "humanitix", &key("another"), BODY).await?, "signature_mismatch");
    client.batch_execute("SELECT set_webhook_secret('humanitix', 'the next one of the tests')").await?;
    check(trouble(&client, "humanitix", &key(SECRET), BODY).await?, "secret_expired");
    client.execute("SELECT set_webhook_secret('humanitix', $1)", &[&SECRET]).await?;
    client.batch_execute("SELECT configure_platform('humanitix', timestamp_header => 'x-time')").await?;
    let mut headers = key(SECRET);
    check(trouble(&client, "humanitix", &headers, BODY).await?, "timestamp_missing");
    for (time, code) in
        [("soon", "timestamp_malformed"), ("1700000000", "timestamp_stale"), ("99999999999", "timestamp_future")]
    {
        headers["x-time"] = time.into();
        check(trouble(&client, "humanitix", &headers, BODY).await?, code);
    }
    let body = payloads::EVENTBRITE_PLACED;
    client.batch_execute("SELECT set_path_token('eventbrite', 'a-path-token-of-the-tests')").await?;
    check(trouble(&client, "eventbrite", &json!({}), body).await?, "token_missing");
    check(trouble(&client, "eventbrite", &json!({":path-token": "x"}), body).await?, "token_mismatch");
    client.batch_execute("SELECT configure_platform('eventbrite', webhook_ids => '{1}')").await?;
    let headers = json!({":path-token": "a-path-token-of-the-tests"});
    check(trouble(&client, "eventbrite", &headers, body).await?, "webhook_not_allowed");
    check(trouble(&client, "tickettailor", &json!({}), body).await?, "unknown_platform");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_platform_is_said_to_be_closed() -> Result {
    let (_db, client) = open().await?;
    client.batch_execute("SELECT remove_webhook_secrets('humanitix')").await?;
    let steps = explain(&client, "humanitix", &signed(BODY), BODY).await?;
    assert!(
        steps[1].starts_with("authentication|false|") && steps[1].ends_with("0 valid and 0 expired secrets"),
        "{steps:#?}"
    );
    assert!(steps[2].starts_with("verification|false|no_secret: "), "{steps:#?}");
    assert_eq!(steps.last().map(String::as_str), Some("answer|-|HTTP 401; the delivery is counted, not kept"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_usual_mistakes_are_found() -> Result {
    let (_db, client) = open().await?;
    client.batch_execute("SELECT link_event('humanitix', 'evt_1234567890')").await?;
    let of = |header: &str, value: String| json!({ header: value });
    let hex = sign::hex(SECRET, BODY.as_bytes());
    let ours = "x-humanitix-signature";
    let with_end = format!("{BODY}\n");
    let with_crlf = format!("{BODY}\r\n");
    for (headers, body, finding) in [
        (of(ours, sign::base64(SECRET, BODY.as_bytes())), BODY, "in base64"),
        (of(ours, format!("sha256={hex}")), BODY, "after \"sha256=\""),
        (of(ours, format!("v1={hex}")), BODY, "after \"v1=\""),
        (of(ours, hex.clone()), &with_end, "without the line end"),
        (of(ours, hex.clone()), &with_crlf, "without the line end"),
        (of(ours, sign::hex(SECRET, with_end.as_bytes())), BODY, "with a line end"),
        (of("x-hub-signature-256", hex.clone()), BODY, "other headers that may hold a signature: x-hub-signature-256"),
    ] {
        let found = trouble(&client, "humanitix", &headers, body).await?;
        assert!(found.contains(" Found: ") && found.contains(finding), "{finding}: {found}");
    }
    let found = trouble(&client, "humanitix", &of(ours, sign::hex("another", BODY.as_bytes())), BODY).await?;
    assert!(!found.contains("Found:"), "{found}");
    client.batch_execute("SELECT configure_platform('humanitix', signature_encoding => 'base64')").await?;
    assert!(trouble(&client, "humanitix", &of(ours, hex), BODY).await?.contains("in hex"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_seems_to_be_missing_is_explained_by_its_link() -> Result {
    let (_db, client) = open().await?;
    let found = trouble(&client, "humanitix", &signed(BODY), BODY).await?;
    let call = "SELECT boxoffice.link_event('humanitix', 'evt_1234567890')";
    assert_eq!(found, format!("event evt_1234567890 is not linked yet, so its sales have no event_id; {call}"));
    // The call that it gives is the one that helps.
    client.batch_execute(call).await?;
    let steps = explain(&client, "humanitix", &signed(BODY), BODY).await?;
    assert!(steps.iter().any(|s| s.starts_with("event link|true|event evt_1234567890 is linked to ")), "{steps:#?}");
    assert!(steps.iter().all(|s| !s.contains("|false|")), "{steps:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_would_change() -> Result {
    let (_db, client) = open().await?;
    let effect = |steps: Vec<String>| {
        steps.into_iter().find_map(|s| s.strip_prefix("effect|-|").map(str::to_owned)).unwrap_or_default()
    };
    let new = effect(explain(&client, "humanitix", &signed(BODY), BODY).await?);
    assert!(new.starts_with("new order with total_amount 75.00, currency AUD, ticket_quantity 3, "), "{new}");
    deliver(&client, BODY).await?;
    assert_eq!(effect(explain(&client, "humanitix", &signed(BODY), BODY).await?), "nothing new");
    let refund = payloads::SAMPLE_REFUNDED;
    let change = effect(explain(&client, "humanitix", &signed(refund), refund).await?);
    for part in [
        "valid_quantity 3 -> 0",
        "refund_status none -> refunded",
        "refund_amount 0.00 -> 75.00",
        "refund_date null -> 2024-01-25",
    ] {
        assert!(change.contains(part), "{part}: {change}");
    }
    let hint = explain(&client, "eventbrite", &json!({}), payloads::EVENTBRITE_PLACED).await?.join("\n");
    assert!(hint.contains("GET /v3/orders/987654321/?expand=attendees,refund_requests will be asked for"), "{hint}");
    let broken = trouble(&client, "humanitix", &signed("{"), "{").await?;
    assert!(broken.contains("not valid JSON"), "{broken}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_writes_nothing_and_shows_nobodys_data() -> Result {
    let (db, client) = open().await?;
    let people = json!({"attendees": [{"id": "a1", "name": "Grace Hopper", "email": "grace@example.org"}]});
    deliver(&client, &envelope("order.created", "o", "2026-03-01T10:00:00Z", people)).await?;
    apply(&client, "eventbrite", "order", payloads::SAMPLE_ORDER, None).await?;
    let tables =
        lines(&client, "SELECT relname FROM pg_class WHERE relnamespace = 'boxoffice'::regnamespace AND relkind = 'r'")
            .await?;
    let contents = || async {
        let mut all = Vec::new();
        for table in &tables {
            all.push(line(&client, &format!("SELECT count(*), md5(string_agg(t::text || t.xmax::text, '' ORDER BY t::text)) FROM boxoffice.{table} t")).await?);
        }
        anyhow::Ok(all)
    };
    let before = contents().await?;
    let reader = db.client().await?;
    reader.batch_execute("BEGIN READ ONLY").await?;
    let other = json!({"attendees": [{"id": "a1", "name": "Ada Lovelace"}, {"id": "a2", "name": "Ada Lovelace"}], "total_amount": 60});
    let changed = envelope("order.updated", "o", "2026-03-02T10:00:00Z", other);
    let new = envelope("order.created", "new", "2026-03-02T10:00:00Z", json!({}));
    let mut said = String::new();
    for (platform, headers, body) in [
        ("humanitix", signed(&changed), changed.as_str()),
        ("humanitix", signed(&new), &new),
        ("humanitix", json!({}), &new),
        ("humanitix", signed("{"), "{"),
        ("eventbrite", json!({}), payloads::EVENTBRITE_PLACED),
        ("nobody", json!({}), ""),
    ] {
        said.push_str(&explain(&reader, platform, &headers, body).await?.join("\n"));
        assert_eq!(line(&reader, "SELECT pg_current_xact_id_if_assigned()").await?, "-");
    }
    reader.batch_execute("COMMIT").await?;
    assert_eq!(contents().await?, before);
    for private in ["Ada", "Lovelace", "Hopper", "example.org", "+614", SECRET, &sign::hex(SECRET, new.as_bytes())] {
        assert!(!said.contains(private), "{private}: {said}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_puts_in_the_place_of_a_word_is_not_shown() -> Result {
    let (_db, client) = open().await?;
    for status in ["paid\u{1b}[31m\nx; 9 attendees written", "Ada Lovelace ada@x.org", ""] {
        let body = envelope("order.created", "a", "2026-03-01T10:00:00Z", json!({"status": status}));
        let said = explain(&client, "humanitix", &signed(&body), &body).await?.join("\n");
        assert!(!said.contains('\u{1b}') && !said.contains("Lovelace") && !said.contains("9 attendees"), "{said}");
    }
    Ok(())
}
