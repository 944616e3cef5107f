//! The bytes between this exporter and a server: TCP, TLS or a Unix socket, watched.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Memory that the answers to what was asked at once may take: their bytes, and [`ITEM_BYTES`]
/// for each item. They are hardly ever above one megabyte; more than this is an error, or the
/// exporter would grow with it: to four times as much, until a text is read and checked.
const MAX_REPLY_BYTES: usize = 6 * 1024 * 1024;

/// What an item of a reply takes in memory beside its own bytes. It may have as few as three.
const ITEM_BYTES: usize = 96;

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
    /// What the bytes read since something was written take.
    received: usize,
    items: Items,
}

/// Counts the items of replies as they come, in pieces of any size.
#[derive(Debug, Default)]
struct Items {
    /// Bytes of a text that are still to come, with its end of line.
    text: usize,
    /// The type of the item whose line has begun, 0 before it has.
    kind: u8,
    /// The length on that line, if it is the line of a text.
    length: usize,
}

impl Items {
    /// The number of lines that end in `bytes` and are no part of a text.
    fn count(&mut self, mut bytes: &[u8]) -> usize {
        let mut count = 0;
        while let Some((&byte, rest)) = bytes.split_first() {
            if self.text > 0 {
                let skipped = self.text.min(bytes.len());
                self.text -= skipped;
                bytes = bytes.get(skipped..).unwrap_or_default();
                continue;
            }
            bytes = rest;
            match (self.kind, byte) {
                (_, b'\n') => {
                    count += 1;
                    let is_text = matches!(self.kind, b'$' | b'=' | b'!');
                    let text = if is_text { self.length.saturating_add(2) } else { 0 };
                    *self = Self { text, ..Self::default() };
                }
                (0, kind) => self.kind = kind,
                // There is no text of a negative length.
                (_, b'-') => self.kind = b'-',
                (b'$' | b'=' | b'!', digit @ b'0'..=b'9') => {
                    let digit = usize::from(digit - b'0');
                    self.length = self.length.saturating_mul(10).saturating_add(digit);
                }
                _ => {}
            }
        }
        count
    }
}

impl Watched {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, is_fresh: true, received: 0, items: Items::default() }
    }

    fn check(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if std::mem::take(&mut self.is_fresh) && !REPLIES.contains(&bytes[0]) {
            return Err(io::Error::new(ErrorKind::InvalidData, foreign(bytes)));
        }
        let items = self.items.count(bytes).saturating_mul(ITEM_BYTES);
        self.received = self.received.saturating_add(bytes.len()).saturating_add(items);
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
        assert_eq!(watched.check(b"$").unwrap_err().to_string(), "the reply is larger than 6 MiB");
        watched.received = 0;
        watched.check(&piece).unwrap();
    }

    #[test]
    fn many_small_items_count_for_what_they_take() {
        let mut watched = Watched::new(Box::new(tokio::io::empty()));
        let most = MAX_REPLY_BYTES / (ITEM_BYTES + 4);
        watched.check(b":1\r\n".repeat(most).as_slice()).unwrap();
        assert!(watched.check(b":1\r\n").is_err());
    }

    #[test]
    fn lines_of_a_text_are_no_items() {
        let replies = b"*3\r\n$5\r\n\n\n\n\n\n\r\n$-1\r\n:-7\r\n-ERR $3\r\n$0\r\n\r\n+$9\r\n_\r\n";
        for size in 1..replies.len() {
            let mut items = Items::default();
            let count: usize = replies.chunks(size).map(|piece| items.count(piece)).sum();
            assert_eq!(count, 8, "in pieces of {size}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_counted(bytes in "[$=!*:+0-9\r\n-]{0,40}") {
            assert!(Items::default().count(bytes.as_bytes()) <= bytes.len());
        }
    }
}
