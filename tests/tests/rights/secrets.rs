//! Who is believed: secrets and their rotation, the ways to sign, and what is kept of those who are not believed.

use boxoffice_tests::payloads::{self, envelope};
use boxoffice_tests::sql::{SECRET, deliver, ingest, line, lines, open_humanitix, remarks};
use boxoffice_tests::{Database, Result, sign};
use serde_json::{Value, json};
use tokio_postgres::Client;

const BODY: &str = payloads::TEST_CREATED;

async fn open() -> Result<(Database, Client)> {
    let db = Database::create().await?;
    let client = db.client().await?;
    Ok((db, client))
}

/// `believed`, or the reason why not.
async fn with(client: &Client, headers: Value, body: &str) -> Result<String> {
    client.batch_execute("TRUNCATE webhook_rejections").await?;
    let receipt = ingest(client, "humanitix", &headers, body.as_bytes()).await?;
    if receipt.outcome != "rejected" {
        return Ok("believed".to_owned());
    }
    assert_eq!((receipt.http_status, receipt.log_id), (401, None));
    line(client, "SELECT reason FROM webhook_rejections").await
}

async fn by_key(client: &Client, key: &str) -> Result<String> {
    with(client, json!({"x-humanitix-signature": sign::hex(key, BODY.as_bytes())}), BODY).await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_secret_nobody_is_believed() -> Result {
    let (_db, client) = open().await?;
    assert_eq!(by_key(&client, "any").await?, "no_secret");
    assert_eq!(by_key(&client, "").await?, "no_secret");
    open_humanitix(&client).await?;
    assert_eq!(by_key(&client, SECRET).await?, "believed");
    assert_eq!(line(&client, "SELECT remove_webhook_secrets('humanitix')").await?, "1");
    assert_eq!(by_key(&client, SECRET).await?, "no_secret");
    // A secret of another platform opens only that one.
    client.execute("SELECT set_webhook_secret('eventbrite', $1)", &[&SECRET]).await?;
    assert_eq!(by_key(&client, SECRET).await?, "no_secret");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_replaced_without_losing_a_delivery() -> Result {
    let (_db, client) = open().await?;
    client.batch_execute("SELECT set_webhook_secret('humanitix', 'the first secret of it')").await?;
    client
        .batch_execute("SELECT set_webhook_secret('humanitix', 'the second secret of it', now() + interval '1 hour')")
        .await?;
    assert_eq!(by_key(&client, "the first secret of it").await?, "believed");
    assert_eq!(by_key(&client, "the second secret of it").await?, "believed");
    // Said twice it is not replaced by itself.
    client.batch_execute("SELECT set_webhook_secret('humanitix', 'the second secret of it')").await?;
    assert_eq!(by_key(&client, "the first secret of it").await?, "believed");

    client
        .batch_execute("UPDATE webhook_secrets SET valid_until = now() WHERE value = 'the first secret of it'")
        .await?;
    assert_eq!(by_key(&client, "the first secret of it").await?, "secret_expired");
    client
        .batch_execute("SELECT set_webhook_secret('humanitix', 'the third secret of it', now() + interval '1 hour')")
        .await?;
    client
        .batch_execute("SELECT set_webhook_secret('humanitix', 'the fourth secret of it', now() + interval '1 hour')")
        .await?;
    // Only the previous one is prolonged; the one before it ends.
    assert_eq!(by_key(&client, "the second secret of it").await?, "secret_expired");
    assert_eq!(by_key(&client, "the third secret of it").await?, "believed");
    client.batch_execute("SELECT set_webhook_secret('humanitix', 'the fifth secret of it')").await?;
    for (key, answer) in [
        ("the third secret of it", "secret_expired"),
        ("the fourth secret of it", "secret_expired"),
        ("the fifth secret of it", "believed"),
        ("the first secret of it", "signature_mismatch"),
    ] {
        assert_eq!(by_key(&client, key).await?, answer, "{key}");
    }
    assert_eq!(line(&client, "SELECT count(*), max(generation) FROM webhook_secrets").await?, "4|5");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_can_be_opened_to_everybody_and_that_is_said() -> Result {
    let (db, client) = open().await?;
    let said = remarks(&db.url(), &["SELECT configure_platform('humanitix', authentication => 'none')"]).await?;
    let warnings: Vec<_> = said.iter().flatten().map(|w| (w.severity(), w.message(), w.hint().is_some())).collect();
    assert_eq!(warnings, [("WARNING", "everybody can now write sales of platform \"humanitix\"", true)]);
    assert_eq!(with(&client, json!({}), BODY).await?, "believed");
    assert_eq!(line(&client, "SELECT verified_by FROM webhook_logs").await?, "open");
    let eventbrite = ingest(&client, "eventbrite", &json!({}), payloads::EVENTBRITE_PLACED.as_bytes()).await?;
    assert_eq!(eventbrite.http_status, 401);
    let said = remarks(&db.url(), &["SELECT configure_platform('humanitix', authentication => 'signature')"]).await?;
    assert_eq!(said.iter().flatten().count(), 0);
    assert_eq!(with(&client, json!({}), BODY).await?, "no_secret");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_of_signing_is_a_setting() -> Result {
    let (_db, client) = open().await?;
    open_humanitix(&client).await?;
    let now: i64 = client.query_one("SELECT extract(epoch FROM now())::bigint", &[]).await?.get(0);
    let base64 = |content: &str| sign::base64(SECRET, content.as_bytes());

    let set = "SELECT configure_platform('humanitix', signature_header => 'X-Hook-Sign', signature_encoding => 'base64', signature_prefix => 'v1,')";
    client.batch_execute(set).await?;
    let right = format!("v1,{}", base64(BODY));
    assert_eq!(with(&client, json!({"x-hook-sign": right}), BODY).await?, "believed");
    assert_eq!(with(&client, json!({"x-humanitix-signature": right}), BODY).await?, "signature_missing");
    assert_eq!(with(&client, json!({"x-hook-sign": base64(BODY)}), BODY).await?, "signature_malformed");
    assert_eq!(
        with(&client, json!({"x-hook-sign": format!("v1,{}", sign::hex(SECRET, BODY.as_bytes()))}), BODY).await?,
        "signature_malformed"
    );
    // The header's own name is redacted, whatever it is called.
    let kept = "SELECT count(*) FILTER (WHERE headers ->> 'x-hook-sign' = '[redacted]'), count(*) FROM webhook_logs";
    assert_eq!(line(&client, kept).await?, "1|1");

    let set = "SELECT configure_platform('humanitix', timestamp_header => 'X-Hook-Time', signed_content => 'timestamp.body', tolerance_seconds => 60)";
    client.batch_execute(set).await?;
    let at =
        |time: String, content: String| json!({"x-hook-time": time, "x-hook-sign": format!("v1,{}", base64(&content))});
    for (time, answer) in
        [(now, "believed"), (now - 50, "believed"), (now - 900, "timestamp_stale"), (now + 900, "timestamp_future")]
    {
        assert_eq!(
            with(&client, at(time.to_string(), format!("{time}.{BODY}")), BODY).await?,
            answer,
            "{}",
            time - now
        );
    }
    // The time is part of what is signed.
    assert_eq!(with(&client, at((now - 1).to_string(), format!("{now}.{BODY}")), BODY).await?, "signature_mismatch");
    assert_eq!(with(&client, json!({"x-hook-sign": right}), BODY).await?, "timestamp_missing");
    assert_eq!(with(&client, at("yesterday".into(), format!("yesterday.{BODY}")), BODY).await?, "timestamp_malformed");

    client.batch_execute("SELECT configure_platform('humanitix', signed_content => 'timestampbody')").await?;
    assert_eq!(with(&client, at(now.to_string(), format!("{now}{BODY}")), BODY).await?, "believed");
    // What is left out stays; an empty timestamp header takes it away again.
    client
        .batch_execute("SELECT configure_platform('humanitix', timestamp_header => '', signed_content => 'body')")
        .await?;
    assert_eq!(with(&client, json!({"x-hook-sign": right}), BODY).await?, "believed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn eventbrite_is_known_by_its_url_or_by_a_signing_bridge() -> Result {
    let (_db, client) = open().await?;
    let body = payloads::EVENTBRITE_PLACED;
    let token = "a-path-token-of-the-tests";
    let hook = |headers: Value| {
        let client = &client;
        async move { ingest(client, "eventbrite", &headers, body.as_bytes()).await.map(|r| (r.outcome, r.http_status)) }
    };
    assert_eq!(hook(json!({":path-token": token})).await?, ("rejected".into(), 401));
    client.execute("SELECT set_path_token('eventbrite', $1)", &[&token]).await?;
    assert_eq!(hook(json!({":path-token": token})).await?, ("queued".into(), 200));
    for headers in [
        json!({}),
        json!({":path-token": ""}),
        json!({":path-token": "a-path-token-of-the-testS"}),
        json!({"path-token": token}),
    ] {
        assert_eq!(hook(headers.clone()).await?, ("rejected".into(), 401), "{headers}");
    }
    client.batch_execute("SELECT configure_platform('eventbrite', webhook_ids => '{1,2}')").await?;
    assert_eq!(hook(json!({":path-token": token})).await?, ("rejected".into(), 401));
    client.batch_execute("SELECT configure_platform('eventbrite', webhook_ids => '{webhook_123}')").await?;
    assert_eq!(hook(json!({":path-token": token})).await?, ("queued".into(), 200));

    client.execute("SELECT set_webhook_secret('eventbrite', $1)", &[&SECRET]).await?;
    client.batch_execute("SELECT configure_platform('eventbrite', authentication => 'signature')").await?;
    assert_eq!(hook(json!({":path-token": token})).await?, ("rejected".into(), 401));
    assert_eq!(
        hook(json!({"x-eventbrite-signature": sign::hex(SECRET, body.as_bytes())})).await?,
        ("queued".into(), 200)
    );
    assert_eq!(
        line(&client, "SELECT string_agg(verified_by, ' ' ORDER BY id) FROM webhook_logs").await?,
        "path_token path_token signature"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_forgeries_is_counted_in_bounded_space() -> Result {
    let (_db, client) = open().await?;
    open_humanitix(&client).await?;
    let long = "x".repeat(5000);
    for n in 0..500 {
        let (platform, headers) = match n % 5 {
            0 => (format!("platform-{n}"), json!({})),
            1 => ("humanitix".to_owned(), json!({"x-humanitix-signature": format!("{n:064x}")})),
            2 => ("humanitix".to_owned(), json!({"x-humanitix-signature": format!("nonsense {n}")})),
            3 => ("humanitix".to_owned(), json!({"x-forwarded-for": format!("192.0.2.{n}")})),
            _ => ("eventbrite".to_owned(), json!({":path-token": format!("{n}")})),
        };
        ingest(&client, &platform, &headers, format!("{n} {long}").as_bytes()).await?;
    }
    let query = "SELECT platform, reason, count, length(last_body), convert_from(last_body, 'UTF8') ~ '^[0-9]+ xxx' FROM webhook_rejections ORDER BY 1, 2";
    assert_eq!(
        lines(&client, query).await?,
        [
            "(unknown)|unknown_platform|100|512|t",
            "eventbrite|no_secret|100|512|t",
            "humanitix|signature_malformed|100|512|t",
            "humanitix|signature_mismatch|100|512|t",
            "humanitix|signature_missing|100|512|t",
        ]
    );
    assert_eq!(
        line(&client, "SELECT (SELECT count(*) FROM webhook_logs), (SELECT count(*) FROM ticket_sales)").await?,
        "0|0"
    );
    assert_eq!(
        line(&client, "SELECT count(*) FROM webhook_rejections WHERE last_headers::text ~ 'nonsense|[0-9a-f]{64}'")
            .await?,
        "0"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_are_signed_as_the_settings_say_and_accepted() -> Result {
    let (_db, client) = open().await?;
    open_humanitix(&client).await?;
    client.batch_execute("SELECT set_path_token('eventbrite', 'a-path-token-of-the-tests')").await?;
    let take = "SELECT r.outcome, s.path FROM sample_webhook($1, $2) s, ingest_webhook($1, s.headers, s.body) r";
    for event in ["order.created", "order.updated", "order.cancelled", "order.refunded"] {
        let row = client.query_one(take, &[&"humanitix", &event]).await?;
        assert_eq!((row.get(0), row.get(1)), ("processed", "/webhooks/humanitix"), "{event}");
    }
    for (event, outcome) in [
        ("order.placed", "queued"),
        ("attendee.updated", "queued"),
        ("barcode.checked_in", "queued"),
        ("test", "ignored"),
    ] {
        let row = client.query_one(take, &[&"eventbrite", &event]).await?;
        assert_eq!((row.get(0), row.get(1)), (outcome, "/webhooks/eventbrite/a-path-token-of-the-tests"), "{event}");
    }
    let set = "SELECT configure_platform('humanitix', signature_header => 'x-sign', signature_encoding => 'base64', signature_prefix => 'v1,',
        timestamp_header => 'x-time', signed_content => 'timestamp.body')";
    client.batch_execute(set).await?;
    assert_eq!(client.query_one(take, &[&"humanitix", &"order.created"]).await?.get::<_, &str>(0), "processed");
    // And what is true of samples is true of strangers: the settings have changed for both.
    assert_eq!(
        deliver(&client, &envelope("order.created", "o", "2026-03-01T10:00:00Z", json!({}))).await?.http_status,
        401
    );
    Ok(())
}
