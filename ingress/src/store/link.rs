//! One connection to PostgreSQL, direct or through a pooler, and the calls that are made over it.

use std::future::poll_fn;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Config, Error, Row, Statement};

use crate::store::Wake;
use crate::store::pooler::{self, Pooler};
use crate::store::tls::Tls;

/// Asking the server to give up a call is best effort.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// A statement of ours: its text and the types of its parameters.
pub(crate) struct Call {
    pub(crate) text: &'static str,
    pub(crate) types: &'static [Type],
}

/// A statement that is ready to be called.
pub(crate) struct Prepared {
    call: &'static Call,
    /// Absent behind a pooler: it is sent as it is each time.
    kept: Option<Statement>,
}

/// How connections are made.
#[derive(Clone)]
pub(crate) struct Links {
    pub(crate) config: Config,
    pub(crate) tls: Tls,
    pub(crate) pooler: Pooler,
    /// Longest call.
    pub(crate) limit: Duration,
}

impl Links {
    /// A connection that is set up. `wake` is called at every notification.
    pub(crate) async fn open(&self, wake: Option<Wake>) -> Result<Link, Error> {
        let (client, mut connection) = self.config.connect(self.tls.clone()).await?;
        let (gone, closed) = watch::channel(());
        tokio::spawn(async move {
            // An error also reaches whoever has a call in flight; what is left is that the connection is gone.
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let (AsyncMessage::Notification(_), Some(wake)) = (message, &wake) {
                    wake();
                }
            }
            drop(gone);
        });
        let pooled = match self.pooler {
            Pooler::Auto => pooler::is_between(&client).await?,
            Pooler::Session => false,
            Pooler::Transaction => true,
        };
        let set = if pooled { "SET LOCAL" } else { "SET" };
        let setup =
            format!("{set} statement_timeout = {}; {set} client_min_messages = error", self.limit.as_millis().max(1));
        let mut link = Link { client, closed, tls: self.tls.clone(), busy: false, begin: None };
        if pooled {
            link.begin = Some(format!("BEGIN; {setup}"));
        } else {
            link.client.batch_execute(&setup).await?;
        }
        Ok(link)
    }
}

/// A connection; its end, and the end of calls that nobody waits for.
pub(crate) struct Link {
    client: Client,
    /// Fails when the connection's task has ended.
    closed: watch::Receiver<()>,
    tls: Tls,
    /// A call is on the wire.
    busy: bool,
    /// Behind a pooler each call is a transaction, which this begins and sets up: nothing outlives it.
    begin: Option<String>,
}

impl Link {
    /// Whether nothing may be left in the session.
    pub(crate) fn is_pooled(&self) -> bool {
        self.begin.is_some()
    }

    /// Listens for notifications, unless they would come to somebody else.
    pub(crate) async fn listen(&self, statement: &str) -> Result<(), Error> {
        if self.is_pooled() { Ok(()) } else { self.client.batch_execute(statement).await }
    }

    /// Makes a statement ready.
    pub(crate) async fn prepare(&self, call: &'static Call) -> Result<Prepared, Error> {
        let kept = match self.is_pooled() {
            true => None,
            false => Some(self.client.prepare_typed(call.text, call.types).await?),
        };
        Ok(Prepared { call, kept })
    }

    /// Makes a call; returns after its commit.
    pub(crate) async fn call(
        &mut self,
        prepared: &Prepared,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        self.busy = true;
        // Returns after ReadyForQuery, which the server sends after the commit and not before.
        let result = match &prepared.kept {
            Some(statement) => self.client.query(statement, parameters).await,
            None => self.transaction(prepared.call, parameters).await,
        };
        self.busy = false;
        result
    }

    /// The same once.
    pub(crate) async fn once(
        &mut self,
        call: &'static Call,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        let prepared = self.prepare(call).await?;
        self.call(&prepared, parameters).await
    }

    async fn transaction(&self, call: &Call, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        if let Some(begin) = &self.begin {
            self.client.batch_execute(begin).await?;
        }
        let typed: Vec<(&(dyn ToSql + Sync), Type)> =
            parameters.iter().copied().zip(call.types.iter().cloned()).collect();
        match self.client.query_typed(call.text, &typed).await {
            Ok(rows) => self.client.batch_execute("COMMIT").await.map(|()| rows),
            Err(error) => {
                // It may fail as well; what has been said already is what counts.
                let _ = self.client.batch_execute("ROLLBACK").await;
                Err(error)
            }
        }
    }

    /// Resolves when the connection is gone.
    pub(crate) async fn closed(&mut self) {
        // Nothing is ever sent: an end of the wait is the end of the connection.
        let _ = self.closed.changed().await;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // A call that nobody waits for any more would go on holding its locks.
        if let (true, Ok(runtime)) = (self.busy, tokio::runtime::Handle::try_current()) {
            let (token, tls) = (self.client.cancel_token(), self.tls.clone());
            runtime.spawn(async move { timeout(CANCEL_TIMEOUT, token.cancel_query(tls)).await });
        }
    }
}
