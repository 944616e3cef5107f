//! Neighbours per network device: rtnetlink(7) `RTM_GETNEIGH`, or `/proc/net/arp`, proc_pid_net(5).

use std::collections::BTreeMap;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::filter::{Filter, Pattern};
use common::kernel::Hex;
use common::metric::Desc;

use crate::host::Host;
use crate::netlink::{Connection, Request, bytes_at};

const ENTRIES: Desc<'_> =
    Desc::gauge("node_arp_entries", "Neighbours that the device knows by IPv4.");

// From include/uapi/linux/rtnetlink.h, neighbour.h and socket.h.
const RTM_GETNEIGH: u16 = 30;
const NUD_NOARP: u16 = 0x40;
const AF_INET: u8 = 2;

/// Neighbours by name of the device.
type Entries = BTreeMap<String, u32>;

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Network devices to expose
    #[arg(
        id = "collector.arp.device-include",
        long = "collector.arp.device-include",
        value_name = "REGEX"
    )]
    pub include: Option<Pattern>,
    /// Network devices to leave out
    #[arg(
        id = "collector.arp.device-exclude",
        long = "collector.arp.device-exclude",
        value_name = "REGEX"
    )]
    pub exclude: Option<Pattern>,
    /// Ask the kernel by netlink; off: read /proc/net/arp
    #[arg(id = "collector.arp.netlink", long = "collector.arp.netlink", default_value = "true")]
    pub netlink: bool,
}

#[derive(Debug)]
pub(super) struct Arp {
    devices: Filter,
    netlink: bool,
}

impl Arp {
    pub(super) fn new(options: &Options) -> anyhow::Result<Self> {
        let (include, exclude) = (options.include.as_ref(), options.exclude.as_ref());
        Ok(Self {
            devices: Filter::exclusive("collector.arp.device", include, exclude, "")?,
            netlink: options.netlink,
        })
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Arp::new(&Options::from_arg_matches(matches)?)?))
}

#[async_trait]
impl Collector<Host> for Arp {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let entries = if self.netlink {
            ask()?
        } else {
            let text = host.proc("net/arp")?;
            text.parse_rows(parse)
        };
        let wanted = entries.good.iter().filter(|(device, _)| self.devices.accepts(device));
        sink.samples(
            &ENTRIES,
            wanted.map(|(device, count)| ([("device", device)], (*count).into())),
        );
        entries.finish()
    }
}

fn ask() -> Result<Partial<Entries>, CollectError> {
    let mut connection = Connection::open(None)?;
    let mut errors = FirstError::default();
    // The header is a `struct ndmsg`, of which only the family is looked at.
    let header = [AF_INET, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let request = Request::dump("rtnetlink RTM_GETNEIGH", RTM_GETNEIGH, &header);
    let neighbours = errors.take(connection.ask(&request, parse_neighbour)?);
    let mut counts = BTreeMap::<u32, u32>::new();
    for device in neighbours.into_iter().flatten() {
        *counts.entry(device).or_default() += 1;
    }
    let mut entries = Entries::new();
    for (device, count) in counts {
        let name = connection.device_name(device).map_err(CollectError::from);
        entries.extend(errors.catch(name).map(|name| (name, count)));
    }
    Ok(errors.beside(entries))
}

/// Index of the neighbour's device, unless the device needs no ARP to reach it.
fn parse_neighbour(payload: &[u8]) -> Result<Option<u32>, ParseError> {
    let device = u32::from_ne_bytes(bytes_at(payload, 4)?);
    let state = u16::from_ne_bytes(bytes_at(payload, 8)?);
    Ok((state & NUD_NOARP == 0).then_some(device))
}

/// Lines of address, type, flags, hardware address, mask, device below one of headings.
fn parse(text: &str) -> Partial<Entries, ParseError> {
    let mut lines = text.lines();
    if !lines.next().is_some_and(|headings| headings.contains("HW address")) {
        return Partial::failed(ParseError::Missing { field: "line of headings" });
    }
    let (mut entries, mut errors) = (Entries::new(), FirstError::default());
    for device in errors.good(lines.map(parse_line)) {
        *entries.entry(device.to_owned()).or_default() += 1;
    }
    errors.beside(entries)
}

/// The device of a neighbour.
fn parse_line(line: &str) -> Result<&str, ParseError> {
    let columns: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, _, flags, hardware, _, device] = columns[..] else {
        return Err(ParseError::form("no neighbour", line));
    };
    let Hex(_) = parse_number("flags", flags.strip_prefix("0x"))?;
    for byte in hardware.split(':') {
        let Hex(_) = parse_number("hardware address", Some(byte))?;
    }
    Ok(device)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "IP address  HW type  Flags  HW address  Mask  Device\n";

    fn neighbour(device: u32, state: u16) -> Vec<u8> {
        let mut message = vec![AF_INET, 0, 0, 0];
        message.extend(device.to_ne_bytes());
        message.extend(state.to_ne_bytes());
        message.extend([0; 2]);
        message
    }

    #[test]
    fn neighbours_that_need_no_arp_are_left_out() {
        assert_eq!(parse_neighbour(&neighbour(7, 0x02)), Ok(Some(7)));
        assert_eq!(parse_neighbour(&neighbour(7, 0x20)), Ok(Some(7)), "failed ones count");
        assert_eq!(parse_neighbour(&neighbour(7, NUD_NOARP)), Ok(None));
        assert!(parse_neighbour(&neighbour(7, 2)[..9]).is_err());
    }

    #[test]
    fn lines_are_counted_by_device() {
        let text = format!(
            "{HEAD}10.0.0.1 0x1 0x2 52:54:00:12:34:56 * eth0\n\
             10.0.0.2 0x1 0x0 00:00:00:00:00:00 * eth0\n\
             10.1.0.1 0x1 0x6 52:54:00:12:34:57 * br0\n"
        );
        let expected = [("br0".to_owned(), 1), ("eth0".to_owned(), 2)];
        assert_eq!(parse(&text), Partial::whole(Entries::from(expected)));
        assert_eq!(parse(HEAD), Partial::whole(Entries::new()));
    }

    #[test]
    fn a_malformed_line_costs_only_itself() {
        for text in ["", "10.0.0.1 0x1\n"] {
            assert!(parse(text).error.is_some(), "{text:?}");
        }
        for line in [
            "",
            "10.0.0.1 0x1 0x2 52:54:00:12:34:56 *",
            "10.0.0.1 0x1 2 52:54:00:12:34:56 * eth0",
            "10.0.0.1 0x1 0xz 52:54:00:12:34:56 * eth0",
            "10.0.0.1 0x1 0x2 52:54:00:12:34:5g * eth0",
            "10.0.0.1 0x1 0x2 52:54::12 * eth0",
        ] {
            let good = "10.0.0.1 0x1 0x2 52:54:00:12:34:56 * eth0\n";
            let Partial { good, error } = parse(&format!("{HEAD}{line}\n{good}"));
            assert!(error.is_some(), "{line:?}");
            assert_eq!(good, Entries::from([("eth0".to_owned(), 1)]), "{line:?}");
        }
    }

    #[test]
    fn the_kernel_tells_its_neighbours() {
        ask().unwrap().finish().unwrap();
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~\n]|\\PC){0,200}") {
            let _ = parse(&text);
            let _ = parse(&format!("{HEAD}{text}"));
        }

        #[test]
        fn any_bytes_are_parsed_or_refused(bytes: Vec<u8>) {
            let _ = parse_neighbour(&bytes);
        }
    }
}
