//! TCP sockets by state: `net/tcp` and `net/tcp6` of a container's init process, proc_net(5).

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError};
use common::exposition::Sink;
use common::kernel::sockets;
use common::metric::Desc;

use crate::inventory::Inventory;
use crate::inventory::process::network_process;

/// File and family; the type is the reference's in spite of the name.
const TABLES: [(&str, Desc<'static>); 2] = [
    ("tcp", Desc::gauge("container_network_tcp_usage_total", "TCP sockets over IPv4 by state.")),
    ("tcp6", Desc::gauge("container_network_tcp6_usage_total", "TCP sockets over IPv6 by state.")),
];

/// By the kernel's number, from 1 on.
const STATES: [&str; 11] = [
    "established",
    "synsent",
    "synrecv",
    "finwait1",
    "finwait2",
    "timewait",
    "close",
    "closewait",
    "lastack",
    "listen",
    "closing",
];

type Counts = [(&'static str, f64); STATES.len()];

#[derive(Debug)]
pub(super) struct Tcp;

#[async_trait]
impl Collector<Inventory> for Tcp {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let rows = inventory.rows(|cgroup, reader| {
            let pid = network_process(inventory, cgroup, reader)?;
            Some(TABLES.map(|(table, _)| reader.proc(&format!("{pid}/net/{table}"), parse)))
        });
        for (index, (_, desc)) in TABLES.iter().enumerate() {
            let samples = rows.good.iter().flat_map(|(cgroup, tables)| {
                let counts = tables.iter().filter_map(|tables| tables[index].as_ref()).flatten();
                counts.map(|(state, count)| ((&cgroup.labels, [("tcp_state", state)]), *count))
            });
            sink.samples(desc, samples);
        }
        rows.finish()
    }
}

fn parse(text: &str) -> Result<Counts, ParseError> {
    let mut counts = STATES.map(|state| (state, 0.0));
    for socket in sockets::parse(text) {
        let number = usize::try_from(socket?.state).unwrap_or(usize::MAX);
        // A later kernel may have further states.
        if let Some((_, count)) = number.checked_sub(1).and_then(|index| counts.get_mut(index)) {
            *count += 1.0;
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    const HEADER: &str = "sl local_address rem_address st tx_queue rx_queue\n";

    #[test]
    fn sockets_are_counted_by_state() {
        let line = |state: &str| format!("0: 0:1 0:0 {state} 0:0 00:0 0 0 0 1\n");
        let text = [HEADER.to_owned(), line("0A"), line("0A"), line("01"), line("0C")].concat();
        let counts = parse(&text).unwrap();
        let seen: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 0.0).collect();
        assert_eq!(seen, [("established", 1.0), ("listen", 2.0)]);
        assert!(parse("").is_err() && parse(&format!("{HEADER}0: a b x 0:0 1\n")).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(.*\n)*", state in "[0-9A-F]*") {
            let _ = (parse(&text), parse(&format!("{HEADER}0: a b {state} 0:0 1\n")));
        }
    }
}
