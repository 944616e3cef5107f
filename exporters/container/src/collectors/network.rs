//! Network traffic: `net/dev` of a container's init process, proc_net(5).

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError, Partial};
use common::exposition::Sink;
use common::kernel::net_dev;
use common::metric::{Desc, Metric, counter};

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

const MODE: Desc<'static> = Desc::gauge(
    "container_network_mode_info",
    "The network that a container was given; the value is always 1.",
);

/// Beginnings of the names of interfaces that only pass on what others count.
const SKIPPED: [&str; 4] = ["lo", "veth", "docker", "nerdctl"];

/// Counters of one interface, as [`net_dev::Device`] has them.
#[derive(Debug, PartialEq)]
struct Interface {
    name: String,
    counts: [Option<u64>; net_dev::COLUMNS],
}

impl Interface {
    fn count(&self, column: usize) -> Option<f64> {
        self.counts.get(column).copied().flatten().map(|count| count as f64)
    }
}

#[derive(Debug)]
pub(super) struct Network;

#[async_trait]
impl Collector<Inventory> for Network {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let rows = inventory.rows(|cgroup, reader| {
            let pid = network_process(inventory, cgroup, reader)?;
            reader.proc_rows(&format!("{pid}/net/dev"), parse)
        });
        let interfaces = rows.good.iter().flat_map(|(cgroup, interfaces)| {
            let interfaces = interfaces.iter().flatten();
            interfaces.map(|found| ((&cgroup.labels, [("interface", &found.name)]), found))
        });
        sink.table(METRICS, interfaces);
        let listed = inventory.containers.iter();
        let known = listed.filter(|listed| !listed.container.network_mode.is_empty());
        let modes = known.map(|listed| {
            ((listed.steady_labels(), [("mode", &listed.container.network_mode)]), 1.0)
        });
        sink.samples(&MODE, modes);
        rows.finish()
    }
}

fn parse(text: &str) -> Partial<Vec<Interface>, ParseError> {
    net_dev::parse(text).map(|devices| {
        let wanted = devices.into_iter().filter(|device| is_wanted(device.name));
        wanted
            .map(|device| Interface { name: device.name.to_owned(), counts: device.counts })
            .collect()
    })
}

fn is_wanted(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !SKIPPED.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let Partial { good: interfaces, error: None } = parse(&text) else { panic!() };
        let names: Vec<&str> = interfaces.iter().map(|found| found.name.as_str()).collect();
        assert_eq!(names, ["eth0", "br-12"]);
        let values: Vec<f64> = METRICS.iter().filter_map(|m| (m.value)(&interfaces[0])).collect();
        assert_eq!(values, [1406.0, 17.0, 1.0, 2.0, 906.0, 12.0, 3.0, 4.0]);
    }

    #[test]
    fn a_malformed_line_costs_only_itself_and_a_malformed_count_its_sample() {
        let good = "eth1: 1 0 0 0 0 0 0 0 2 0 0 0 0 0 0 0";
        for line in ["eth0", "eth0: 1 2 3"] {
            let interfaces = parse(&format!("{HEADER}{line}\n{good}\n"));
            assert!(interfaces.error.is_some(), "{line}");
            assert_eq!(interfaces.good.len(), 1, "{line}");
        }
        let interfaces = parse(&format!("{HEADER}eth0: x 5 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"));
        assert!(interfaces.error.is_some());
        let values: Vec<_> = METRICS.iter().map(|m| (m.value)(&interfaces.good[0])).collect();
        assert_eq!(values[..2], [None, Some(5.0)]);
        assert!(parse("").error.is_some());
    }
}
