//! SQL as the tests speak it: rows as text, a delivery as one call, errors as their parts.

use std::future::poll_fn;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio_postgres::error::DbError;
use tokio_postgres::{AsyncMessage, Client, Error, NoTls, SimpleQueryMessage};

use crate::{Result, sign};

/// The secret that [`open_humanitix`] sets and [`deliver`] signs with.
pub const SECRET: &str = "the bridge's key of the tests";

/// The answer of `ingest_webhook` and `process_webhook`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Row of `webhook_logs`.
    pub log_id: Option<i64>,
    /// processed, duplicate …
    pub outcome: String,
    /// What the platform would be answered.
    pub http_status: i32,
    /// In words.
    pub message: String,
}

/// An error of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// SQLSTATE.
    pub code: String,
    /// Primary message.
    pub message: String,
    /// DETAIL.
    pub detail: Option<String>,
    /// HINT.
    pub hint: Option<String>,
}

/// The rows of a query, each as its columns in text form with `|` between them and `-` for NULL.
pub async fn lines(client: &Client, query: &str) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for message in client.simple_query(query).await.with_context(|| query.to_owned())? {
        if let SimpleQueryMessage::Row(row) = message {
            let columns: Vec<&str> = (0..row.len()).map(|i| row.get(i).unwrap_or("-")).collect();
            lines.push(columns.join("|"));
        }
    }
    Ok(lines)
}

/// The only row of a query, in the form of [`lines`].
pub async fn line(client: &Client, query: &str) -> Result<String> {
    let mut lines = lines(client, query).await?;
    match lines.pop() {
        Some(line) if lines.is_empty() => Ok(line),
        last => bail!("not one row but {} from: {query}", lines.len() + usize::from(last.is_some())),
    }
}

/// How the server refuses a statement.
pub async fn refusal(client: &Client, statement: &str) -> Result<Failed> {
    match client.simple_query(statement).await {
        Ok(_) => bail!("succeeded, and should not: {statement}"),
        Err(error) => failed(&error).with_context(|| statement.to_owned()),
    }
}

/// The parts of an error.
pub fn failed(error: &Error) -> Result<Failed> {
    let error = error.as_db_error().with_context(|| format!("not an error of the server: {error}"))?;
    Ok(Failed {
        code: error.code().code().to_owned(),
        message: error.message().to_owned(),
        detail: error.detail().map(str::to_owned),
        hint: error.hint().map(str::to_owned),
    })
}

/// Sets [`SECRET`] as Humanitix's.
pub async fn open_humanitix(client: &Client) -> Result {
    client.execute("SELECT boxoffice.set_webhook_secret('humanitix', $1)", &[&SECRET]).await?;
    Ok(())
}

/// The headers of a body signed with [`SECRET`].
pub fn signed(body: &str) -> Value {
    json!({ "content-type": "application/json", "x-humanitix-signature": sign::hex(SECRET, body.as_bytes()) })
}

/// Hands over a Humanitix envelope, correctly signed.
pub async fn deliver(client: &Client, body: &str) -> Result<Receipt> {
    ingest(client, "humanitix", &signed(body), body.as_bytes()).await
}

/// Hands over a delivery as it is.
pub async fn ingest(client: &Client, platform: &str, headers: &Value, body: &[u8]) -> Result<Receipt> {
    let query = "SELECT * FROM boxoffice.ingest_webhook($1, $2, $3::bytea)";
    receipt(&client.query_one(query, &[&platform, &headers, &body]).await?)
}

/// Hands over many deliveries in one call.
pub async fn ingest_many(client: &Client, items: &[(&str, Value, &[u8])]) -> Result<Vec<Receipt>> {
    let platforms: Vec<&str> = items.iter().map(|item| item.0).collect();
    let headers: Vec<&Value> = items.iter().map(|item| &item.1).collect();
    let bodies: Vec<&[u8]> = items.iter().map(|item| item.2).collect();
    let query = "SELECT * FROM boxoffice.ingest_webhooks($1, $2, $3)";
    client.query(query, &[&platforms, &headers, &bodies]).await?.iter().map(receipt).collect()
}

/// Applies an event by hand.
pub async fn process(client: &Client, platform: &str, event_type: &str, data: &Value) -> Result<Receipt> {
    let query = "SELECT * FROM boxoffice.process_webhook($1, $2, $3)";
    receipt(&client.query_one(query, &[&platform, &event_type, &data]).await?)
}

/// Applies an API body; the notes it returns.
pub async fn apply(
    client: &Client,
    platform: &str,
    kind: &str,
    body: &str,
    fetched_at: Option<&str>,
) -> Result<Vec<String>> {
    let query = "SELECT notes FROM boxoffice.apply_resource($1, $2, $3::text, $4::text::timestamptz)";
    Ok(client.query_one(query, &[&platform, &kind, &body, &fetched_at]).await?.try_get(0)?)
}

fn receipt(row: &tokio_postgres::Row) -> Result<Receipt> {
    Ok(Receipt {
        log_id: row.try_get("log_id")?,
        outcome: row.try_get("outcome")?,
        http_status: row.try_get("http_status")?,
        message: row.try_get("message")?,
    })
}

/// Runs a script on a connection of its own; what the server remarks about each of its statements (NOTICE, WARNING, LOG).
pub async fn remarks(url: &str, statements: &[&str]) -> Result<Vec<Vec<DbError>>> {
    let (client, mut connection) = tokio_postgres::connect(url, NoTls).await?;
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notice(notice) = message {
                // Nobody may be listening any more.
                let _ = sender.send(notice);
            }
        }
    });
    let mut all = Vec::new();
    for statement in statements {
        client.simple_query(statement).await.with_context(|| (*statement).to_owned())?;
        // Remarks come before the statement's end.
        let mut remarks = Vec::new();
        while let Ok(remark) = receiver.try_recv() {
            remarks.push(remark);
        }
        all.push(remarks);
    }
    Ok(all)
}
