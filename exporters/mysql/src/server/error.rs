//! Why a server gave no answer.

use std::time::Duration;

use common::tls::rustls_error;
use mysql_async::{DriverError, Error, IoError};

use super::tls::HINTS;

/// A server's message is cut to this many characters.
const MESSAGE_CHARACTERS: usize = 500;

/// Access denied: to a schema, a table, a column, or for lack of a global privilege.
const PRIVILEGE_ERRORS: [u16; 4] = [1044, 1142, 1143, 1227];

/// Too many connections: of the server, and of the account by either of its limits.
const CONNECTION_ERRORS: [u16; 3] = [1040, 1203, 1226];

/// Access denied: to anybody with this name and password.
const LOGIN_ERRORS: [u16; 3] = [1044, 1045, 1698];

/// A failed connection or statement; never shows the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The server refused; the connection is still usable.
    #[error("{message} (error {code})")]
    Refused {
        /// The server's error number.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// No connection could be made.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The connection broke, or the server's answer was malformed.
    #[error("connection lost: {0}")]
    Lost(String),
    /// The deadline came first.
    #[error("no answer within {:.1} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The answer is larger than allowed.
    #[error("the answer has too many rows, or more than {0} bytes")]
    TooLarge(usize),
    /// TLS failed, or its settings.
    #[error("{0}")]
    Tls(String),
    /// TLS is required and the server offers none.
    #[error("TLS: the server offers none")]
    NoTls,
    /// There is no such account, or it is malformed.
    #[error("{0}")]
    Account(String),
    /// No user is configured.
    #[error("no user is configured: set user in [client] of the option file, or --mysqld.username")]
    NoUser,
}

/// True for the words of [`QueryError::Refused`] that are about privileges; more may follow them.
pub fn is_denial(words: &str) -> bool {
    PRIVILEGE_ERRORS.iter().any(|code| words.contains(&format!("(error {code})")))
}

impl QueryError {
    /// The account lacks a privilege for the statement.
    pub fn is_about_privileges(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if PRIVILEGE_ERRORS.contains(code))
    }

    /// The account, or the server, has as many connections as it may.
    pub(super) fn is_about_connections(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if CONNECTION_ERRORS.contains(code))
    }

    /// The server does not take user and password.
    pub(super) fn is_about_login(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if LOGIN_ERRORS.contains(code))
    }

    /// An error while connecting.
    pub(super) fn connect(error: &Error) -> Self {
        Self::of(error, Self::Connect)
    }

    /// An error on a connection that had been made.
    pub(super) fn lost(error: &Error) -> Self {
        Self::of(error, Self::Lost)
    }

    fn of(error: &Error, otherwise: fn(String) -> Self) -> Self {
        match error {
            Error::Server(error) => Self::Refused {
                code: error.code,
                message: error.message.chars().take(MESSAGE_CHARACTERS).collect(),
            },
            Error::Io(IoError::Io(error)) if rustls_error(error).is_some() => {
                Self::Tls(HINTS.explain(error))
            }
            Error::Io(IoError::Io(error)) => otherwise(error.to_string()),
            Error::Io(IoError::Tls(error)) => Self::Tls(format!("TLS: {error}")),
            Error::Driver(DriverError::NoClientSslFlagFromServer) => Self::NoTls,
            Error::Driver(error) => {
                otherwise(error.to_string().chars().take(MESSAGE_CHARACTERS).collect())
            }
            // The library's other variants stem from URLs, which are not used here.
            Error::Other(_) | Error::Url(_) => otherwise("failed in the client library".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use mysql_async::ServerError;

    use super::*;

    #[test]
    fn errors_say_what_happened() {
        let refused = Error::Server(ServerError {
            code: 1045,
            message: "Access denied for user 'x'@'localhost'".into(),
            state: "28000".into(),
        });
        assert_eq!(
            QueryError::connect(&refused).to_string(),
            "Access denied for user 'x'@'localhost' (error 1045)"
        );
        let gone = Error::from(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
        assert_eq!(QueryError::connect(&gone).to_string(), "cannot connect: connection refused");
        assert_eq!(QueryError::lost(&gone).to_string(), "connection lost: connection refused");
        let late = QueryError::Timeout(Duration::from_millis(250));
        assert_eq!(late.to_string(), "no answer within 0.2 s");
    }

    #[test]
    fn long_messages_are_cut() {
        let error = ServerError { code: 1, message: "é".repeat(9_999), state: String::new() };
        let QueryError::Refused { message, .. } = QueryError::lost(&Error::Server(error)) else {
            panic!("not a refusal");
        };
        assert_eq!(message.chars().count(), MESSAGE_CHARACTERS);
    }
}
