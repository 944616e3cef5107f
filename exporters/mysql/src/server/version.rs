//! The server's version: `@@version`, such as `10.11.6-MariaDB-0+deb12u1-log` or `8.0.36`.

use common::collector::Release;

const MARIADB: &str = "MariaDB";
const MYSQL: &str = "MySQL";

/// A release of MariaDB, whose numbers say nothing about MySQL's features.
pub const fn mariadb(major: u32, minor: u32, patch: u32) -> Release {
    Release { product: MARIADB, number: (major, minor, patch) }
}

/// A release of MySQL, or of a fork with its numbers.
pub const fn mysql(major: u32, minor: u32, patch: u32) -> Release {
    Release { product: MYSQL, number: (major, minor, patch) }
}

/// Reads a version; `None` unless it starts with three numbers.
pub fn parse_version(text: &str) -> Option<Release> {
    let mut parts = text.splitn(3, '.');
    let (major, minor, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (patch, _) = rest.split_at(end);
    let is_mariadb = text.to_ascii_lowercase().contains("mariadb");
    Some(Release {
        product: if is_mariadb { MARIADB } else { MYSQL },
        number: (digits(major)?, digits(minor)?, digits(patch)?),
    })
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
        let maria = parse_version("10.11.19-MariaDB-0+deb12u1-log").unwrap();
        assert_eq!(maria, mariadb(10, 11, 19));
        assert!(maria.is_covered_by(&[mariadb(10, 5, 9)]));
        assert!(!maria.is_covered_by(&[mariadb(11, 0, 0), mysql(8, 0, 0)]));
        let oracle = parse_version("8.0.36").unwrap();
        assert!(oracle.is_covered_by(&[mysql(8, 0, 36)]));
        assert!(!oracle.is_covered_by(&[mysql(8, 4, 0), mariadb(5, 1, 0)]));
        assert_eq!(parse_version("5.7.44-log"), Some(mysql(5, 7, 44)));
    }

    #[test]
    fn other_text_is_no_version() {
        for text in ["", "10", "10.11", "10.11.", "x.y.z", "+1.2.3", "1.2.99999999999", "10..1"] {
            assert_eq!(parse_version(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "(?s).{0,40}") {
            let _ = parse_version(&text);
        }
    }
}
