//! Tables of sockets, `/proc/PID/net/{tcp,tcp6,udp,udp6}`, proc_net(5).

use common::error::ParseError;

/// One line.
#[derive(Debug, PartialEq)]
pub(crate) struct Socket<'a> {
    /// Number of the state, as the kernel's `tcp_states.h` has it.
    pub(crate) state: u64,
    /// Bytes that wait to be sent.
    pub(crate) transmit_bytes: u64,
    /// Bytes that wait to be read.
    pub(crate) receive_bytes: u64,
    /// Last column, which in tables of UDP counts drops.
    pub(crate) last: &'a str,
}

/// The sockets of a table: `0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 …`
/// with address, peer, state, and the lengths of the queues, in hexadecimal digits.
pub(crate) fn parse(text: &str) -> impl Iterator<Item = Result<Socket<'_>, ParseError>> {
    let mut lines = text.lines();
    let has_header = lines.next().is_some_and(|line| line.contains("local_address"));
    let no_header = (!has_header).then_some(Err(ParseError::Missing { field: "header" }));
    no_header.into_iter().chain(lines.map(parse_line))
}

fn parse_line(line: &str) -> Result<Socket<'_>, ParseError> {
    let mut fields = line.split_ascii_whitespace().skip(3);
    let state = parse_hexadecimal("state", fields.next())?;
    let (transmit, receive) = fields
        .next()
        .and_then(|queues| queues.split_once(':'))
        .ok_or(ParseError::Missing { field: "queues" })?;
    Ok(Socket {
        state,
        transmit_bytes: parse_hexadecimal("transmit queue", Some(transmit))?,
        receive_bytes: parse_hexadecimal("receive queue", Some(receive))?,
        last: fields.last().ok_or(ParseError::Missing { field: "drops" })?,
    })
}

fn parse_hexadecimal(field: &'static str, text: Option<&str>) -> Result<u64, ParseError> {
    let text = text.ok_or(ParseError::Missing { field })?;
    u64::from_str_radix(text, 16).map_err(|_| ParseError::number(field, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    const HEADER: &str = "  sl  local_address rem_address   st tx_queue rx_queue\n";

    fn read(text: &str) -> Result<Vec<Socket<'_>>, ParseError> {
        parse(text).collect()
    }

    #[test]
    fn sending_stands_before_receiving() {
        let text = format!(
            "{HEADER}   0: 0100007F:1F90 00000000:0000 0A 00000001:0000001F 00:00000000 00000000 7\n"
        );
        let expected = Socket { state: 10, transmit_bytes: 1, receive_bytes: 31, last: "7" };
        assert_eq!(read(&text), Ok(vec![expected]));
        assert_eq!(read(HEADER), Ok(Vec::new()));
    }

    #[test]
    fn truncated_and_malformed_content_is_an_error() {
        assert!(read("").is_err() && read("x\n").is_err());
        for line in ["0:", "0: a b", "0: a b 0A", "0: a b 0A 1", "0: a b 0A 1:2", "0: a b g 1:2 3"]
        {
            assert!(read(&format!("{HEADER}{line}\n")).is_err(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(.*\n)*", line in "[0-9a-fA-F: ]*") {
            let _ = (read(&text), read(&format!("{HEADER}{line}")));
        }
    }
}
