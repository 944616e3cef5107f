//! The bytes between this exporter and a server: TCP, TLS or a Unix socket.

use tokio::io::{AsyncRead, AsyncWrite};

/// The first bytes of replies in the Redis protocol, versions 2 and 3.
const REPLIES: &[u8] = b"+-:$*_,#!=(%~>|";

/// Any stream to a server.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// What a server is likely to be whose first bytes are no reply.
pub(super) fn foreign(bytes: &[u8]) -> Option<&'static str> {
    const TLS_ALERT: u8 = 0x15;
    const TLS_HANDSHAKE: u8 = 0x16;
    Some(match bytes {
        [first, ..] if REPLIES.contains(first) => return None,
        [TLS_ALERT | TLS_HANDSHAKE, 3, ..] => "the server speaks TLS: use rediss://",
        [b'H', b'T', b'T', b'P', ..] | [b'<', ..] => {
            "the server does not speak the Redis protocol, but HTTP"
        }
        // The greeting of MySQL, or its refusal, behind a length of three bytes and a number.
        [_, 0, 0, 0, 10 | 0xff, ..] => "the server does not speak the Redis protocol, but MySQL's",
        [b'S', b'S', b'H', ..] => "the server does not speak the Redis protocol, but SSH",
        _ => "the server does not speak the Redis protocol",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_redis_is_named() {
        for (bytes, expected) in [
            (&b"HTTP/1.1 400 Bad Request\r\n"[..], "but HTTP"),
            (b"<html>", "but HTTP"),
            (b"\x4a\0\0\0\x0a5.5.5-10.11", "but MySQL's"),
            (b"SSH-2.0-OpenSSH\r\n", "but SSH"),
            (b"\x15\x03\x03\0\x02\x02\x28", "use rediss://"),
            (b"220 mail ESMTP\r\n", "does not speak the Redis protocol"),
        ] {
            let words = foreign(bytes).unwrap();
            assert!(words.contains(expected), "{words}");
        }
        for reply in [&b"+OK\r\n"[..], b"-ERR x\r\n", b"$-1\r\n", b"*0\r\n", b"%0\r\n"] {
            assert_eq!(foreign(reply), None);
        }
    }
}
