//! Ports of containers, as the runtime reports them.

use async_trait::async_trait;
use common::cli::parse_count;
use common::collector::Collector;
use common::error::{CollectError, excerpt};
use common::exposition::Sink;
use common::failures::OddityLog;
use common::metric::Desc;

use crate::inventory::Inventory;
use crate::runtimes::container::Port;

const PORT: Desc<'static> = Desc::gauge(
    "container_port_info",
    "A port of a running container and where the host has it; the value is always 1.",
);

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Containers")]
#[group(skip)]
pub(super) struct PortArgs {
    /// Ports of a container that are shown one by one; of a container with more, neighbours are
    /// shown as ranges, so many at most. 0 shows none
    #[arg(
        id = "container.max-ports",
        long = "container.max-ports",
        value_name = "N",
        default_value = "100",
        value_parser = parse_count
    )]
    most: usize,
}

#[derive(Debug)]
pub(super) struct Ports {
    args: PortArgs,
    /// Containers of which this has been logged.
    too_many: OddityLog,
}

impl Ports {
    pub(super) fn new(args: PortArgs) -> Self {
        Self { args, too_many: OddityLog::default() }
    }

    /// The ports to show of a container, bounded: who starts it may publish all there are.
    fn bounded(&self, name: &str, ports: &[Port]) -> Vec<Shown> {
        let most = self.args.most;
        let mut shown: Vec<Shown> = if ports.len() <= most {
            ports.iter().map(Shown::one).collect()
        } else {
            ranges(ports)
        };
        if shown.len() > most && most > 0 && self.too_many.is_new(name) {
            let (name, left_out) = (excerpt(name), shown.len() - most);
            tracing::warn!(
                name,
                left_out,
                most,
                "a container has too many ports: some are left out"
            );
        }
        shown.truncate(most);
        shown
    }
}

#[async_trait]
impl Collector<Inventory> for Ports {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let mut family = sink.family(&PORT);
        for listed in &inventory.containers {
            let container = &listed.container;
            for shown in self.bounded(&container.name, &container.ports) {
                family.sample(&(listed.steady_labels(), shown.labels()), 1.0);
            }
        }
        Ok(())
    }
}

/// A port, or neighbours: numbers are those of labels.
#[derive(Debug, PartialEq)]
struct Shown {
    container: String,
    host: String,
    host_ip: String,
    protocol: String,
}

impl Shown {
    fn one(port: &Port) -> Self {
        Self {
            container: port.container.clone(),
            host: port.host.clone(),
            host_ip: port.host_ip.clone(),
            protocol: port.protocol.clone(),
        }
    }

    /// Empty values are as good as none.
    fn labels(&self) -> Vec<(&'static str, &str)> {
        let labels = [
            ("container_port", self.container.as_str()),
            ("host_ip", &self.host_ip),
            ("host_port", &self.host),
            ("protocol", &self.protocol),
        ];
        labels.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }
}

/// Neighbours of one protocol and address, of which the host has neighbours too or none.
fn ranges(ports: &[Port]) -> Vec<Shown> {
    let mut numbered: Vec<(&str, &str, u16, Option<u16>)> = Vec::new();
    let mut shown = Vec::new();
    for port in ports {
        let host = port.host.parse().ok();
        match port.container.parse() {
            Ok(container) if host.is_some() || port.host.is_empty() => {
                numbered.push((&port.protocol, &port.host_ip, container, host));
            }
            _ => shown.push(Shown::one(port)),
        }
    }
    numbered.sort_unstable();
    let is_next = |one: &(&str, &str, u16, Option<u16>), other: &(&str, &str, u16, Option<u16>)| {
        let next = |number: u16| number.checked_add(1);
        (one.0, one.1) == (other.0, other.1)
            && next(one.2) == Some(other.2)
            && one.3.map(next) == other.3.map(Some)
    };
    for neighbours in numbered.chunk_by(is_next) {
        let (Some(first), Some(last)) = (neighbours.first(), neighbours.last()) else { continue };
        let range = |first: u16, last: u16| {
            if first == last { first.to_string() } else { format!("{first}-{last}") }
        };
        shown.push(Shown {
            container: range(first.2, last.2),
            host: first.3.zip(last.3).map(|(first, last)| range(first, last)).unwrap_or_default(),
            host_ip: first.1.to_owned(),
            protocol: first.0.to_owned(),
        });
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(container: &str, protocol: &str, host_ip: &str, host: &str) -> Port {
        let [container, protocol, host_ip, host] =
            [container, protocol, host_ip, host].map(ToOwned::to_owned);
        Port { container, protocol, host_ip, host }
    }

    /// What is shown, as `container/protocol address:host`.
    fn shown(most: usize, ports: &[Port]) -> Vec<String> {
        let ports = Ports::new(PortArgs { most }).bounded("turn", ports);
        ports
            .iter()
            .map(|p| format!("{}/{} {}:{}", p.container, p.protocol, p.host_ip, p.host))
            .collect()
    }

    #[test]
    fn all_ports_of_a_relay_are_two_ranges() {
        let numbers = 49_152..=65_535_u32;
        let mut ports: Vec<Port> = numbers
            .flat_map(|n| {
                ["0.0.0.0", "::"].map(|ip| port(&n.to_string(), "udp", ip, &n.to_string()))
            })
            .collect();
        ports.sort_unstable();
        assert_eq!(ports.len(), 32_768);
        let expected = ["49152-65535/udp 0.0.0.0:49152-65535", "49152-65535/udp :::49152-65535"];
        assert_eq!(shown(100, &ports), expected);
    }

    #[test]
    fn a_range_ends_where_protocol_address_or_distance_change() {
        let ports = [
            port("80", "tcp", "", ""),
            port("81", "tcp", "", ""),
            port("82", "tcp", "0.0.0.0", "82"),
            port("83", "tcp", "0.0.0.0", "83"),
            port("84", "tcp", "0.0.0.0", "9000"),
            port("84", "udp", "0.0.0.0", "84"),
            port("65535", "udp", "0.0.0.0", "1"),
            port("odd", "tcp", "", ""),
        ];
        let expected = [
            "odd/tcp :",
            "80-81/tcp :",
            "82-83/tcp 0.0.0.0:82-83",
            "84/tcp 0.0.0.0:9000",
            "84/udp 0.0.0.0:84",
            "65535/udp 0.0.0.0:1",
        ];
        assert_eq!(shown(7, &ports), expected);
        assert_eq!(shown(2, &ports), expected[..2], "no more than the bound");
        assert_eq!(shown(8, &ports).len(), 8, "one by one up to the bound");
        assert_eq!(shown(0, &ports), [""; 0]);
    }

    proptest::proptest! {
        #[test]
        fn any_ports_are_bounded(numbers: Vec<(u16, u16, bool)>, most in 0..20_usize) {
            let ports = numbers.iter().map(|(container, host, is_udp)| {
                let protocol = if *is_udp { "udp" } else { "tcp" };
                port(&container.to_string(), protocol, "::", &host.to_string())
            });
            proptest::prop_assert!(shown(most, &ports.collect::<Vec<_>>()).len() <= most);
        }
    }
}
