//! Use and memory of AMD graphics cards, clocks and idle times of Intel ones: `/sys/class/drm/card*`,
//! Documentation/gpu/amdgpu and Documentation/ABI of the kernel.
//!
//! Power and temperature of the cards are in hwmon. NVIDIA's own driver shows nothing here.

mod intel;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::keyed::Keyed;
use common::metric::Desc;

use crate::host::Host;
use crate::readers::attributes::{Table, number_after, present_texts, push_info};

const DIRECTORY: &str = "class/drm";

const INFO: Desc<'_> = Desc::gauge("node_drm_card_info", "Information about each card; always 1.");

const TEXTS: [(&str, &str); 3] = [
    ("memory_vendor", "mem_info_vram_vendor"),
    ("power_performance_level", "power_dpm_force_performance_level"),
    ("unique_id", "unique_id"),
];

const ATTRIBUTES: &[Keyed] = &[
    Keyed::gauge(
        "gpu_busy_percent",
        "node_drm_gpu_busy_percent",
        "Share of time that the GPU works.",
    ),
    Keyed::gauge(
        "mem_info_gtt_total",
        "node_drm_memory_gtt_size_bytes",
        "Host memory that the card can reach.",
    ),
    Keyed::gauge(
        "mem_info_gtt_used",
        "node_drm_memory_gtt_used_bytes",
        "Host memory that the card uses.",
    ),
    Keyed::gauge(
        "mem_info_vis_vram_total",
        "node_drm_memory_vis_vram_size_bytes",
        "Memory of the card that the host can reach.",
    ),
    Keyed::gauge(
        "mem_info_vis_vram_used",
        "node_drm_memory_vis_vram_used_bytes",
        "Used part of the memory of the card that the host can reach.",
    ),
    Keyed::gauge("mem_info_vram_total", "node_drm_memory_vram_size_bytes", "Memory of the card."),
    Keyed::gauge(
        "mem_info_vram_used",
        "node_drm_memory_vram_used_bytes",
        "Used memory of the card.",
    ),
];

#[derive(Debug, Default)]
pub(super) struct Drm;

#[async_trait]
impl Collector<Host> for Drm {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let (mut table, mut errors) = (Table::new(ATTRIBUTES, ["card"]), FirstError::default());
        let (mut infos, mut units) = (Vec::new(), intel::table());
        for card in host.list_sys(DIRECTORY)?.unwrap_or_default() {
            // Connectors are in the same directory: `card0-DP-1`.
            if number_after(&card, "card").is_none() {
                continue;
            }
            let device = format!("{DIRECTORY}/{card}/device/");
            let uevent = errors.catch(host.attribute(&format!("{device}uevent")));
            match uevent.as_deref().and_then(driver) {
                Some("amdgpu") => {
                    table.read(host, &device, [&card], &mut errors);
                    let mut texts = present_texts(host, &device, &TEXTS, &mut errors);
                    texts.extend([("card", card), ("vendor", "amd".to_owned())]);
                    infos.push(texts);
                }
                Some(driver @ ("i915" | "xe")) => {
                    intel::read(host, &card, &mut units, &mut errors);
                    let (driver, vendor) = (driver.to_owned(), "intel".to_owned());
                    infos.push(vec![("card", card), ("driver", driver), ("vendor", vendor)]);
                }
                _ => {}
            }
        }
        push_info(sink, &INFO, infos);
        table.push(sink);
        units.push(sink);
        errors.into_result()
    }
}

/// The line `DRIVER=amdgpu` of a device's `uevent`.
fn driver(uevent: &str) -> Option<&str> {
    uevent.lines().find_map(|line| line.strip_prefix("DRIVER="))
}

#[cfg(test)]
mod tests {
    use super::driver;

    #[test]
    fn only_the_line_of_the_driver_counts() {
        assert_eq!(driver("MAJOR=1\nDRIVER=amdgpu\nPCI_ID=1002:67DF"), Some("amdgpu"));
        assert_eq!(driver("DRIVER=amdgpu2"), Some("amdgpu2"));
        assert_eq!(driver("XDRIVER=amdgpu"), None);
        assert_eq!(driver(""), None);
    }
}
