//! Watchdog timers: `/sys/class/watchdog`,
//! Documentation/ABI/testing/sysfs-class-watchdog of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::keyed::Keyed;
use common::metric::Desc;

use crate::host::Host;
use crate::readers::attributes::{Table, devices, push_info, texts};

const DIRECTORY: &str = "class/watchdog";

const INFO: Desc<'_> =
    Desc::gauge("node_watchdog_info", "Information about each watchdog; always 1.");

const TEXTS: [(&str, &str); 5] = [
    ("identity", "identity"),
    ("options", "options"),
    ("pretimeout_governor", "pretimeout_governor"),
    ("state", "state"),
    ("status", "status"),
];

const ATTRIBUTES: &[Keyed] = &[
    Keyed::gauge(
        "bootstatus",
        "node_watchdog_bootstatus",
        "Flags with the reason of the last boot.",
    ),
    Keyed::gauge("fw_version", "node_watchdog_fw_version", "Version of the watchdog's firmware."),
    Keyed::gauge("nowayout", "node_watchdog_nowayout", "1 if the watchdog cannot be stopped."),
    Keyed::gauge("timeleft", "node_watchdog_timeleft_seconds", "Time until the host is reset."),
    Keyed::gauge(
        "timeout",
        "node_watchdog_timeout_seconds",
        "Time without a keepalive before the host is reset.",
    ),
    Keyed::gauge(
        "pretimeout",
        "node_watchdog_pretimeout_seconds",
        "Time between warning and reset.",
    ),
    Keyed::gauge(
        "access_cs0",
        "node_watchdog_access_cs0",
        "1 if the host was booted from chip select 0.",
    ),
];

#[derive(Debug, Default)]
pub(super) struct Watchdog;

#[async_trait]
impl Collector<Host> for Watchdog {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let (mut table, mut errors) = (Table::new(ATTRIBUTES, ["name"]), FirstError::default());
        let mut infos = Vec::new();
        for name in devices(host, DIRECTORY)? {
            let prefix = format!("{DIRECTORY}/{name}/");
            table.read(host, &prefix, [&name], &mut errors);
            if let Some(mut texts) = texts(host, &prefix, &TEXTS, &mut errors) {
                texts.push(("name", name));
                infos.push(texts);
            }
        }
        push_info(sink, &INFO, infos);
        table.push(sink);
        errors.into_result()
    }
}
