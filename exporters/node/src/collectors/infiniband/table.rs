//! Files of a port and their families, counters of the hardware apart.

use common::error::ParseError;
use common::keyed::{Keyed, integer};

use crate::readers::attributes::leading_number;

/// A rate of 1 Gb/s.
const GIGABIT_BYTES: f64 = 125_000_000.0;

pub(super) const ATTRIBUTES: &[Keyed] = &[
    Keyed::gauge("state", "node_infiniband_state_id", "Logical state of a port: 4 is active.")
        .read_by(state),
    Keyed::gauge(
        "phys_state",
        "node_infiniband_physical_state_id",
        "State of a port's link: 5 is up.",
    )
    .read_by(state),
    Keyed::gauge("rate", "node_infiniband_rate_bytes_per_second", "Highest rate of a port.")
        .read_by(leading_number)
        .times(GIGABIT_BYTES),
    count(
        "counters/excessive_buffer_overrun_errors",
        "node_infiniband_excessive_buffer_overrun_errors_total",
        "Overruns of receive buffers in a row.",
    ),
    count(
        "counters/link_downed",
        "node_infiniband_link_downed_total",
        "Times that the link was lost.",
    ),
    count(
        "counters/link_error_recovery",
        "node_infiniband_link_error_recovery_total",
        "Times that the link was restored.",
    ),
    count(
        "counters/local_link_integrity_errors",
        "node_infiniband_local_link_integrity_errors_total",
        "Times that local link errors exceeded their threshold.",
    ),
    count(
        "counters/multicast_rcv_packets",
        "node_infiniband_multicast_packets_received_total",
        "Multicast packets received.",
    ),
    count(
        "counters/multicast_xmit_packets",
        "node_infiniband_multicast_packets_transmitted_total",
        "Multicast packets sent.",
    ),
    count(
        "counters/port_rcv_constraint_errors",
        "node_infiniband_port_constraint_errors_received_total",
        "Received packets that a rule discarded.",
    ),
    count(
        "counters/port_xmit_constraint_errors",
        "node_infiniband_port_constraint_errors_transmitted_total",
        "Packets not sent because of a rule.",
    ),
    words(
        "counters/port_rcv_data",
        "node_infiniband_port_data_received_bytes_total",
        "Bytes received.",
    ),
    words(
        "counters/port_xmit_data",
        "node_infiniband_port_data_transmitted_bytes_total",
        "Bytes sent.",
    ),
    count(
        "counters/port_rcv_discards",
        "node_infiniband_port_discards_received_total",
        "Received packets discarded.",
    ),
    count(
        "counters/port_xmit_discards",
        "node_infiniband_port_discards_transmitted_total",
        "Packets discarded instead of sent.",
    ),
    count(
        "counters/port_rcv_errors",
        "node_infiniband_port_errors_received_total",
        "Received packets with errors.",
    ),
    count(
        "counters/port_rcv_packets",
        "node_infiniband_port_packets_received_total",
        "Packets received.",
    ),
    count(
        "counters/port_xmit_packets",
        "node_infiniband_port_packets_transmitted_total",
        "Packets sent.",
    ),
    count(
        "counters/port_xmit_wait",
        "node_infiniband_port_transmit_wait_total",
        "Ticks in which data waited to be sent.",
    ),
    count(
        "counters/unicast_rcv_packets",
        "node_infiniband_unicast_packets_received_total",
        "Unicast packets received.",
    ),
    count(
        "counters/unicast_xmit_packets",
        "node_infiniband_unicast_packets_transmitted_total",
        "Unicast packets sent.",
    ),
    count(
        "counters/port_rcv_remote_physical_errors",
        "node_infiniband_port_receive_remote_physical_errors_total",
        "Received packets marked bad by the sender.",
    ),
    count(
        "counters/port_rcv_switch_relay_errors",
        "node_infiniband_port_receive_switch_relay_errors_total",
        "Received packets that the switch could not forward.",
    ),
    count(
        "counters/symbol_error",
        "node_infiniband_symbol_error_total",
        "Minor link errors on the physical lanes.",
    ),
    count(
        "counters/VL15_dropped",
        "node_infiniband_vl15_dropped_total",
        "Management packets dropped.",
    ),
    count(
        "counters_ext/port_multicast_rcv_packets",
        "node_infiniband_legacy_multicast_packets_received_total",
        "Multicast packets received, older counter.",
    ),
    count(
        "counters_ext/port_multicast_xmit_packets",
        "node_infiniband_legacy_multicast_packets_transmitted_total",
        "Multicast packets sent, older counter.",
    ),
    words(
        "counters_ext/port_rcv_data_64",
        "node_infiniband_legacy_data_received_bytes_total",
        "Bytes received, older counter.",
    ),
    count(
        "counters_ext/port_rcv_packets_64",
        "node_infiniband_legacy_packets_received_total",
        "Packets received, older counter.",
    ),
    count(
        "counters_ext/port_unicast_rcv_packets",
        "node_infiniband_legacy_unicast_packets_received_total",
        "Unicast packets received, older counter.",
    ),
    count(
        "counters_ext/port_unicast_xmit_packets",
        "node_infiniband_legacy_unicast_packets_transmitted_total",
        "Unicast packets sent, older counter.",
    ),
    words(
        "counters_ext/port_xmit_data_64",
        "node_infiniband_legacy_data_transmitted_bytes_total",
        "Bytes sent, older counter.",
    ),
    count(
        "counters_ext/port_xmit_packets_64",
        "node_infiniband_legacy_packets_transmitted_total",
        "Packets sent, older counter.",
    ),
];

pub(super) const fn count(file: &'static str, name: &'static str, help: &'static str) -> Keyed {
    Keyed::counter(file, name, help).read_by(kept)
}

/// Data are counted in words of 4 bytes.
const fn words(file: &'static str, name: &'static str, help: &'static str) -> Keyed {
    count(file, name, help).times(4.0)
}

/// `4: ACTIVE`
fn state(text: &str) -> Result<Option<f64>, ParseError> {
    integer(text.split(':').next().unwrap_or_default())
}

/// A device without counters says so: `N/A (no PMA)`.
pub(super) fn kept(text: &str) -> Result<Option<f64>, ParseError> {
    if text.starts_with("N/A") { Ok(None) } else { integer(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_around_numbers_are_understood() {
        assert_eq!(state("4: ACTIVE"), Ok(Some(4.0)));
        assert_eq!(kept("N/A (no PMA)"), Ok(None));
        assert_eq!(kept("18446744073709551615"), Ok(Some(18_446_744_073_709_551_615.0)));
        for text in ["", "ACTIVE", ":", "4.5"] {
            assert!(state(text).is_err() && kept(text).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(N/A)?[0-9]{0,3}:?\\PC{0,20}") {
            let _ = (state(&text), kept(&text));
        }
    }
}
