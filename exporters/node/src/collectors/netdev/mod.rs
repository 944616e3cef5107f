//! Traffic per network device: rtnetlink(7), or `/proc/net/dev`, proc_pid_net(5).
//!
//! Parsed here because the procfs crate stumbles over a device name that is
//! not followed by a space.

mod addresses;
mod metrics;
mod netlink;
mod proc;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::cli::parse_count;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::filter::{Filter, Pattern};
use common::metric::Metric;

use crate::host::Host;
use crate::netlink::{LINK_METRICS, LinkStats};
use crate::readers::bound::Bound;
use metrics::METRICS;

/// A network device; no alias is an empty one.
#[derive(Debug, Default, PartialEq)]
struct Device {
    name: String,
    alias: String,
    stats: LinkStats,
}

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct Options {
    /// Network devices to expose
    #[arg(
        id = "collector.netdev.device-include",
        long = "collector.netdev.device-include",
        alias = "collector.netdev.device-whitelist",
        value_name = "REGEX"
    )]
    pub include: Option<Pattern>,
    /// Network devices to leave out
    #[arg(
        id = "collector.netdev.device-exclude",
        long = "collector.netdev.device-exclude",
        alias = "collector.netdev.device-blacklist",
        value_name = "REGEX"
    )]
    pub exclude: Option<Pattern>,
    /// Ask the kernel by netlink; off: read /proc/net/dev
    #[arg(
        id = "collector.netdev.netlink",
        long = "collector.netdev.netlink",
        default_value = "true"
    )]
    pub netlink: bool,
    /// Name the counters as the kernel does (netlink only)
    #[arg(
        id = "collector.netdev.enable-detailed-metrics",
        long = "collector.netdev.enable-detailed-metrics"
    )]
    pub detailed: bool,
    /// Also expose the addresses of all devices
    #[arg(id = "collector.netdev.address-info", long = "collector.netdev.address-info")]
    pub address_info: bool,
    /// Also label the counters with the alias of the device
    #[arg(id = "collector.netdev.label-ifalias", long = "collector.netdev.label-ifalias")]
    pub label_alias: bool,
    /// Network devices to expose at most
    #[arg(
        id = "collector.netdev.max-devices",
        long = "collector.netdev.max-devices",
        value_name = "N",
        default_value = "10000",
        value_parser = parse_count
    )]
    pub max_devices: usize,
}

#[derive(Debug)]
pub(super) struct Netdev {
    devices: Filter,
    bound: Bound,
    netlink: bool,
    metrics: &'static [Metric<LinkStats>],
    address_info: bool,
    label_alias: bool,
}

impl Netdev {
    pub(super) fn new(options: &Options) -> anyhow::Result<Self> {
        let (include, exclude) = (options.include.as_ref(), options.exclude.as_ref());
        let detailed = options.detailed && options.netlink;
        Ok(Self {
            devices: Filter::exclusive("collector.netdev.device", include, exclude, "")?,
            bound: Bound::new("network devices", options.max_devices),
            netlink: options.netlink,
            metrics: if detailed { LINK_METRICS } else { METRICS },
            address_info: options.address_info,
            label_alias: options.label_alias,
        })
    }

    /// The devices wanted.
    fn read(&self, host: &Host, errors: &mut FirstError) -> Result<Vec<Device>, CollectError> {
        if self.netlink {
            let mut devices = errors.take(netlink::devices()?);
            devices.retain(|device| self.devices.accepts(&device.name));
            self.bound.keep(&mut devices);
            return Ok(devices);
        }
        let text = host.proc("net/dev")?;
        let devices = text.parse_rows(proc::parse);
        let mut devices = errors.take(devices);
        devices.retain(|device| self.devices.accepts(&device.name));
        self.bound.keep(&mut devices);
        if self.label_alias {
            for device in &mut devices {
                let alias = host.attribute(&format!("class/net/{}/ifalias", device.name));
                device.alias = errors.catch(alias).unwrap_or_default();
            }
        }
        Ok(devices)
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Netdev::new(&Options::from_arg_matches(matches)?)?))
}

#[async_trait]
impl Collector<Host> for Netdev {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut errors = FirstError::default();
        let mut devices = self.read(host, &mut errors)?;
        // In the order of their names no sample can come twice, which is then not looked for in
        // each family.
        devices.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        push(self.metrics, self.label_alias, &devices, sink);
        if self.address_info {
            errors.note(addresses::push(sink));
        }
        errors.into_result()
    }
}

fn push(metrics: &[Metric<LinkStats>], label_alias: bool, devices: &[Device], sink: &mut Sink) {
    if label_alias {
        let labels = devices.iter().map(|device| {
            ([("device", device.name.as_str()), ("ifalias", device.alias.as_str())], &device.stats)
        });
        sink.table(metrics, labels);
    } else {
        let labels =
            devices.iter().map(|device| ([("device", device.name.as_str())], &device.stats));
        sink.table(metrics, labels);
    }
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;
    use crate::netlink::LinkStat;

    fn text(label_alias: bool) -> String {
        let device = Device { name: "eth0".into(), alias: "uplink".into(), ..Device::default() };
        let mut devices = [device];
        devices[0].stats.set(LinkStat::RxBytes, Some(5));
        testing::exposed(|sink| push(METRICS, label_alias, &devices, sink))
    }

    #[test]
    fn the_alias_is_a_label_on_request() {
        assert!(text(false).contains("node_network_receive_bytes_total{device=\"eth0\"} 5\n"));
        let labelled = "node_network_receive_bytes_total{device=\"eth0\",ifalias=\"uplink\"} 5\n";
        assert!(text(true).contains(labelled), "{}", text(true));
    }
}
