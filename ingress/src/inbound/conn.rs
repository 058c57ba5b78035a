//! One HTTP connection, with a clock that knows what it is waiting for.
//!
//! hyper's own header timeout also runs between requests, so it cannot be short for a slow request and long for an idle
//! connection at once. The clock can: it sees each byte that arrives and each request that begins and ends.

use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::inbound::admission::places::{Phase, Place};
use crate::inbound::app::App;
use crate::store::Store;

/// Serves one connection until it ends, takes too long, has to go, or the worker stops (then after the request in flight).
pub async fn serve<S: Store>(
    app: Arc<App<S>>,
    stream: TcpStream,
    peer: IpAddr,
    place: Place,
    mut stop: watch::Receiver<bool>,
) {
    let place = Arc::new(place);
    let clock = Arc::new(Clock::new(app.config.header_timeout, app.config.idle_timeout, Arc::clone(&place)));
    let service = service_fn(|request| {
        clock.working();
        let (app, clock) = (Arc::clone(&app), Arc::clone(&clock));
        async move {
            let answer = app.handle(request, peer, &clock.place).await;
            clock.idle();
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let io = TokioIo::new(Watched { stream, clock: Arc::clone(&clock) });
    let mut connection = pin!(
        http1::Builder::new()
            // A sender may close its half after the request and still wait for the answer.
            .half_close(true)
            // The clock does this better, see above.
            .header_read_timeout(None)
            // Webhooks are small: 400 kB of buffer for each connection, hyper's default, would be memory for nothing.
            .max_buf_size(app.config.max_header_bytes)
            .serve_connection(io, service)
    );
    let mut alarm = pin!(sleep_until(clock.begin));
    let mut stopping = false;
    loop {
        let driven = poll_fn(|cx| {
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            // All that moves the clock happens in the poll above, so it is enough to look here.
            match clock.deadline() {
                None => Poll::Pending,
                Some(deadline) => {
                    if alarm.deadline() != deadline {
                        alarm.as_mut().reset(deadline);
                    }
                    alarm.as_mut().poll(cx)
                }
            }
        });
        tokio::select! {
            // Ended or too slow. An error on the wire is the client's business, and ends the connection like anything else.
            () = driven => return,
            () = place.has_to_go() => return,
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// What a connection waits for, and how long it may.
struct Clock {
    begin: Instant,
    /// Nanoseconds after `begin`; [`NEVER`] while a request is being worked on, which has limits of its own.
    deadline: AtomicU64,
    /// Whether the next byte begins a request.
    between: AtomicBool,
    header: Duration,
    idle: Duration,
    place: Arc<Place>,
}

const NEVER: u64 = u64::MAX;

impl Clock {
    /// The first request is due now.
    fn new(header: Duration, idle: Duration, place: Arc<Place>) -> Clock {
        let clock = Clock {
            begin: Instant::now(),
            deadline: AtomicU64::new(NEVER),
            between: AtomicBool::new(false),
            header,
            idle,
            place,
        };
        clock.within(header);
        clock
    }

    fn within(&self, limit: Duration) {
        let nanos = (self.begin.elapsed() + limit).as_nanos();
        self.deadline.store(u64::try_from(nanos).unwrap_or(NEVER), Ordering::Relaxed);
    }

    fn working(&self) {
        self.between.store(false, Ordering::Relaxed);
        self.deadline.store(NEVER, Ordering::Relaxed);
        self.place.enter(Phase::Working);
    }

    /// The answer is made. Also limits how long a client may take to read it.
    fn idle(&self) {
        self.between.store(true, Ordering::Relaxed);
        self.within(self.idle);
        self.place.enter(Phase::Idle);
    }

    fn came(&self, bytes: usize) {
        self.place.came(bytes);
        if self.between.swap(false, Ordering::Relaxed) {
            self.within(self.header);
            self.place.enter(Phase::Headers);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.deadline.load(Ordering::Relaxed) {
            NEVER => None,
            nanos => Some(self.begin + Duration::from_nanos(nanos)),
        }
    }
}

/// A stream that tells the clock when bytes come in.
struct Watched {
    stream: TcpStream,
    clock: Arc<Clock>,
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        let came = buf.filled().len() - before;
        if came > 0 {
            self.clock.came(came);
        }
        result
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
