//! Packets that IPsec refused: `/proc/net/xfrm_stat`, Documentation/networking/xfrm_proc.rst of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial};
use common::exposition::Sink;
use common::keyed::Keyed;

use crate::host::Host;

const FILE: &str = "net/xfrm_stat";

/// Keys are the kernel's names.
const COUNTERS: &[Keyed] = &[
    Keyed::counter(
        "XfrmInError",
        "node_xfrm_in_error_packets_total",
        "Inbound packets refused for a reason not counted elsewhere.",
    ),
    Keyed::counter(
        "XfrmInBufferError",
        "node_xfrm_in_buffer_error_packets_total",
        "Inbound packets for which there was no buffer.",
    ),
    Keyed::counter(
        "XfrmInHdrError",
        "node_xfrm_in_hdr_error_packets_total",
        "Inbound packets with a bad header.",
    ),
    Keyed::counter(
        "XfrmInNoStates",
        "node_xfrm_in_no_states_packets_total",
        "Inbound packets for which no state was found.",
    ),
    Keyed::counter(
        "XfrmInStateProtoError",
        "node_xfrm_in_state_proto_error_packets_total",
        "Inbound packets that their state's transform refused.",
    ),
    Keyed::counter(
        "XfrmInStateModeError",
        "node_xfrm_in_state_mode_error_packets_total",
        "Inbound packets that do not fit their state's mode.",
    ),
    Keyed::counter(
        "XfrmInStateSeqError",
        "node_xfrm_in_state_seq_error_packets_total",
        "Inbound packets whose sequence number is out of the window.",
    ),
    Keyed::counter(
        "XfrmInStateExpired",
        "node_xfrm_in_state_expired_packets_total",
        "Inbound packets whose state has expired.",
    ),
    Keyed::counter(
        "XfrmInStateMismatch",
        "node_xfrm_in_state_mismatch_packets_total",
        "Inbound packets that do not fit their state's options.",
    ),
    Keyed::counter(
        "XfrmInStateInvalid",
        "node_xfrm_in_state_invalid_packets_total",
        "Inbound packets whose state is invalid.",
    ),
    Keyed::counter(
        "XfrmInTmplMismatch",
        "node_xfrm_in_tmpl_mismatch_packets_total",
        "Inbound packets whose states fit no template.",
    ),
    Keyed::counter(
        "XfrmInNoPols",
        "node_xfrm_in_no_pols_packets_total",
        "Inbound packets whose states are right but without a policy.",
    ),
    Keyed::counter(
        "XfrmInPolBlock",
        "node_xfrm_in_pol_block_packets_total",
        "Inbound packets that a policy blocks.",
    ),
    Keyed::counter(
        "XfrmInPolError",
        "node_xfrm_in_pol_error_packets_total",
        "Inbound packets whose policy failed.",
    ),
    Keyed::counter(
        "XfrmOutError",
        "node_xfrm_out_error_packets_total",
        "Outbound packets refused for a reason not counted elsewhere.",
    ),
    Keyed::counter(
        "XfrmOutBundleGenError",
        "node_xfrm_out_bundle_gen_error_packets_total",
        "Outbound packets for which no bundle could be made.",
    ),
    Keyed::counter(
        "XfrmOutBundleCheckError",
        "node_xfrm_out_bundle_check_error_packets_total",
        "Outbound packets whose bundle failed its check.",
    ),
    Keyed::counter(
        "XfrmOutNoStates",
        "node_xfrm_out_no_states_packets_total",
        "Outbound packets for which no state was found.",
    ),
    Keyed::counter(
        "XfrmOutStateProtoError",
        "node_xfrm_out_state_proto_error_packets_total",
        "Outbound packets that their state's transform refused.",
    ),
    Keyed::counter(
        "XfrmOutStateModeError",
        "node_xfrm_out_state_mode_error_packets_total",
        "Outbound packets that do not fit their state's mode.",
    ),
    Keyed::counter(
        "XfrmOutStateSeqError",
        "node_xfrm_out_state_seq_error_packets_total",
        "Outbound packets for which no sequence number was left.",
    ),
    Keyed::counter(
        "XfrmOutStateExpired",
        "node_xfrm_out_state_expired_packets_total",
        "Outbound packets whose state has expired.",
    ),
    Keyed::counter(
        "XfrmOutPolBlock",
        "node_xfrm_out_pol_block_packets_total",
        "Outbound packets that a policy blocks.",
    ),
    Keyed::counter(
        "XfrmOutPolDead",
        "node_xfrm_out_pol_dead_packets_total",
        "Outbound packets whose policy is dead.",
    ),
    Keyed::counter(
        "XfrmOutPolError",
        "node_xfrm_out_pol_error_packets_total",
        "Outbound packets whose policy failed.",
    ),
    Keyed::counter(
        "XfrmFwdHdrError",
        "node_xfrm_fwd_hdr_error_packets_total",
        "Forwarded packets with a bad header.",
    ),
    Keyed::counter(
        "XfrmOutStateInvalid",
        "node_xfrm_out_state_invalid_packets_total",
        "Outbound packets whose state is invalid.",
    ),
    Keyed::counter(
        "XfrmAcquireError",
        "node_xfrm_acquire_error_packets_total",
        "Packets whose state was not ready for use.",
    ),
];

#[derive(Debug, Default)]
pub(super) struct Xfrm;

#[async_trait]
impl Collector<Host> for Xfrm {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host
            .proc_if_present(FILE)?
            .ok_or_else(|| CollectError::NoData("no statistics of IPsec in the kernel".into()))?;
        let counts = text.parse_rows(parse);
        sink.columns(COUNTERS, std::iter::once(((), &*counts.good)));
        counts.finish()
    }
}

/// The counts in the order of [`COUNTERS`]. A line that the kernel lacks counts as zero, as in the
/// reference exporter, unless it may be one that is cut off.
fn parse(text: &str) -> Partial<Vec<Option<f64>>, ParseError> {
    let lines: Partial<Vec<_>, _> = text.lines().map(split).collect();
    let lines = lines.not_empty("no count");
    let absent = lines.error.is_none().then_some(0.0);
    let mut errors = FirstError::default();
    let lines = errors.take(lines);
    let counts =
        COUNTERS.iter().map(|column| match lines.iter().find(|(name, _)| *name == column.key) {
            Some((_, count)) => errors.catch(column.value(count)),
            None => absent,
        });
    let counts = counts.collect();
    errors.beside(counts)
}

/// Name and count.
fn split(line: &str) -> Result<(&str, &str), ParseError> {
    let mut words = line.split_ascii_whitespace();
    let name = words.next().ok_or(ParseError::Missing { field: "name" })?;
    let count = words.next().ok_or(ParseError::Missing { field: "count" })?;
    Ok((name, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_name_and_count_and_absent_ones_zero() {
        let counts = parse("XfrmInNoPols            \t65432\nXfrmNew x\n");
        let expected = |column: &Keyed| if column.key == "XfrmInNoPols" { 65_432.0 } else { 0.0 };
        let expected = COUNTERS.iter().map(|column| Some(expected(column))).collect();
        assert_eq!(counts, Partial::whole(expected));
    }

    #[test]
    fn malformed_counts_cost_only_themselves_and_truncated_lines_are_no_zeros() {
        let counts = parse("XfrmInError x\nXfrmInBufferError 7\n");
        assert_eq!(counts.good[..3], [None, Some(7.0), Some(0.0)]);
        assert!(counts.error.is_some());
        for line in ["", "\n", "XfrmInErr"] {
            let counts = parse(line);
            assert!(counts.error.is_some(), "{line:?}");
            assert_eq!(counts.good, vec![None; COUNTERS.len()], "{line:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~\n]|\\PC){0,200}") {
            let _ = parse(&text);
        }
    }
}
