//! The bytes between this exporter and a server: TCP, TLS or a Unix socket, watched.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that the server may send for what it was asked at once. The answer to one command is
/// hardly ever above one megabyte; more than this is an error, or the exporter would grow with it.
const MAX_REPLY_BYTES: usize = 24 * 1024 * 1024;

/// The first bytes of replies in the Redis protocol, versions 2 and 3.
const REPLIES: &[u8] = b"+-:$*_,#!=(%~>|";

/// Any stream to a server.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A stream that ends with an error in words when the server speaks another protocol, or without
/// end.
pub(super) struct Watched {
    stream: Box<dyn Stream>,
    /// Nothing has been read yet.
    is_fresh: bool,
    /// Bytes read since something was written.
    received: usize,
}

impl Watched {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, is_fresh: true, received: 0 }
    }

    fn check(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if std::mem::take(&mut self.is_fresh) && !REPLIES.contains(&bytes[0]) {
            return Err(io::Error::new(ErrorKind::InvalidData, foreign(bytes)));
        }
        self.received = self.received.saturating_add(bytes.len());
        if self.received > MAX_REPLY_BYTES {
            let limit = MAX_REPLY_BYTES / 1024 / 1024;
            let words = format!("the reply is larger than {limit} MiB");
            return Err(io::Error::new(ErrorKind::InvalidData, words));
        }
        Ok(())
    }
}

/// What a server that begins with these bytes is likely to be.
fn foreign(bytes: &[u8]) -> &'static str {
    const TLS_ALERT: u8 = 0x15;
    const TLS_HANDSHAKE: u8 = 0x16;
    match bytes {
        [TLS_ALERT | TLS_HANDSHAKE, 3, ..] => "the server speaks TLS: use rediss://",
        [b'H', b'T', b'T', b'P', ..] | [b'<', ..] => {
            "the server does not speak the Redis protocol, but HTTP"
        }
        // The greeting of MySQL, or its refusal, behind a length of three bytes and a number.
        [_, 0, 0, 0, 10 | 0xff, ..] => "the server does not speak the Redis protocol, but MySQL's",
        [b'S', b'S', b'H', ..] => "the server does not speak the Redis protocol, but SSH",
        _ => "the server does not speak the Redis protocol",
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut *self.stream).poll_read(context, buffer))?;
        let checked = self.check(&buffer.filled()[before..]);
        if checked.is_err() {
            buffer.set_filled(before);
        }
        Poll::Ready(checked)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.received = 0;
        Pin::new(&mut *self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn read(bytes: &'static [u8]) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        let (near, mut far) = tokio::io::duplex(bytes.len());
        far.write_all(bytes).await?;
        drop(far);
        Watched::new(Box::new(near)).read_to_end(&mut read).await.map(|_| read)
    }

    #[tokio::test]
    async fn what_is_no_redis_is_named() {
        for (bytes, expected) in [
            (&b"HTTP/1.1 400 Bad Request\r\n"[..], "but HTTP"),
            (b"<html>", "but HTTP"),
            (b"\x4a\0\0\0\x0a5.5.5-10.11", "but MySQL's"),
            (b"SSH-2.0-OpenSSH\r\n", "but SSH"),
            (b"\x15\x03\x03\0\x02\x02\x28", "use rediss://"),
            (b"220 mail ESMTP\r\n", "does not speak the Redis protocol"),
        ] {
            let error = read(bytes).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        for reply in [&b"+OK\r\n"[..], b"-ERR x\r\n", b"$-1\r\n", b"*0\r\n", b"%0\r\n"] {
            assert_eq!(read(reply).await.unwrap(), reply);
        }
    }

    #[test]
    fn a_reply_has_a_bound_and_each_command_a_new_one() {
        let mut watched = Watched::new(Box::new(tokio::io::empty()));
        let piece = vec![b'$'; 1024 * 1024];
        for _ in 0..MAX_REPLY_BYTES / piece.len() {
            watched.check(&piece).unwrap();
        }
        assert_eq!(watched.check(b"$").unwrap_err().to_string(), "the reply is larger than 24 MiB");
        watched.received = 0;
        watched.check(&piece).unwrap();
    }
}
