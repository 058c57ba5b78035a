//! From a request to a delivery: read the body within its limits, or say why not.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::HeaderMap;
use hyper::body::{Body as _, Incoming};
use hyper::header::EXPECT;
use tokio::time::{Instant, timeout, timeout_at};

use crate::inbound::admission::memory::Held;
use crate::inbound::respond::Problem;

/// What is still read, and thrown away, of a body that was refused. Closing a socket with unread bytes resets it, and the
/// sender would see the reset instead of the answer.
const LINGER_BYTES: usize = 8 << 20;
/// The same for somebody who is refused before he is heard: what he sends is not worth more.
const LINGER_REFUSED: usize = 64 << 10;
/// How long that may take.
const LINGER_TIME: Duration = Duration::from_secs(2);
/// Room made before the first byte is there. `Content-Length` is a promise of a stranger, and no reason to allocate.
const FIRST_ROOM: usize = 4096;
/// How long it is looked how many bytes come: long enough for a packet that is lost and sent again.
const WINDOW: Duration = Duration::from_secs(2);

/// How a body may come.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest, in bytes.
    pub max: usize,
    /// Longest time for the whole.
    pub time: Duration,
    /// Least bytes a second; 0 is no limit.
    pub rate: usize,
}

/// Reads a whole body, counted in `held` from the first byte.
pub async fn read(body: &mut Incoming, limits: Limits, held: &mut Held) -> Result<Vec<u8>, Problem> {
    let announced = body.size_hint().lower();
    if announced > limits.max as u64 {
        return Err(Problem::TooLarge);
    }
    let given_up = held.given_up();
    tokio::select! {
        biased;
        // Others needed the memory more.
        () = given_up.notified() => Err(Problem::QueueFull),
        whole = timeout(limits.time, collect(body, limits, held)) => whole.unwrap_or(Err(Problem::BodyTimeout)),
    }
}

async fn collect(body: &mut Incoming, limits: Limits, held: &mut Held) -> Result<Vec<u8>, Problem> {
    let mut whole = Vec::with_capacity(FIRST_ROOM.min(body.size_hint().exact().unwrap_or(u64::MAX) as usize));
    let least = (limits.rate as f64 * WINDOW.as_secs_f64()) as usize;
    let (mut end, mut begin) = (Instant::now() + WINDOW, 0);
    loop {
        let Ok(frame) = timeout_at(end, body.frame()).await else {
            if whole.len() - begin < least {
                return Err(Problem::BodyTimeout);
            }
            (end, begin) = (end + WINDOW, whole.len());
            continue;
        };
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| Problem::BodyBroken)?;
        // Trailers say nothing about the delivery.
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > limits.max - whole.len() {
            return Err(Problem::TooLarge);
        }
        if !held.grow(data.len()) {
            return Err(Problem::QueueFull);
        }
        // Copied, since a frame keeps the whole read buffer of its connection alive.
        whole.extend_from_slice(&data);
    }
    held.complete();
    Ok(whole)
}

/// Lets the body of somebody who was refused run out if it is short; a long one is cut off.
pub fn linger_a_little(body: Incoming, headers: &HeaderMap) {
    if body.size_hint().upper().is_some_and(|upper| upper <= LINGER_REFUSED as u64) {
        linger(body, headers);
    }
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
