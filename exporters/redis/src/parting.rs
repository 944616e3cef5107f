//! The last words of a server that hangs up on new clients.
//!
//! A server with too many clients, or one in protected mode, answers no
//! command: it says why and closes the connection. The client library drops
//! what it did not ask for, so that only a broken connection is seen.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::address::Endpoint;
use crate::failure::one_line;

/// Such a server speaks at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// More than any of these messages is long.
const MAX_BYTES: u64 = 1024;

/// Connects, says nothing, and listens for an error until `limit` at the latest.
pub(crate) async fn words(endpoint: &Endpoint, limit: Instant) -> Option<String> {
    let limit = limit.min(Instant::now() + PATIENCE);
    let line = tokio::time::timeout_at(limit.into(), listen(endpoint)).await.ok()?.ok()?;
    parse(&line)
}

async fn listen(endpoint: &Endpoint) -> io::Result<Vec<u8>> {
    match endpoint {
        Endpoint::Tcp(host, port) => read(TcpStream::connect((host.as_str(), *port)).await?).await,
        Endpoint::Unix(path) => read(UnixStream::connect(path).await?).await,
    }
}

async fn read(stream: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(MAX_BYTES).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// The text of an error reply.
fn parse(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let words = one_line(text.strip_prefix('-')?.lines().next()?);
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn only_errors_count() {
        let refusal = b"-ERR max number of clients reached\r\n";
        assert_eq!(parse(refusal).as_deref(), Some("ERR max number of clients reached"));
        for other in [&b""[..], b"-", b"-\r\n", b"+OK\r\n", b"HTTP/1.1 400 Bad Request\r\n"] {
            assert_eq!(parse(other), None, "{other:?}");
        }
    }
}
