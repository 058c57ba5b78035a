//! The calls of the outbound pump.

use std::sync::atomic::Ordering;

use boxoffice_contract::headers::ERROR;
use serde_json::json;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row};

use crate::store::Class;
use crate::store::failure::failure;
use crate::store::link::{Call, Link, Prepared};
use crate::store::postgres::Postgres;
use crate::store::{Completion, Fetched, Job, OutboundSession, StoreError, TaskRun, Wake};

const LISTEN: &str = "LISTEN boxoffice_fetch";
static ALLOWED: Call =
    Call { text: "SELECT pg_catalog.has_function_privilege('boxoffice.run_due_tasks()', 'EXECUTE')", types: &[] };
static ANNOUNCE: Call = Call { text: "SELECT boxoffice.announce_accounts($1::text[])", types: &[Type::TEXT_ARRAY] };
static CLAIM: Call = Call {
    text: "SELECT id, platform, account, path FROM boxoffice.claim_fetches($1::integer, $2::text[])",
    types: &[Type::INT4, Type::TEXT_ARRAY],
};
static COMPLETE: Call = Call {
    text: "SELECT outcome, message, account_change, account_detail
           FROM boxoffice.complete_fetch($1::bigint, $2::integer, $3::text::jsonb, $4::bytea)",
    types: &[Type::INT8, Type::INT4, Type::TEXT, Type::BYTEA],
};
static TASKS: Call = Call { text: "SELECT task, items FROM boxoffice.run_due_tasks()", types: &[] };

/// A connection with its statements.
pub struct PgOutbound {
    link: Link,
    claim: Prepared,
    complete: Prepared,
    tasks: Prepared,
}

impl PgOutbound {
    pub(crate) async fn open(
        store: &Postgres,
        accounts: &[String],
        wake: Option<Wake>,
    ) -> Result<PgOutbound, StoreError> {
        let listens = wake.is_some();
        let open = async {
            let mut link = store.link(wake).await?;
            // Asked once, so that a role for deliveries only is not told so at every call.
            let allowed = link.once(&ALLOWED, &[]).await?.first().map(|row| row.try_get(0)).transpose()?;
            if allowed != Some(true) {
                return Ok(None);
            }
            if listens {
                link.listen(LISTEN).await?;
            }
            // Once in the life of a process: an account that the platform has stopped is given another chance by a restart,
            // not by each connection.
            if !accounts.is_empty() && !store.announced.swap(true, Ordering::Relaxed) {
                let told = link.once(&ANNOUNCE, &[&accounts]).await;
                if told.is_err() {
                    store.announced.store(false, Ordering::Relaxed);
                }
                told?;
            }
            let claim = link.prepare(&CLAIM).await?;
            let complete = link.prepare(&COMPLETE).await?;
            let tasks = link.prepare(&TASKS).await?;
            Ok(Some(PgOutbound { link, claim, complete, tasks }))
        };
        open.await.map_err(|error: Error| failure(&error))?.ok_or_else(|| StoreError {
            class: Class::Session,
            sqlstate: Some("42501".to_owned()),
            message: "the role may not fetch: boxoffice.grant_ingress(role) lets it".to_owned(),
        })
    }
}

/// One call.
async fn query<T>(
    link: &mut Link,
    prepared: &Prepared,
    parameters: &[&(dyn ToSql + Sync)],
    decode: impl Fn(&Row) -> Result<T, Error>,
) -> Result<Vec<T>, StoreError> {
    let rows = link.call(prepared, parameters).await.map_err(|error| failure(&error))?;
    rows.iter().map(|row| decode(row).map_err(|error| failure(&error))).collect()
}

impl OutboundSession for PgOutbound {
    async fn claim(&mut self, max: usize, accounts: &[String]) -> Result<Vec<Job>, StoreError> {
        let max = i32::try_from(max).unwrap_or(i32::MAX);
        query(&mut self.link, &self.claim, &[&max, &accounts], |row| {
            Ok(Job { id: row.try_get(0)?, platform: row.try_get(1)?, account: row.try_get(2)?, path: row.try_get(3)? })
        })
        .await
    }

    async fn complete(&mut self, id: i64, fetched: &Fetched) -> Result<Completion, StoreError> {
        let no_headers;
        let (status, headers, body) = match fetched {
            Ok(page) => (Some(i32::from(page.status)), page.headers.as_str(), Some(page.body.as_slice())),
            Err(why) => {
                no_headers = json!({ ERROR: why.word() }).to_string();
                (None, no_headers.as_str(), None)
            }
        };
        let rows = query(&mut self.link, &self.complete, &[&id, &status, &headers, &body], |row| {
            Ok(Completion {
                outcome: row.try_get::<_, Option<String>>(0)?.unwrap_or_default(),
                message: row.try_get(1)?,
                account_change: row.try_get(2)?,
                account_detail: row.try_get(3)?,
            })
        })
        .await?;
        // No row is no decision: a word that means nothing to anybody, and is counted as such.
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    async fn run_due_tasks(&mut self) -> Result<Vec<TaskRun>, StoreError> {
        query(&mut self.link, &self.tasks, &[], |row| {
            Ok(TaskRun { task: row.try_get(0)?, items: row.try_get::<_, Option<i32>>(1)?.unwrap_or_default() })
        })
        .await
    }

    async fn closed(&mut self) {
        self.link.closed().await;
    }
}
