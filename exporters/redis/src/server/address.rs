//! Addresses of servers, in the forms that redis_exporter and redis-cli accept.

use std::fmt;
use std::path::PathBuf;

use common::secret::Secret;

/// Where a server listens, and what the address says of the login and the database.
///
/// `Display` gives the endpoint alone, never the user information.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Host and port, or socket file.
    pub endpoint: Endpoint,
    /// The server is spoken to by TLS.
    pub tls: bool,
    /// The user, where the user information has a colon.
    pub user: Option<String>,
    /// The password, or all of the user information where that has no colon.
    pub password: Option<Secret>,
    /// Number of the database to select.
    pub database: i64,
}

/// What is connected to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Host name or address without brackets, and port.
    Tcp(String, u16),
    /// Socket file.
    Unix(PathBuf),
}

/// Why a text is not an address. Nothing of the text is repeated: any part of it
/// may be a password with a character in it that should have been escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Unknown text before `://`.
    #[error(
        "unknown scheme; expected redis://, rediss://, valkey://, valkeys://, tcp://, unix:// or \
         host:port"
    )]
    Scheme,
    /// A comma.
    #[error("one address is expected, not a list")]
    List,
    /// A user or password with a character that has a meaning in addresses.
    #[error("in the user or password, write / ? and # as %2F, %3F and %23")]
    Unescaped,
    /// Port out of range or no number.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// A bracket that is not closed.
    #[error("the IPv6 address has no closing bracket")]
    Brackets,
    /// A path that is no number.
    #[error("the path after the host is not a database number")]
    Database,
    /// A `%` without two hexadecimal digits, or bytes that are no UTF-8.
    #[error("the user or password has a malformed %XX escape")]
    Escape,
    /// `unix://` without a path.
    #[error("the path of the socket is missing")]
    SocketPath,
}

const DEFAULT_PORT: u16 = 6379;

impl Address {
    /// Reads `redis://[user][:password]@host[:port][/database]`, `valkey://…`, the same by TLS as
    /// `rediss://…` and `valkeys://…`, `tcp://host[:port]`, `host[:port]` or `unix:///path`. Blanks
    /// and line ends around it do not count: they come with secrets that are made of files.
    ///
    /// # Errors
    /// [`AddressError`] saying which part is malformed.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        match text.split_once("://") {
            None => parse_authority_and_path(text, false),
            Some(("redis" | "valkey" | "tcp", rest)) => parse_authority_and_path(rest, false),
            Some(("rediss" | "valkeys", rest)) => parse_authority_and_path(rest, true),
            Some(("unix", "")) => Err(AddressError::SocketPath),
            Some(("unix", path)) => Ok(Self {
                endpoint: Endpoint::Unix(path.into()),
                tls: false,
                user: None,
                password: None,
                database: 0,
            }),
            Some(_) => Err(AddressError::Scheme),
        }
    }
}

impl Address {
    /// The addresses of a list, between commas. A comma in the password of a single address is
    /// none between two; in a list it is written as `%2C`.
    pub fn split_list(text: &str) -> Vec<&str> {
        let (userinfo, hosts) = text.rsplit_once('@').unwrap_or(("", text));
        let is_list = hosts.contains(',') || (userinfo.contains(',') && is_many(userinfo));
        if is_list {
            text.split(',').map(str::trim).filter(|address| !address.is_empty()).collect()
        } else {
            vec![text]
        }
    }

    /// A server of the same kind at another host and port, without login and database.
    #[must_use]
    pub fn with_endpoint(&self, host: &str, port: u16) -> Self {
        let endpoint = Endpoint::Tcp(host.to_owned(), port);
        Self { endpoint, tls: self.tls, user: None, password: None, database: 0 }
    }
}

/// True if text before the last `@` holds another address: after its own scheme, if it has one.
fn is_many(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| rest.contains("://") || rest.contains('@'))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "rediss" } else { "redis" };
        match &self.endpoint {
            Endpoint::Tcp(host, port) if host.contains(':') => {
                write!(f, "{scheme}://[{host}]:{port}")
            }
            Endpoint::Tcp(host, port) => write!(f, "{scheme}://{host}:{port}"),
            Endpoint::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

fn parse_authority_and_path(text: &str, tls: bool) -> Result<Address, AddressError> {
    // Before anything else, so that no part of a password is taken for a host, whose name would
    // be asked of name servers.
    let (userinfo, rest) = match text.rsplit_once('@') {
        Some((userinfo, rest)) => (Some(userinfo), rest),
        None => (None, text),
    };
    if userinfo.is_some_and(|userinfo| userinfo.contains(['/', '?', '#'])) {
        return Err(AddressError::Unescaped);
    }
    // As the reference does, a query or fragment is ignored.
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host_port, path) = rest.split_once('/').unwrap_or((rest, ""));
    if text.contains(',') && userinfo.is_none_or(|userinfo| userinfo.contains("://")) {
        return Err(AddressError::List);
    }
    let (user, password) = match userinfo.map(|userinfo| userinfo.split_once(':')) {
        None => (None, None),
        // The habit of redis-cli: without a colon it is the password.
        Some(None) => (None, Some(Secret::new(unescape(userinfo.unwrap_or_default())?))),
        Some(Some((user, password))) => {
            (Some(unescape(user)?), Some(Secret::new(unescape(password)?)))
        }
    };
    Ok(Address {
        endpoint: parse_host_port(host_port)?,
        tls,
        user: user.filter(|user| !user.is_empty()),
        password: password.filter(|password| !password.is_empty()),
        database: parse_database(path)?,
    })
}

fn parse_host_port(text: &str) -> Result<Endpoint, AddressError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or(AddressError::Brackets)?;
            match rest.strip_prefix(':') {
                Some(port) => (host, port),
                None if rest.is_empty() => (host, ""),
                None => return Err(AddressError::Port),
            }
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    let port = match port {
        "" => DEFAULT_PORT,
        port => port.parse().ok().filter(|port| *port > 0).ok_or(AddressError::Port)?,
    };
    let host = if host.is_empty() { "localhost" } else { host };
    Ok(Endpoint::Tcp(host.to_owned(), port))
}

fn parse_database(path: &str) -> Result<i64, AddressError> {
    if path.is_empty() {
        return Ok(0);
    }
    path.parse().ok().filter(|number| *number >= 0).ok_or(AddressError::Database)
}

/// Replaces `%XX` by the byte that it encodes.
fn unescape(text: &str) -> Result<String, AddressError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2).ok_or(AddressError::Escape)?;
        rest = tail;
        let digits = std::str::from_utf8(digits).map_err(|_| AddressError::Escape)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(AddressError::Escape);
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| AddressError::Escape)?);
    }
    String::from_utf8(bytes).map_err(|_| AddressError::Escape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Endpoint {
        Endpoint::Tcp(host.into(), port)
    }

    #[test]
    fn endpoints_are_read_in_every_form() {
        for (text, endpoint, database) in [
            ("redis://localhost:6379", tcp("localhost", 6379), 0),
            ("redis://cache", tcp("cache", 6379), 0),
            ("redis://:7000/3", tcp("localhost", 7000), 3),
            ("redis://[::1]:7000/", tcp("::1", 7000), 0),
            ("redis://[fe80::1]", tcp("fe80::1", 6379), 0),
            ("valkey://cache:1/2?x=y", tcp("cache", 1), 2),
            ("tcp://cache:1", tcp("cache", 1), 0),
            ("cache:1", tcp("cache", 1), 0),
            ("cache", tcp("cache", 6379), 0),
            ("unix:///run/redis.sock", Endpoint::Unix("/run/redis.sock".into()), 0),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.endpoint, address.database), (endpoint, database), "{text}");
        }
    }

    #[test]
    fn tls_is_asked_for_by_the_scheme() {
        for (text, tls, shown) in [
            ("rediss://h", true, "rediss://h:6379"),
            ("valkeys://[::1]:7000/1", true, "rediss://[::1]:7000"),
            ("valkey://h", false, "redis://h:6379"),
            (" rediss://h:1\r\n", true, "rediss://h:1"),
            ("h:1 \n", false, "redis://h:1"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.tls, address.to_string().as_str()), (tls, shown), "{text:?}");
        }
    }

    #[test]
    fn user_information_is_read_as_redis_cli_does() {
        for (text, user, password) in [
            ("redis://h", None, None),
            ("redis://word@h", None, Some("word")),
            ("redis://:word@h", None, Some("word")),
            ("redis://me:word@h", Some("me"), Some("word")),
            ("redis://me:@h", Some("me"), None),
            ("redis://m%40e:w%2Fo:r@d@h", Some("m@e"), Some("w/o:r@d")),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.endpoint, tcp("h", 6379), "{text}");
            assert_eq!(address.user.as_deref(), user, "{text}");
            assert_eq!(address.password.as_ref().map(Secret::expose), password, "{text}");
        }
    }

    #[test]
    fn malformed_addresses_are_refused_without_repeating_them() {
        for (text, error) in [
            ("http://secret", AddressError::Scheme),
            ("redis-socket:///secret", AddressError::Scheme),
            ("redis://a:6379,redis://b:6379", AddressError::List),
            ("a:6379,b:6379", AddressError::List),
            ("redis://secret#x@h", AddressError::Unescaped),
            ("redis://:secret?x@h:1", AddressError::Unescaped),
            ("secret/x@h", AddressError::Unescaped),
            ("redis://h:secret", AddressError::Port),
            ("redis://h:0", AddressError::Port),
            ("redis://h:65536", AddressError::Port),
            ("redis://[::1]secret", AddressError::Port),
            ("redis://[::1", AddressError::Brackets),
            ("redis://h/secret@h", AddressError::Unescaped),
            ("redis://h/secret", AddressError::Database),
            ("redis://h/-1", AddressError::Database),
            ("redis://secret%@h", AddressError::Escape),
            ("redis://secret%+1@h", AddressError::Escape),
            ("redis://%FFsecret@h", AddressError::Escape),
            ("unix://", AddressError::SocketPath),
        ] {
            assert_eq!(Address::parse(text), Err(error), "{text}");
            assert!(!error.to_string().contains("secret"));
        }
    }

    #[test]
    fn lists_are_split_at_commas_outside_of_a_password() {
        for (text, expected) in [
            ("a:1", &["a:1"][..]),
            ("redis://me:a,b@h:1", &["redis://me:a,b@h:1"]),
            ("a:1, b:2,", &["a:1", "b:2"]),
            ("redis://:p@a,redis://:q@b", &["redis://:p@a", "redis://:q@b"]),
            ("redis://:p@a,b:2", &["redis://:p@a", "b:2"]),
        ] {
            assert_eq!(Address::split_list(text), expected, "{text}");
        }
        let seed = Address::parse("rediss://me:word@[::1]:1/4").unwrap();
        assert_eq!(seed.with_endpoint("fd00::7", 2).to_string(), "rediss://[fd00::7]:2");
        assert_eq!(seed.with_endpoint("h", 2).password, None);
    }

    #[test]
    fn printing_shows_the_endpoint_alone() {
        let address = Address::parse("redis://me:hunter2@[::1]:1/4").unwrap();
        assert_eq!(address.to_string(), "redis://[::1]:1");
        assert!(!format!("{address:?}").contains("hunter2"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*", tail in ".*") {
            let _ = Address::parse(&text);
            let _ = Address::parse(&format!("redis://{text}@{tail}"));
        }
    }
}
