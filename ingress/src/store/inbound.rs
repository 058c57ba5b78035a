//! What carries deliveries.

use std::future::Future;

use tokio_postgres::types::Type;

use crate::store::failure::{failure, lost};
use crate::store::link::{Call, Link, Prepared};
use crate::store::postgres::Postgres;
use crate::store::{Delivery, Readiness, Row, Session, StoreError, Versions};

/// The casts matter: an overload with a text body exists, and untyped parameters would choose it.
static INGEST: Call = Call {
    text: "SELECT log_id, outcome, http_status, message \
           FROM boxoffice.ingest_webhooks($1::text[], $2::text[]::jsonb[], $3::bytea[])",
    types: &[Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::BYTEA_ARRAY],
};
static READY: Call =
    Call { text: "SELECT problem, library_version::text, sql_version::text FROM boxoffice.check_ready()", types: &[] };

/// A connection with its statement.
pub struct PgSession {
    link: Link,
    ingest: Prepared,
}

impl PgSession {
    pub(super) async fn open(postgres: &Postgres) -> Result<PgSession, tokio_postgres::Error> {
        let link = postgres.link(None).await?;
        let ingest = link.prepare(&INGEST).await?;
        Ok(PgSession { link, ingest })
    }
}

impl Session for PgSession {
    fn ingest(&mut self, deliveries: &[&Delivery]) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send {
        let platforms: Vec<&str> = deliveries.iter().map(|delivery| delivery.platform.as_str()).collect();
        let headers: Vec<&str> = deliveries.iter().map(|delivery| delivery.headers.as_str()).collect();
        let bodies: Vec<&[u8]> = deliveries.iter().map(|delivery| delivery.body.as_slice()).collect();
        async move {
            let result = self.link.call(&self.ingest, &[&platforms, &headers, &bodies]).await;
            let rows = result.map_err(|error| failure(&error))?;
            rows.iter().map(|row| decode(row).map_err(|error| failure(&error))).collect()
        }
    }

    async fn ready(&mut self) -> Result<Readiness, StoreError> {
        let rows = self.link.once(&READY, &[]).await.map_err(|error| failure(&error))?;
        let read = |row: &tokio_postgres::Row| {
            let versions =
                Versions { library: row.try_get(1)?, sql: row.try_get::<_, Option<_>>(2)?.unwrap_or_default() };
            Ok(Readiness { problem: row.try_get(0)?, versions })
        };
        let row = rows.first().ok_or_else(|| lost("check_ready returned nothing"))?;
        let readiness = read(row).map_err(|error: tokio_postgres::Error| failure(&error))?;
        // The very call that carries deliveries, with none: it may be missing, or not be ours to make.
        self.ingest(&[]).await?;
        Ok(readiness)
    }

    async fn closed(&mut self) {
        self.link.closed().await;
    }
}

fn decode(row: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    Ok(Row {
        log_id: row.try_get(0)?,
        outcome: row.try_get::<_, Option<String>>(1)?.unwrap_or_default(),
        // 0 is no status, and is answered as 503
        http_status: row.try_get::<_, Option<i32>>(2)?.unwrap_or_default(),
        message: row.try_get(3)?,
    })
}
