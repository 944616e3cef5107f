//! Packets that IPsec refused: `/proc/net/xfrm_stat`, Documentation/networking/xfrm_proc.rst of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;

const FILE: &str = "net/xfrm_stat";

/// The kernel's name and the family.
const COUNTERS: [(&str, Desc<'static>); 28] = [
    (
        "XfrmInError",
        Desc::counter(
            "node_xfrm_in_error_packets_total",
            "Packets in refused for a reason not listed here.",
        ),
    ),
    (
        "XfrmInBufferError",
        Desc::counter(
            "node_xfrm_in_buffer_error_packets_total",
            "Packets in for which there was no buffer.",
        ),
    ),
    (
        "XfrmInHdrError",
        Desc::counter("node_xfrm_in_hdr_error_packets_total", "Packets in with a bad header."),
    ),
    (
        "XfrmInNoStates",
        Desc::counter(
            "node_xfrm_in_no_states_packets_total",
            "Packets in for which no state was found.",
        ),
    ),
    (
        "XfrmInStateProtoError",
        Desc::counter(
            "node_xfrm_in_state_proto_error_packets_total",
            "Packets in that their state's transform refused.",
        ),
    ),
    (
        "XfrmInStateModeError",
        Desc::counter(
            "node_xfrm_in_state_mode_error_packets_total",
            "Packets in that do not fit their state's mode.",
        ),
    ),
    (
        "XfrmInStateSeqError",
        Desc::counter(
            "node_xfrm_in_state_seq_error_packets_total",
            "Packets in whose sequence number is out of the window.",
        ),
    ),
    (
        "XfrmInStateExpired",
        Desc::counter(
            "node_xfrm_in_state_expired_packets_total",
            "Packets in whose state has expired.",
        ),
    ),
    (
        "XfrmInStateMismatch",
        Desc::counter(
            "node_xfrm_in_state_mismatch_packets_total",
            "Packets in that do not fit their state's options.",
        ),
    ),
    (
        "XfrmInStateInvalid",
        Desc::counter(
            "node_xfrm_in_state_invalid_packets_total",
            "Packets in whose state is invalid.",
        ),
    ),
    (
        "XfrmInTmplMismatch",
        Desc::counter(
            "node_xfrm_in_tmpl_mismatch_packets_total",
            "Packets in whose states fit no template.",
        ),
    ),
    (
        "XfrmInNoPols",
        Desc::counter(
            "node_xfrm_in_no_pols_packets_total",
            "Packets in whose states are right but without a policy.",
        ),
    ),
    (
        "XfrmInPolBlock",
        Desc::counter("node_xfrm_in_pol_block_packets_total", "Packets in that a policy blocks."),
    ),
    (
        "XfrmInPolError",
        Desc::counter("node_xfrm_in_pol_error_packets_total", "Packets in whose policy failed."),
    ),
    (
        "XfrmOutError",
        Desc::counter(
            "node_xfrm_out_error_packets_total",
            "Packets out refused for a reason not listed here.",
        ),
    ),
    (
        "XfrmOutBundleGenError",
        Desc::counter(
            "node_xfrm_out_bundle_gen_error_packets_total",
            "Packets out for which no bundle could be made.",
        ),
    ),
    (
        "XfrmOutBundleCheckError",
        Desc::counter(
            "node_xfrm_out_bundle_check_error_packets_total",
            "Packets out whose bundle failed its check.",
        ),
    ),
    (
        "XfrmOutNoStates",
        Desc::counter(
            "node_xfrm_out_no_states_packets_total",
            "Packets out for which no state was found.",
        ),
    ),
    (
        "XfrmOutStateProtoError",
        Desc::counter(
            "node_xfrm_out_state_proto_error_packets_total",
            "Packets out that their state's transform refused.",
        ),
    ),
    (
        "XfrmOutStateModeError",
        Desc::counter(
            "node_xfrm_out_state_mode_error_packets_total",
            "Packets out that do not fit their state's mode.",
        ),
    ),
    (
        "XfrmOutStateSeqError",
        Desc::counter(
            "node_xfrm_out_state_seq_error_packets_total",
            "Packets out for which no sequence number was left.",
        ),
    ),
    (
        "XfrmOutStateExpired",
        Desc::counter(
            "node_xfrm_out_state_expired_packets_total",
            "Packets out whose state has expired.",
        ),
    ),
    (
        "XfrmOutPolBlock",
        Desc::counter("node_xfrm_out_pol_block_packets_total", "Packets out that a policy blocks."),
    ),
    (
        "XfrmOutPolDead",
        Desc::counter("node_xfrm_out_pol_dead_packets_total", "Packets out whose policy is dead."),
    ),
    (
        "XfrmOutPolError",
        Desc::counter("node_xfrm_out_pol_error_packets_total", "Packets out whose policy failed."),
    ),
    (
        "XfrmFwdHdrError",
        Desc::counter(
            "node_xfrm_fwd_hdr_error_packets_total",
            "Packets passed on whose header is bad.",
        ),
    ),
    (
        "XfrmOutStateInvalid",
        Desc::counter(
            "node_xfrm_out_state_invalid_packets_total",
            "Packets out whose state is invalid.",
        ),
    ),
    (
        "XfrmAcquireError",
        Desc::counter(
            "node_xfrm_acquire_error_packets_total",
            "Packets whose state was not ready for use.",
        ),
    ),
];

#[derive(Debug)]
pub(super) struct Xfrm;

#[async_trait]
impl Collector<Host> for Xfrm {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host
            .read_proc_if_present(FILE)?
            .ok_or_else(|| CollectError::NoData("no statistics of IPsec in the kernel".into()))?;
        let counts = text.lines().map(parse).collect::<Partial<_, _>>().not_empty("no count");
        // A line that the kernel lacks counts as zero, as in the reference exporter; a malformed one does not.
        let absent = counts.error.is_none().then_some(0.0);
        for (name, desc) in &COUNTERS {
            let found = counts.good.iter().find(|(known, _)| known == name);
            if let Some(count) = found.map(|(_, count)| *count).or(absent) {
                sink.value(desc, count);
            }
        }
        counts.map_error(|error| host.malformed_proc(FILE, error)).finish()
    }
}

/// Name and count.
fn parse(line: &str) -> Result<(&str, f64), ParseError> {
    let mut words = line.split_ascii_whitespace();
    let name = words.next().ok_or(ParseError::Missing { field: "name" })?;
    let count: u64 = parse_number("count", words.next())?;
    Ok((name, count as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_name_and_count() {
        assert_eq!(parse("XfrmInNoPols            \t65432"), Ok(("XfrmInNoPols", 65_432.0)));
    }

    #[test]
    fn truncated_and_malformed_lines_are_errors() {
        for line in ["", "XfrmInError", "XfrmInError x", "XfrmInError -1"] {
            assert!(parse(line).is_err(), "{line:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~\n]|\\PC){0,200}") {
            let _ = parse(&text);
        }
    }
}
