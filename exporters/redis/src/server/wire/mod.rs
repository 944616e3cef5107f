//! A connection that many share. Commands go out in the order in which they are asked, all that
//! are asked at once together; replies come back in that order.

mod resp;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use redis::{Cmd, Pipeline, RedisError, RedisResult, Value};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

use super::stream::{Stream, foreign};
use resp::{Reply, Scan, decode, too_large};

/// Memory that the answers to what was asked at once may take: their bytes, and [`ITEM_BYTES`]
/// for each item. They are hardly ever above one megabyte; more than this is an error, or the
/// exporter would grow with it: to four times as much, until a text is read and checked.
const MAX_REPLY_BYTES: usize = 6 * 1024 * 1024;

/// What an item of a reply takes in memory beside its own bytes. It may have as few as three.
const ITEM_BYTES: usize = 96;

/// Room for replies at rest: those of a scrape with the default flags come in one piece.
const BUFFER_BYTES: usize = 16 * 1024;

/// A handle to a connection, which is closed with the last of them.
#[derive(Clone, Debug)]
pub struct Wire {
    requests: UnboundedSender<Request>,
    timeout: Option<Duration>,
}

/// Commands that are on their way, and who waits for the replies.
struct Request {
    commands: Vec<u8>,
    waiting: Waiting,
}

enum Waiting {
    ForOne(oneshot::Sender<RedisResult<Value>>),
    ForAll { missing: usize, replies: Vec<Value>, to: oneshot::Sender<RedisResult<Vec<Value>>> },
}

/// The reply to one command, which has been sent.
#[derive(Debug)]
pub(super) struct Pending {
    reply: oneshot::Receiver<RedisResult<Value>>,
    timeout: Option<Duration>,
}

impl Wire {
    /// Uses `stream`; each reply has to come within `timeout`.
    ///
    /// To be called inside a runtime.
    pub(super) fn new(stream: Box<dyn Stream>, timeout: Option<Duration>) -> Self {
        let (requests, receiver) = mpsc::unbounded_channel();
        let driver = Driver {
            stream,
            requests: receiver,
            out: Vec::new(),
            written: 0,
            input: vec![0; BUFFER_BYTES],
            filled: 0,
            scan: Scan::default(),
            waiting: VecDeque::new(),
            received: 0,
            is_fresh: true,
        };
        tokio::spawn(driver);
        Self { requests, timeout }
    }

    /// Sends a command.
    pub(super) fn send(&self, command: &Cmd) -> Pending {
        let (sender, reply) = oneshot::channel();
        self.request(command.get_packed_command(), Waiting::ForOne(sender));
        Pending { reply, timeout: self.timeout }
    }

    /// Sends a command and waits for the reply.
    ///
    /// # Errors
    /// The server refuses or is too slow, or the connection is lost.
    pub async fn ask(&self, command: &Cmd) -> RedisResult<Value> {
        self.send(command).reply().await
    }

    /// Sends commands at once and waits for one reply to each, which may be an error.
    ///
    /// # Errors
    /// The server is too slow, or the connection is lost: then there is no reply at all.
    pub(super) async fn ask_all(&self, commands: &Pipeline) -> RedisResult<Vec<Value>> {
        let (to, replies) = oneshot::channel();
        let missing = commands.len();
        let waiting = Waiting::ForAll { missing, replies: Vec::with_capacity(missing), to };
        self.request(commands.get_packed_pipeline(), waiting);
        within(self.timeout, replies).await
    }

    fn request(&self, commands: Vec<u8>, waiting: Waiting) {
        // Where the connection is lost, who waits is told so.
        let _ = self.requests.send(Request { commands, waiting });
    }
}

impl Pending {
    /// Waits for it.
    ///
    /// # Errors
    /// As [`Wire::ask`].
    pub(super) async fn reply(self) -> RedisResult<Value> {
        match within(self.timeout, self.reply).await? {
            Value::ServerError(error) => Err(error.into()),
            value => Ok(value),
        }
    }
}

async fn within<T>(
    timeout: Option<Duration>,
    reply: oneshot::Receiver<RedisResult<T>>,
) -> RedisResult<T> {
    let reply = match timeout {
        Some(timeout) => match tokio::time::timeout(timeout, reply).await {
            Ok(reply) => reply,
            Err(_) => return Err(io::Error::from(ErrorKind::TimedOut).into()),
        },
        None => reply.await,
    };
    reply.unwrap_or_else(|_| Err(lost()))
}

fn lost() -> RedisError {
    io::Error::from(ErrorKind::BrokenPipe).into()
}

impl Waiting {
    /// True if nobody waits any more.
    fn is_given_up(&self) -> bool {
        match self {
            Self::ForOne(to) => to.is_closed(),
            Self::ForAll { to, .. } => to.is_closed(),
        }
    }

    /// Takes a reply; what further replies are waited for.
    fn take(self, reply: Value) -> Option<Self> {
        match self {
            Self::ForOne(to) => {
                let _ = to.send(Ok(reply));
                None
            }
            Self::ForAll { missing, mut replies, to } => {
                replies.push(reply);
                if replies.len() < missing {
                    return Some(Self::ForAll { missing, replies, to });
                }
                let _ = to.send(Ok(replies));
                None
            }
        }
    }

    fn fail(self, error: RedisError) {
        match self {
            Self::ForOne(to) => drop(to.send(Err(error))),
            Self::ForAll { to, .. } => drop(to.send(Err(error))),
        }
    }
}

/// What writes and reads as long as there are handles.
struct Driver {
    stream: Box<dyn Stream>,
    requests: UnboundedReceiver<Request>,
    /// Commands, of which the first bytes may have been written.
    out: Vec<u8>,
    written: usize,
    /// Replies that have not all come, in the first bytes.
    input: Vec<u8>,
    filled: usize,
    /// Where the first of them ends.
    scan: Scan,
    waiting: VecDeque<Waiting>,
    /// What the replies since something was asked take.
    received: usize,
    /// Nothing has been read yet.
    is_fresh: bool,
}

impl Future for Driver {
    type Output = ();

    /// Who waits when this ends finds the connection lost; the first of them is told why.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let ended = ready!(self.poll_all(context));
        if let (Err(error), Some(waiting)) = (ended, self.waiting.pop_front()) {
            waiting.fail(error);
        }
        Poll::Ready(())
    }
}

impl Driver {
    /// Does all that can be done. Reads also while a write waits: the server may do the same.
    fn poll_all(&mut self, context: &mut Context<'_>) -> Poll<RedisResult<()>> {
        while let Poll::Ready(request) = self.requests.poll_recv(context) {
            let Some(Request { commands, waiting }) = request else {
                // TLS says goodbye; a server that does not listen is not waited for.
                let _ = Pin::new(&mut self.stream).poll_shutdown(context);
                return Poll::Ready(Ok(()));
            };
            if !waiting.is_given_up() {
                self.out.extend_from_slice(&commands);
                self.waiting.push_back(waiting);
                self.received = 0;
            }
        }
        if let Poll::Ready(Err(error)) = self.poll_write(context) {
            return Poll::Ready(Err(error.into()));
        }
        loop {
            ready!(self.poll_read(context))?;
            self.answer()?;
        }
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.out.len() {
            let rest = &self.out[self.written..];
            match ready!(Pin::new(&mut self.stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        self.out.clear();
        self.written = 0;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Reads something.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<RedisResult<()>> {
        if self.filled == self.input.len() {
            self.input.resize(2 * self.filled, 0);
        }
        let mut buffer = ReadBuf::new(&mut self.input[self.filled..]);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        let bytes = buffer.filled();
        if bytes.is_empty() {
            return Poll::Ready(Err(lost()));
        }
        if std::mem::take(&mut self.is_fresh)
            && let Some(what) = foreign(bytes)
        {
            return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidData, what).into()));
        }
        self.received = self.received.saturating_add(bytes.len());
        self.filled += bytes.len();
        Poll::Ready(Ok(()))
    }

    /// Hands out the replies that have come whole.
    fn answer(&mut self) -> RedisResult<()> {
        let mut start = 0;
        while let Some(Reply { value, length, items }) = self.reply(start)? {
            self.received = self.received.saturating_add(items.saturating_mul(ITEM_BYTES));
            // What nobody has asked for is left out.
            if let Some(waiting) = self.waiting.pop_front().and_then(|first| first.take(value)) {
                self.waiting.push_front(waiting);
            }
            start += length;
        }
        self.input.copy_within(start..self.filled, 0);
        self.filled -= start;
        if self.filled == 0 && self.input.len() > BUFFER_BYTES {
            self.input = vec![0; BUFFER_BYTES];
        }
        Ok(())
    }

    /// The reply that begins at `start`, if it has come whole.
    fn reply(&mut self, start: usize) -> RedisResult<Option<Reply>> {
        let bytes = &self.input[start..self.filled];
        let Some(left) = MAX_REPLY_BYTES.checked_sub(self.received) else {
            return Err(too_large());
        };
        let most_items = left / ITEM_BYTES;
        if self.scan.is_new() {
            // Nearly all replies are whole when they are seen first.
            if let Some(reply) = decode(bytes, most_items)? {
                return Ok(Some(reply));
            }
        }
        let end = self.scan.end(bytes)?;
        if self.scan.items() > most_items {
            return Err(too_large());
        }
        let Some(end) = end else { return Ok(None) };
        self.scan = Scan::default();
        decode(&bytes[..end], most_items)
    }
}

#[cfg(test)]
mod tests;
