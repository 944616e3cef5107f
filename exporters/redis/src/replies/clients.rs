//! The answer to `CLIENT LIST`: one line of `key=value` parts for each connection.

use common::error::{ParseError, excerpt};

/// One connection. Its parts are looked for when they are asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Client<'a> {
    /// Number of the connection, which no later one gets again.
    pub id: &'a str,
    /// Address of the client, or the path of the socket.
    pub host: &'a str,
    /// Port of the client; 0 for a socket.
    pub port: &'a str,
    /// The parts behind the address.
    rest: &'a str,
}

impl<'a> Client<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (id, rest) = line.strip_prefix("id=")?.split_once(" addr=")?;
        // The path of a socket may hold blanks and what looks like other parts.
        let (address, rest) = rest.split_once(" laddr=").or_else(|| rest.split_once(" fd="))?;
        let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
        Some(Self { id, host, port, rest })
    }

    /// Text of the part `name`.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        // That of the server's side of the connection as well: the last part of a name counts,
        // since no later value holds a blank. A name may hold a `=`.
        let mut parts = self.rest.rsplit(' ').filter_map(|part| part.split_once('='));
        parts.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Number of the part `name`.
    ///
    /// # Errors
    /// There is such a part, but it is no number.
    pub fn number(&self, name: &str) -> Result<Option<f64>, ParseError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            ParseError::form(&format!("{name} of client {} is no number", excerpt(self.id)), text)
        })
    }

    /// True if the client has the flag `flag`, such as `b` while it is blocked.
    pub fn has_flag(&self, flag: char) -> bool {
        self.text("flags").is_some_and(|flags| flags.contains(flag))
    }
}

/// The lines of a list that are not empty.
pub fn lines(list: &str) -> impl Iterator<Item = &str> {
    list.lines().filter(|line| !line.trim().is_empty())
}

/// The connection that a line describes.
///
/// # Errors
/// The line does not begin with number and address.
pub fn parse(line: &str) -> Result<Client<'_>, ParseError> {
    Client::parse(line).ok_or_else(|| ParseError::form("no client", line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_looks_like_other_parts_changes_none_of_them() {
        let line = "id=1 addr=/tmp/a name=b db=7 c:0 laddr=/tmp/a name=b db=7 c:0 fd=7 name=real \
                    age=1 idle=1 flags=U db=0 sub=0";
        let client = parse(line).unwrap();
        assert_eq!((client.host, client.port), ("/tmp/a name=b db=7 c", "0"));
        assert_eq!((client.text("name"), client.text("db")), (Some("real"), Some("0")));
        let redis_3 = parse("id=1 addr=10.0.0.1:5 fd=6 name=x=y=z age=1 idle=0 flags=bN").unwrap();
        assert_eq!((redis_3.text("name"), redis_3.port), (Some("x=y=z"), "5"));
        assert_eq!((redis_3.text("user"), redis_3.number("tot-mem")), (None, Ok(None)));
        assert!(redis_3.has_flag('b') && !redis_3.has_flag('P'));
    }

    #[test]
    fn what_is_malformed_is_named() {
        let client = parse("id=1 addr=a:1 fd=1 name=n age=x omem=5").unwrap();
        assert_eq!(client.number("omem"), Ok(Some(5.0)));
        let error = client.number("age").unwrap_err().to_string();
        assert_eq!(error, "age of client 1 is no number: \"x\"");
        assert_eq!(parse("hello").unwrap_err().to_string(), "no client: \"hello\"");
        assert_eq!(lines("\n a\n\n").collect::<Vec<_>>(), [" a"]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(list in "(id=|addr=| |laddr=|fd=|[a-z]{1,5}=?|:|é|\n){0,20}") {
            for client in lines(&list).filter_map(|line| parse(line).ok()) {
                let _ = (client.text("a"), client.number("b"), client.has_flag('c'));
            }
        }
    }
}
