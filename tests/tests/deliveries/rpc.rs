//! Calls by the names of arguments, as PostgREST and its like make them: JSON in, no types.

use boxoffice_tests::payloads::envelope;
use boxoffice_tests::sql::{line, lines, open_humanitix, refusal, signed};
use boxoffice_tests::{Database, Result};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// How PostgREST finds a function: by its name and the names that the caller gives. More than one is an error to it.
const CANDIDATES: &str =
    "SELECT count(*) FROM pg_proc p WHERE pronamespace = 'boxoffice'::regnamespace AND proname = $1
    AND ARRAY(SELECT jsonb_object_keys($2)) <@ (proargnames[1:pronargs])
    AND (proargnames[1:pronargs - pronargdefaults]) <@ ARRAY(SELECT jsonb_object_keys($2))";

/// Calls a function as PostgREST does; the rows as JSON.
async fn rpc(client: &Client, function: &str, arguments: &Value) -> Result<Value> {
    let found: i64 = client.query_one(CANDIDATES, &[&function, arguments]).await?.get(0);
    assert_eq!(found, 1, "{function} with {arguments} is one function");
    let types = "SELECT string_agg(format('%I %s', name, format_type(type, NULL)), ', '), string_agg(format('%1$I := body.%1$I', name), ', ')
        FROM pg_proc p, unnest(proargnames[1:pronargs], proargtypes::oid[]) AS a (name, type)
        WHERE pronamespace = 'boxoffice'::regnamespace AND proname = $1 AND $2::jsonb ? name";
    let row = client.query_one(types, &[&function, arguments]).await?;
    let (columns, named): (String, String) = (row.get(0), row.get(1));
    let call = format!(
        "WITH source AS (SELECT called.* FROM (SELECT $1::json AS data) payload,
             LATERAL (SELECT * FROM json_to_record(payload.data) AS _({columns}) LIMIT 1) body,
             LATERAL boxoffice.{function}({named}) called)
         SELECT coalesce(json_agg(source), '[]') FROM source"
    );
    Ok(client.query_one(&call, &[arguments]).await?.try_get(0)?)
}

async fn open() -> Result<(Database, Client)> {
    let db = Database::create().await?;
    let client = db.client().await?;
    open_humanitix(&client).await?;
    Ok((db, client))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_by_the_names_of_its_arguments() -> Result {
    let (db, owner) = open().await?;
    let role = db.role().await?;
    // One grant is enough for somebody who shall do this and nothing else.
    owner
        .batch_execute(&format!(
            "GRANT USAGE ON SCHEMA boxoffice TO {0}; GRANT EXECUTE ON FUNCTION ingest_webhook_rpc TO {0}",
            role.name
        ))
        .await?;
    let web = db.client_as(&role).await?;
    let body = envelope("order.created", "o1", "2026-03-01T10:00:00Z", json!({"customer": {"name": "Zoë \"Ada\" Λ"}}));
    let text = json!({"platform": "humanitix", "headers": signed(&body), "body": body});
    let rows = call(&web, &owner, "ingest_webhook_rpc", &text).await?;
    assert_eq!((&rows[0]["outcome"], &rows[0]["http_status"]), (&json!("processed"), &json!(200)));
    // The exact bytes, which need not be text.
    let encoded: String = owner.query_one("SELECT encode(convert_to($1, 'UTF8'), 'base64')", &[&body]).await?.get(0);
    let exact = json!({"platform": "humanitix", "headers": signed(&body), "body": encoded, "body_encoding": "base64"});
    assert_eq!(call(&web, &owner, "ingest_webhook_rpc", &exact).await?[0]["outcome"], "duplicate");
    let kept = "SELECT count(DISTINCT body), min(convert_from(body, 'UTF8')) = max(convert_from(body, 'UTF8')) FROM webhook_logs";
    assert_eq!(line(&owner, kept).await?, "1|t");
    let forged = json!({"platform": "humanitix", "headers": {}, "body": body});
    assert_eq!(call(&web, &owner, "ingest_webhook_rpc", &forged).await?[0]["http_status"], 401);
    assert_eq!(line(&owner, "SELECT customer_name FROM ticket_sales").await?, "Zoë \"Ada\" Λ");
    // What it was not given it may not do.
    assert_eq!(
        refusal(&web, "SELECT * FROM boxoffice.ingest_webhook('humanitix', '{}', 'x'::text)").await?.code,
        "42501"
    );
    Ok(())
}

/// The catalog is read by the owner, as PostgREST reads it when it starts; the call is somebody else's.
async fn call(web: &Client, owner: &Client, function: &str, arguments: &Value) -> Result<Value> {
    let found: i64 = owner.query_one(CANDIDATES, &[&function, arguments]).await?.get(0);
    assert_eq!(found, 1);
    rpc(web, function, arguments).await
}

#[tokio::test(flavor = "multi_thread")]
async fn explaining_and_applying_by_the_names_of_arguments() -> Result {
    let (_db, client) = open().await?;
    let body = envelope("order.created", "o1", "2026-03-01T10:00:00Z", json!({}));
    let steps =
        rpc(&client, "explain_webhook_rpc", &json!({"platform": "humanitix", "headers": {}, "body": body})).await?;
    assert!(steps.as_array().is_some_and(|steps| steps.iter().any(|step| step["step"] == "verification")), "{steps}");
    let orders = json!({"total": 1, "orders": [{"_id": "o2", "eventId": "evt_1", "currency": "AUD"}]}).to_string();
    let report =
        rpc(&client, "apply_resource_rpc", &json!({"platform": "humanitix", "kind": "orders", "body": orders})).await?;
    assert_eq!((&report[0]["items"], &report[0]["orders_changed"]), (&json!(1), &json!(1)));
    let later =
        json!({"platform": "humanitix", "kind": "orders", "body": orders, "fetched_at": "2026-03-02T10:00:00Z"});
    assert_eq!(rpc(&client, "apply_resource_rpc", &later).await?[0]["items"], 1);
    assert_eq!(
        line(&client, "SELECT count(*) FROM webhook_logs WHERE fetched_at = '2026-03-02T10:00:00Z'").await?,
        "1"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_forms_with_text_and_bytes_stay_as_they_are() -> Result {
    let (_db, client) = open().await?;
    let forms = "SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'boxoffice'::regnamespace
        AND proname IN ('ingest_webhook', 'explain_webhook') ORDER BY 1::text";
    client.batch_execute("SET search_path = ''").await?;
    assert_eq!(
        lines(&client, forms).await?,
        [
            "boxoffice.explain_webhook(text,jsonb,bytea)",
            "boxoffice.explain_webhook(text,jsonb,text)",
            "boxoffice.ingest_webhook(text,jsonb,bytea)",
            "boxoffice.ingest_webhook(text,jsonb,text)",
        ]
    );
    // Literals choose the text.
    let outcome = "SELECT outcome FROM boxoffice.ingest_webhook('humanitix', '{}', '{}')";
    assert_eq!(line(&client, outcome).await?, "rejected");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_decoded_is_said_and_nothing_is_kept() -> Result {
    let (_db, client) = open().await?;
    for (arguments, code, message) in [
        ("'humanitix', '{}', 'x', 'hex'", "22023", "unknown body_encoding \"hex\""),
        ("'humanitix', '{}', '???', 'base64'", "22023", "body is not base64"),
        ("'humanitix', '{}', 'abc', 'base64'", "22023", "body is not base64"),
        ("'humanitix', '{}', NULL", "22004", "body must not be null"),
        ("'humanitix', '{}', 'x', NULL", "22023", "unknown body_encoding \"<NULL>\""),
        ("NULL, '{}', 'x'", "22004", "platform must not be null"),
    ] {
        let error = refusal(&client, &format!("SELECT * FROM ingest_webhook_rpc({arguments})")).await?;
        assert_eq!((error.code.as_str(), error.message.as_str()), (code, message), "{arguments}");
    }
    let left = "SELECT (SELECT count(*) FROM webhook_logs), (SELECT count(*) FROM webhook_rejections)";
    assert_eq!(line(&client, left).await?, "0|0");
    Ok(())
}
