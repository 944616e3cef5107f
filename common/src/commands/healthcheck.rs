//! The `healthcheck` command, for images that have neither shell nor HTTP client.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::FutureExt as _;
use http_body_util::Empty;
use hyper::Request;
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig, Error};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::tls::AnyServer;
use crate::web::Address;

/// An exporter that needs longer than this to say that it lives does not.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the exporter at each of the `addresses` that it listens on for `/-/healthy` below `prefix`;
/// it is healthy if all of them answer. One that asks for a password or a certificate lives, so
/// that the command needs neither; for the same reason, and as it sends no secret, it takes any
/// certificate of the exporter.
pub(super) async fn ask(
    addresses: &[String],
    prefix: &str,
    has_tls: bool,
) -> anyhow::Result<ExitCode> {
    let parse = |address: &String| {
        let parsed = Address::parse(address).map(Address::reachable);
        parsed.map_err(|reason| anyhow::anyhow!("--web.listen-address: {address:?}: {reason}"))
    };
    let parsed = addresses.iter().map(parse).collect::<anyhow::Result<Vec<_>>>()?;
    let path = format!("{prefix}/-/healthy");
    // At the same time, as who runs the command does not wait for long either.
    let answers = parsed.iter().map(|address| {
        tokio::time::timeout(PATIENCE, get_health(address, &path, has_tls)).map(|answer| {
            answer.unwrap_or_else(|_| bail!("no answer within {} s", PATIENCE.as_secs()))
        })
    });
    let mut code = ExitCode::SUCCESS;
    for (address, verdict) in parsed.iter().zip(futures_util::future::join_all(answers).await) {
        let url = format!("{}://{}{path}", if has_tls { "https" } else { "http" }, shown(address));
        // Neither stream being closed changes the verdict.
        if let Err(error) = verdict {
            let _ = writeln!(std::io::stderr(), "unhealthy: {url}: {error:#}");
            code = ExitCode::FAILURE;
        } else {
            let _ = writeln!(std::io::stdout(), "healthy: {url}");
        }
    }
    Ok(code)
}

fn shown(address: &Address) -> String {
    match address {
        Address::Unix(path) => path.display().to_string(),
        Address::All(port) => format!("localhost:{port}"),
        Address::Tcp(host, port) if host.contains(':') => format!("[{host}]:{port}"),
        Address::Tcp(host, port) => format!("{host}:{port}"),
    }
}

async fn get_health(address: &Address, path: &str, has_tls: bool) -> anyhow::Result<()> {
    match address {
        Address::Unix(socket) => {
            let stream = UnixStream::connect(socket).await.context("cannot connect")?;
            // Any name will do.
            let name = ServerName::try_from("localhost")?;
            ask_securely(stream, name, "localhost", path, has_tls).await
        }
        Address::All(port) => ask_host("localhost", *port, path, has_tls).await,
        Address::Tcp(host, port) => ask_host(host, *port, path, has_tls).await,
    }
}

async fn ask_host(host: &str, port: u16, path: &str, has_tls: bool) -> anyhow::Result<()> {
    let stream = TcpStream::connect((host, port)).await.context("cannot connect")?;
    let peer = stream.peer_addr()?;
    // No name is sent: certificates are chosen by configuration alone.
    let name = ServerName::IpAddress(peer.ip().into());
    ask_securely(stream, name, &peer.to_string(), path, has_tls).await
}

async fn ask_securely(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    name: ServerName<'static>,
    host: &str,
    path: &str,
    has_tls: bool,
) -> anyhow::Result<()> {
    if !has_tls {
        return ask_on(stream, host, path).await;
    }
    let connector = TlsConnector::from(Arc::new(any_server()?));
    let result = match connector.connect(name, stream).await {
        Ok(stream) => ask_on(stream, host, path).await,
        Err(error) => Err(error.into()),
    };
    match result {
        Err(error) if wants_certificate(&error) => Ok(()),
        result => result,
    }
}

async fn ask_on(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    host: &str,
    path: &str,
) -> anyhow::Result<()> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(path).header("Host", host).body(Empty::<&[u8]>::new())?;
    let response = sender.send_request(request).await;
    connection.abort();
    match response?.status().as_u16() {
        // Asking for a password, or for fewer requests, takes a process that lives.
        200 | 401 | 429 => Ok(()),
        status => bail!("status {status}"),
    }
}

/// True for the refusal of a client that shows no certificate.
fn wants_certificate(error: &anyhow::Error) -> bool {
    let mut cause = error.chain();
    cause.any(|cause| {
        let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let inner = inner.and_then(|inner| inner.downcast_ref::<Error>());
        inner == Some(&Error::AlertReceived(AlertDescription::CertificateRequired))
    })
}

fn any_server() -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer))
        .with_no_client_auth())
}
