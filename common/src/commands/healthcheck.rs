//! The `healthcheck` command, for images that have neither shell nor HTTP client.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
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

/// Asks the exporter that listens on `address` for `/-/healthy` below `prefix`. One that asks for
/// a password or a certificate lives, so that the command needs neither; for the same reason, and
/// as it sends no secret, it takes any certificate of the exporter.
pub(super) async fn ask(address: &str, prefix: &str, has_tls: bool) -> anyhow::Result<ExitCode> {
    let parsed = Address::parse(address)
        .map_err(|reason| anyhow::anyhow!("--web.listen-address: {address:?}: {reason}"))?
        .reachable();
    let path = format!("{prefix}/-/healthy");
    let scheme = if has_tls { "https" } else { "http" };
    let address = match &parsed {
        Address::Unix(path) => path.display().to_string(),
        Address::All(port) => format!("localhost:{port}"),
        Address::Tcp(host, port) if host.contains(':') => format!("[{host}]:{port}"),
        Address::Tcp(host, port) => format!("{host}:{port}"),
    };
    let answer = tokio::time::timeout(PATIENCE, get_health(&parsed, &path, has_tls)).await;
    let verdict = answer.unwrap_or_else(|_| bail!("no answer within {} s", PATIENCE.as_secs()));
    // Neither stream being closed changes the verdict.
    Ok(match verdict {
        Ok(()) => {
            let _ = writeln!(std::io::stdout(), "healthy: {scheme}://{address}{path}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "unhealthy: {scheme}://{address}{path}: {error:#}");
            ExitCode::FAILURE
        }
    })
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
