//! Answers of the fake platforms, served again from memory, so that making them takes no part of the machine's time.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::Result;

/// [`key`] of path and query to the whole answer.
pub type Answers = HashMap<String, Vec<u8>>;

/// A server of recorded answers; ends when dropped.
pub struct Recorded {
    /// Its base URL.
    pub url: String,
    task: JoinHandle<()>,
}

impl Recorded {
    /// Serves them. What is not among them is answered 404.
    pub async fn serve(answers: Answers) -> Result<Recorded> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let answers = Arc::new(answers);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answers = Arc::clone(&answers);
                // A connection that breaks is the client's business.
                tokio::spawn(async move { connection(stream, &answers).await.ok() });
            }
        });
        Ok(Recorded { url, task })
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Path and query; parameters may come in any order.
pub fn key(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut parameters: Vec<&str> = query.split('&').collect();
    parameters.sort_unstable();
    format!("{path}?{}", parameters.join("&"))
}

/// An answer as it goes over the wire.
pub fn wire(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

async fn connection(mut stream: TcpStream, answers: &Answers) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let unknown = wire("404 Not Found", b"{}");
    let mut buffer = Vec::new();
    loop {
        // Requests have no bodies, so that one ends with its head.
        while let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            buffer.drain(..end + 4);
            let path = head.split(' ').nth(1).unwrap_or_default();
            stream.write_all(answers.get(&key(path)).unwrap_or(&unknown)).await?;
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}
