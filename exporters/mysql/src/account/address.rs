//! Addresses of servers: `host:port`, `[v6]:port` or `unix:///path`.

use std::fmt;
use std::str::FromStr;

/// Address of a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// Host name or IP address (without brackets) and port.
    Tcp(String, u16),
    /// Path of a Unix socket.
    Socket(String),
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "expected host:port, [v6]:port or unix:///path";
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.starts_with('/') { Ok(Self::Socket(path.into())) } else { Err(FORM) };
        }
        let (host, port) = text.rsplit_once(':').ok_or(FORM)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) => address,
            None if host.contains([':', '[', ']', '/']) => return Err(FORM),
            None => host,
        };
        let port = port.parse().map_err(|_| FORM)?;
        Ok(Self::Tcp(if host.is_empty() { "localhost" } else { host }.into(), port))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Socket(path) => write!(f, "unix://{path}"),
        }
    }
}
