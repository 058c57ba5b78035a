//! Each line of the one table that says what an SQLSTATE means, in the extension and through the worker.

use boxoffice_contract::sqlstate::{Class, TABLE, meaning};
use boxoffice_tests::body;
use boxoffice_tests::hold::until;
use boxoffice_tests::payloads::envelope;
use boxoffice_tests::scene::bytes;
use boxoffice_tests::sql::{failed, ingest_many, line, open_humanitix, signed};
use boxoffice_tests::{Database, Result, Scene};
use serde_json::json;
use tokio_postgres::Client;

/// Codes that stay with their delivery, besides those of the table that do.
const OF_A_DELIVERY: [&str; 4] = ["22P02", "23514", "54000", "P0001"];

/// The codes of the table; of a class, one that has no line of its own.
fn codes() -> Vec<String> {
    TABLE.iter().map(|row| format!("{:0<5}", row.code)).collect()
}

/// A trigger that raises the code of the table `public.raised`, for the order `bad`.
async fn trap(client: &Client, table: &str) -> Result {
    let statement = format!(
        "CREATE TABLE public.raised (code text); INSERT INTO public.raised VALUES ('P0001');
         CREATE FUNCTION public.trap() RETURNS trigger LANGUAGE plpgsql AS $$
         DECLARE raised text := (SELECT code FROM public.raised);
         BEGIN
             IF NEW.platform_order_id = 'bad' AND raised <> '' THEN RAISE EXCEPTION 'not now' USING ERRCODE = raised; END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER trap BEFORE INSERT OR UPDATE ON boxoffice.{table} FOR EACH ROW EXECUTE FUNCTION public.trap()"
    );
    Ok(client.batch_execute(&statement).await?)
}

async fn raise(client: &Client, code: &str) -> Result {
    client.execute("UPDATE public.raised SET code = $1", &[&code]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_of_the_server_ends_the_call_and_anything_else_stays_with_its_delivery() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    open_humanitix(&client).await?;
    trap(&client, "ticket_sales").await?;
    let bodies = ["a", "bad"].map(|order| envelope("order.created", order, "2026-03-01T10:00:00Z", json!({})));
    let items: Vec<_> = bodies.iter().map(|body| ("humanitix", signed(body), body.as_bytes())).collect();
    let mut ended = 0;
    for code in codes().iter().map(String::as_str).chain(OF_A_DELIVERY) {
        client.batch_execute("TRUNCATE webhook_logs, order_states, ticket_sales").await?;
        raise(&client, code).await?;
        // A lock that one order needs is the exception: see locks.rs.
        if meaning(code).ends_call && code != "55P03" {
            let error =
                ingest_many(&client, &items).await.err().and_then(|e| e.downcast::<tokio_postgres::Error>().ok());
            let found = error.map(|error| failed(&error)).transpose()?.map(|error| error.code);
            assert_eq!(found.as_deref(), Some(code));
            assert_eq!(line(&client, "SELECT count(*) FROM webhook_logs").await?, "0", "{code}");
            ended += 1;
        } else {
            let receipts = ingest_many(&client, &items).await?;
            let found: Vec<_> = receipts.iter().map(|r| (r.outcome.as_str(), r.http_status)).collect();
            assert_eq!(found, [("processed", 200), ("failed", 202)], "{code}");
            let kept = line(&client, "SELECT error_code FROM webhook_logs WHERE status = 'failed'").await?;
            assert_eq!(kept, code);
        }
    }
    assert!(ended >= 15, "{ended}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_database_says_the_sender_is_told_to_come_again() -> Result {
    let scene = Scene::open_with(Database::create().await?, &[("BOXOFFICE_DB_CONNECTIONS", "1")]).await?;
    trap(&scene.client, "webhook_logs").await?;
    let send = async |order: &str| scene.signed(bytes(&body::envelope("order.created", order))).await;
    for code in codes().iter().map(String::as_str).chain(OF_A_DELIVERY) {
        raise(&scene.client, code).await?;
        let answer = send("bad").await?;
        let uncertain = meaning(code).class == Class::Lost;
        let outcome = if uncertain { "uncertain" } else { "failed" };
        assert_eq!(answer.decision(), (503, outcome), "{code}");
        raise(&scene.client, "").await?;
        until("the worker has come back", async || Ok(send("good").await?.status == 200)).await?;
    }
    assert_eq!(scene.count("webhook_logs WHERE platform_order_id = 'bad'").await?, 0);
    assert_eq!(send("bad").await?.decision(), (200, "processed"));
    scene.acknowledged_is_kept().await
}
