//! Backends of the load balancer's services: `/proc/net/ip_vs`, net/netfilter/ipvs/ip_vs_ctl.c of the kernel.

use std::net::{Ipv4Addr, Ipv6Addr};

use common::error::{ParseError, parse_number};
use common::kernel::Hex;

/// Labels of a backend.
pub(super) const LABELS: [&str; 6] =
    ["local_address", "local_mark", "local_port", "proto", "remote_address", "remote_port"];

/// One line below a service's.
#[derive(Debug, PartialEq)]
pub(super) struct Backend {
    /// Values of [`LABELS`].
    pub(super) labels: [String; 6],
    pub(super) counts: Counts,
}

/// What is known of a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) weight: u64,
    pub(super) active: u64,
    pub(super) inactive: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: Self) {
        self.weight = self.weight.wrapping_add(other.weight);
        self.active = self.active.wrapping_add(other.active);
        self.inactive = self.inactive.wrapping_add(other.inactive);
    }
}

/// What a service's line holds: an address with its port, or a firewall mark.
#[derive(Clone, Debug)]
struct Service {
    proto: String,
    address: String,
    port: String,
    mark: String,
}

/// The backends in order. Those of a service that is malformed are left out with it.
pub(super) fn parse(text: &str) -> Vec<Result<Backend, ParseError>> {
    let mut backends = Vec::new();
    let mut service = None;
    if text.is_empty() {
        backends.push(Err(ParseError::Form("no headings".into())));
    }
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        match (words.next(), words.next()) {
            // Headings, and the line of the version before them.
            (Some("Prot" | "IP") | None, _) | (Some("->"), Some("RemoteAddress:Port")) => {}
            (Some("->"), remote) => {
                if let Some(service) = &service {
                    backends.push(parse_backend(service, remote, words));
                }
            }
            (Some(proto), local) => match parse_service(proto, local) {
                Ok(known) => service = Some(known),
                Err(error) => {
                    service = None;
                    backends.push(Err(error));
                }
            },
        }
    }
    backends
}

fn parse_service(proto: &str, local: Option<&str>) -> Result<Service, ParseError> {
    let local = local.ok_or(ParseError::Missing { field: "local address" })?;
    let (address, port, mark) = if proto == "FWM" {
        // The port is zero, as in the reference exporter.
        (String::new(), "0".to_owned(), local.to_owned())
    } else {
        let (address, port) = parse_endpoint(local)?;
        (address, port, String::new())
    };
    Ok(Service { proto: proto.to_owned(), address, port, mark })
}

fn parse_backend<'a>(
    service: &Service,
    remote: Option<&str>,
    mut words: impl Iterator<Item = &'a str>,
) -> Result<Backend, ParseError> {
    let remote = remote.ok_or(ParseError::Missing { field: "remote address" })?;
    let (remote_address, remote_port) = parse_endpoint(remote)?;
    // How packets are forwarded comes first.
    let weight = parse_number("weight", words.nth(1))?;
    let active = parse_number("active connections", words.next())?;
    let inactive = parse_number("inactive connections", words.next())?;
    let Service { proto, address, port, mark } = service.clone();
    Ok(Backend {
        labels: [address, mark, port, proto, remote_address, remote_port],
        counts: Counts { weight, active, inactive },
    })
}

/// `C0A80016:0CEA`, or `[2001:0DB8:…:0001]:0050`.
fn parse_endpoint(text: &str) -> Result<(String, String), ParseError> {
    let malformed = || ParseError::form("no address and port", text);
    let (address, port) = text.rsplit_once(':').ok_or_else(malformed)?;
    let Hex(port) = port.parse().map_err(|_| malformed())?;
    let v6 = address.strip_prefix('[').and_then(|address| address.strip_suffix(']'));
    let address = match v6 {
        Some(address) => address.parse::<Ipv6Addr>().map_err(|_| malformed())?.to_string(),
        None if address.len() == 8 => {
            let bits = u32::from_str_radix(address, 16).map_err(|_| malformed())?;
            Ipv4Addr::from(bits).to_string()
        }
        None => return Err(malformed()),
    };
    Ok((address, port.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADINGS: &str = "IP Virtual Server version 1.2.1 (size=4096)\n\
        Prot LocalAddress:Port Scheduler Flags\n\
        \x20 -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n";

    fn good(text: &str) -> Vec<Backend> {
        parse(text).into_iter().filter_map(Result::ok).collect()
    }

    #[test]
    fn backends_belong_to_the_service_above() {
        let text = format!(
            "{HEADINGS}TCP  C0A80016:0CEA wlc\n\
             \x20 -> C0A85216:0CEA      Tunnel  100    248        2\n\
             SCTP [2001:0DB8:0000:0000:0000:0000:0000:0001]:0050 sh\n\
             \x20 -> [2001:0DB8:0000:0000:0000:0000:0000:0002]:0051 Route 1 3 4\n\
             FWM  10001000 wlc\n\
             \x20 -> C0A83120:0CEA      Route   20     0          1\n"
        );
        let backends = good(&text);
        let [tcp, sctp, mark] = &backends[..] else { panic!("{backends:?}") };
        assert_eq!(tcp.labels, ["192.168.0.22", "", "3306", "TCP", "192.168.82.22", "3306"]);
        assert_eq!(tcp.counts, Counts { weight: 100, active: 248, inactive: 2 });
        assert_eq!(sctp.labels, ["2001:db8::1", "", "80", "SCTP", "2001:db8::2", "81"]);
        assert_eq!(mark.labels, ["", "10001000", "0", "FWM", "192.168.49.32", "3306"]);
    }

    #[test]
    fn a_bad_line_costs_only_itself_or_its_service() {
        let backend = "  -> C0A85216:0CEA Tunnel 100 248 2\n";
        let service = "TCP C0A80016:0CEA wlc\n";
        let text = format!("{service}  -> C0A85216:0CEA Tunnel x 1 2\n{backend}");
        assert_eq!(good(&text).len(), 1);
        for bad in ["UDP", "UDP C0A8:1", "UDP C0A80016", "UDP [::g]:1", "UDP C0A80016:x"] {
            let text = format!("{bad}\n{backend}{service}{backend}");
            assert_eq!(good(&text).len(), 1, "{bad:?}");
            assert_eq!(parse(&text).len(), 2, "{bad:?}");
        }
        assert_eq!(parse(&format!("{HEADINGS}{backend}")), []);
        assert!(parse(&format!("{service}->\n"))[0].is_err());
        assert!(parse("")[0].is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~\n]|\\PC){0,200}") {
            let _ = parse(&text);
        }
    }
}
