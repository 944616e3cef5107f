//! InfiniBand and RoCE adapters: `/sys/class/infiniband`,
//! Documentation/ABI/stable/sysfs-class-infiniband of the kernel.

mod hardware;
mod table;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::filter::{Filter, Pattern};
use common::metric::Desc;

use crate::host::Host;
use crate::readers::attributes::{Table, devices, push_info, texts};

const DIRECTORY: &str = "class/infiniband";

const INFO: Desc<'_> =
    Desc::gauge("node_infiniband_info", "Information about each adapter; always 1.");

const TEXTS: [(&str, &str); 3] =
    [("board_id", "board_id"), ("firmware_version", "fw_ver"), ("hca_type", "hca_type")];

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// InfiniBand devices to leave out
    #[arg(
        id = "collector.infiniband.device-exclude",
        long = "collector.infiniband.device-exclude",
        value_name = "REGEX"
    )]
    pub exclude: Option<Pattern>,
    /// InfiniBand devices to expose
    #[arg(
        id = "collector.infiniband.device-include",
        long = "collector.infiniband.device-include",
        value_name = "REGEX"
    )]
    pub include: Option<Pattern>,
}

#[derive(Debug)]
pub(super) struct InfiniBand {
    devices: Filter,
}

impl InfiniBand {
    pub(super) fn new(options: &Options) -> Self {
        Self { devices: Filter::new(options.include.clone(), options.exclude.clone()) }
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(InfiniBand::new(&Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Host> for InfiniBand {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut table = Table::new(table::ATTRIBUTES, ["device", "port"]);
        let mut hardware = Table::new(hardware::ATTRIBUTES, ["device", "port"]);
        let mut errors = FirstError::default();
        let mut infos = Vec::new();
        for device in devices(host, DIRECTORY)? {
            if !self.devices.accepts(&device) {
                continue;
            }
            let prefix = format!("{DIRECTORY}/{device}/");
            let ports = format!("{prefix}ports");
            for port in errors.catch(host.list_sys(&ports)).unwrap_or_default() {
                let (prefix, labels) = (format!("{ports}/{port}/"), [&*device, &*port]);
                table.read(host, &prefix, labels, &mut errors);
                hardware.read(host, &format!("{prefix}hw_counters/"), labels, &mut errors);
            }
            if let Some(mut texts) = texts(host, &prefix, &TEXTS, &mut errors) {
                texts.push(("device", device));
                infos.push(texts);
            }
        }
        push_info(sink, &INFO, infos);
        table.push(sink);
        hardware.push(sink);
        errors.into_result()
    }
}
