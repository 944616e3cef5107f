//! Devices on the PCI bus: `/sys/bus/pci/devices`, Documentation/ABI/testing/sysfs-bus-pci
//! of the kernel.

mod names;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::keyed::{Keyed, integer};
use common::metric::Desc;

use crate::host::Host;
use crate::readers::attributes::{Table, Texts, devices, leading_number, push_info, texts};
use names::Names;

const DIRECTORY: &str = "bus/pci/devices";

const INFO: Desc<'_> =
    Desc::gauge("node_pcidevice_info", "Information about each PCI device; always 1.");
const POWER_STATE: Desc<'_> = Desc::gauge(
    "node_pcidevice_power_state",
    "1 for the power state that a PCI device is in, 0 for the others.",
);

const TEXTS: [(&str, &str); 6] = [
    ("class_id", "class"),
    ("device_id", "device"),
    ("revision", "revision"),
    ("subsystem_device_id", "subsystem_device"),
    ("subsystem_vendor_id", "subsystem_vendor"),
    ("vendor_id", "vendor"),
];

const POWER_STATES: [&str; 7] = ["D0", "D1", "D2", "D3cold", "D3hot", "error", "unknown"];

/// Label and its place in an address such as `0000:00:1f.2`.
const ADDRESS: [&str; 4] = ["segment", "bus", "device", "function"];
const PARENT: [&str; 4] = ["parent_segment", "parent_bus", "parent_device", "parent_function"];

const ATTRIBUTES: &[Keyed] = &[
    Keyed::gauge(
        "max_link_speed",
        "node_pcidevice_max_link_transfers_per_second",
        "Highest speed of the link; -1 if unknown.",
    )
    .read_by(link)
    .times(1e9)
    .or(-1.0),
    Keyed::gauge(
        "current_link_speed",
        "node_pcidevice_current_link_transfers_per_second",
        "Speed of the link; -1 if unknown.",
    )
    .read_by(link)
    .times(1e9)
    .or(-1.0),
    Keyed::gauge(
        "max_link_width",
        "node_pcidevice_max_link_width",
        "Maximum width of the link in lanes; -1 if unknown.",
    )
    .read_by(link)
    .or(-1.0),
    Keyed::gauge(
        "current_link_width",
        "node_pcidevice_current_link_width",
        "Width of the link in lanes; -1 if unknown.",
    )
    .read_by(link)
    .or(-1.0),
    Keyed::gauge(
        "d3cold_allowed",
        "node_pcidevice_d3cold_allowed",
        "1 if the device may lose its power when suspended.",
    )
    .or(0.0),
    Keyed::gauge(
        "sriov_drivers_autoprobe",
        "node_pcidevice_sriov_drivers_autoprobe",
        "1 if new virtual functions are bound to a driver automatically.",
    )
    .or(0.0),
    Keyed::gauge("sriov_numvfs", "node_pcidevice_sriov_numvfs", "Virtual functions in use.")
        .or(0.0),
    Keyed::gauge("sriov_totalvfs", "node_pcidevice_sriov_totalvfs", "Virtual functions available.")
        .or(0.0),
    Keyed::gauge(
        "sriov_vf_total_msix",
        "node_pcidevice_sriov_vf_total_msix",
        "Interrupt vectors for virtual functions.",
    )
    .or(0.0),
    Keyed::gauge("numa_node", "node_pcidevice_numa_node", "NUMA node that the device belongs to.")
        .read_by(numa_node),
];

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Add the names of vendors, devices and classes
    #[arg(id = "collector.pcidevice.names", long = "collector.pcidevice.names")]
    pub has_names: bool,
    /// The file pci.ids with these names (default: the usual places)
    #[arg(
        id = "collector.pcidevice.idsfile",
        long = "collector.pcidevice.idsfile",
        value_name = "FILE"
    )]
    pub ids_file: Option<PathBuf>,
}

#[derive(Debug)]
pub(super) struct PciDevices {
    /// Read once at start.
    names: Option<Names>,
}

impl PciDevices {
    pub(super) fn new(options: &Options) -> Self {
        let names = options.has_names.then(|| Names::load(options.ids_file.as_deref()));
        Self { names }
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(PciDevices::new(&Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Host> for PciDevices {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        // Labels of an address are in alphabetical order, as those of all samples.
        let mut table = Table::new(ATTRIBUTES, ["bus", "device", "function", "segment"]);
        let (mut infos, mut states) = (Vec::new(), Vec::new());
        let mut errors = FirstError::default();
        for name in devices(host, DIRECTORY)? {
            let Some([segment, bus, device, function]) = parse_address(&name) else { continue };
            let path = format!("{DIRECTORY}/{name}");
            let prefix = format!("{path}/");
            let Some(mut texts) = texts(host, &prefix, &TEXTS, &mut errors) else { continue };
            if let Some(names) = &self.names {
                names.add_to(&mut texts);
            }
            add_address(&mut texts, ADDRESS, [segment, bus, device, function]);
            let target = errors.catch(host.resolve_sys(&path));
            let parent = target.as_deref().and_then(parent_address);
            add_address(&mut texts, PARENT, parent.unwrap_or(["*"; 4]));
            infos.push(texts);
            let address = [bus, device, function, segment];
            table.read(host, &prefix, address, &mut errors);
            let state = errors.catch(host.attribute(&format!("{prefix}power_state")));
            states.push((address.map(str::to_owned), state.unwrap_or_default()));
        }
        push_info(sink, &INFO, infos);
        table.push(sink);
        push_power_states(&states, sink);
        errors.into_result()
    }
}

fn push_power_states(devices: &[([String; 4], String)], sink: &mut Sink) {
    let mut family = sink.family(&POWER_STATE);
    for ([bus, device, function, segment], current) in devices {
        // Linux before 5.11 shows no state.
        for state in POWER_STATES.into_iter().filter(|_| !current.is_empty()) {
            let labels = [
                ("bus", &**bus),
                ("device", &**device),
                ("function", &**function),
                ("segment", &**segment),
                ("state", state),
            ];
            family.sample(&labels, f64::from(state == current));
        }
    }
}

fn add_address(texts: &mut Texts, labels: [&'static str; 4], address: [&str; 4]) {
    texts.extend(labels.into_iter().zip(address.map(str::to_owned)));
}

/// Segment, bus, device and function of `0000:00:1f.2`, which the kernel writes as the labels want them.
fn parse_address(name: &str) -> Option<[&str; 4]> {
    let (segment, rest) = name.split_once(':')?;
    let (bus, rest) = rest.split_once(':')?;
    let (device, function) = rest.split_once('.')?;
    let address = [segment, bus, device, function];
    let is_number = |part: &&str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
    };
    address.iter().all(is_number).then_some(address)
}

/// The bridge above a device; none for what is above them all, `pci0000:00`.
fn parent_address(target: &Path) -> Option<[&str; 4]> {
    parse_address(target.parent()?.file_name()?.to_str()?)
}

/// `8.0 GT/s PCIe` or a number of lanes; `Unknown` or nothing where there is no link.
fn link(text: &str) -> Result<Option<f64>, ParseError> {
    if text.is_empty() || text.starts_with("Unknown") { Ok(None) } else { leading_number(text) }
}

/// The device belongs to no node if that is -1.
fn numa_node(text: &str) -> Result<Option<f64>, ParseError> {
    Ok(integer(text)?.filter(|node| *node >= 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_and_other_names_refused() {
        assert_eq!(parse_address("0000:00:1f.2"), Some(["0000", "00", "1f", "2"]));
        assert_eq!(parse_address("10000:e1:00.0"), Some(["10000", "e1", "00", "0"]));
        for name in ["", "pci0000:00", "0000:00:1f", "0000:00:.2", "0000:00:1g.2", "::."] {
            assert_eq!(parse_address(name), None, "{name:?}");
        }
    }

    #[test]
    fn the_parent_is_a_bridge_or_none() {
        let parent = |path: &'static str| parent_address(Path::new(path));
        let below = "/sys/devices/pci0000:00/0000:00:02.1/0000:01:00.0";
        assert_eq!(parent(below), Some(["0000", "00", "02", "1"]));
        assert_eq!(parent("/sys/devices/pci0000:00/0000:00:02.1"), None);
        assert_eq!(parent("/"), None);
    }

    #[test]
    fn unknown_links_and_nodes_are_absent() {
        assert_eq!(link("16.0 GT/s PCIe"), Ok(Some(16.0)));
        assert_eq!(link("Unknown"), Ok(None));
        assert_eq!(link(""), Ok(None));
        assert!(link("fast").is_err());
        assert_eq!(numa_node("-1"), Ok(None));
        assert_eq!(numa_node("0"), Ok(Some(0.0)));
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_parsed_or_refused(name in "[0-9a-g:.]{0,14}|\\PC{0,14}") {
            let _ = (parse_address(&name), link(&name), numa_node(&name));
        }
    }
}
