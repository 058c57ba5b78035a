//! Whether something sits between us and the server that hands its connections to others between two transactions.
//!
//! With such a pooler nothing may be left in the session: what we set would hold for others, and a statement that we have
//! prepared may be missing, or be somebody else's of the same name, at the next call.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf, duplex};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// What is known about it from the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooler {
    /// Nothing: each connection is looked at.
    Auto,
    /// None, or one that keeps a connection for a session.
    Session,
    /// One that keeps it for a transaction.
    Transaction,
}

/// Whether the other end is not the server process itself. A pooler tells its clients a key of its own for cancelling, not
/// the server's process id. Of what kind it is cannot be seen.
pub async fn is_between(client: &Client) -> Result<bool, Error> {
    let Some(told) = told_process_id(client).await else { return Ok(true) };
    let messages = client.simple_query("SELECT pg_catalog.pg_backend_pid()").await?;
    let real = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0)?.parse::<i32>().ok(),
        _ => None,
    });
    Ok(real != Some(told))
}

/// The process id that was given with the key for cancelling. The client does not show it, but sends it when it is told to
/// cancel; here it sends it to us.
async fn told_process_id(client: &Client) -> Option<i32> {
    let (theirs, mut ours) = duplex(64);
    let cancel = client.cancel_token();
    let (sent, read) = tokio::join!(cancel.cancel_query_raw(theirs, Plain), async {
        let mut message = [0; 16];
        ours.read_exact(&mut message[..8]).await?;
        if message[3] == 8 {
            // A request for TLS comes first.
            ours.write_all(b"S").await?;
            ours.read_exact(&mut message[..8]).await?;
        }
        ours.read_exact(&mut message[8..]).await?;
        Ok::<_, io::Error>(i32::from_be_bytes([message[8], message[9], message[10], message[11]]))
    });
    sent.ok()?;
    read.ok()
}

/// TLS that is none, for a stream that goes nowhere.
struct Plain;

struct PlainStream(DuplexStream);

impl TlsConnect<DuplexStream> for Plain {
    type Stream = PlainStream;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<PlainStream>>;

    fn connect(self, stream: DuplexStream) -> Self::Future {
        std::future::ready(Ok(PlainStream(stream)))
    }
}

impl TlsStream for PlainStream {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for PlainStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for PlainStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
