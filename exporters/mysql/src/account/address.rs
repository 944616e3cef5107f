//! Addresses of servers: `host:port`, `[v6]:port` or `unix:///path`.

use std::fmt;
use std::str::FromStr;

/// The port of MySQL and MariaDB.
pub const DEFAULT_PORT: u16 = 3306;

/// Address of a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// Host name or IP address (without brackets) and port.
    Tcp(String, u16),
    /// Path of a Unix socket.
    Socket(String),
}

impl Address {
    /// An address as a request has it: blanks around it do not count, and the port may be missing.
    ///
    /// # Errors
    /// The forms that are understood.
    pub fn of_request(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "expected host, host:port, [v6]:port or unix:///path";
        let text = text.trim();
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || "@?#".contains(c);
        if text.is_empty() || (text.contains(is_odd) && !text.starts_with("unix://")) {
            return Err(FORM);
        }
        // Only an IPv6 address has more than one colon, and without brackets its port is unclear.
        let has_port =
            if text.starts_with('[') { !text.ends_with(']') } else { text.contains(':') };
        let with_port = if has_port { text.to_owned() } else { format!("{text}:{DEFAULT_PORT}") };
        with_port.parse().map_err(|_| FORM)
    }
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
