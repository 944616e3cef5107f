//! What a connection is doing, and how long it may go on with it.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{future, io};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::socket::Peer;

/// How long a client may take for a request: for the first one, handshake included, from the
/// moment when it connects, for others from their first byte.
const REQUEST_TIME: Duration = Duration::from_secs(10);

/// How long a client may take nothing of its answer.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// How long a client may stay between two requests. Prometheus goes after 5 minutes itself.
const IDLE_TIME: Duration = Duration::from_mins(6);

/// The state of a connection, which its stream, its requests and [`attend`] share.
///
/// Times are milliseconds since it was opened, 0 for never.
#[derive(Debug)]
pub(super) struct Activity {
    peer: Peer,
    opened: Instant,
    /// The last bytes in either direction.
    moved: AtomicU64,
    /// The first bytes of a request that is not complete.
    begun: AtomicU64,
    /// The last answer.
    answered: AtomicU64,
    /// Requests that are being answered.
    answering: AtomicU32,
    /// The client does not take what is written.
    is_blocked: AtomicBool,
    /// Bytes that come are not always part of a request.
    is_multiplexed: AtomicBool,
    evicted: Notify,
}

impl Activity {
    /// A connection that `peer` has just opened.
    pub(super) fn new(peer: Peer) -> Self {
        Self {
            peer,
            opened: Instant::now(),
            moved: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            answering: AtomicU32::new(0),
            is_blocked: AtomicBool::new(false),
            is_multiplexed: AtomicBool::new(false),
            evicted: Notify::new(),
        }
    }

    /// The other end.
    pub(super) fn peer(&self) -> Peer {
        self.peer
    }

    /// Since when nothing has come or gone; `None` while a request is being answered.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.is_waiting().then(|| self.moment(&self.moved))
    }

    /// Ends the connection.
    pub(super) fn evict(&self) {
        self.evicted.notify_one();
    }

    /// The connection speaks HTTP/2.
    pub(super) fn set_multiplexed(&self) {
        self.is_multiplexed.store(true, Ordering::Relaxed);
    }

    /// A request is complete; it is being answered until the result is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Answering {
        self.begun.store(0, Ordering::Relaxed);
        self.answering.fetch_add(1, Ordering::Relaxed);
        Answering(Arc::clone(self))
    }

    fn received(&self) {
        let now = self.now();
        self.moved.store(now, Ordering::Relaxed);
        // Of several parts of a request the first one counts.
        let _ = self.begun.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The client has taken some of the answer, or does not.
    fn sent<T>(&self, result: &Poll<io::Result<T>>) {
        self.is_blocked.store(result.is_pending(), Ordering::Relaxed);
        if result.is_ready() {
            self.moved.store(self.now(), Ordering::Relaxed);
        }
    }

    /// It is the client's turn, to send or to receive.
    fn is_waiting(&self) -> bool {
        self.answering.load(Ordering::Relaxed) == 0 || self.is_blocked.load(Ordering::Relaxed)
    }

    /// When the client must have done something.
    fn deadline(&self) -> Option<Instant> {
        let has = |time: &AtomicU64| time.load(Ordering::Relaxed) != 0;
        if !self.is_waiting() {
            None
        } else if self.is_blocked.load(Ordering::Relaxed) {
            Some(self.moment(&self.moved) + ANSWER_TIME)
        } else if has(&self.begun) && !self.is_multiplexed.load(Ordering::Relaxed) {
            Some(self.moment(&self.begun) + REQUEST_TIME)
        } else if has(&self.answered) {
            Some(self.moment(&self.answered) + IDLE_TIME)
        } else {
            Some(self.opened + REQUEST_TIME)
        }
    }

    fn now(&self) -> u64 {
        let passed = u64::try_from(self.opened.elapsed().as_millis());
        passed.unwrap_or(u64::MAX).max(1)
    }

    fn moment(&self, time: &AtomicU64) -> Instant {
        self.opened + Duration::from_millis(time.load(Ordering::Relaxed))
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Answering(Arc<Activity>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answered.store(self.0.now(), Ordering::Relaxed);
        self.0.answering.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Drives a connection until it ends; `None` if its client has been silent for too long, or has
/// to make room for another.
pub(super) async fn attend<C: Future>(connection: C, activity: &Activity) -> Option<C::Output> {
    let mut timer = pin!(sleep_until(activity.opened + REQUEST_TIME));
    // Polled with the connection, so that it sees each change of the deadline.
    let silence = future::poll_fn(|context| {
        loop {
            let Some(deadline) = activity.deadline() else { return Poll::Pending };
            if deadline <= Instant::now() {
                return Poll::Ready(());
            }
            // A later one is seen when the timer has run down.
            if timer.is_elapsed() || deadline < timer.deadline() {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(context));
        }
    });
    tokio::select! {
        biased;
        output = connection => Some(output),
        () = activity.evicted.notified() => None,
        () = silence => None,
    }
}

/// A stream that tells its [`Activity`] what moves.
#[derive(Debug)]
pub(super) struct Watched<I> {
    stream: I,
    activity: Arc<Activity>,
}

impl<I> Watched<I> {
    pub(super) fn new(stream: I, activity: &Arc<Activity>) -> Self {
        Self { stream, activity: Arc::clone(activity) }
    }

    pub(super) fn get_ref(&self) -> &I {
        &self.stream
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.received();
        }
        result
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.activity.sent(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.activity.sent(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn activity() -> Arc<Activity> {
        Arc::new(Activity::new(Peer::Host(Ipv4Addr::LOCALHOST.into())))
    }

    async fn pass(seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// Seconds until a connection that does nothing by itself is given up.
    async fn silent_after(activity: &Activity) -> u64 {
        let started = Instant::now();
        assert_eq!(attend(future::pending::<()>(), activity).await, None);
        started.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_request_has_ten_seconds_from_the_start() {
        let activity = activity();
        pass(4).await;
        activity.received();
        assert_eq!(silent_after(&activity).await, 10);
        let slow = self::activity();
        assert_eq!(silent_after(&slow).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn later_requests_have_ten_seconds_from_their_first_byte() {
        let activity = activity();
        activity.received();
        drop(activity.begin());
        pass(100).await;
        activity.received();
        let dripping = async {
            loop {
                pass(1).await;
                activity.received();
            }
        };
        let seconds = tokio::select! {
            seconds = silent_after(&activity) => seconds,
            () = dripping => 0,
        };
        assert_eq!(seconds, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_was_answered_may_idle() {
        let activity = activity();
        activity.received();
        drop(activity.begin());
        assert_eq!(silent_after(&activity).await, 360);
        // Bytes that are no request do not count where requests are multiplexed.
        let multiplexed = self::activity();
        multiplexed.set_multiplexed();
        drop(multiplexed.begin());
        pass(100).await;
        multiplexed.received();
        assert_eq!(silent_after(&multiplexed).await, 260);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_may_take_its_time_but_must_be_taken() {
        let activity = activity();
        let answering = activity.begin();
        let waiting = tokio::time::timeout(Duration::from_hours(1), silent_after(&activity));
        assert!(waiting.await.is_err() && activity.idle_since().is_none());
        activity.sent(&Poll::Ready(Ok(())));
        activity.sent(&Poll::<io::Result<()>>::Pending);
        assert_eq!(silent_after(&activity).await, 30);
        drop(answering);
        activity.sent(&Poll::Ready(Ok(())));
        assert_eq!(activity.idle_since(), Some(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_evicted_ends_at_once() {
        let activity = activity();
        activity.evict();
        assert_eq!(silent_after(&activity).await, 0);
        let done = attend(future::ready(7), &self::activity()).await;
        assert_eq!(done, Some(7));
    }
}
