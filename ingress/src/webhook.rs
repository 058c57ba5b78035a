//! From a request to a delivery: read the body within its limits, or say why not.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::HeaderMap;
use hyper::body::{Body as _, Incoming};
use hyper::header::EXPECT;
use tokio::time::timeout;

use crate::queue::Held;
use crate::respond::Problem;

/// What is still read, and thrown away, of a body that was refused. Closing a socket with unread bytes resets it, and the
/// sender would see the reset instead of the answer.
const LINGER_BYTES: usize = 8 << 20;
/// How long that may take.
const LINGER_TIME: Duration = Duration::from_secs(2);
/// Room made before the first byte is there. `Content-Length` is a promise of a stranger, and no reason to allocate.
const FIRST_ROOM: usize = 4096;

/// Reads a whole body of at most `max` bytes, counted in `held` from the first one.
pub async fn read(body: &mut Incoming, max: usize, limit: Duration, held: &mut Held) -> Result<Vec<u8>, Problem> {
    let announced = body.size_hint().lower();
    if announced > max as u64 {
        return Err(Problem::TooLarge);
    }
    timeout(limit, collect(body, max, held)).await.unwrap_or(Err(Problem::BodyTimeout))
}

async fn collect(body: &mut Incoming, max: usize, held: &mut Held) -> Result<Vec<u8>, Problem> {
    let mut whole = Vec::with_capacity(FIRST_ROOM.min(body.size_hint().exact().unwrap_or(u64::MAX) as usize));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::BodyBroken)?;
        // Trailers say nothing about the delivery.
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > max - whole.len() {
            return Err(Problem::TooLarge);
        }
        if !held.grow(data.len()) {
            return Err(Problem::QueueFull);
        }
        // Copied, since a frame keeps the whole read buffer of its connection alive.
        whole.extend_from_slice(&data);
    }
    Ok(whole)
}

/// Lets a refused body run out in the background, so that its sender sees the answer.
pub fn linger(mut body: Incoming, headers: &HeaderMap) {
    // Who waits for "100 Continue" will not send the body now; reading would ask for it.
    if body.is_end_stream() || headers.contains_key(EXPECT) {
        return;
    }
    tokio::spawn(timeout(LINGER_TIME, async move {
        let mut left = LINGER_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, |data| data.len());
            match left.checked_sub(size) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    }));
}
