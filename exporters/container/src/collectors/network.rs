//! Network traffic: `net/dev` of a container's init process, proc_net(5).

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError, parse_number};
use common::exposition::Sink;
use common::metric::{Metric, counter};

use crate::inventory::Inventory;
use crate::inventory::process::network_process;

const METRICS: &[Metric<Interface>] = &[
    counter("container_network_receive_bytes_total", "Bytes received.", |row| row.count(0)),
    counter("container_network_receive_packets_total", "Packets received.", |row| row.count(1)),
    counter("container_network_receive_errors_total", "Errors while receiving.", |row| {
        row.count(2)
    }),
    counter(
        "container_network_receive_packets_dropped_total",
        "Packets received and dropped.",
        |row| row.count(3),
    ),
    counter("container_network_transmit_bytes_total", "Bytes sent.", |row| row.count(8)),
    counter("container_network_transmit_packets_total", "Packets sent.", |row| row.count(9)),
    counter("container_network_transmit_errors_total", "Errors while sending.", |row| {
        row.count(10)
    }),
    counter(
        "container_network_transmit_packets_dropped_total",
        "Packets dropped instead of sent.",
        |row| row.count(11),
    ),
];

/// Beginnings of the names of interfaces that only pass on what others count.
const SKIPPED: [&str; 4] = ["lo", "veth", "docker", "nerdctl"];

/// One line: eight counters of reception and eight of transmission.
#[derive(Debug, PartialEq)]
struct Interface {
    name: String,
    counts: [u64; 16],
}

impl Interface {
    fn count(&self, column: usize) -> Option<f64> {
        self.counts.get(column).map(|count| *count as f64)
    }
}

#[derive(Debug)]
pub(super) struct Network;

#[async_trait]
impl Collector<Inventory> for Network {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let rows = inventory.rows(|cgroup, reader| {
            let pid = network_process(inventory, cgroup, reader)?;
            reader.proc(&format!("{pid}/net/dev"), parse)
        });
        let interfaces = rows.good.iter().flat_map(|(cgroup, interfaces)| {
            let interfaces = interfaces.iter().flatten();
            interfaces.map(|found| ((&cgroup.labels, [("interface", &found.name)]), found))
        });
        sink.table(METRICS, interfaces);
        rows.finish()
    }
}

fn parse(text: &str) -> Result<Vec<Interface>, ParseError> {
    let mut lines = text.lines();
    let header = lines.nth(1).ok_or(ParseError::Missing { field: "header" })?;
    if !header.contains("bytes") {
        return Err(ParseError::Form("no list of network interfaces".into()));
    }
    let interfaces = lines.filter(|line| !line.trim().is_empty()).map(parse_line);
    let is_wanted = |found: &Result<Interface, _>| {
        found.as_ref().map_or(true, |interface: &Interface| is_wanted(&interface.name))
    };
    interfaces.filter(is_wanted).collect()
}

fn parse_line(line: &str) -> Result<Interface, ParseError> {
    // A name may hold colons itself (aliases), the counters none.
    let (name, counts) = line.rsplit_once(':').ok_or(ParseError::Missing { field: "interface" })?;
    let mut fields = counts.split_ascii_whitespace();
    let mut interface = Interface { name: name.trim().to_owned(), counts: [0; 16] };
    for count in &mut interface.counts {
        *count = parse_number("counter", fields.next())?;
    }
    Ok(interface)
}

fn is_wanted(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !SKIPPED.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    const HEADER: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
";

    #[test]
    fn interfaces_are_read_and_those_that_pass_on_are_skipped() {
        let text = format!(
            "{HEADER}    lo:     0  0 0 0 0 0 0 0  0 0 0 0 0 0 0 0\n  \
             eth0: 1406 17 1 2 0 0 0 0 906 12 3 4 0 0 0 0\n\
             br-12:7 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\nVETH1: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n"
        );
        let interfaces = parse(&text).unwrap();
        let names: Vec<&str> = interfaces.iter().map(|found| found.name.as_str()).collect();
        assert_eq!(names, ["eth0", "br-12"]);
        let values: Vec<f64> = METRICS.iter().filter_map(|m| (m.value)(&interfaces[0])).collect();
        assert_eq!(values, [1406.0, 17.0, 1.0, 2.0, 906.0, 12.0, 3.0, 4.0]);
    }

    #[test]
    fn truncated_and_malformed_content_is_an_error() {
        for line in ["eth0", "eth0: 1 2 3", "eth0: x 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"] {
            assert!(parse(&format!("{HEADER}{line}\n")).is_err(), "{line}");
        }
        assert!(parse("").is_err() && parse("a\nb\n").is_err());
        assert_eq!(parse(HEADER), Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([a-z0-9:]*:( [0-9]*){0,20}\n)*.*") {
            let _ = (parse(&format!("{HEADER}{text}")), parse(&text));
        }
    }
}
