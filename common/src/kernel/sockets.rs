//! Tables of sockets: `/proc/PID/net/{tcp,tcp6,udp,udp6}`, proc_pid_net(5).
//!
//! Parsed here because the procfs crate refuses sockets in states that it does not know.

use super::Hex;
use super::text::{lines, words};
use crate::error::{ParseError, parse_number};

/// Length of a line in tables of UDP, filled up with blanks by the kernel.
pub const UDP_LINE_BYTES: usize = 128;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket<'a> {
    /// Number of the state, as the kernel's `tcp_states.h` has it.
    pub state: u64,
    /// Bytes that wait to be sent.
    pub transmit_bytes: u64,
    /// Bytes that wait to be read.
    pub receive_bytes: u64,
    /// Last column, which in tables of UDP counts drops.
    pub last: &'a str,
}

/// The sockets of a table: `0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 …`
/// with address, peer, state, and the lengths of the queues, in hexadecimal digits.
///
/// Without its line of headings the text is no table; that is its only row then.
pub fn parse(text: &str) -> impl Iterator<Item = Result<Socket<'_>, ParseError>> {
    let mut lines = lines(text);
    let has_header = lines.next().is_some_and(|line| line.contains("local_address"));
    let no_header = (!has_header).then_some(Err(ParseError::Missing { field: "line of headings" }));
    let lines = lines.filter(move |_| has_header);
    no_header.into_iter().chain(lines.map(parse_line))
}

fn parse_line(line: &str) -> Result<Socket<'_>, ParseError> {
    let mut fields = words(line).skip(3);
    let Hex(state) = parse_number("state", fields.next())?;
    let (transmit, receive) = fields
        .next()
        .and_then(|queues| queues.split_once(':'))
        .ok_or(ParseError::Missing { field: "tx_queue:rx_queue" })?;
    let Hex(transmit_bytes) = parse_number("tx_queue", Some(transmit))?;
    let Hex(receive_bytes) = parse_number("rx_queue", Some(receive))?;
    let last = fields.last().ok_or(ParseError::Missing { field: "last column" })?;
    Ok(Socket { state, transmit_bytes, receive_bytes, last })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Partial;

    const HEADER: &str = "  sl  local_address rem_address   st tx_queue rx_queue\n";

    fn read(text: &str) -> Partial<Vec<Socket<'_>>, ParseError> {
        parse(text).collect()
    }

    #[test]
    fn sending_comes_before_receiving() {
        let text = format!(
            "{HEADER}   0: 0100007F:1F90 00000000:0000 0A 00000001:0000001F 00:00000000 00000000 7\n"
        );
        let expected = Socket { state: 10, transmit_bytes: 1, receive_bytes: 31, last: "7" };
        assert_eq!(read(&text), Partial::whole(vec![expected]));
        assert_eq!(read(HEADER), Partial::whole(Vec::new()));
    }

    #[test]
    fn truncated_and_malformed_lines_are_errors_and_cost_only_themselves() {
        let good = "1: a b 0A 1:2 00:0 3";
        assert!(read("").error.is_some() && read(good).good.is_empty());
        for line in ["0:", "0: a b", "0: a b 0A", "0: a b 0A 1", "0: a b 0A 1:2", "0: a b g 1:2 3"]
        {
            let text = format!("{HEADER}{line}\n{good}\n");
            let sockets = read(&text);
            assert_eq!((sockets.good.len(), sockets.error.is_some()), (1, true), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(.*\n)*", line in "[0-9a-fA-F: ]*") {
            let _ = read(&text);
            let _ = read(&format!("{HEADER}{line}"));
        }
    }
}
