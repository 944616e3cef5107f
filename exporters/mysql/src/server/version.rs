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

/// Reads a version; `None` unless it starts with a number. Numbers that are missing are 0.
pub fn parse_version(text: &str) -> Option<Release> {
    let is_mariadb = text.to_ascii_lowercase().contains("mariadb");
    // What MariaDB puts before its version for the sake of old replicas.
    let bare = text.strip_prefix("5.5.5-").filter(|_| is_mariadb).unwrap_or(text);
    let (major, rest) = number(bare)?;
    let (minor, rest) = rest.strip_prefix('.').and_then(number).unwrap_or_default();
    let (patch, _) = rest.strip_prefix('.').and_then(number).unwrap_or_default();
    let product = if is_mariadb { MARIADB } else { MYSQL };
    Some(Release { product, number: (major, minor, patch) })
}

/// The number that `text` starts with, and the rest; unlike the number parser, takes no sign.
fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
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
    fn relatives_and_proxies_have_versions_too() {
        for (text, release) in [
            ("5.5.5-10.6.18-MariaDB-log", mariadb(10, 6, 18)),
            ("8.0.11-TiDB-v7.5.0", mysql(8, 0, 11)),
            ("8.0.mysql_aurora.3.04.0", mysql(8, 0, 0)),
            ("8.4", mysql(8, 4, 0)),
            ("12-MariaDB", mariadb(12, 0, 0)),
            ("10..1", mysql(10, 0, 0)),
            ("1.2.99999999999", mysql(1, 2, 0)),
            ("5.5.5-log", mysql(5, 5, 5)),
        ] {
            assert_eq!(parse_version(text), Some(release), "{text}");
        }
    }

    #[test]
    fn other_text_is_no_version() {
        for text in ["", "x.y.z", "+1.2.3", "v8.0.36", "-1", "99999999999.1.1", "MariaDB"] {
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
