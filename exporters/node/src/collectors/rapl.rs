//! Energy that the processor has used: `/sys/class/powercap/intel-rapl*`,
//! Documentation/power/powercap/powercap.rst of the kernel.

use std::collections::BTreeMap;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::metric::{Desc, squeeze_name};

use crate::host::Host;
use crate::readers::attributes::devices;

const DIRECTORY: &str = "class/powercap";

const HELP: &str = "Energy used by a part of the processor.";
const LABELLED: Desc<'_> = Desc::counter("node_rapl_joules_total", HELP);

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Expose one family with the zone in a label, instead of a family per zone
    #[arg(id = "collector.rapl.enable-zone-label", long = "collector.rapl.enable-zone-label")]
    pub has_zone_label: bool,
}

#[derive(Debug)]
struct Zone {
    name: String,
    index: u64,
    path: String,
    joules: f64,
}

#[derive(Debug)]
pub(super) struct Rapl {
    has_zone_label: bool,
}

impl Rapl {
    pub(super) fn new(options: &Options) -> Self {
        Self { has_zone_label: options.has_zone_label }
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Rapl::new(&Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Host> for Rapl {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut errors = FirstError::default();
        let zones = read(host, &mut errors)?;
        if self.has_zone_label {
            push_labelled(&zones, sink);
        } else {
            push(&zones, sink);
        }
        errors.into_result()?;
        if zones.is_empty() {
            // Since Linux 5.10 only root may read the energy.
            return Err(CollectError::NoData("no energy counter that may be read".into()));
        }
        Ok(())
    }
}

fn read(host: &Host, errors: &mut FirstError) -> Result<Vec<Zone>, CollectError> {
    let mut names = Names::default();
    let mut zones = Vec::new();
    for entry in devices(host, DIRECTORY)? {
        if !entry.starts_with("intel-rapl") {
            continue;
        }
        let path = format!("{DIRECTORY}/{entry}");
        // The directory of the zones themselves has no name.
        let Some(name) = errors.catch(host.attribute(&format!("{path}/name"))) else { continue };
        let (name, index) = names.number(&name);
        let energy = errors.catch(host.number::<u64>(&format!("{path}/energy_uj")));
        if let Some(microjoules) = energy {
            let path = host.sys_path(&path).display().to_string();
            zones.push(Zone { name, index, path, joules: microjoules as f64 / 1e6 });
        }
    }
    Ok(zones)
}

fn push(zones: &[Zone], sink: &mut Sink) {
    let mut families: BTreeMap<String, Vec<&Zone>> = BTreeMap::new();
    for zone in zones {
        let family = format!("node_rapl_{}_joules_total", squeeze_name(&zone.name));
        families.entry(family).or_default().push(zone);
    }
    for (name, zones) in &families {
        let mut family = sink.family(&Desc::counter(name, HELP));
        for zone in zones {
            family.sample(&[("index", &zone.index.to_string()), ("path", &zone.path)], zone.joules);
        }
    }
}

fn push_labelled(zones: &[Zone], sink: &mut Sink) {
    let mut family = sink.family(&LABELLED);
    for Zone { name, index, path, joules } in zones {
        let labels = [("index", &*index.to_string()), ("path", path), ("rapl_zone", name)];
        family.sample(&labels, *joules);
    }
}

/// Next index of each name that does not bring its own.
#[derive(Debug, Default)]
struct Names(BTreeMap<String, u64>);

impl Names {
    /// `package` and 1 of `package-1`; other names are counted from 0.
    fn number(&mut self, text: &str) -> (String, u64) {
        let own = match text.split_once('-') {
            Some((name, index)) => index.parse().ok().map(|index| (name, index)),
            None => None,
        };
        let (name, index) =
            own.unwrap_or_else(|| (text, self.0.get(text).copied().unwrap_or_default()));
        self.0.insert(name.to_owned(), index.saturating_add(1));
        (name.to_owned(), index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_bring_their_index_or_are_counted() {
        let mut names = Names::default();
        let numbered = ["package-0", "core", "package-1", "core", "psys", "a-b-1"]
            .map(|name| names.number(name));
        let expected =
            [("package", 0), ("core", 0), ("package", 1), ("core", 1), ("psys", 0), ("a-b-1", 0)];
        assert_eq!(numbered, expected.map(|(name, index)| (name.to_owned(), index)));
        assert_eq!(names.number(""), (String::new(), 0));
        assert_eq!(names.number("x-99999999999999999999").0, "x-99999999999999999999");
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_numbered(name in "\\PC{0,20}") {
            let _ = Names::default().number(&name);
        }
    }
}
