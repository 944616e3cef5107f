//! Memory errors: `/sys/devices/system/edac/mc`, Documentation/admin-guide/RAS of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::keyed::Keyed;

use crate::host::Host;
use crate::readers::attributes::{Table, number_after, read};

const DIRECTORY: &str = "devices/system/edac/mc";

const CONTROLLER: &[Keyed] = &[
    Keyed::counter(
        "ce_count",
        "node_edac_correctable_errors_total",
        "Errors that a memory controller has corrected.",
    ),
    Keyed::counter(
        "ue_count",
        "node_edac_uncorrectable_errors_total",
        "Errors that a memory controller could not correct.",
    ),
];

const CSROW: &[Keyed] = &csrow("ce_count", "ue_count");
/// Errors of which the controller does not know the row.
const UNKNOWN_CSROW: &[Keyed] = &csrow("ce_noinfo_count", "ue_noinfo_count");

const CHANNEL: &[Keyed] = &[
    Keyed::counter(
        "ce_count",
        "node_edac_channel_correctable_errors_total",
        "Errors corrected in a channel of a row of memory.",
    ),
    Keyed::counter(
        "ue_count",
        "node_edac_channel_uncorrectable_errors_total",
        "Errors not corrected in a channel of a row of memory.",
    ),
];

const fn csrow(corrected: &'static str, uncorrected: &'static str) -> [Keyed; 2] {
    [
        Keyed::counter(
            corrected,
            "node_edac_csrow_correctable_errors_total",
            "Errors corrected in a row of memory.",
        ),
        Keyed::counter(
            uncorrected,
            "node_edac_csrow_uncorrectable_errors_total",
            "Errors not corrected in a row of memory.",
        ),
    ]
}

#[derive(Debug, Default)]
pub(super) struct Edac;

#[async_trait]
impl Collector<Host> for Edac {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut tables = Tables {
            controllers: Table::new(CONTROLLER, ["controller"]),
            csrows: Table::new(CSROW, ["controller", "csrow"]),
            channels: Table::new(CHANNEL, ["channel", "controller", "csrow", "dimm_label"]),
        };
        let mut errors = FirstError::default();
        for name in host.list_sys(DIRECTORY)?.unwrap_or_default() {
            if let Some(controller) = number_after(&name, "mc") {
                tables.read(host, controller, &mut errors);
            }
        }
        tables.controllers.push(sink);
        tables.csrows.push(sink);
        tables.channels.push(sink);
        errors.into_result()
    }
}

struct Tables {
    controllers: Table<1>,
    csrows: Table<2>,
    channels: Table<4>,
}

impl Tables {
    fn read(&mut self, host: &Host, controller: &str, errors: &mut FirstError) {
        let prefix = format!("{DIRECTORY}/mc{controller}/");
        self.controllers.read(host, &prefix, [controller], errors);
        let unknown = read(host, &prefix, UNKNOWN_CSROW, errors);
        self.csrows.add([controller, "unknown"], unknown);
        for name in errors.catch(host.list_sys(&prefix)).unwrap_or_default() {
            let Some(csrow) = number_after(&name, "csrow") else { continue };
            let prefix = format!("{prefix}{name}/");
            self.csrows.read(host, &prefix, [controller, csrow], errors);
            for file in errors.catch(host.list_sys(&prefix)).unwrap_or_default() {
                let channel = file.strip_suffix("_ce_count");
                let Some(channel) = channel.and_then(|name| number_after(name, "ch")) else {
                    continue;
                };
                let prefix = format!("{prefix}ch{channel}_");
                let label = errors.catch(host.attribute(&format!("{prefix}dimm_label")));
                let label = label.map_or_else(|| "unknown".to_owned(), |label| dimm_label(&label));
                self.channels.read(host, &prefix, [channel, controller, csrow, &label], errors);
            }
        }
    }
}

/// `mc0_csrow1_channel0` of the kernel's own `mc#0csrow#1channel#0`.
fn dimm_label(text: &str) -> String {
    text.replace('#', "").replace("csrow", "_csrow").replace("channel", "_channel")
}

#[cfg(test)]
mod tests {
    use super::dimm_label;

    #[test]
    fn labels_of_the_kernel_are_parted_and_others_kept() {
        assert_eq!(dimm_label("mc#0csrow#1channel#0"), "mc0_csrow1_channel0");
        assert_eq!(dimm_label("CPU_SrcID#0_Ha#0_Chan#1_DIMM#0"), "CPU_SrcID0_Ha0_Chan1_DIMM0");
        assert_eq!(dimm_label(""), "");
    }
}
