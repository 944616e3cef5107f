//! What udev knows of a disk: its database, `/run/udev/data/b<major>:<minor>`, udev(7).

use common::exposition::Sink;
use common::keyed::Keyed;
use common::metric::Desc;

use super::Disk;

const FILESYSTEM_INFO: Desc<'_> =
    Desc::gauge("node_disk_filesystem_info", "File system that a disk holds; always 1.");
const MAPPER_INFO: Desc<'_> =
    Desc::gauge("node_disk_device_mapper_info", "Information from the device mapper; always 1.");

/// Properties of the udev database that are numbers.
const ATA_PROPERTIES: &[Keyed] = &[
    Keyed::gauge(
        "ID_ATA_WRITE_CACHE",
        "node_disk_ata_write_cache",
        "1 if an ATA disk has a write cache.",
    ),
    Keyed::gauge(
        "ID_ATA_WRITE_CACHE_ENABLED",
        "node_disk_ata_write_cache_enabled",
        "1 if an ATA disk's write cache is on.",
    ),
    Keyed::gauge(
        "ID_ATA_ROTATION_RATE_RPM",
        "node_disk_ata_rotation_rate_rpm",
        "Rotations per minute of an ATA disk; 0 if it does not rotate.",
    ),
];

/// Content of a device's file in the udev database: lines `E:KEY=VALUE`.
#[derive(Debug)]
pub(super) struct Udev(String);

impl Udev {
    pub(super) fn new(content: String) -> Self {
        Self(content)
    }

    /// The property's value, empty if it is absent.
    pub(super) fn get(&self, key: &str) -> &str {
        let mut properties = self.0.lines().filter_map(|line| line.strip_prefix("E:"));
        properties
            .find_map(|property| property.strip_prefix(key)?.strip_prefix('='))
            .unwrap_or_default()
    }

    pub(super) fn serial(&self) -> &str {
        ["SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"]
            .into_iter()
            .map(|key| self.get(key))
            .find(|serial| !serial.is_empty())
            .unwrap_or_default()
    }
}

/// Pushes the families that only udev has the figures for.
pub(super) fn push(disks: &[Disk<'_>], udev: &[Udev], sink: &mut Sink) {
    let with = |key: &'static str| {
        disks.iter().zip(udev).filter(move |(_, udev)| !udev.get(key).is_empty())
    };
    let samples = with("ID_FS_TYPE").map(|(disk, udev)| {
        let labels = [
            ("device", disk.name),
            ("type", udev.get("ID_FS_TYPE")),
            ("usage", udev.get("ID_FS_USAGE")),
            ("uuid", udev.get("ID_FS_UUID")),
            ("version", udev.get("ID_FS_VERSION")),
        ];
        (labels, 1.0)
    });
    sink.samples(&FILESYSTEM_INFO, samples);
    let samples = with("DM_NAME").map(|(disk, udev)| {
        let labels = [
            ("device", disk.name),
            ("lv_layer", udev.get("DM_LV_LAYER")),
            ("lv_name", udev.get("DM_LV_NAME")),
            ("name", udev.get("DM_NAME")),
            ("uuid", udev.get("DM_UUID")),
            ("vg_name", udev.get("DM_VG_NAME")),
        ];
        (labels, 1.0)
    });
    sink.samples(&MAPPER_INFO, samples);
    for column in ATA_PROPERTIES {
        let samples = with("ID_ATA").filter_map(|(disk, udev)| {
            let value = column.value(udev.get(column.key)).ok()??;
            Some(([("device", disk.name)], value))
        });
        sink.samples(&column.desc, samples);
    }
}

#[cfg(test)]
mod tests {
    use super::Udev;

    #[test]
    fn the_first_serial_that_is_set_is_taken() {
        let udev = Udev("S:disk\nE:ID_SERIAL=long\nE:ID_SERIAL_SHORT=short\nE:ID=\n".into());
        assert_eq!(udev.serial(), "short");
        assert_eq!(udev.get("ID"), "");
        assert_eq!(udev.get("ID_MODEL"), "");
    }
}
