//! Bonded network devices: `/sys/class/net`, Documentation/networking/bonding.rst of the kernel.

mod slaves;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::metric::{Metric, gauge};

use crate::host::Host;

const METRICS: &[Metric<Bond>] = &[
    gauge("node_bonding_slaves", "Devices that the bond is made of.", |bond| {
        Some(bond.slaves as f64)
    }),
    gauge("node_bonding_active", "Devices of the bond whose link is up.", |bond| {
        bond.active.map(|active| active as f64)
    }),
];

/// Links from a bond to its devices: the name in newer kernels, and in older ones.
const LINKS: [&str; 2] = ["lower", "slave"];

#[derive(Debug, PartialEq)]
struct Bond {
    master: String,
    slaves: usize,
    /// Names of its devices.
    names: Vec<String>,
    /// `None` if the kernel is too old to show the state of each device.
    active: Option<usize>,
}

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Expose settings of bonds, and state and LACP of each of their devices
    #[arg(id = "collector.bonding.details", long = "collector.bonding.details")]
    pub details: bool,
}

#[derive(Debug)]
pub(super) struct Bonding {
    has_details: bool,
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    let options = Options::from_arg_matches(matches)?;
    Ok(Box::new(Bonding { has_details: options.details }))
}

#[async_trait]
impl Collector<Host> for Bonding {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let masters = host
            .sys_if_present("class/net/bonding_masters")?
            .ok_or_else(|| CollectError::NoData("no bonding in the kernel".into()))?;
        let mut errors = FirstError::default();
        let masters = masters.split_ascii_whitespace();
        let bonds: Vec<Bond> =
            masters.filter_map(|master| read(host, master, &mut errors)).collect();
        if self.has_details {
            let named = bonds.iter().map(|bond| (&*bond.master, bond.names.clone()));
            slaves::push(&named.collect::<Vec<_>>(), host, sink, &mut errors);
        }
        sink.table(METRICS, bonds.iter().map(|bond| ([("master", &*bond.master)], bond)));
        errors.into_result()
    }
}

/// The bond, or `None` if it has gone meanwhile or cannot be read.
fn read(host: &Host, master: &str, errors: &mut FirstError) -> Option<Bond> {
    let slaves = errors.catch(host.attribute(&format!("class/net/{master}/bonding/slaves")))?;
    let slaves: Vec<&str> = slaves.split_ascii_whitespace().collect();
    let states = slaves.iter().map(|slave| errors.catch(is_up(host, master, slave)));
    let active = count_active(&states.collect::<Vec<_>>());
    let names = slaves.iter().map(ToString::to_string).collect();
    Some(Bond { master: master.to_owned(), slaves: slaves.len(), names, active })
}

/// How many are up. One that does not tell its state, while others do, is not known to be up: the
/// bond lacks a link rather than that nobody hears of it. `None` if none tells.
fn count_active(states: &[Option<bool>]) -> Option<usize> {
    let is_told = states.is_empty() || states.iter().any(Option::is_some);
    is_told.then(|| states.iter().filter(|state| **state == Some(true)).count())
}

fn is_up(host: &Host, master: &str, slave: &str) -> Result<Option<bool>, CollectError> {
    for link in LINKS {
        let path = format!("class/net/{master}/{link}_{slave}/bonding_slave/mii_status");
        if let Some(status) = host.attribute(&path)? {
            return Ok(Some(status == "up"));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_from(tree: &str, master: &str) -> Option<(usize, Option<usize>)> {
        let mut errors = FirstError::default();
        let bond = read(&Host::fixture(tree), master, &mut errors);
        errors.into_result().unwrap();
        bond.map(|bond| (bond.slaves, bond.active))
    }

    #[test]
    fn devices_count_as_active_while_their_link_is_up() {
        assert_eq!(read_from("linux-6.1", "bond0"), Some((2, Some(1))));
        assert_eq!(read_from("linux-6.1", "bond1"), Some((0, Some(0))));
    }

    #[test]
    fn a_device_without_state_beside_others_is_not_active() {
        let (up, down) = (Some(true), Some(false));
        assert_eq!(count_active(&[up, None, up]), Some(2));
        assert_eq!(count_active(&[None, down]), Some(0));
        assert_eq!(count_active(&[None, None]), None);
        assert_eq!(count_active(&[]), Some(0));
    }

    #[test]
    fn old_kernels_tell_no_state_and_bonds_may_vanish() {
        assert_eq!(read_from("linux-2.6.32", "bond0"), Some((1, None)));
        assert_eq!(read_from("linux-6.1", "bond7"), None);
    }
}
