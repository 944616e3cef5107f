//! Information from the firmware about the machine: `/sys/class/dmi/id`,
//! Documentation/ABI/testing/sysfs-class-dmi of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;
use crate::readers::attributes::{devices, present_texts, push_info};

const DIRECTORY: &str = "class/dmi/id/";

const INFO: Desc<'_> =
    Desc::gauge("node_dmi_info", "Information about the machine from the firmware; always 1.");

/// Label and file. Serial numbers and the UUID are for root only.
const TEXTS: [(&str, &str); 20] = [
    ("bios_date", "bios_date"),
    ("bios_release", "bios_release"),
    ("bios_vendor", "bios_vendor"),
    ("bios_version", "bios_version"),
    ("board_asset_tag", "board_asset_tag"),
    ("board_name", "board_name"),
    ("board_serial", "board_serial"),
    ("board_vendor", "board_vendor"),
    ("board_version", "board_version"),
    ("chassis_asset_tag", "chassis_asset_tag"),
    ("chassis_serial", "chassis_serial"),
    ("chassis_vendor", "chassis_vendor"),
    ("chassis_version", "chassis_version"),
    ("product_family", "product_family"),
    ("product_name", "product_name"),
    ("product_serial", "product_serial"),
    ("product_sku", "product_sku"),
    ("product_uuid", "product_uuid"),
    ("product_version", "product_version"),
    ("system_vendor", "sys_vendor"),
];

#[derive(Debug, Default)]
pub(super) struct Dmi;

#[async_trait]
impl Collector<Host> for Dmi {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        devices(host, DIRECTORY)?;
        let mut errors = FirstError::default();
        let texts = present_texts(host, DIRECTORY, &TEXTS, &mut errors);
        push_info(sink, &INFO, vec![texts]);
        errors.into_result()
    }
}
