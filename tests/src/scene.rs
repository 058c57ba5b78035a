//! A database, a worker, and what it has answered: the frame of a test through HTTP. Whatever a test is about, these
//! promises are checked with every answer and again at its end:
//!
//! - never a 500, a redirect or a 410, and never the database's own words in an answer;
//! - what was acknowledged, or kept as unusable, is a committed row of the log, and the log has no other rows;
//! - what was turned away was counted;
//! - neither worker nor server has panicked, or logged a secret or anything about a person.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio_postgres::Client;

use crate::body::PEOPLE;
use crate::http::{self, Response};
use crate::{Database, Result, Worker, sign};

/// Key of Humanitix deliveries in a scene.
pub const SECRET: &str = "humanitix-secret-of-the-scene";
/// Path token of Eventbrite deliveries in a scene.
pub const TOKEN: &str = "eventbrite-token-of-the-scene";

/// Statuses that a platform may see.
const STATUSES: [u16; 10] = [200, 202, 400, 401, 404, 405, 408, 413, 429, 503];
/// What only a database would say.
const DATABASE_WORDS: [&str; 11] = [
    "SQLSTATE",
    "ERROR",
    "DETAIL",
    "relation",
    "constraint",
    "violates",
    "duplicate key",
    "pg_",
    "boxoffice.",
    "plpgsql",
    "trigger",
];
/// What nothing may log: a crash in any spelling, an internal error.
const CRASHES: [&str; 4] = ["PANIC", "panicked", " XX000 ", "terminated by signal"];

/// An answer to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// What became of it.
    pub outcome: String,
    /// Its row in the log.
    pub log_id: Option<i64>,
    /// In words.
    pub message: String,
}

impl Answer {
    /// Status and outcome, as most tests compare them.
    pub fn decision(&self) -> (u16, &str) {
        (self.status, &self.outcome)
    }
}

/// A test's world.
#[derive(Debug)]
pub struct Scene {
    /// The worker. First, so that it ends before its database goes away.
    pub worker: Worker,
    /// A connection to the database as the owner.
    pub client: Client,
    /// The database.
    pub db: Database,
    answers: Mutex<Vec<Answer>>,
    log_from: usize,
}

impl Scene {
    /// A fresh database with secrets for both platforms, and a worker.
    pub async fn open() -> Result<Scene> {
        Scene::open_with(Database::create().await?, &[]).await
    }

    /// The same with a given database and settings of the worker.
    pub async fn open_with(db: Database, environment: &[(&str, &str)]) -> Result<Scene> {
        let log_from = db.cluster().log()?.len();
        let client = db.client().await?;
        client.execute("SELECT boxoffice.set_webhook_secret('humanitix', $1)", &[&SECRET]).await?;
        client.execute("SELECT boxoffice.set_path_token('eventbrite', $1)", &[&TOKEN]).await?;
        let worker = Worker::start(&db, environment).await?;
        Ok(Scene { db, client, worker, answers: Mutex::default(), log_from })
    }

    /// Posts a body.
    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Result<Answer> {
        self.keep(&http::post(&self.worker.url(path), headers, body).await?)
    }

    /// Posts a body to Humanitix's path, rightly signed.
    pub async fn signed(&self, body: impl Into<Vec<u8>>) -> Result<Answer> {
        let body = body.into();
        let signature = sign::hex(SECRET, &body);
        self.post("/webhooks/humanitix", &[("x-humanitix-signature", &signature)], body).await
    }

    /// Posts a body to Eventbrite's path with the right token.
    pub async fn eventbrite(&self, body: impl Into<Vec<u8>>) -> Result<Answer> {
        self.post(&format!("/webhooks/eventbrite/{TOKEN}"), &[], body).await
    }

    /// Reads an answer, checks what is promised of every answer, and remembers it for the end.
    pub fn keep(&self, response: &Response) -> Result<Answer> {
        let answer = read(response).with_context(|| format!("in {} {:?}", response.status, response.text()))?;
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).push(answer.clone());
        Ok(answer)
    }

    /// How many answers there have been.
    pub fn answered(&self) -> usize {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// One value.
    pub async fn value<T>(&self, query: &str) -> Result<T>
    where
        T: for<'a> tokio_postgres::types::FromSql<'a>,
    {
        self.client.query_one(query, &[]).await?.try_get(0).context("of another type")
    }

    /// Number of rows of a table or query.
    pub async fn count(&self, from: &str) -> Result<i64> {
        self.value(&format!("SELECT count(*) FROM {from}")).await
    }

    /// A value of the worker's metrics.
    pub async fn metric(&self, name: &str) -> Result<f64> {
        let page = http::get(&self.worker.url("/metrics")).await?.text();
        let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(value.with_context(|| format!("no {name} in\n{page}"))?.parse()?)
    }

    /// Whatever was acknowledged is there. There may be more: an answer can be lost after the commit.
    pub async fn acknowledged_is_kept(&self) -> Result {
        let kept = self.kept(&self.db.client().await?).await?;
        for answer in self.with_log_id() {
            ensure!(kept.contains(&answer), "answered {answer:?}, but the log has no such row");
        }
        Ok(())
    }

    /// Ends a test in which every request got its answer.
    pub async fn close(self) -> Result {
        ensure!(http::get(&self.worker.url("/live")).await?.status == 200, "the worker is not alive");
        let (kept, mut answered) = (self.kept(&self.client).await?, self.with_log_id());
        answered.sort_unstable();
        ensure!(kept == answered, "the log has {kept:?}, answered was {answered:?}");

        let rejected = {
            let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.iter().filter(|answer| answer.outcome == "rejected").count()
        };
        let query = "SELECT COALESCE(sum(count), 0)::bigint FROM boxoffice.webhook_rejections";
        let counted: i64 = self.value(query).await?;
        ensure!(usize::try_from(counted)? == rejected, "{rejected} answers were rejections, {counted} are counted");

        let internal = "webhook_logs WHERE error_code = 'XX000' OR error_message ~* 'panic'";
        ensure!(self.count(internal).await? == 0, "a delivery ran into an internal error");
        self.logs_are_clean()
    }

    /// The logs of worker and server tell of no crash, no person and no secret.
    pub fn logs_are_clean(&self) -> Result {
        let forbidden: Vec<&str> = CRASHES.into_iter().chain(PEOPLE).chain([SECRET, TOKEN]).collect();
        let server = self.db.cluster().log()?;
        let server = lines_about(server.get(self.log_from..).unwrap_or(&server), self.db.name());
        for line in self.worker.log().iter().map(String::as_str).chain(server) {
            for word in &forbidden {
                ensure!(!line.contains(word), "{word:?} was logged: {line}");
            }
        }
        Ok(())
    }

    fn with_log_id(&self) -> Vec<(i64, String)> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.iter().filter_map(|answer| Some((answer.log_id?, answer.outcome.clone()))).collect()
    }

    async fn kept(&self, client: &Client) -> Result<Vec<(i64, String)>> {
        let query = "SELECT id, status::text FROM boxoffice.webhook_logs WHERE source = 'webhook' ORDER BY id";
        Ok(client.query(query, &[]).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
    }
}

fn read(response: &Response) -> Result<Answer> {
    ensure!(STATUSES.contains(&response.status), "no platform may see this status");
    ensure!(response.header("content-type") == Some("application/json"), "not JSON: {:?}", response.headers);
    let text = response.text();
    for word in DATABASE_WORDS.into_iter().chain(PEOPLE).chain([SECRET, TOKEN]) {
        ensure!(!text.contains(word), "the answer says {word:?}");
    }
    let body = response.json()?;
    let fields: Vec<&str> = body.as_object().context("not an object")?.keys().map(String::as_str).collect();
    ensure!(fields == ["log_id", "message", "outcome"], "the answer has the fields {fields:?}");
    let answer = Answer {
        status: response.status,
        outcome: body["outcome"].as_str().context("no outcome")?.to_owned(),
        log_id: body["log_id"].as_i64(),
        message: body["message"].as_str().context("no message")?.to_owned(),
    };
    let kept = answer.status <= 202 || answer.outcome == "invalid";
    ensure!(kept == answer.log_id.is_some(), "the number of the delivery is {}", body["log_id"]);
    let later = [429, 503].contains(&answer.status);
    ensure!(later == (response.header("retry-after").is_some()), "retry-after: {:?}", response.headers);
    Ok(answer)
}

/// The server's lines about one database, and those about the server itself.
fn lines_about<'a>(log: &'a str, database: &str) -> Vec<&'a str> {
    let mark = format!("@{database} ");
    let mut about = false;
    let mine = |line: &&str| {
        // A line without a prefix goes on with the message before it.
        if !line.starts_with('\t') {
            about = line.contains(&mark) || !line.contains('@');
        }
        about
    };
    log.lines().filter(mine).collect()
}

/// Compact JSON, as it is sent.
pub fn bytes(body: &Value) -> Vec<u8> {
    body.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    #[test]
    fn lines_of_other_databases_are_left_out() {
        let log =
            "1 [2] 00000 o@one LOG:  a\n\tmore a\n1 [2] 00000 o@two LOG:  b\n\tmore b\n1 [3] 00000 LOG:  server\n";
        assert_eq!(
            super::lines_about(log, "one"),
            ["1 [2] 00000 o@one LOG:  a", "\tmore a", "1 [3] 00000 LOG:  server"]
        );
    }
}
