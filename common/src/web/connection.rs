//! One connection, from the handshake to its end.

use std::convert::Infallible;
use std::future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, Version, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::activity::{Activity, Watched, attend};
use super::connections::Place;
use super::plain;
use super::security::Security;
use super::socket::Stream;

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

/// Serves a connection to its end, with TLS if `security` is given.
pub(super) async fn serve(
    stream: Stream,
    place: Place,
    security: Option<Arc<Security>>,
    router: Router,
    watcher: Watcher,
) {
    let activity = &place.activity;
    let requests =
        Requests { router: TowerToHyperService::new(router), activity: activity.clone() };
    let stream = Watched::new(stream, activity);
    let ended = match security {
        Some(security) => attend(serve_tls(stream, &security, requests, watcher), activity).await,
        None => attend(watcher.watch(http1(stream, requests)), activity).await,
    };
    match ended {
        Some(Ok(())) => {}
        // Mostly by the client's doing.
        Some(Err(error)) => tracing::debug!(%error, "connection ended"),
        None => tracing::debug!(peer = %activity.peer(), "connection closed: it was idle or slow"),
    }
}

/// Serves HTTP/1 on `stream`.
fn http1<I: AsyncRead + AsyncWrite + Unpin + 'static>(
    stream: I,
    requests: Requests,
) -> http1::Connection<TokioIo<I>, Requests> {
    http1::Builder::new()
        // See `activity`, which knows more of the connection.
        .header_read_timeout(None)
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(stream), requests)
}

/// Serves HTTP/1 or HTTP/2 after a handshake.
async fn serve_tls(
    stream: Watched<Stream>,
    security: &Arc<Security>,
    requests: Requests,
    watcher: Watcher,
) -> Result<(), hyper::Error> {
    let stream = match handshake(stream, security).await {
        Ok(Some(stream)) => stream,
        Ok(None) => return Ok(()),
        Err(error) => {
            tracing::debug!(%error, "TLS handshake failed");
            return Ok(());
        }
    };
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return watcher.watch(http1(stream, requests)).await;
    }
    requests.activity.set_multiplexed();
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_concurrent_streams(MAX_STREAMS)
        .max_send_buf_size(MAX_BUFFER)
        .max_header_list_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), requests);
    watcher.watch(connection).await
}

/// The requests of a connection.
#[derive(Clone, Debug)]
struct Requests {
    router: TowerToHyperService<Router>,
    activity: Arc<Activity>,
}

impl Service<Request<Incoming>> for Requests {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        // RFC 9112, section 3.2: none, or two of them, may mean different things to others on the way.
        let hosts = request.headers().get_all(header::HOST).iter().count();
        if request.version() == Version::HTTP_11 && hosts != 1 {
            let refusal = plain(StatusCode::BAD_REQUEST, "a request has one Host field");
            return Box::pin(future::ready(Ok(refusal)));
        }
        let answering = self.activity.begin();
        let answer = self.router.call(request);
        Box::pin(async move {
            let answer = answer.await;
            drop(answering);
            answer
        })
    }
}

/// `None` if the client does not speak TLS, and has been told.
async fn handshake(
    mut stream: Watched<Stream>,
    security: &Arc<Security>,
) -> io::Result<Option<TlsStream<Watched<Stream>>>> {
    let Some(first) = stream.get_ref().first_byte().await? else { return Ok(None) };
    if first != HANDSHAKE {
        // What stays unread would make the system take back the answer.
        let _ = stream.read(&mut [0; 4096]).await?;
        stream.write_all(NO_TLS.as_bytes()).await?;
        stream.shutdown().await?;
        return Ok(None);
    }
    let Some(config) = security.tls().await else { return Ok(None) };
    TlsAcceptor::from(config).accept(stream).await.map(Some)
}
