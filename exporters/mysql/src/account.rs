//! Where a server is and how to log in: flags, environment and a section of the option file.

use std::fmt;
use std::str::FromStr;

use common::secret::Secret;

use crate::my_cnf::{OptionError, Section};

/// Address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// A server with the account to use there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The server.
    pub address: Address,
    /// User; empty if none is configured.
    pub user: String,
    /// Password; may be empty.
    pub password: Secret,
    /// Send the password as it is to an account that asks for that.
    pub allows_cleartext: bool,
}

impl Account {
    /// What `section` says, completed by `fallback`.
    ///
    /// # Errors
    /// A malformed value, or a setting that asks for TLS.
    pub fn from_section(section: &Section<'_>, fallback: Self) -> Result<Self, OptionError> {
        refuse_tls(section)?;
        let text = |key: &str| -> Result<Option<String>, OptionError> {
            let text = section.text(key)?.filter(|text| !text.is_empty());
            Ok(text.map(|text| text.expose().to_owned()))
        };
        let address = match (text("socket")?, fallback.address) {
            (Some(path), _) | (None, Address::Socket(path)) => Address::Socket(path),
            (None, Address::Tcp(host, port)) => {
                Address::Tcp(text("host")?.unwrap_or(host), section.number("port")?.unwrap_or(port))
            }
        };
        Ok(Self {
            address,
            user: text("user")?.unwrap_or(fallback.user),
            password: section.text("password")?.cloned().unwrap_or(fallback.password),
            allows_cleartext: section.flag("enable-cleartext-plugin")?.unwrap_or_default(),
        })
    }
}

/// A connection must not be plain where its settings ask for encryption.
fn refuse_tls(section: &Section<'_>) -> Result<(), OptionError> {
    let mut asking: Vec<&str> = section
        .keys()
        .filter(|(key, value)| asks_for_tls(key, *value))
        .map(|(key, _)| key)
        .collect();
    asking.sort_unstable();
    match asking.first() {
        Some(key) => Err(section.error(key, "asks for TLS, which is not supported yet")),
        None => Ok(()),
    }
}

/// Knows the client programs' spellings too, which the reference exporter overlooks.
fn asks_for_tls(key: &str, value: Option<&Secret>) -> bool {
    let is_tls = ["ssl", "tls"].iter().any(|name| {
        key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
    });
    let value = value.map_or("true", Secret::expose).to_ascii_lowercase();
    let is_mode = matches!(key, "ssl-mode" | "ssl_mode");
    let is_off = matches!(value.as_str(), "" | "0" | "f" | "false" | "n" | "no" | "off")
        || (is_mode && matches!(value.as_str(), "disabled" | "preferred"));
    is_tls && !is_off
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::my_cnf;

    fn fallback(address: &str) -> Account {
        Account {
            address: address.parse().unwrap(),
            user: "flag".into(),
            password: "environment".into(),
            allows_cleartext: false,
        }
    }

    fn account(lines: &str) -> Result<Account, String> {
        let file = my_cnf::parse(&format!("[client]\n{lines}"), &|_| None).unwrap();
        let section = file.section("client").unwrap();
        Account::from_section(&section, fallback("db:3307")).map_err(|error| error.to_string())
    }

    #[test]
    fn addresses_are_read_and_written() {
        for text in ["localhost:3306", "10.0.0.1:3307", "[::1]:3306", "unix:///run/my.sock"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!(":3306".parse(), Ok(Address::Tcp("localhost".into(), 3306)));
        for text in ["", "localhost", "::1:3306", "db:99999", "db:", "unix://run", "http://db:1"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_file_beats_flags_and_environment() {
        let account = account("user=a\npassword=b\nhost=h\n").unwrap();
        assert_eq!(account.address, Address::Tcp("h".into(), 3307));
        assert_eq!((account.user.as_str(), account.password.expose()), ("a", "b"));
    }

    #[test]
    fn flags_and_environment_fill_gaps() {
        assert_eq!(account(""), Ok(fallback("db:3307")));
        assert_eq!(account("port=1").unwrap().address, Address::Tcp("db".into(), 1));
        assert_eq!(account("password=").unwrap().password, "".into());
    }

    #[test]
    fn a_socket_beats_host_and_port() {
        let socket = Address::Socket("/run/my.sock".into());
        assert_eq!(account("host=h\nsocket=/run/my.sock").unwrap().address, socket);
        let file = my_cnf::parse("[client]\nhost=h", &|_| None).unwrap();
        let section = file.section("client").unwrap();
        let account = Account::from_section(&section, fallback("unix:///run/my.sock")).unwrap();
        assert_eq!(account.address, socket);
    }

    #[test]
    fn settings_that_ask_for_tls_are_refused() {
        for line in [
            "ssl-ca=/ca.pem",
            "ssl_ca=/ca.pem",
            "ssl",
            "tls=preferred",
            "tls-min-version=TLSv1.2",
            "ssl-mode=REQUIRED",
            "ssl-skip-verfication=true",
        ] {
            let error = account(line).unwrap_err();
            assert!(error.contains("asks for TLS, which is not supported yet"), "{error}");
            assert!(error.starts_with("line 2: "), "{error}");
        }
        for line in ["tls=false", "ssl=0", "ssl-mode=PREFERRED", "sslx=1", "ssl-ca=", "tls=off"] {
            assert!(account(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn no_error_shows_a_value() {
        for line in ["port=hunter2", "enable-cleartext-plugin=hunter2", "ssl=hunter2"] {
            let error = account(line).unwrap_err();
            assert!(error.starts_with("line 2: ") && !error.contains("hunter2"), "{error}");
        }
        assert_eq!(account("password").unwrap_err(), "line 2: password has no value");
        let shown = format!("{:?}", account("password=hunter2").unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
