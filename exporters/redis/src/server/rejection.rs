//! Why a server closes new connections.
//!
//! A server with too many clients, or one in protected mode, answers no
//! command: it says why and closes the connection. What nobody has asked for is left
//! out by [`super::wire`], so that no more is known than a broken connection. A
//! server that speaks TLS closes a connection that does not begin with it.

use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::address::{Address, Endpoint};
use super::failure::one_line;
use super::tls::Tls;

/// How long to wait: such a server writes at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// More than any of these messages is long.
const MAX_BYTES: u64 = 1024;

/// Connects twice until `limit` at the latest: to send nothing and wait for an error reply, and to
/// try TLS where the address does not ask for it.
pub(super) async fn ask_why(address: &Address, limit: Instant) -> Option<String> {
    let limit = limit.min(Instant::now() + PATIENCE);
    let reply =
        async { receive(&address.endpoint).await.ok().and_then(|line| read_rejection(&line)) };
    let why = async {
        let (reply, tls) = (pin!(reply), pin!(try_tls(address)));
        match select(reply, tls).await {
            Either::Left((Some(reply), _)) => Some(reply),
            Either::Left((None, tls)) => tls.await.then(speaks_tls),
            Either::Right((true, _)) => Some(speaks_tls()),
            Either::Right((false, reply)) => reply.await,
        }
    };
    tokio::time::timeout_at(limit.into(), why).await.ok()?
}

fn speaks_tls() -> String {
    "the server speaks TLS: use rediss://".to_owned()
}

/// Waits for a handshake that is under way, then asks on a connection without TLS; what is wrong
/// if the server answers there.
pub(super) async fn ask_without_tls(host: &str, port: u16) -> Option<String> {
    tokio::time::sleep(PATIENCE).await;
    let mut stream = TcpStream::connect((host, port)).await.ok()?;
    stream.write_all(b"PING\r\n").await.ok()?;
    let mut reply = [0; 8];
    let length = tokio::time::timeout(PATIENCE, stream.read(&mut reply)).await.ok()?.ok()?;
    let is_redis = reply[..length].starts_with(b"+PONG") || reply[..length].starts_with(b"-");
    is_redis.then(|| "the server does not speak TLS: use redis://".to_owned())
}

async fn try_tls(address: &Address) -> bool {
    match &address.endpoint {
        Endpoint::Tcp(host, port) if !address.tls => {
            match TcpStream::connect((host.as_str(), *port)).await {
                Ok(stream) => Tls::is_spoken(host, stream).await,
                Err(_) => false,
            }
        }
        Endpoint::Tcp(..) | Endpoint::Unix(_) => false,
    }
}

async fn receive(endpoint: &Endpoint) -> io::Result<Vec<u8>> {
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
fn read_rejection(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let words = one_line(text.strip_prefix('-')?.lines().next()?);
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::read_rejection;

    #[test]
    fn only_errors_count() {
        let refusal = b"-ERR max number of clients reached\r\n";
        assert_eq!(read_rejection(refusal).as_deref(), Some("ERR max number of clients reached"));
        for other in [&b""[..], b"-", b"-\r\n", b"+OK\r\n", b"HTTP/1.1 400 Bad Request\r\n"] {
            assert_eq!(read_rejection(other), None, "{other:?}");
        }
    }
}
