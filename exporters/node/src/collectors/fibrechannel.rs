//! Fibre Channel host adapters: `/sys/class/fc_host`,
//! Documentation/scsi/scsi_fc_transport.rst of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::keyed::{Keyed, integer};
use common::metric::Desc;

use crate::host::Host;
use crate::readers::attributes::{Table, devices, push_info, texts};

const DIRECTORY: &str = "class/fc_host";

const INFO: Desc<'_> =
    Desc::gauge("node_fibrechannel_info", "Information about each adapter; always 1.");

const TEXTS: [(&str, &str); 10] = [
    ("dev_loss_tmo", "dev_loss_tmo"),
    ("fabric_name", "fabric_name"),
    ("port_id", "port_id"),
    ("port_name", "port_name"),
    ("port_state", "port_state"),
    ("port_type", "port_type"),
    ("speed", "speed"),
    ("supported_classes", "supported_classes"),
    ("supported_speeds", "supported_speeds"),
    ("symbolic_name", "symbolic_name"),
];

/// Texts that are numbers, shown without their `0x`.
const HEXADECIMAL: [&str; 3] = ["fabric_name", "port_id", "port_name"];

const STATISTICS: &[Keyed] = &[
    statistic("dumped_frames", "node_fibrechannel_dumped_frames_total", "Frames dumped."),
    statistic("error_frames", "node_fibrechannel_error_frames_total", "Frames with errors."),
    statistic(
        "invalid_crc_count",
        "node_fibrechannel_invalid_crc_total",
        "Frames with a wrong checksum.",
    ),
    statistic("rx_frames", "node_fibrechannel_rx_frames_total", "Frames received."),
    statistic("rx_words", "node_fibrechannel_rx_words_total", "Words of 4 bytes received."),
    statistic("tx_frames", "node_fibrechannel_tx_frames_total", "Frames sent."),
    statistic("tx_words", "node_fibrechannel_tx_words_total", "Words of 4 bytes sent."),
    statistic(
        "seconds_since_last_reset",
        "node_fibrechannel_seconds_since_last_reset_total",
        "Age of these statistics.",
    ),
    statistic(
        "invalid_tx_word_count",
        "node_fibrechannel_invalid_tx_words_total",
        "Invalid words sent.",
    ),
    statistic(
        "link_failure_count",
        "node_fibrechannel_link_failure_total",
        "Failures of the link.",
    ),
    statistic(
        "loss_of_sync_count",
        "node_fibrechannel_loss_of_sync_total",
        "Losses of synchronisation.",
    ),
    statistic(
        "loss_of_signal_count",
        "node_fibrechannel_loss_of_signal_total",
        "Losses of signal.",
    ),
    statistic("nos_count", "node_fibrechannel_nos_total", "Not-operational sequences received."),
    statistic(
        "fcp_packet_aborts",
        "node_fibrechannel_fcp_packet_aborts_total",
        "SCSI commands aborted.",
    ),
];

const fn statistic(file: &'static str, name: &'static str, help: &'static str) -> Keyed {
    Keyed::counter(file, name, help).read_by(supported_integer)
}

#[derive(Debug, Default)]
pub(super) struct FibreChannel;

#[async_trait]
impl Collector<Host> for FibreChannel {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let (mut table, mut errors) = (Table::new(STATISTICS, ["fc_host"]), FirstError::default());
        let mut infos = Vec::new();
        for name in devices(host, DIRECTORY)? {
            let prefix = format!("{DIRECTORY}/{name}/");
            let Some(mut texts) = texts(host, &prefix, &TEXTS, &mut errors) else { continue };
            let is_known = texts.iter().any(|(label, state)| {
                *label == "port_state" && !matches!(&**state, "" | "Unknown")
            });
            if is_known {
                table.read(host, &format!("{prefix}statistics/"), [&name], &mut errors);
            } else {
                // Zeros as in the reference exporter, though nothing was counted.
                table.add([&name], vec![Some(0.0); STATISTICS.len()]);
            }
            for (label, text) in &mut texts {
                if let (true, Some(digits)) = (HEXADECIMAL.contains(label), text.strip_prefix("0x"))
                {
                    *text = digits.to_owned();
                }
            }
            texts.push(("fc_host", name));
            infos.push(texts);
        }
        push_info(sink, &INFO, infos);
        table.push(sink);
        errors.into_result()
    }
}

/// All ones mean that the adapter does not keep the statistic.
fn supported_integer(text: &str) -> Result<Option<f64>, ParseError> {
    if text == "0xffffffffffffffff" { Ok(None) } else { integer(text) }
}

#[cfg(test)]
mod tests {
    use super::supported_integer;

    #[test]
    fn all_ones_are_no_number() {
        assert_eq!(supported_integer("0x3"), Ok(Some(3.0)));
        assert_eq!(supported_integer("0xffffffffffffffff"), Ok(None));
        assert_eq!(supported_integer("0xffffffff"), Ok(Some(4_294_967_295.0)));
        assert!(supported_integer("").is_err());
    }
}
