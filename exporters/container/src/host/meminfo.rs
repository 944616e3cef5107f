//! Memory of the host, `/proc/meminfo`: what the root cgroup's files do not have.

use common::error::{ParseError, parse_number};

/// Sizes of memory and swap, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Meminfo {
    /// All memory.
    pub(crate) total: f64,
    /// All swap space.
    pub(crate) swap_total: f64,
    /// Swap space not in use.
    pub(crate) swap_free: f64,
}

impl Meminfo {
    /// Reads `MemTotal:  25276510 kB` and the like.
    ///
    /// # Errors
    /// A line is missing or malformed.
    pub(crate) fn parse(text: &str) -> Result<Self, ParseError> {
        let bytes = |field: &'static str| -> Result<f64, ParseError> {
            let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
            let number = line.ok_or(ParseError::Missing { field })?.split_ascii_whitespace().next();
            parse_number::<u64>(field, number).map(|kibibytes| kibibytes as f64 * 1024.0)
        };
        Ok(Self {
            total: bytes("MemTotal")?,
            swap_total: bytes("SwapTotal")?,
            swap_free: bytes("SwapFree")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    #[test]
    fn kilobytes_become_bytes() {
        let text = "MemTotal:  4 kB\nMemFree: 1 kB\nSwapTotal: 2 kB\nSwapFree: 1 kB\n";
        let expected = Meminfo { total: 4096.0, swap_total: 2048.0, swap_free: 1024.0 };
        assert_eq!(Meminfo::parse(text), Ok(expected));
    }

    #[test]
    fn truncated_and_malformed_content_is_an_error() {
        for text in ["", "MemTotal:  4 kB\n", "MemTotal: x\nSwapTotal: 0\nSwapFree: 0\n"] {
            assert!(Meminfo::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(MemTotal:.*\n)?.*") {
            let _ = Meminfo::parse(&text);
        }
    }
}
