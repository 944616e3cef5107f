//! Where a daemon listens, and how it is spoken to.

use std::path::PathBuf;
use std::str::FromStr;

/// Where a daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Path of a socket.
    Unix(PathBuf),
    /// `host:port`, without encryption.
    Tcp(String),
    /// `host:port`, with TLS.
    Tls(String, Certificates),
    /// No daemon.
    Nowhere,
}

/// Files in the form PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates {
    /// CA certificates to check the daemon's with, besides the system's.
    pub ca: PathBuf,
    /// Our own certificate.
    pub cert: PathBuf,
    /// The key to it.
    pub key: PathBuf,
}

impl Endpoint {
    /// Adds encryption; a socket has no need of it.
    #[must_use]
    pub fn with_tls(self, certificates: Certificates) -> Self {
        match self {
            Self::Tcp(address) => Self::Tls(address, certificates),
            other => other,
        }
    }

    /// True if there is a socket, or nothing that could be looked at from here.
    pub(super) fn may_be_there(&self) -> bool {
        match self {
            Self::Unix(path) => path.exists(),
            Self::Tcp(_) | Self::Tls(..) => true,
            Self::Nowhere => false,
        }
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::Nowhere);
        }
        match text.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(("tcp" | "http", address)) if !address.is_empty() => Ok(Self::Tcp(address.into())),
            _ => Err("expected unix:///path or tcp://host:port".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_sockets_or_addresses() {
        assert_eq!("unix:///run/d.sock".parse(), Ok(Endpoint::Unix("/run/d.sock".into())));
        assert_eq!("tcp://localhost:2375".parse(), Ok(Endpoint::Tcp("localhost:2375".into())));
        assert_eq!("".parse(), Ok(Endpoint::Nowhere));
        for text in ["/run/d.sock", "unix://relative", "tcp://", "ssh://host"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
