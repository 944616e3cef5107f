//! The server's version: `@@version`, such as `10.11.6-MariaDB-0+deb12u1-log` or `8.0.36`.

/// A version with the family it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Major, minor and patch, compared in this order.
    pub number: (u32, u32, u32),
    /// MariaDB, whose numbers say nothing about MySQL's features.
    pub is_mariadb: bool,
}

impl Version {
    /// Reads a version; `None` unless it starts with three numbers.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let (major, minor, rest) = (parts.next()?, parts.next()?, parts.next()?);
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (patch, _) = rest.split_at(end);
        Some(Self {
            number: (digits(major)?, digits(minor)?, digits(patch)?),
            is_mariadb: text.to_ascii_lowercase().contains("mariadb"),
        })
    }

    /// MariaDB of at least this version.
    pub fn is_mariadb_from(self, major: u32, minor: u32, patch: u32) -> bool {
        self.is_mariadb && self.number >= (major, minor, patch)
    }

    /// MySQL, or a fork with its numbers, of at least this version.
    pub fn is_mysql_from(self, major: u32, minor: u32, patch: u32) -> bool {
        !self.is_mariadb && self.number >= (major, minor, patch)
    }
}

/// Unlike the number parser, takes no sign.
fn digits(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_are_ordered_triples() {
        let maria = Version::parse("10.11.19-MariaDB-0+deb12u1-log").unwrap();
        assert_eq!(maria, Version { number: (10, 11, 19), is_mariadb: true });
        assert!(maria.is_mariadb_from(10, 5, 9) && !maria.is_mariadb_from(11, 0, 0));
        assert!(!maria.is_mysql_from(8, 0, 0));
        let mysql = Version::parse("8.0.36").unwrap();
        assert!(mysql.is_mysql_from(8, 0, 36) && !mysql.is_mysql_from(8, 4, 0));
        assert!(!mysql.is_mariadb_from(5, 1, 0));
        assert_eq!(Version::parse("5.7.44-log").unwrap().number, (5, 7, 44));
    }

    #[test]
    fn other_text_is_no_version() {
        for text in ["", "10", "10.11", "10.11.", "x.y.z", "+1.2.3", "1.2.99999999999", "10..1"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "(?s).{0,40}") {
            let _ = Version::parse(&text);
        }
    }
}
