//! Multipath devices of the device mapper: `/sys/block/dm-*`,
//! Documentation/ABI/testing/sysfs-block-dm of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::metric::{Desc, Metric, gauge};

use crate::host::Host;
use crate::readers::SECTOR_BYTES;
use crate::readers::attributes::{devices, number_after};

const INFO: Desc<'_> =
    Desc::gauge("node_dmmultipath_device_info", "Names of each multipath device; always 1.");
const PATH_STATE: Desc<'_> = Desc::gauge(
    "node_dmmultipath_path_state",
    "State of each path of a multipath device; always 1.",
);

const METRICS: &[Metric<Device>] = &[
    gauge("node_dmmultipath_device_active", "1 unless the device is suspended.", |device| {
        device.is_suspended.map(|is_suspended| f64::from(!is_suspended))
    }),
    gauge("node_dmmultipath_device_size_bytes", "Size of the device.", |device| {
        device.sectors.map(|sectors| sectors * SECTOR_BYTES)
    }),
    gauge("node_dmmultipath_device_paths", "Paths of the device.", |device| {
        Some(device.paths.len() as f64)
    }),
    gauge("node_dmmultipath_device_paths_active", "Paths that work.", |device| {
        Some(device.active_paths())
    }),
    gauge("node_dmmultipath_device_paths_failed", "Paths that do not work.", |device| {
        Some(device.paths.len() as f64 - device.active_paths())
    }),
];

#[derive(Debug)]
struct Device {
    /// `dm-0`.
    sysfs_name: String,
    name: String,
    uuid: String,
    is_suspended: Option<bool>,
    sectors: Option<f64>,
    /// Name and state of each disk.
    paths: Vec<(String, String)>,
}

impl Device {
    /// SCSI disks are `running`, NVMe controllers `live`.
    fn active_paths(&self) -> f64 {
        let is_active = |(_, state): &&(String, String)| matches!(&**state, "running" | "live");
        self.paths.iter().filter(is_active).count() as f64
    }
}

#[derive(Debug, Default)]
pub(super) struct DmMultipath;

#[async_trait]
impl Collector<Host> for DmMultipath {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut errors = FirstError::default();
        let names = devices(host, "block")?;
        let devices: Vec<Device> = names
            .into_iter()
            .filter(|name| number_after(name, "dm-").is_some())
            .filter_map(|name| read(host, name, &mut errors))
            .collect();
        push(&devices, sink);
        errors.into_result()
    }
}

/// The device, or `None` if it is another kind of mapping or has gone.
fn read(host: &Host, sysfs_name: String, errors: &mut FirstError) -> Option<Device> {
    let path = |file: &str| format!("block/{sysfs_name}/{file}");
    let uuid = errors.catch(host.attribute(&path("dm/uuid")))?;
    if !uuid.starts_with("mpath-") {
        return None;
    }
    let name = errors.catch(host.attribute(&path("dm/name")))?;
    let is_suspended = errors.catch(host.attribute(&path("dm/suspended")));
    let disks = errors.catch(host.list_sys(&path("slaves"))).unwrap_or_default();
    let paths = disks.into_iter().map(|disk| {
        let state = errors.catch(host.attribute(&format!("block/{disk}/device/state")));
        (disk, state.unwrap_or_else(|| "unknown".to_owned()))
    });
    let paths = paths.collect();
    Some(Device {
        name,
        uuid,
        is_suspended: is_suspended.map(|text| text == "1"),
        sectors: errors.catch(host.number(&path("size"))),
        paths,
        sysfs_name,
    })
}

fn push(devices: &[Device], sink: &mut Sink) {
    let samples = devices.iter().map(|Device { name, sysfs_name, uuid, .. }| {
        ([("device", name), ("sysfs_name", sysfs_name), ("uuid", uuid)], 1.0)
    });
    sink.samples(&INFO, samples);
    let rows = devices
        .iter()
        .map(|device| ([("device", &*device.name), ("sysfs_name", &*device.sysfs_name)], device));
    sink.table(METRICS, rows);
    let mut family = sink.family(&PATH_STATE);
    for device in devices {
        for (disk, state) in &device.paths {
            family.sample(&[("device", &device.name), ("path", disk), ("state", state)], 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_and_live_paths_are_active() {
        let paths = ["running", "live", "offline", "unknown", ""];
        let device = Device {
            sysfs_name: "dm-0".into(),
            name: "mpatha".into(),
            uuid: "mpath-1".into(),
            is_suspended: None,
            sectors: None,
            paths: paths.map(|state| ("sda".to_owned(), state.to_owned())).into(),
        };
        let values: Vec<_> = METRICS.iter().map(|metric| (metric.value)(&device)).collect();
        assert_eq!(values, [None, None, Some(5.0), Some(2.0), Some(3.0)]);
    }
}
