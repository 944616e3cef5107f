//! Bytes that wait in the queues of all UDP sockets: `/proc/net/udp` and `udp6`, proc_pid_net(5).
//!
//! Parsed here because the procfs crate refuses sockets in states other than two.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, parse_number};
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;
use crate::readers::hex::Hex;

const QUEUES: Desc<'_> =
    Desc::gauge("node_udp_queues", "Bytes waiting in the queues of UDP sockets.");

/// File and value of the label `ip`.
const FILES: [(&str, &str); 2] = [("net/udp", "v4"), ("net/udp6", "v6")];

/// Sums over the sockets of one file.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Queues {
    sent_bytes: u64,
    received_bytes: u64,
}

#[derive(Debug, Default)]
pub(super) struct UdpQueues;

#[async_trait]
impl Collector<Host> for UdpQueues {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let (mut found, mut errors) = (Vec::new(), FirstError::default());
        for (file, ip) in FILES {
            if let Some(text) = errors.catch(host.read_proc_if_present(file)) {
                let queues = parse(&text).map_err(|error| host.malformed_proc(file, error));
                found.extend(errors.note(queues).map(|queues| (ip, queues)));
            }
        }
        let mut family = sink.family(&QUEUES);
        for (ip, queues) in &found {
            family.sample(&[("ip", *ip), ("queue", "rx")], queues.received_bytes as f64);
            family.sample(&[("ip", *ip), ("queue", "tx")], queues.sent_bytes as f64);
        }
        errors.into_result()?;
        if found.is_empty() {
            return Err(CollectError::NoData("no UDP in the kernel".into()));
        }
        Ok(())
    }
}

/// Sums of the fifth column, below a line of headings; without one of the lines they would be wrong.
fn parse(text: &str) -> Result<Queues, ParseError> {
    let mut lines = text.lines();
    lines
        .next()
        .filter(|headings| headings.contains("tx_queue"))
        .ok_or(ParseError::Missing { field: "line of headings" })?;
    lines.try_fold(Queues::default(), |sum, line| {
        let column = line.split_ascii_whitespace().nth(4).unwrap_or_default();
        let (sent, received) =
            column.split_once(':').ok_or(ParseError::Missing { field: "tx_queue:rx_queue" })?;
        let Hex(sent) = parse_number("tx_queue", Some(sent))?;
        let Hex(received) = parse_number("rx_queue", Some(received))?;
        Ok(Queues {
            sent_bytes: sum.sent_bytes.wrapping_add(sent),
            received_bytes: sum.received_bytes.wrapping_add(received),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n\
        13: 00000000:0044 00000000:0000 07 00000001:00000200 00:00000000\n\
        14: 00000000:0045 00000000:0000 09 00000002:000000ff 00:00000000\n";

    #[test]
    fn queues_of_all_sockets_are_summed() {
        assert_eq!(parse(TEXT), Ok(Queues { sent_bytes: 3, received_bytes: 0x2ff }));
        assert_eq!(
            parse("  sl  local_address rem_address   st tx_queue rx_queue\n"),
            Ok(Queues::default())
        );
    }

    #[test]
    fn truncated_and_malformed_lines_are_errors() {
        assert!(parse("").is_err());
        assert!(parse("13: 00000000:0044 00000000:0000 07 1:2\n").is_err());
        for line in ["", "13: 00000000:0044", "1: a b 07 1", "1: a b 07 1:x", "1: a b 07 x:1"] {
            assert!(parse(&format!("sl tx_queue rx_queue\n{line}\n")).is_err(), "{line:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~\n]|\\PC){0,200}") {
            let _ = parse(&text);
        }
    }
}
