//! How requests reach a daemon: over a connection each, of which no more is read than an answer
//! may be large.
//!
//! bollard reads an answer whole, however long it is, so the bound is below it, where bytes are
//! read: a daemon that goes mad, or somebody else in its place, must not take the memory of the
//! machine. Connections are not kept: one in several seconds is nothing, and an answer that was
//! given up leaves none behind.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use anyhow::Context as _;
use bollard::BollardRequest;
use bollard::errors::Error;
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::endpoint::{Certificates, Endpoint};

/// Bytes of a list of all containers: some 20,000 with many labels.
const LIST_BYTES: u64 = 64 << 20;

/// Bytes of the sizes of volumes, beside which older daemons have all images and containers.
const USAGE_BYTES: u64 = 64 << 20;

/// Bytes of what an inspection gives.
const INSPECTION_BYTES: u64 = 4 << 20;

/// Bytes of any other answer, of one event, and of what a daemon says with an error.
pub(super) const ANSWER_BYTES: u64 = 1 << 20;

/// Ports of Docker, without and with TLS.
const PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

/// The way to a daemon.
#[derive(Clone)]
pub(super) enum Transport {
    Unix(Arc<PathBuf>),
    Tcp(Arc<str>),
    Tls(Arc<str>, TlsConnector, ServerName<'static>),
}

/// An answer that is larger than any good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is larger than {} MiB", .0 >> 20)]
pub(super) struct TooLarge(pub(super) u64);

impl Transport {
    /// The way to `endpoint`; files of certificates are read, so it blocks.
    pub(super) fn new(endpoint: &Endpoint) -> anyhow::Result<Self> {
        Ok(match endpoint {
            Endpoint::Unix(path) => Self::Unix(Arc::new(path.clone())),
            Endpoint::Tcp(address) => Self::Tcp(with_port(address, PORT).into()),
            Endpoint::Tls(address, certificates) => {
                let address = with_port(address, TLS_PORT);
                let host = address.rsplit_once(':').map_or("", |(host, _)| host);
                let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                let name = ServerName::try_from(host)
                    .context("the host is no name that a certificate can hold")?;
                Self::Tls(address.into(), connector(certificates)?, name)
            }
            Endpoint::Nowhere => anyhow::bail!("there is no endpoint"),
        })
    }

    /// Sends a request and gives the answer, of which the body is still to be read.
    pub(super) async fn request(
        &self,
        mut request: BollardRequest,
    ) -> Result<Response<Incoming>, Error> {
        let limit = limit(request.uri().path());
        let (stream, host) = self.connect().await?;
        let stream = Bounded { stream, limit, left: limit };
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the answer, or with the one who waits for it, and tells its errors to him.
        tokio::spawn(connection);
        request.headers_mut().insert(HOST, host);
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        *request.uri_mut() = target.parse().map_err(hyper::http::Error::from)?;
        Ok(sender.send_request(request).await?)
    }

    async fn connect(&self) -> Result<(Box<dyn Stream>, HeaderValue), Error> {
        let host = |address: &str| {
            HeaderValue::from_str(address).unwrap_or(HeaderValue::from_static("localhost"))
        };
        Ok(match self {
            Self::Unix(path) => {
                (Box::new(UnixStream::connect(path.as_path()).await?), host("localhost"))
            }
            Self::Tcp(address) => {
                (Box::new(TcpStream::connect(address.as_ref()).await?), host(address))
            }
            Self::Tls(address, connector, name) => {
                let stream = TcpStream::connect(address.as_ref()).await?;
                let stream = connector.connect(name.clone(), stream).await?;
                (Box::new(stream), host(address))
            }
        })
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Incoming>, Error>> + Send>>;

/// As a function that bollard sends its requests by.
pub(super) fn sending(transport: Transport) -> impl Fn(BollardRequest) -> Answering + Send + Sync {
    move |request| {
        let transport = transport.clone();
        Box::pin(async move { transport.request(request).await })
    }
}

/// Bytes that may be read for a request. Events have no end: each of them is bounded by itself.
fn limit(path: &str) -> u64 {
    match path.rsplit_once("/containers/").map(|(_, rest)| rest) {
        _ if path.ends_with("/events") => u64::MAX,
        _ if path.ends_with("/system/df") => USAGE_BYTES,
        Some("json") => LIST_BYTES,
        Some(_) => INSPECTION_BYTES,
        None => ANSWER_BYTES,
    }
}

/// `host:port` in an address that may lack the port, or have a path.
fn with_port(address: &str, port: u16) -> String {
    let address = address.split('/').next().unwrap_or_default();
    let after_host = address.rsplit_once(']').map_or(address, |(_, rest)| rest);
    if after_host.contains(':') { address.to_owned() } else { format!("{address}:{port}") }
}

fn connector(files: &Certificates) -> anyhow::Result<TlsConnector> {
    let read = |path: &PathBuf| std::fs::read(path).with_context(|| path.display().to_string());
    let certificates = |path: &PathBuf| {
        common::tls::certificates(&read(path)?)
            .with_context(|| format!("{}: no certificate in PEM", path.display()))
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.add_parsable_certificates(certificates(&files.ca)?);
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?)
        .map_err(|_| anyhow::anyhow!("{}: no private key in PEM", files.key.display()))?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(certificates(&files.cert)?, key)
        .with_context(|| files.cert.display().to_string())?;
    Ok(TlsConnector::from(Arc::new(config)))
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection that fails once more than `limit` bytes have been read from it.
struct Bounded<S> {
    stream: S,
    limit: u64,
    left: u64,
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = u64::try_from(buffer.filled().len() - before).unwrap_or(u64::MAX);
        if let Some(left) = self.left.checked_sub(read) {
            self.left = left;
            return Poll::Ready(Ok(()));
        }
        buffer.set_filled(before);
        Poll::Ready(Err(io::Error::other(TooLarge(self.limit))))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
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
    use super::*;
    use tokio::io::AsyncReadExt as _;

    #[test]
    fn every_question_has_a_limit_of_its_own() {
        assert_eq!(limit("/containers/json"), LIST_BYTES);
        assert_eq!(limit("/v1.53/containers/json"), LIST_BYTES);
        assert_eq!(limit("/containers/41c0/json"), INSPECTION_BYTES);
        assert_eq!(limit("/version"), ANSWER_BYTES);
        assert_eq!(limit("/v1.53/info"), ANSWER_BYTES);
        assert_eq!(limit("/system/df"), USAGE_BYTES);
        assert_eq!(limit("/events"), u64::MAX);
    }

    #[test]
    fn an_address_may_lack_the_port_or_end_in_a_slash() {
        assert_eq!(with_port("host:2375/", PORT), "host:2375");
        assert_eq!(with_port("host", PORT), "host:2375");
        assert_eq!(with_port("[::1]", TLS_PORT), "[::1]:2376");
        assert_eq!(with_port("[::1]:7", TLS_PORT), "[::1]:7");
    }

    #[tokio::test]
    async fn a_stream_fails_with_the_first_byte_over_the_limit() {
        for (given, expected) in [(99, Some(99)), (100, Some(100)), (101, None)] {
            let bytes = vec![b'x'; given];
            let mut stream = Bounded { stream: bytes.as_slice(), limit: 100, left: 100 };
            let mut read = Vec::new();
            let outcome = stream.read_to_end(&mut read).await;
            assert_eq!(outcome.as_ref().ok(), expected.as_ref(), "{given}: {outcome:?}");
        }
        let shown = TooLarge(ANSWER_BYTES).to_string();
        assert_eq!(shown, "the answer is larger than 1 MiB");
    }
}
