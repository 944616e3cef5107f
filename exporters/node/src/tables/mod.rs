//! What `top` and `scrape --format=table` show of the host: the whole, then devices, then what is
//! wrong. A part whose collector is off or has no data is left out.

mod devices;
mod host;
mod trouble;

use clap::{ArgMatches, Command};
use common::view::{Reading, Table};

/// Devices of a kind that are shown at most.
const MOST: usize = 12;

/// The tables, in their order.
pub(crate) fn make(_: &ArgMatches, reading: &Reading<'_>) -> Vec<Table> {
    vec![
        host::table(reading),
        devices::file_systems(reading),
        devices::disks(reading),
        devices::networks(reading),
        devices::temperatures(reading),
        trouble::table(reading),
    ]
}

/// Units that have failed are looked for as well: on a host with systemd it is what people ask
/// first.
pub(crate) fn add_units(command: Command, switch: &'static str) -> Command {
    let has_systemd = std::path::Path::new("/run/systemd/system").is_dir();
    command.mut_arg(switch, |arg| if has_systemd { arg.default_value("true") } else { arg })
}

#[cfg(test)]
mod tests;
