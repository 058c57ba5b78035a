//! One signed delivery, all the way: HTTP, worker, database, sale, audit row.

use boxoffice_tests::{Database, Result, Worker, http, sign};

const SECRET: &str = "a secret of the smoke test";
const BODY: &str = r#"{
  "event_type": "order.created",
  "timestamp": "2026-03-01T10:00:05Z",
  "data": {
    "event": {"id": "evt_1", "name": "Friday Night", "date": "2026-03-06T19:30:00Z", "venue": {"name": "The Cellar"}},
    "order": {
      "id": "ord_smoke_1", "status": "paid", "total_amount": 75.0, "currency": "AUD",
      "created_at": "2026-03-01T10:00:00Z",
      "customer": {"email": "ada@example.org", "first_name": "Ada", "last_name": "Lovelace"},
      "tickets": [
        {"id": "t1", "ticket_type_id": "ga", "ticket_type_name": "General Admission", "quantity": 2, "price": 30.0},
        {"id": "t2", "ticket_type_id": "vip", "ticket_type_name": "VIP", "quantity": 1, "price": 15.0}
      ]
    }
  }
}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_delivery_becomes_a_sale_and_an_audit_row() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    client.execute("SELECT boxoffice.set_webhook_secret('humanitix', $1)", &[&SECRET]).await?;
    let worker = Worker::start(&db, &[]).await?;

    let signature = sign::hex(SECRET, BODY.as_bytes());
    let headers = [("content-type", "application/json"), ("x-humanitix-signature", signature.as_str())];
    let answer = http::post(&worker.url("/webhooks/humanitix"), &headers, BODY).await?;
    assert_eq!(answer.status, 200, "{}", answer.text());

    let query = "SELECT platform_order_id, total_amount = 75, ticket_quantity FROM boxoffice.ticket_sales";
    let sale = client.query_one(query, &[]).await?;
    assert_eq!((sale.get(0), sale.get(1), sale.get(2)), ("ord_smoke_1", true, 3));
    let log = client.query_one("SELECT platform, processed, error_message FROM boxoffice.webhook_logs", &[]).await?;
    assert_eq!((log.get(0), log.get(1), log.get(2)), ("humanitix", true, None::<&str>));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_delivery_is_refused() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    client.execute("SELECT boxoffice.set_webhook_secret('humanitix', $1)", &[&SECRET]).await?;
    let worker = Worker::start(&db, &[]).await?;

    let signature = sign::hex("another secret", BODY.as_bytes());
    let answer = http::post(&worker.url("/webhooks/humanitix"), &[("x-humanitix-signature", &signature)], BODY).await?;
    assert_eq!(answer.status, 401, "{}", answer.text());
    let sales: i64 = client.query_one("SELECT count(*) FROM boxoffice.ticket_sales", &[]).await?.get(0);
    assert_eq!(sales, 0);
    Ok(())
}
