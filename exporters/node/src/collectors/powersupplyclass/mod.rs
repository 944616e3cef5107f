//! Batteries and mains adapters: `/sys/class/power_supply`,
//! Documentation/power/power_supply_class.rst of the kernel.

mod table;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::filter::{Filter, Pattern};
use common::metric::Desc;

use crate::host::Host;
use crate::readers::attributes::{Table, devices, present_texts, push_info};
use table::ATTRIBUTES;

const DIRECTORY: &str = "class/power_supply";

const INFO: Desc<'_> =
    Desc::gauge("node_power_supply_info", "Information about each power supply; always 1.");

const TEXTS: [(&str, &str); 11] = [
    ("capacity_level", "capacity_level"),
    ("charge_type", "charge_type"),
    ("health", "health"),
    ("manufacturer", "manufacturer"),
    ("model_name", "model_name"),
    ("scope", "scope"),
    ("serial_number", "serial_number"),
    ("status", "status"),
    ("technology", "technology"),
    ("type", "type"),
    ("usb_type", "usb_type"),
];

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Power supplies to leave out
    #[arg(
        id = "collector.powersupply.ignored-supplies",
        long = "collector.powersupply.ignored-supplies",
        value_name = "REGEX",
        default_value = "^$"
    )]
    pub ignored: Pattern,
}

#[derive(Debug)]
pub(super) struct PowerSupplies {
    names: Filter,
}

impl PowerSupplies {
    pub(super) fn new(options: &Options) -> Self {
        Self { names: Filter::new(None, Some(options.ignored.clone())) }
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(PowerSupplies::new(&Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Host> for PowerSupplies {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut table = Table::new(ATTRIBUTES, ["power_supply"]);
        let mut errors = FirstError::default();
        let mut infos = Vec::new();
        for name in devices(host, DIRECTORY)? {
            if !self.names.accepts(&name) {
                continue;
            }
            let prefix = format!("{DIRECTORY}/{name}/");
            table.read(host, &prefix, [&name], &mut errors);
            let mut texts = present_texts(host, &prefix, &TEXTS, &mut errors);
            texts.retain(|(_, text)| !text.is_empty());
            texts.push(("power_supply", name));
            infos.push(texts);
        }
        push_info(sink, &INFO, infos);
        table.push(sink);
        errors.into_result()
    }
}
