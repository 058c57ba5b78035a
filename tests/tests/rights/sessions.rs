//! Sessions keep settings and secrets in memory; a change counts in all of them as soon as it is committed, not earlier.

use boxoffice_tests::payloads::TEST_CREATED as BODY;
use boxoffice_tests::sql::{SECRET, ingest, line, open_humanitix};
use boxoffice_tests::{Database, Result, sign};
use serde_json::json;
use tokio_postgres::Client;

/// `believed`, or the reason why not.
async fn by_key(client: &Client, key: &str) -> Result<String> {
    // Not TRUNCATE: what it tells the other sessions makes them read the settings anew.
    client.batch_execute("DELETE FROM webhook_rejections").await?;
    let headers = json!({"x-humanitix-signature": sign::hex(key, BODY.as_bytes())});
    match ingest(client, "humanitix", &headers, BODY.as_bytes()).await?.outcome.as_str() {
        "rejected" => line(client, "SELECT reason FROM webhook_rejections").await,
        _ => Ok("believed".to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_counts_at_once_in_every_session() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    let other = db.client().await?;
    open_humanitix(&client).await?;
    // Both have used the settings and may have kept them.
    assert_eq!((by_key(&client, SECRET).await?, by_key(&other, SECRET).await?), ("believed".into(), "believed".into()));
    client.batch_execute("SELECT set_webhook_secret('humanitix', 'the rotated secret of all')").await?;
    assert_eq!(
        (by_key(&other, SECRET).await?, by_key(&other, "the rotated secret of all").await?),
        ("secret_expired".into(), "believed".into())
    );
    // Not before it is committed, and not at all when it is taken back.
    client.batch_execute("BEGIN; SELECT remove_webhook_secrets('humanitix')").await?;
    assert_eq!(by_key(&other, "the rotated secret of all").await?, "believed");
    let headers = json!({"x-humanitix-signature": sign::hex("the rotated secret of all", BODY.as_bytes())});
    assert_eq!(ingest(&client, "humanitix", &headers, BODY.as_bytes()).await?.outcome, "rejected");
    client.batch_execute("ROLLBACK").await?;
    assert_eq!(
        (by_key(&client, "the rotated secret of all").await?, by_key(&other, "the rotated secret of all").await?),
        ("believed".into(), "believed".into())
    );
    // By hand as well as with the functions, and by TRUNCATE, which fires no row trigger.
    client
        .batch_execute("UPDATE webhook_secrets SET value = 'by hand' WHERE value = 'the rotated secret of all'")
        .await?;
    assert_eq!(by_key(&other, "by hand").await?, "believed");
    client.batch_execute("TRUNCATE webhook_secrets").await?;
    assert_eq!(by_key(&other, "by hand").await?, "no_secret");
    client.batch_execute("SELECT configure_platform('humanitix', authentication => 'none')").await?;
    assert_eq!(by_key(&other, "nobody's").await?, "believed");
    client.batch_execute("DELETE FROM platform_settings").await?;
    assert_eq!(by_key(&other, "nobody's").await?, "no_secret");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_snapshot_does_not_keep_an_old_secret() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    let other = db.client().await?;
    client.batch_execute("SELECT set_webhook_secret('humanitix', 'the old secret of all')").await?;
    other.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT").await?;
    line(&other, "SELECT count(*) FROM webhook_logs").await?;
    client.batch_execute("SELECT set_webhook_secret('humanitix', 'the new secret of all')").await?;
    let headers = json!({"x-humanitix-signature": sign::hex("the old secret of all", BODY.as_bytes())});
    // The transaction sees the world as it was; what comes after it must not.
    ingest(&other, "humanitix", &headers, BODY.as_bytes()).await?;
    other.batch_execute("COMMIT").await?;
    assert_eq!(
        (by_key(&other, "the old secret of all").await?, by_key(&other, "the new secret of all").await?),
        ("secret_expired".into(), "believed".into())
    );
    Ok(())
}
