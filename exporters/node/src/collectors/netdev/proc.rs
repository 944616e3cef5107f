//! `/proc/net/dev`, in which the kernel has summed up the finer counters already.

use common::error::{ParseError, Partial};
use common::kernel::net_dev;

use super::Device;
use crate::netlink::{LinkStat, LinkStats};

/// What each of the 16 columns counts.
const COLUMNS: [LinkStat; net_dev::COLUMNS] = [
    LinkStat::RxBytes,
    LinkStat::RxPackets,
    LinkStat::RxErrors,
    LinkStat::RxDropped,
    LinkStat::RxFifo,
    LinkStat::RxFrame,
    LinkStat::RxCompressed,
    LinkStat::Multicast,
    LinkStat::TxBytes,
    LinkStat::TxPackets,
    LinkStat::TxErrors,
    LinkStat::TxDropped,
    LinkStat::TxFifo,
    LinkStat::Collisions,
    LinkStat::TxCarrier,
    LinkStat::TxCompressed,
];

/// The devices of [`net_dev::parse`].
pub(super) fn parse(text: &str) -> Partial<Vec<Device>, ParseError> {
    net_dev::parse(text).map(|devices| devices.iter().map(device).collect())
}

fn device(found: &net_dev::Device<'_>) -> Device {
    let mut stats = LinkStats::default();
    for (stat, count) in COLUMNS.into_iter().zip(found.counts) {
        stats.set(stat, count);
    }
    Device { name: found.name.to_owned(), stats, ..Device::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Inter-|   Receive |  Transmit\n face |bytes |bytes\n";

    #[test]
    fn columns_become_counters() {
        let text = format!(
            "{HEAD}  lo:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n eth0:1: 0 0 0 0 0 0 0 0 9 0 0 0 0 0 0 0\n"
        );
        let devices = parse(&text).good;
        assert_eq!(devices[0].name, "lo");
        assert_eq!(devices[0].stats.get(LinkStat::RxBytes), Some(1.0));
        assert_eq!(devices[0].stats.sum(&[LinkStat::TxCarrier, LinkStat::TxWindow]), Some(15.0));
        assert_eq!(devices[0].stats.get(LinkStat::RxNoHandler), None);
        assert_eq!(devices[1].name, "eth0:1");
    }

    #[test]
    fn truncated_and_malformed_lines_cost_only_themselves() {
        for line in ["lo", "lo: 1 2 3", "\0"] {
            let good = "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16";
            let devices = parse(&format!("{HEAD}{line}\n{good}\n"));
            assert!(devices.error.is_some(), "{line:?}");
            assert_eq!(devices.good.len(), 1, "{line:?}");
        }
        let devices = parse(&format!("{HEAD}lo: x 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"));
        assert!(devices.error.is_some());
        let stats = &devices.good[0].stats;
        assert_eq!(
            (stats.get(LinkStat::RxBytes), stats.get(LinkStat::RxPackets)),
            (None, Some(2.0))
        );
        assert!(parse("").error.is_some() && parse("Inter-|\n").error.is_some());
        assert_eq!(parse(HEAD), Partial::whole(vec![]));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(rest in "([ -~\n]|\\PC){0,80}") {
            let _ = parse(&rest);
            let _ = parse(&format!("{HEAD}{rest}"));
        }
    }
}
