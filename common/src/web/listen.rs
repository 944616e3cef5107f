//! Listening sockets and the loop that serves their connections.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpSocket};

use super::connection;
use super::connections::Connections;
use super::security::Security;

/// How long requests in flight may take to finish after the signal to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Time after which accepting is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// A socket that is ready to accept.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    /// What decides about TLS, if there is any.
    tls: Option<Arc<Security>>,
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The text is no address.
    #[error("listen address {address:?}: {reason}")]
    Address {
        /// As given.
        address: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The system refused.
    #[error("cannot listen on {address}")]
    Bind {
        /// As given.
        address: String,
        /// Its reason.
        source: io::Error,
    },
}

impl Listener {
    /// Listens on `host:port`, `[v6]:port` or `:port` (all addresses of both families).
    ///
    /// # Errors
    /// [`ListenError`] if `address` has another form, does not resolve or is taken.
    pub async fn bind(address: &str) -> Result<Self, ListenError> {
        let malformed = |reason| ListenError::Address { address: address.to_owned(), reason };
        if address.contains("://") {
            return Err(malformed("only TCP addresses are supported"));
        }
        let (host, port) = address.rsplit_once(':').ok_or(malformed("missing port"))?;
        let port: u16 = port.parse().map_err(|_| malformed("the port is no number up to 65535"))?;
        if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
            return Err(malformed("an IPv6 address needs brackets"));
        }
        let failed = |source| ListenError::Bind { address: address.to_owned(), source };
        let listener = if host.is_empty() {
            bind_all(port).map_err(failed)?
        } else {
            TcpListener::bind(address).await.map_err(failed)?
        };
        Ok(Self { socket: listener, tls: None })
    }

    /// Begins connections with a TLS handshake, if `security` has TLS.
    #[must_use]
    pub fn with_security(self, security: Option<&Arc<Security>>) -> Self {
        Self { tls: security.filter(|security| security.has_tls()).cloned(), ..self }
    }

    /// The address in use, with the port that the system chose for port 0.
    ///
    /// # Errors
    /// If the system cannot tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// All addresses: one dual-stack socket, or IPv4 alone where the kernel has no IPv6.
fn bind_all(port: u16) -> io::Result<TcpListener> {
    let bind = |ip: IpAddr| {
        let socket = if ip.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
        if ip.is_ipv6() {
            rustix::net::sockopt::set_ipv6_v6only(&socket, false)?;
        }
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::new(ip, port))?;
        socket.listen(1024)
    };
    match bind(Ipv6Addr::UNSPECIFIED.into()) {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            bind(std::net::Ipv4Addr::UNSPECIFIED.into())
        }
        result => result,
    }
}

/// Serves `router` on `listener` until `shutdown` resolves, then lets requests in flight finish.
pub async fn serve(listener: Listener, router: Router, shutdown: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let connections = Arc::<Connections>::default();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accept = async {
            let (stream, peer) = listener.socket.accept().await?;
            Ok::<_, io::Error>((stream, connections.admit(peer.ip()).await))
        };
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept => accepted,
        };
        let (stream, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: one that idles has one.
                tracing::warn!(%error, "cannot accept a connection");
                connections.make_room();
                tokio::time::sleep(RETRY).await;
                continue;
            }
        };
        // A delay only costs latency; the connection works without.
        let _ = stream.set_nodelay(true);
        let (router, watcher) = (router.clone(), graceful.watcher());
        let security = listener.tls.clone();
        tokio::spawn(connection::serve(stream, place, security, router, watcher));
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests still in flight after {} s are cut off", DRAIN.as_secs());
    }
}
