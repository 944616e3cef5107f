//! UDP sockets and their queues: `net/udp` and `net/udp6` of a container's init
//! process, proc_net(5).

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError, parse_number};
use common::exposition::Sink;
use common::kernel::sockets;
use common::metric::Desc;

use crate::inventory::Inventory;
use crate::inventory::process::network_process;

/// File and family; the type is the reference's in spite of the name.
const TABLES: [(&str, Desc<'static>); 2] = [
    (
        "udp",
        Desc::gauge(
            "container_network_udp_usage_total",
            "UDP sockets over IPv4 (listen), datagrams dropped, bytes in queues.",
        ),
    ),
    (
        "udp6",
        Desc::gauge(
            "container_network_udp6_usage_total",
            "UDP sockets over IPv6 (listen), datagrams dropped, bytes in queues.",
        ),
    ),
];

type Sums = [(&'static str, f64); 4];

#[derive(Debug)]
pub(super) struct Udp;

#[async_trait]
impl Collector<Inventory> for Udp {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let rows = inventory.rows(|cgroup, reader| {
            let pid = network_process(inventory, cgroup, reader)?;
            Some(TABLES.map(|(table, _)| reader.proc(&format!("{pid}/net/{table}"), parse)))
        });
        for (index, (_, desc)) in TABLES.iter().enumerate() {
            let samples = rows.good.iter().flat_map(|(cgroup, tables)| {
                let counts = tables.iter().filter_map(|tables| tables[index].as_ref()).flatten();
                counts.map(|(state, count)| ((&cgroup.labels, [("udp_state", state)]), *count))
            });
            sink.samples(desc, samples);
        }
        rows.finish()
    }
}

fn parse(text: &str) -> Result<Sums, ParseError> {
    let (mut sockets, mut dropped, mut received, mut sent) = (0.0, 0.0, 0.0, 0.0);
    for socket in sockets::parse(text) {
        let socket = socket?;
        sockets += 1.0;
        dropped += parse_number::<u64>("drops", Some(socket.last))? as f64;
        received += socket.receive_bytes as f64;
        sent += socket.transmit_bytes as f64;
    }
    Ok([("dropped", dropped), ("listen", sockets), ("rxqueued", received), ("txqueued", sent)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    const HEADER: &str = "sl local_address rem_address st tx_queue rx_queue drops\n";

    #[test]
    fn queues_and_drops_are_added_up() {
        let text = format!("{HEADER}0: a b 07 00000001:00000010 5\n1: a b 07 2:20 6\n");
        let expected = [("dropped", 11.0), ("listen", 2.0), ("rxqueued", 48.0), ("txqueued", 3.0)];
        assert_eq!(parse(&text), Ok(expected));
        assert!(parse("").is_err() && parse(&format!("{HEADER}0: a b 07 0:0 x\n")).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(.*\n)*", drops in ".*") {
            let _ = (parse(&text), parse(&format!("{HEADER}0: a b 07 0:0 {drops}\n")));
        }
    }
}
