//! Counters of the hardware below a port, and their families.

use common::error::ParseError;
use common::keyed::Keyed;

use super::table::{count, kept};

pub(super) const ATTRIBUTES: &[Keyed] = &[
    Keyed::gauge(
        "lifespan",
        "node_infiniband_lifespan_seconds",
        "Age at which these counters are read anew.",
    )
    .read_by(lifespan),
    count(
        "duplicate_request",
        "node_infiniband_duplicate_requests_packets_total",
        "Requests received twice.",
    ),
    count(
        "implied_nak_seq_err",
        "node_infiniband_implied_nak_seq_errors_total",
        "Acknowledgements missing in a sequence.",
    ),
    count(
        "local_ack_timeout_err",
        "node_infiniband_local_ack_timeout_errors_total",
        "Acknowledgements that came too late.",
    ),
    count(
        "np_cnp_sent",
        "node_infiniband_np_cnp_packets_sent_total",
        "Notices of congestion sent.",
    ),
    count(
        "np_ecn_marked_roce_packets",
        "node_infiniband_np_ecn_marked_roce_packets_received_total",
        "RoCE packets received with a mark of congestion.",
    ),
    count(
        "out_of_buffer",
        "node_infiniband_out_of_buffer_drops_total",
        "Packets dropped for want of a buffer.",
    ),
    count(
        "out_of_sequence",
        "node_infiniband_out_of_sequence_packets_received_total",
        "Packets received out of sequence.",
    ),
    count(
        "packet_seq_err",
        "node_infiniband_packet_sequence_errors_total",
        "Notices received of a gap in a sequence.",
    ),
    count(
        "req_cqe_error",
        "node_infiniband_req_cqes_errors_total",
        "Requests completed with an error.",
    ),
    count(
        "req_cqe_flush_error",
        "node_infiniband_req_cqes_flush_errors_total",
        "Requests flushed with an error.",
    ),
    count(
        "req_remote_access_errors",
        "node_infiniband_req_remote_access_errors_total",
        "Requests refused by the other side for want of rights.",
    ),
    count(
        "req_remote_invalid_request",
        "node_infiniband_req_remote_invalid_request_errors_total",
        "Requests that the other side called invalid.",
    ),
    count(
        "resp_cqe_error",
        "node_infiniband_resp_cqes_errors_total",
        "Responses completed with an error.",
    ),
    count(
        "resp_cqe_flush_error",
        "node_infiniband_resp_cqes_flush_errors_total",
        "Responses flushed with an error.",
    ),
    count(
        "resp_local_length_error",
        "node_infiniband_resp_local_length_errors_total",
        "Requests received with a wrong length.",
    ),
    count(
        "resp_remote_access_errors",
        "node_infiniband_resp_remote_access_errors_total",
        "Requests received without the rights for them.",
    ),
    count(
        "rnr_nak_retry_err",
        "node_infiniband_rnr_nak_retry_packets_received_total",
        "Notices received that the other side is not ready.",
    ),
    count(
        "roce_adp_retrans",
        "node_infiniband_roce_adp_retransmits_total",
        "Adaptive retransmissions of RoCE.",
    ),
    count(
        "roce_adp_retrans_to",
        "node_infiniband_roce_adp_retransmits_timeout_total",
        "Adaptive retransmissions of RoCE that timed out.",
    ),
    count(
        "roce_slow_restart",
        "node_infiniband_roce_slow_restart_used_total",
        "Times that RoCE began slowly again.",
    ),
    count(
        "roce_slow_restart_cnps",
        "node_infiniband_roce_slow_restart_cnps_total",
        "Notices of congestion made by a slow start of RoCE.",
    ),
    count(
        "roce_slow_restart_trans",
        "node_infiniband_roce_slow_restart_total",
        "Changes of RoCE to a slow start.",
    ),
    count(
        "rp_cnp_handled",
        "node_infiniband_rp_cnp_packets_handled_total",
        "Notices of congestion obeyed.",
    ),
    count(
        "rp_cnp_ignored",
        "node_infiniband_rp_cnp_ignored_packets_received_total",
        "Notices of congestion ignored.",
    ),
    count(
        "rx_atomic_requests",
        "node_infiniband_rx_atomic_requests_total",
        "Atomic requests received.",
    ),
    count(
        "rx_dct_connect",
        "node_infiniband_rx_dct_connect_requests_total",
        "Requests received for a dynamic connection.",
    ),
    count("rx_read_requests", "node_infiniband_rx_read_requests_total", "Read requests received."),
    count(
        "rx_write_requests",
        "node_infiniband_rx_write_requests_total",
        "Write requests received.",
    ),
    count(
        "rx_icrc_encapsulated",
        "node_infiniband_rx_icrc_encapsulated_errors_total",
        "RoCE packets received with a wrong checksum.",
    ),
];

/// Whole seconds of milliseconds, as the reference exporter has it.
fn lifespan(text: &str) -> Result<Option<f64>, ParseError> {
    Ok(kept(text)?.map(|milliseconds| (milliseconds / 1000.0).floor()))
}

#[cfg(test)]
mod tests {
    use super::lifespan;

    #[test]
    fn the_lifespan_is_cut_to_seconds() {
        assert_eq!(lifespan("1999"), Ok(Some(1.0)));
        assert!(lifespan("").is_err());
    }
}
