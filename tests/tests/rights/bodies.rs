//! Secrets that senders repeat in bodies, and who may read bodies at all.

use boxoffice_tests::payloads::{self, envelope};
use boxoffice_tests::sql::{deliver, ingest, line, lines, open_humanitix, process, refusal};
use boxoffice_tests::{Database, Result};
use serde_json::{Value, json};
use tokio_postgres::Client;

const TOKEN: &str = "token-of-the-tests-0123456789";
const OLD: &str = "token-before-that-0123456789ab";

fn body(endpoint: &str, order: &str) -> String {
    json!({
        "config": {"action": "order.placed", "user_id": "1", "endpoint_url": endpoint, "webhook_id": "15905335"},
        "api_url": format!("https://www.eventbriteapi.com/v3/orders/{order}/"),
    })
    .to_string()
}

/// Every place of the database that keeps something of a delivery, as one text.
async fn everything(client: &Client) -> Result<String> {
    let tables = lines(client, "SELECT relname FROM pg_class WHERE relnamespace = 'boxoffice'::regnamespace AND relkind = 'r' AND relname <> 'webhook_secrets'").await?;
    let mut all = String::new();
    for table in tables {
        let rows = format!("SELECT to_jsonb(t) FROM boxoffice.{table} t");
        all.extend(lines(client, &rows).await?);
        if table == "webhook_logs" || table == "webhook_rejections" {
            let column = if table == "webhook_logs" { "body" } else { "last_body" };
            all.extend(lines(client, &format!("SELECT convert_from({column}, 'UTF8') FROM boxoffice.{table}")).await?);
        }
    }
    Ok(all)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_token_is_kept_wherever_it_stands() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    client.execute("SELECT set_path_token('eventbrite', $1)", &[&OLD]).await?;
    client.execute("SELECT set_path_token('eventbrite', $1, now() + interval '1 hour')", &[&TOKEN]).await?;
    let endpoints = [
        format!("https://tickets.example/webhooks/eventbrite/{TOKEN}"),
        format!("https://tickets.example/functions/v1/eventbrite-webhook/{TOKEN}"),
        format!("https://tickets.example/somewhere/{TOKEN}/else?again={TOKEN}"),
        format!("https://tickets.example/webhooks/eventbrite/{OLD}"),
        // A token of a registration that we do not know.
        "https://tickets.example/webhooks/eventbrite/nobody-knows-this-token".to_owned(),
    ];
    for (n, endpoint) in endpoints.iter().enumerate() {
        let plain = body(endpoint, &format!("10{n}"));
        for text in [plain.clone(), plain.replace('/', "\\/")] {
            let receipt = ingest(&client, "eventbrite", &json!({":path-token": TOKEN}), text.as_bytes()).await?;
            assert_eq!(receipt.outcome, "queued", "{text}");
            // Not believed, and so only counted, with a sample.
            ingest(&client, "eventbrite", &json!({":path-token": "a-wrong-token-0123456789"}), text.as_bytes()).await?;
            ingest(&client, "eventbrite", &json!({}), text.as_bytes()).await?;
        }
        process(&client, "eventbrite", "order.placed", &serde_json::from_str::<Value>(&plain)?).await?;
    }
    let kept = everything(&client).await?;
    for secret in [TOKEN, OLD, "nobody-knows-this-token", "a-wrong-token-0123456789"] {
        assert!(
            !kept.contains(secret),
            "{secret} is in {}",
            kept.split('\n').find(|line| line.contains(secret)).unwrap_or(&kept)
        );
    }
    // Same length, and read the same again.
    let lengths =
        "SELECT count(*) FILTER (WHERE octet_length(body) >= 200), count(*) FROM webhook_logs WHERE source = 'webhook'";
    assert_eq!(line(&client, lengths).await?, "10|10");
    let replayed = "SELECT DISTINCT r.outcome FROM webhook_logs l, replay_webhook(l.id) r";
    assert_eq!(lines(&client, replayed).await?, ["queued"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_bodies_only_by_a_right_of_its_own() -> Result {
    let db = Database::create().await?;
    let owner = db.client().await?;
    open_humanitix(&owner).await?;
    deliver(&owner, payloads::TEST_CREATED).await?;
    deliver(&owner, &envelope("order.created", "o", "2026-03-01T10:00:00Z", json!({}))).await?;
    let role = db.role().await?;
    let grant = |arguments: &str| format!("SELECT grant_reader('{}'{arguments})", role.name);
    line(&owner, &grant("")).await?;
    let reader = db.client_as(&role).await?;
    assert_eq!(line(&reader, "SELECT count(*), count(platform_order_id) FROM webhook_activity").await?, "2|2");
    assert_eq!(line(&reader, "SELECT count(id) FROM webhook_logs").await?, "2");
    let hidden = [
        "SELECT body FROM webhook_logs",
        "SELECT headers FROM webhook_logs",
        "SELECT * FROM webhook_logs",
        "SELECT l.payload FROM webhook_logs l",
    ];
    for query in hidden {
        assert_eq!(refusal(&reader, query).await?.code, "42501", "{query}");
    }
    line(&owner, &grant(", bodies => true")).await?;
    for query in hidden {
        assert_eq!(lines(&reader, query).await?.len(), 2, "{query}");
    }
    assert_eq!(refusal(&owner, &grant(", 'event-a', bodies => true")).await?.code, "22023");
    // Taken back by granting without, and by revoking; other grants leave it alone.
    line(&owner, &grant(", 'event-a'")).await?;
    assert_eq!(lines(&reader, hidden[0]).await?.len(), 2);
    line(&owner, &grant("")).await?;
    assert_eq!(refusal(&reader, hidden[0]).await?.code, "42501");
    line(&owner, &grant(", bodies => true")).await?;
    line(&owner, &format!("SELECT revoke_reader('{}', 'event-a')", role.name)).await?;
    assert_eq!(lines(&reader, hidden[0]).await?.len(), 2);
    line(&owner, &format!("SELECT revoke_reader('{}')", role.name)).await?;
    assert_eq!(refusal(&reader, hidden[0]).await?.code, "42501");
    Ok(())
}
