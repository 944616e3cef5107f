//! Sockets of both kinds, TCP and Unix: what is listened on, and the streams that are accepted.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::net::{
    AddressFamily, RecvFlags, SocketAddrUnix, SocketFlags, SocketType, bind, listen, recv,
    socket_with,
};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// Connections that wait to be accepted.
pub(super) const BACKLOG: u32 = 1024;

/// Of a socket file that the exporter makes: for its own user and group.
const MODE: u32 = 0o660;

/// A socket that connections come from.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix {
        socket: UnixListener,
        /// To be removed at the end, unless somebody else has made it.
        _file: Option<SocketFile>,
    },
}

impl Socket {
    /// Listens at a path. A socket file that nobody listens on any more makes room.
    pub(super) fn bind_unix(path: &Path) -> io::Result<Self> {
        remove_stale(path)?;
        let address = SocketAddrUnix::new(path)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        bind(&socket, &address)?;
        let file = SocketFile::of(path)?;
        // Nobody can connect before that, whatever the mask of new files is.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE))?;
        listen(&socket, i32::try_from(BACKLOG).unwrap_or(i32::MAX))?;
        Ok(Self::Unix { socket: UnixListener::from_std(socket.into())?, _file: Some(file) })
    }

    pub(super) async fn accept(&self) -> io::Result<(Stream, Peer)> {
        Ok(match self {
            Self::Tcp(socket) => {
                let (stream, peer) = socket.accept().await?;
                // A delay only costs latency; the connection works without.
                let _ = stream.set_nodelay(true);
                (Stream::Tcp(stream), Peer::Host(peer.ip()))
            }
            Self::Unix { socket, .. } => (Stream::Unix(socket.accept().await?.0), Peer::Local),
        })
    }

    /// In the form of the flag, with the port that the system chose for port 0.
    pub(super) fn address(&self) -> io::Result<String> {
        Ok(match self {
            Self::Tcp(socket) => socket.local_addr()?.to_string(),
            Self::Unix { socket, .. } => {
                let address = socket.local_addr()?;
                let path = address.as_pathname().map(|path| path.display().to_string());
                format!("unix://{}", path.unwrap_or_default())
            }
        })
    }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    let data = match std::fs::symlink_metadata(path) {
        Ok(data) => data,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !data.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file, and no socket"));
    }
    // Without waiting: one whose queue is full is in use too.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, &SocketAddrUnix::new(path)?) {
        Err(rustix::io::Errno::CONNREFUSED) => std::fs::remove_file(path),
        Err(error) if error != rustix::io::Errno::AGAIN => Err(error.into()),
        _ => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there")),
    }
}

/// The file of a socket, which goes with it.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_path_buf(), identity: identity(path)? })
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|data| (data.dev(), data.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another process may have put its own there meanwhile.
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            // What stays is found stale by the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Who a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Peer {
    Host(IpAddr),
    /// A process of this host, by a Unix socket.
    Local,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(address) => address.fmt(f),
            Self::Local => f.write_str("unix"),
        }
    }
}

/// An accepted connection.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    /// The first byte that comes, which stays to be read; `None` at the end of the stream.
    pub(super) async fn first_byte(&self) -> io::Result<Option<u8>> {
        match self {
            Self::Tcp(stream) => stream.async_io(Interest::READABLE, || peek(stream)).await,
            Self::Unix(stream) => stream.async_io(Interest::READABLE, || peek(stream)).await,
        }
    }
}

fn peek(stream: &impl AsFd) -> io::Result<Option<u8>> {
    let mut byte = [0_u8];
    let (count, _) = recv(stream, &mut byte, RecvFlags::PEEK)?;
    Ok((count > 0).then_some(byte[0]))
}

/// The same call on whichever stream it is.
macro_rules! on_stream {
    ($self:ident.$method:ident($($argument:ident),*)) => {
        match $self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).$method($($argument),*),
            Self::Unix(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on_stream!(self.poll_read(context, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self.poll_write_vectored(context, parts))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self.poll_shutdown(context))
    }
}
