//! Listening sockets and the loop that serves their connections.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;
use tokio::net::{TcpListener, TcpSocket, UnixListener};

use super::address::Address;
use super::connection;
use super::connections::Connections;
use super::security::Security;
use super::socket::{BACKLOG, Socket};

/// How long requests in flight may take to finish after the signal to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Time after which accepting is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// Sockets of a service manager that are taken.
const MAX_INHERITED: usize = 64;

/// A socket that is ready to accept.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
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
    /// The service manager's sockets cannot be used.
    #[error("{0}")]
    Inherited(String),
}

impl Listener {
    /// Listens on `host:port`, `[v6]:port`, `:port` (all addresses of both families), or
    /// `unix:///path`.
    ///
    /// # Errors
    /// [`ListenError`] if `address` has another form, does not resolve or is taken.
    pub async fn bind(address: &str) -> Result<Self, ListenError> {
        let parsed = Address::parse(address)
            .map_err(|reason| ListenError::Address { address: address.to_owned(), reason })?;
        let socket = match parsed {
            Address::All(port) => bind_all(port).map(Socket::Tcp),
            Address::Tcp(host, port) => TcpListener::bind((host, port)).await.map(Socket::Tcp),
            Address::Unix(path) => Socket::bind_unix(&path),
        };
        let socket =
            socket.map_err(|source| ListenError::Bind { address: address.to_owned(), source })?;
        Ok(Self { socket, tls: None })
    }

    /// The sockets that the service manager has opened for this process, in its order: those
    /// of a systemd unit of the kind `.socket`.
    ///
    /// # Errors
    /// [`ListenError::Inherited`] if there is none, or one that no connections come from.
    pub fn inherited() -> Result<Vec<Self>, ListenError> {
        let sockets = inherited().map_err(ListenError::Inherited)?;
        Ok(sockets.into_iter().map(|socket| Self { socket, tls: None }).collect())
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
    pub fn address(&self) -> io::Result<String> {
        self.socket.address()
    }
}

fn inherited() -> Result<Vec<Socket>, String> {
    const VARIABLE: &str = "LISTEN_FDS";
    let count = match std::env::var(VARIABLE) {
        Ok(text) => text.parse().map_err(|_| format!("{VARIABLE} is no number: {text:.32?}"))?,
        Err(_) => 0,
    };
    if count > MAX_INHERITED {
        return Err(format!("{VARIABLE} is {count}, more than {MAX_INHERITED}"));
    }
    let mut descriptors = ListenFd::from_env();
    if descriptors.len() == 0 {
        let reason = "the service manager has handed over no sockets to this process \
                      (LISTEN_FDS and LISTEN_PID)";
        return Err(reason.to_owned());
    }
    let take = |index| {
        take(&mut descriptors, index).map_err(|error| format!("socket {}: {error}", index + 1))
    };
    (0..count).map(take).collect()
}

fn take(descriptors: &mut ListenFd, index: usize) -> io::Result<Socket> {
    let none = || io::Error::other("it is no stream socket that listens");
    if let Ok(Some(socket)) = descriptors.take_tcp_listener(index) {
        if !socket_acceptconn(&socket)? {
            return Err(none());
        }
        socket.set_nonblocking(true)?;
        return TcpListener::from_std(socket).map(Socket::Tcp);
    }
    match descriptors.take_unix_listener(index) {
        Ok(Some(socket)) if socket_acceptconn(&socket)? => {
            socket.set_nonblocking(true)?;
            // The file is the service manager's.
            Ok(Socket::Unix { socket: UnixListener::from_std(socket)?, _file: None })
        }
        Ok(_) | Err(_) => Err(none()),
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
        socket.listen(BACKLOG)
    };
    match bind(Ipv6Addr::UNSPECIFIED.into()) {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            bind(Ipv4Addr::UNSPECIFIED.into())
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
            Ok::<_, io::Error>((stream, connections.admit(peer).await))
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
        let (router, watcher) = (router.clone(), graceful.watcher());
        let security = listener.tls.clone();
        tokio::spawn(connection::serve(stream, place, security, router, watcher));
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests still in flight after {} s are cut off", DRAIN.as_secs());
    }
}
