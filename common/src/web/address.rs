//! What `--web.listen-address` names, to listen on and, for `healthcheck`, to ask.

use std::path::{Path, PathBuf};

/// Where an exporter listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// All addresses of both families, on this port.
    All(u16),
    /// A name or an address without brackets, and a port.
    Tcp(String, u16),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Reads `host:port`, `[v6]:port`, `:port` or `unix:///path`.
    ///
    /// # Errors
    /// The reason, if it is of no such form.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = Path::new(path.strip_prefix("//").unwrap_or(path));
            let is_file = path.is_absolute() && path.file_name().is_some();
            return if is_file {
                Ok(Self::Unix(path.to_path_buf()))
            } else {
                Err("expected unix:// and the whole path of a socket, such as unix:///run/x.sock")
            };
        }
        if text.starts_with("vsock:") {
            return Err("vsock is not supported");
        }
        if text.contains("://") {
            return Err("expected host:port or unix:///path, without http://");
        }
        let (host, port) = text.rsplit_once(':').ok_or("missing port")?;
        if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("the port is no number up to 65535");
        }
        let port = port.parse().map_err(|_| "the port is no number up to 65535")?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        match bare {
            Some("") => Err("there is no address between the brackets"),
            Some(host) => Ok(Self::Tcp(host.to_owned(), port)),
            None if host.is_empty() => Ok(Self::All(port)),
            None if host.contains(':') => Err("an IPv6 address needs brackets"),
            None if host.contains(['[', ']', '/', ' ']) => Err("the host is no name or address"),
            None => Ok(Self::Tcp(host.to_owned(), port)),
        }
    }

    /// The same as somebody on this host asks for it: all addresses are asked on the loopback
    /// interface.
    #[must_use]
    pub fn reachable(self) -> Self {
        match self {
            Self::All(port) => Self::Tcp("localhost".into(), port),
            Self::Tcp(host, port) if host == "0.0.0.0" || host == "::" => {
                Self::Tcp("localhost".into(), port)
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let tcp = |host: &str, port| Ok(Address::Tcp(host.into(), port));
        let unix = |path: &str| Ok(Address::Unix(path.into()));
        for (text, address) in [
            (":9100", Ok(Address::All(9100))),
            ("localhost:0", tcp("localhost", 0)),
            ("127.0.0.1:65535", tcp("127.0.0.1", 65535)),
            ("[::1]:9100", tcp("::1", 9100)),
            ("[fe80::1%eth0]:9100", tcp("fe80::1%eth0", 9100)),
            ("unix:///run/x.sock", unix("/run/x.sock")),
            ("unix:/run/x y:1.sock", unix("/run/x y:1.sock")),
        ] {
            assert_eq!(Address::parse(text), address, "{text}");
        }
    }

    #[test]
    fn other_forms_are_errors_with_a_reason() {
        for (text, reason) in [
            ("", "missing port"),
            ("9100", "missing port"),
            ("localhost", "missing port"),
            ("localhost:", "the port is no number"),
            (":http", "the port is no number"),
            (":65536", "the port is no number"),
            (":+1", "the port is no number"),
            (":-1", "the port is no number"),
            ("::1:9100", "brackets"),
            ("127.0.0.1:9100:1", "brackets"),
            ("[]:9100", "between the brackets"),
            ("[::1:9100", "brackets"),
            ("a b:9100", "no name or address"),
            ("localhost/metrics:9100", "no name or address"),
            ("http://localhost:9100", "without http://"),
            ("vsock://:9100", "vsock is not supported"),
            ("unix:", "whole path"),
            ("unix://", "whole path"),
            ("unix:///", "whole path"),
            ("unix://x.sock", "whole path"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn all_addresses_are_asked_on_loopback() {
        let asked = |text| Address::parse(text).unwrap().reachable();
        for text in [":9100", "0.0.0.0:9100", "[::]:9100"] {
            assert_eq!(asked(text), Address::Tcp("localhost".into(), 9100), "{text}");
        }
        assert_eq!(asked("[::1]:9100"), Address::Tcp("::1".into(), 9100));
        assert_eq!(asked("10.0.0.1:9100"), Address::Tcp("10.0.0.1".into(), 9100));
        assert_eq!(asked("unix:///x"), Address::Unix("/x".into()));
    }
}
