//! Why a server could not be read, in words fit for a label.

use redis::{ErrorKind, RedisError};

/// Characters of a reason at most: labels are kept by Prometheus for long.
const REASON_CHARACTERS: usize = 200;

/// A failure that leaves a scrape without the server's metrics.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {reason}")]
pub struct Failure {
    /// What was being done: `connect` or the command.
    pub step: &'static str,
    /// The server's or the operating system's words, as they are logged.
    pub reason: String,
    /// The words are the server's, which may hold ports, ids or times.
    pub is_servers: bool,
    /// What became of the connection.
    pub connection: ConnectionState,
}

/// State of a connection after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// The server answered, with an error.
    Usable,
    /// The server did not answer in time.
    Silent,
    /// The connection is gone or never came to be.
    Lost,
}

impl Failure {
    /// A step that was not finished in time.
    pub fn timeout(step: &'static str) -> Self {
        let connection = ConnectionState::Silent;
        Self { step, reason: "timed out".into(), is_servers: false, connection }
    }

    /// A step whose command failed.
    pub fn new(step: &'static str, error: &RedisError) -> Self {
        if error.is_timeout() {
            return Self::timeout(step);
        }
        let is_servers = error.code().is_some();
        let connection = if is_servers { ConnectionState::Usable } else { ConnectionState::Lost };
        Self { step, reason: reason(error), is_servers, connection }
    }

    /// An answer that cannot be used.
    pub fn unusable(step: &'static str, reason: &str) -> Self {
        let connection = ConnectionState::Usable;
        Self { step, reason: reason.to_owned(), is_servers: false, connection }
    }

    /// The same text each time for the same failure, fit for a label: without the numbers that a
    /// server has in its words.
    pub fn label(&self) -> String {
        let reason =
            if self.is_servers { without_numbers(&self.reason) } else { self.reason.clone() };
        format!("{}: {reason}", self.step)
    }

    /// True if the server does not know the command, or its subcommand.
    pub fn is_unknown_command(&self) -> bool {
        self.is_servers && is_unknown(&self.reason)
    }

    /// A connection that could not be made, or that broke.
    pub fn lost(step: &'static str, reason: &str) -> Self {
        let connection = ConnectionState::Lost;
        Self { step, reason: one_line(reason), is_servers: false, connection }
    }

    /// Takes a secret out of the words. A server that does not know `AUTH` repeats its arguments.
    #[must_use]
    pub fn without(mut self, secret: &str) -> Self {
        if !secret.is_empty() {
            self.reason = self.reason.replace(secret, "<redacted>");
        }
        self
    }
}

/// The cause in one bounded line: the server's own words where it answered.
pub fn reason(error: &RedisError) -> String {
    if error.kind() == ErrorKind::Parse {
        // The library's words hold bytes of the reply and their places.
        return "the reply is malformed".to_owned();
    }
    let text = match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (Some(code), None) => code.to_owned(),
        (None, _) if error.is_timeout() => "timed out".to_owned(),
        (None, _) => error.to_string(),
    };
    one_line(&text)
}

/// True for the words of a server that does not know a command or its subcommand.
pub fn is_unknown(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let unknown = ["command", "subcommand", "sentinel subcommand"];
    let rest = message.strip_prefix("err unknown ").unwrap_or_default();
    unknown.iter().any(|what| rest.starts_with(what))
}

/// The text with `N` for numbers, and for what looks like a hexadecimal id.
fn without_numbers(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let token = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_id = token.len() >= 4
            && token.bytes().any(|byte| byte.is_ascii_digit())
            && token.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_id {
            plain.push('N');
        } else {
            let mut was_digit = false;
            for c in token.chars() {
                let is_digit = c.is_ascii_digit();
                if !is_digit {
                    plain.push(c);
                } else if !was_digit {
                    plain.push('N');
                }
                was_digit = is_digit;
            }
        }
        plain.push_str(&word[token.len()..]);
    }
    plain
}

/// The beginning of a text, without control characters.
pub fn one_line(text: &str) -> String {
    let is_space = |c: char| c.is_whitespace() || c.is_control();
    let words: Vec<&str> = text.split(is_space).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(REASON_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_error(line: &str) -> RedisError {
        let reply = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        reply.extract_error().unwrap_err()
    }

    #[test]
    fn the_servers_own_words_are_kept() {
        let error = server_error("NOPERM User ex has no permissions to run the 'info' command");
        let failure = Failure::new("INFO", &error);
        assert_eq!(
            failure.to_string(),
            "INFO: NOPERM User ex has no permissions to run the 'info' command"
        );
        assert_eq!(failure.connection, ConnectionState::Usable);
    }

    #[test]
    fn the_operating_systems_cause_is_kept() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let failure = Failure::new("connect", &refused.into());
        assert_eq!(failure.to_string(), "connect: connection refused");
        assert_eq!(failure.connection, ConnectionState::Lost);
        let silent = std::io::Error::from(std::io::ErrorKind::TimedOut);
        assert_eq!(Failure::new("INFO", &silent.into()), Failure::timeout("INFO"));
    }

    #[test]
    fn labels_are_the_same_whatever_numbers_a_server_has_in_its_words() {
        let label = |line: &str| Failure::new("INFO", &server_error(line)).label();
        let expected = "INFO: ERR request id N refused by proxy N.N.N.N:N";
        for id in ["8f007919", "8f007920", "a3bc", "17", "0"] {
            let line = format!("ERR request id {id} refused by proxy 10.0.0.9:4000{}", id.len());
            assert_eq!(label(&line), expected);
        }
        assert_eq!(label("ERR 2026-11-28T10:00:01Z late"), "INFO: ERR N-N-NTN:N:NZ late");
        let plain = "NOPERM User ex has no permissions to run the 'config|get' command";
        assert_eq!(label(plain), format!("INFO: {plain}"));
        assert_eq!(label("ERR añ1b déjà 2"), "INFO: ERR añNb déjà N");
        let refused = std::io::Error::from_raw_os_error(111);
        let failure = Failure::lost("connect", &refused.to_string());
        assert!(failure.label().contains("os error 111"), "{}", failure.label());
    }

    #[test]
    fn reasons_are_bounded_and_free_of_secrets() {
        let line = format!("ERR unknown command 'AUTH', args: 'hunter2' {}", "x".repeat(999));
        let failure = Failure::new("AUTH", &server_error(&line)).without("hunter2");
        assert!(!failure.to_string().contains("hunter2"), "{failure}");
        assert!(failure.reason.len() < 2 * REASON_CHARACTERS, "{failure}");
    }

    #[test]
    fn servers_say_in_several_ways_that_they_do_not_know_a_command() {
        for message in [
            "ERR unknown command 'LATENCY', with args beginning with: 'LATEST' ",
            "ERR unknown command `COMMANDLOG`, with args beginning with: ",
            "ERR Unknown subcommand or wrong number of arguments for 'HISTOGRAM'. Try LATENCY HELP.",
            "ERR unknown subcommand 'X'. Try LATENCY HELP.",
            "ERR Unknown sentinel subcommand 'CONFIG'",
        ] {
            assert!(is_unknown(message), "{message}");
        }
        for message in ["NOPERM User ex has no permissions", "ERR syntax error", "timed out"] {
            assert!(!is_unknown(message), "{message}");
        }
    }
}
