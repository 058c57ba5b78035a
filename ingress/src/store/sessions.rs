//! PostgreSQL as the [`Store`] of the pumps.

use crate::store::failure::failure;
use crate::store::inbound::PgSession;
use crate::store::outbound::PgOutbound;
use crate::store::postgres::Postgres;
use crate::store::{Store, StoreError, Wake};

impl Store for Postgres {
    type Session = PgSession;
    type Outbound = PgOutbound;

    async fn connect(&self) -> Result<PgSession, StoreError> {
        self.bounded(async { PgSession::open(self).await.map_err(|error| failure(&error)) }).await
    }

    async fn connect_outbound(&self, accounts: &[String], wake: Option<Wake>) -> Result<PgOutbound, StoreError> {
        self.bounded(PgOutbound::open(self, accounts, wake)).await
    }
}
