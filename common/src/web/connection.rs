//! One connection, from the handshake to its end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::security::Security;

/// How long a kept-alive connection may idle. Prometheus closes after 5
/// minutes itself; hyper's own 30 s would cut it off between two scrapes.
const HEADER_TIMEOUT: Duration = Duration::from_mins(6);

/// How long a client may take for its handshake, its first byte included.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a client of HTTP/2 is asked whether it is there, and how long it may take to answer.
const PING_INTERVAL: Duration = Duration::from_mins(1);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Requests at once on one connection of HTTP/2.
const MAX_STREAMS: u32 = 16;

const MAX_BUFFER: usize = 64 * 1024;

/// The first byte of a TLS connection: a handshake record.
const HANDSHAKE: u8 = 0x16;

/// For those who ask for `http://` where they should ask for `https://`.
const NO_TLS: &str = "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
                      Connection: close\r\n\r\nThis port speaks HTTPS: use https://\n";

type Http1<I> = http1::Connection<TokioIo<I>, TowerToHyperService<Router>>;

/// Serves HTTP/1 on `stream`.
pub(super) fn plain<I: AsyncRead + AsyncWrite + Unpin + 'static>(
    stream: I,
    router: Router,
) -> Http1<I> {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
}

/// Notes how a connection ended: mostly by the client's doing.
pub(super) fn note(result: Result<(), hyper::Error>) {
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended");
    }
}

/// Serves HTTP/1 or HTTP/2 after a handshake.
pub(super) async fn serve_tls(
    stream: TcpStream,
    security: &Arc<Security>,
    router: Router,
    watcher: Watcher,
) {
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake(stream, security));
    let stream = match handshake.await {
        Ok(Ok(Some(stream))) => stream,
        Ok(Ok(None)) => return,
        Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => return tracing::debug!("TLS handshake took too long"),
    };
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return note(watcher.watch(plain(stream, router)).await);
    }
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_concurrent_streams(MAX_STREAMS)
        .max_send_buf_size(MAX_BUFFER)
        .max_header_list_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    note(watcher.watch(connection).await);
}

/// `None` if the client does not speak TLS, and has been told.
async fn handshake(
    mut stream: TcpStream,
    security: &Arc<Security>,
) -> io::Result<Option<TlsStream<TcpStream>>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Ok(None);
    }
    if first != [HANDSHAKE] {
        // What stays unread would make the system take back the answer.
        let _ = stream.read(&mut [0; 4096]).await?;
        stream.write_all(NO_TLS.as_bytes()).await?;
        stream.shutdown().await?;
        return Ok(None);
    }
    let Some(config) = security.tls().await else { return Ok(None) };
    TlsAcceptor::from(config).accept(stream).await.map(Some)
}
