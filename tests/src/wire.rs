//! HTTP as bytes, for what a client library would never send.

use anyhow::{Context as _, ensure};
use hyper::HeaderMap;
use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};

use crate::Result;
use crate::http::Response;

/// A request with `connection: close`, so that its answer ends with the connection. `head`: more header lines.
pub fn request(start: &str, head: &[&str], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{start}\r\nhost: localhost\r\nconnection: close\r\n").into_bytes();
    for line in head {
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// A body in chunks of at most `size` bytes.
pub fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in body.chunks(size) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// The answers that came back on one connection, each framed by its `content-length`.
pub fn answers(mut bytes: &[u8]) -> Result<Vec<Response>> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let (answer, rest) = answer(bytes).with_context(|| format!("in {:?}", String::from_utf8_lossy(bytes)))?;
        answers.push(answer);
        bytes = rest;
    }
    Ok(answers)
}

/// The only answer.
pub fn only(bytes: &[u8]) -> Result<Response> {
    let mut answers = answers(bytes)?;
    ensure!(answers.len() == 1, "{} answers", answers.len());
    answers.pop().context("no answer")
}

fn answer(bytes: &[u8]) -> Result<(Response, &[u8])> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").context("no end of the headers")?;
    let (head, rest) = (std::str::from_utf8(&bytes[..end])?, &bytes[end + 4..]);
    let mut lines = head.split("\r\n");
    let start = lines.next().unwrap_or_default();
    let status: u16 = start.split(' ').nth(1).context("no status")?.parse()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').context("no header")?;
        headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value.trim())?);
    }
    let bare = status < 200 || status == 204;
    let length = headers
        .get("content-length")
        .map_or(Ok(0), |length| length.to_str()?.parse::<usize>().map_err(anyhow::Error::from))?;
    let length = if bare { 0 } else { length };
    ensure!(rest.len() >= length, "the body is cut short");
    let body = Bytes::copy_from_slice(&rest[..length]);
    Ok((Response { status, headers, body }, &rest[length..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_to_answers() {
        let text = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\nX-A: b\r\n\r\nok\
            HTTP/1.1 204 No Content\r\n\r\n";
        let answers = answers(text).unwrap();
        assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [100, 200, 204]);
        assert_eq!((answers[1].text().as_str(), answers[1].header("x-a")), ("ok", Some("b")));
        assert!(only(text).is_err());
        assert!(only(&text[..60]).is_err());
    }

    #[test]
    fn bodies_in_chunks() {
        assert_eq!(chunked(b"abcde", 2), b"2\r\nab\r\n2\r\ncd\r\n1\r\ne\r\n0\r\n\r\n");
    }
}
