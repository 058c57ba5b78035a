//! A small HTTP/1.1 client. One connection for each request, unless a test holds a [`Connection`] itself.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HOST;
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::Result;

/// Longest that a test waits for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer, read to its end.
#[derive(Debug)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Response {
    /// A header, when it is there once and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {:?}", self.text()))
    }
}

/// POST to `http://host:port/path`.
pub async fn post(url: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Result<Response> {
    request(Method::POST, url, headers, body.into()).await
}

/// GET.
pub async fn get(url: &str) -> Result<Response> {
    request(Method::GET, url, &[], Vec::new()).await
}

/// GET with headers.
pub async fn get_with(url: &str, headers: &[(&str, &str)]) -> Result<Response> {
    request(Method::GET, url, headers, Vec::new()).await
}

/// Any method.
pub async fn request(method: Method, url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Result<Response> {
    let (address, path) = split(url)?;
    Connection::open(address).await?.send(method, path, headers, body).await
}

fn split(url: &str) -> Result<(&str, &str)> {
    let rest = url.strip_prefix("http://").with_context(|| format!("not an http URL: {url}"))?;
    Ok(match rest.find('/') {
        Some(at) => (&rest[..at], &rest[at..]),
        None => (rest, "/"),
    })
}

/// A connection that is kept open for several requests.
#[derive(Debug)]
pub struct Connection {
    address: String,
    sender: SendRequest<Full<Bytes>>,
}

/// A socket from an address of this machine, such as any of `127.0.0.0/8`, to `host:port`.
pub async fn stream_from(from: Ipv4Addr, address: &str) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((from, 0)))?;
    socket.connect(address.parse()?).await.with_context(|| format!("cannot connect from {from} to {address}"))
}

impl Connection {
    /// Connects to `host:port`.
    pub async fn open(address: &str) -> Result<Connection> {
        Connection::open_from(Ipv4Addr::LOCALHOST, address).await
    }

    /// The same from an address of this machine, such as any of `127.0.0.0/8`.
    pub async fn open_from(from: Ipv4Addr, address: &str) -> Result<Connection> {
        let stream = stream_from(from, address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its errors are those of the request in flight.
        tokio::spawn(connection);
        Ok(Connection { address: address.to_owned(), sender })
    }

    /// Sends one request and reads the whole answer.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Result<Response> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, &self.address);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.into())))?;
        timeout(PATIENCE, async {
            self.sender.ready().await?;
            let (head, body) = self.sender.send_request(request).await?.into_parts();
            let status: StatusCode = head.status;
            let body = body.collect().await?.to_bytes();
            anyhow::Ok(Response { status: status.as_u16(), headers: head.headers, body })
        })
        .await
        .with_context(|| format!("no answer from {} within {PATIENCE:?}", self.address))?
    }
}

/// Sends bytes as they are and returns all that comes back until the other side closes, or has been silent for a
/// second after its first byte. A request with `connection: close` gets its answer without that second.
pub async fn raw(address: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
    // A server may answer and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let mut patience = PATIENCE;
    loop {
        match timeout(patience, stream.read_buf(&mut answer)).await {
            Ok(Ok(0)) => return Ok(answer),
            Ok(Ok(_)) => patience = Duration::from_secs(1),
            Ok(Err(_)) | Err(_) if !answer.is_empty() => return Ok(answer),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => anyhow::bail!("{address} neither answered nor closed within {PATIENCE:?}"),
        }
    }
}
