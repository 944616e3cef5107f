//! MariaDB's positions: `domain-server-sequence`, the last transaction of each domain.
//!
//! <https://mariadb.com/kb/en/gtid/>

use common::error::{ParseError, Partial};

/// The last transaction of a replication domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position<'a> {
    /// The domain's number, as text.
    pub domain: &'a str,
    /// Number of the server that committed it first, as text.
    pub server: &'a str,
    /// Its place in the domain: each transaction has the next one.
    pub sequence: u64,
}

impl<'a> Position<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split('-');
        let (domain, server, sequence) = (parts.next()?, parts.next()?, parts.next()?);
        let is_number = |text: &str| is_digits(text) && text.parse::<u32>().is_ok();
        let is_whole = parts.next().is_none() && is_number(domain) && is_number(server);
        let sequence = Some(sequence).filter(|text| is_digits(text))?.parse().ok()?;
        is_whole.then_some(Self { domain, server, sequence })
    }
}

/// Unlike the number parser, takes no sign.
fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The positions of a list such as `0-1-5,1-2-7`, beside what was malformed first.
pub fn positions(list: &str) -> Partial<Vec<Position<'_>>, ParseError> {
    let texts = list.split(',').map(str::trim).filter(|text| !text.is_empty());
    let malformed = |text| ParseError::form("a position is not domain-server-sequence", text);
    texts.map(|text| Position::parse(text).ok_or_else(|| malformed(text))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn malformed_positions_are_reported_and_cost_no_other() {
        assert_eq!(
            positions("0-1-5, 4294967295-2-18446744073709551615"),
            Partial::whole(vec![
                Position { domain: "0", server: "1", sequence: 5 },
                Position { domain: "4294967295", server: "2", sequence: u64::MAX },
            ])
        );
        for list in ["0-1", "0-1-", "0-1-x", "0-1-2-3", "a-1-2", "0-1-+2", "3e11fa47-71ca:1-5"] {
            let list = format!("{list},7-8-9");
            let Partial { good, error } = positions(&list);
            assert_eq!(good, [Position { domain: "7", server: "8", sequence: 9 }], "{list}");
            assert!(error.is_some(), "{list}");
        }
        for list in ["", ",", " , "] {
            assert_eq!(positions(list), Partial::whole(vec![]), "{list:?}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_positions_never_panic(list in "[-0-9, a]{0,40}|(?s).{0,40}") {
            let Partial { good, error } = positions(&list);
            let parts = list.split(',').filter(|part| !part.trim().is_empty()).count();
            prop_assert!(good.len() <= parts && (good.len() == parts) == error.is_none());
        }

        #[test]
        fn every_position_is_read_back(domain: u32, server: u32, sequence: u64) {
            let text = format!("{domain}-{server}-{sequence}");
            let Partial { good, error } = positions(&text);
            prop_assert_eq!((good.len(), error), (1, None));
            prop_assert_eq!(good[0].sequence, sequence);
        }
    }
}
