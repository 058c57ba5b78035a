//! Forgeries cost the database next to nothing, whatever they bring.

use boxoffice_tests::sql::{ingest, line, lines, open_humanitix};
use boxoffice_tests::{Cluster, Database, Result, sign};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// Headers as long as the worker lets through.
fn headers(number: usize) -> Value {
    let mut headers = json!({
        "x-humanitix-signature": sign::hex("another key", number.to_string().as_bytes()),
        ":remote-addr": format!("192.0.2.{}", number % 250), "user-agent": "forger", "authorization": "Bearer hidden",
    });
    for place in 0..60 {
        headers[format!("x-{place}")] = format!("{number} {}", "é".repeat(120)).into();
    }
    headers
}

async fn open() -> Result<(Database, Client)> {
    let cluster = Cluster::start(&["autovacuum=off", "full_page_writes=off"]).await?;
    let db = Database::create_on(&cluster).await?;
    let client = db.client().await?;
    open_humanitix(&client).await?;
    Ok((db, client))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_writes_little_and_grows_nothing() -> Result {
    let (_db, client) = open().await?;
    let body = "b".repeat(100_000);
    for number in 0..20 {
        ingest(&client, "humanitix", &headers(number), body.as_bytes()).await?;
    }
    let size = "SELECT pg_total_relation_size('webhook_rejections')";
    let (before, place) = (line(&client, size).await?, line(&client, "SELECT pg_current_wal_insert_lsn()").await?);
    for number in 0..1000 {
        assert_eq!(ingest(&client, "humanitix", &headers(number), body.as_bytes()).await?.http_status, 401);
    }
    let written = format!("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '{place}')::bigint / 1000");
    let each: i64 = line(&client, &written).await?.parse()?;
    assert!(each < 400, "{each} bytes of WAL for each rejection");
    assert_eq!(line(&client, size).await?, before);
    assert_eq!(line(&client, "SELECT sum(count) FROM webhook_rejections").await?, "1020");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_is_cut_hides_secrets_and_tells_enough() -> Result {
    let (_db, client) = open().await?;
    ingest(&client, "humanitix", &headers(7), "body".repeat(1000).as_bytes()).await?;
    let query = "SELECT length(last_body), length(last_headers::text) < 1000, last_headers->>'authorization', last_headers->>'x-humanitix-signature',
        last_headers->>':remote-addr', (last_headers->>':left-out')::int > 50 FROM webhook_rejections";
    assert_eq!(line(&client, query).await?, "512|t|[redacted]|-|192.0.2.7|t");
    // Whoever tries things by hand sees what was sent last.
    for number in 0..5 {
        let headers = json!({"user-agent": format!("try {number}")});
        ingest(&client, "humanitix", &headers, format!("try {number}").as_bytes()).await?;
    }
    let query = "SELECT last_headers->>'user-agent', convert_from(last_body, 'UTF8') FROM webhook_rejections WHERE reason = 'signature_missing'";
    assert_eq!(lines(&client, query).await?, ["try 4|try 4"]);
    Ok(())
}
