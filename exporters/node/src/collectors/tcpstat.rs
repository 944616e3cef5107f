//! TCP connections by state: sock_diag(7), `SOCK_DIAG_BY_FAMILY`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial};
use common::exposition::{Family, Sink};
use common::metric::Desc;
use rustix::io::Errno;
use rustix::net::netlink::SOCK_DIAG;

use crate::host::Host;
use crate::netlink::{Connection, Request, bytes_at};

const STATES: Desc<'_> =
    Desc::gauge("node_tcp_connection_states", "TCP connections in the state, or bytes queued.");

/// Values of the label `state` by number of the state, of which the first is 1
/// (include/net/tcp_states.h).
const STATE_NAMES: [&str; 11] = [
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
];

// From include/uapi/linux/sock_diag.h, socket.h and in.h.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;

/// Size of `struct inet_diag_req_v2`.
const REQUEST_BYTES: usize = 56;

/// Twelve states as bits: those above and one more, which the kernel shows as `syn_recv`.
const ALL_STATES: u32 = 0xfff;

/// What the kernel reports of one socket.
#[derive(Debug, PartialEq)]
struct Socket {
    state: &'static str,
    source_port: u16,
    destination_port: u16,
    received_bytes: u32,
    sent_bytes: u32,
}

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Also count the connections of this local port separately; may be repeated
    #[arg(
        id = "collector.tcpstat.port.source",
        long = "collector.tcpstat.port.source",
        value_name = "PORT"
    )]
    pub source_ports: Vec<u16>,
    /// Also count the connections to this remote port separately; may be repeated
    #[arg(
        id = "collector.tcpstat.port.dest",
        long = "collector.tcpstat.port.dest",
        value_name = "PORT"
    )]
    pub destination_ports: Vec<u16>,
}

#[derive(Debug)]
pub(super) struct Tcpstat {
    source_ports: Vec<u16>,
    destination_ports: Vec<u16>,
}

impl Tcpstat {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            source_ports: options.source_ports.clone(),
            destination_ports: options.destination_ports.clone(),
        }
    }

    /// States without a connection are left out. The labels `port` and `direction`
    /// are there only if ports were asked for.
    fn push(&self, sockets: &[Socket], sink: &mut Sink) {
        let by_port = !self.source_ports.is_empty() || !self.destination_ports.is_empty();
        let total = [("direction", "total"), ("port", "0")];
        let mut family = sink.family(&STATES);
        let mut sample = |state, value| {
            let labels = [total[0], total[1], ("state", state)];
            family.sample(if by_port { &labels[..] } else { &labels[2..] }, value);
        };
        count(sockets.iter(), &mut sample);
        if !sockets.is_empty() {
            let received: f64 = sockets.iter().map(|socket| f64::from(socket.received_bytes)).sum();
            let sent: f64 = sockets.iter().map(|socket| f64::from(socket.sent_bytes)).sum();
            sample("rx_queued_bytes", received);
            sample("tx_queued_bytes", sent);
        }
        push_ports(&mut family, "source", &self.source_ports, sockets, |socket| socket.source_port);
        push_ports(&mut family, "dest", &self.destination_ports, sockets, |socket| {
            socket.destination_port
        });
    }
}

fn push_ports(
    family: &mut Family<'_>,
    direction: &str,
    ports: &[u16],
    sockets: &[Socket],
    port_of: fn(&Socket) -> u16,
) {
    for port in ports {
        let sockets = sockets.iter().filter(|socket| port_of(socket) == *port);
        let port = port.to_string();
        count(sockets, &mut |state, value| {
            family.sample(&[("direction", direction), ("port", &port), ("state", state)], value);
        });
    }
}

/// Gives the number of sockets in each state that there is.
fn count<'a>(sockets: impl Iterator<Item = &'a Socket>, each: &mut impl FnMut(&'static str, f64)) {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for socket in sockets {
        *counts.entry(socket.state).or_default() += 1;
    }
    for (state, count) in counts {
        each(state, count.into());
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Tcpstat::new(&Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Host> for Tcpstat {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut errors = FirstError::default();
        let mut sockets = errors.take(ask(AF_INET)?);
        if host.proc_path("net/tcp6").exists() {
            sockets.extend(errors.take(ask(AF_INET6)?));
        }
        self.push(&sockets, sink);
        errors.into_result()
    }
}

/// All sockets of one version of the protocol.
fn ask(family: u8) -> Result<Partial<Vec<Socket>>, CollectError> {
    let mut header = vec![family, IPPROTO_TCP, 0, 0];
    header.extend(ALL_STATES.to_ne_bytes());
    header.resize(REQUEST_BYTES, 0);
    let request = Request::dump("sock_diag SOCK_DIAG_BY_FAMILY", SOCK_DIAG_BY_FAMILY, &header);
    Connection::open(Some(SOCK_DIAG))?.ask(&request, parse).map_err(|error| {
        if error.is_refusal(Errno::NOENT) {
            CollectError::NoData("the kernel module tcp_diag is missing".into())
        } else {
            error.into()
        }
    })
}

/// A `struct inet_diag_msg`; ports are in network order.
fn parse(payload: &[u8]) -> Result<Socket, ParseError> {
    let [state] = bytes_at(payload, 1)?;
    let name = STATE_NAMES.get(usize::from(state).wrapping_sub(1));
    Ok(Socket {
        state: name.copied().unwrap_or("unknown"),
        source_port: u16::from_be_bytes(bytes_at(payload, 4)?),
        destination_port: u16::from_be_bytes(bytes_at(payload, 6)?),
        received_bytes: u32::from_ne_bytes(bytes_at(payload, 56)?),
        sent_bytes: u32::from_ne_bytes(bytes_at(payload, 60)?),
    })
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;

    fn message(state: u8, ports: [u16; 2], queues: [u32; 2]) -> Vec<u8> {
        let mut message = vec![AF_INET, state, 0, 0];
        message.extend(ports.map(u16::to_be_bytes).concat());
        message.resize(56, 0);
        message.extend(queues.map(u32::to_ne_bytes).concat());
        message.resize(72, 0);
        message
    }

    fn text(source_ports: &[u16], destination_ports: &[u16]) -> String {
        let tcpstat = Tcpstat {
            source_ports: source_ports.to_vec(),
            destination_ports: destination_ports.to_vec(),
        };
        let sockets = [
            message(1, [22, 40_000], [1, 2]),
            message(1, [50_000, 443], [3, 4]),
            message(10, [22, 0], [0, 128]),
        ]
        .map(|message| parse(&message).unwrap());
        let mut sink = Sink::default();
        tcpstat.push(&sockets, &mut sink);
        testing::samples(&sink).join("\n")
    }

    #[test]
    fn connections_are_counted_by_state() {
        let expected = "node_tcp_connection_states{state=\"established\"} 2\n\
            node_tcp_connection_states{state=\"listen\"} 1\n\
            node_tcp_connection_states{state=\"rx_queued_bytes\"} 4\n\
            node_tcp_connection_states{state=\"tx_queued_bytes\"} 134";
        assert_eq!(text(&[], &[]), expected);
    }

    #[test]
    fn ports_are_counted_by_themselves_on_request() {
        let text = text(&[22, 80], &[443]);
        for labels in [
            "{direction=\"total\",port=\"0\",state=\"established\"} 2",
            "{direction=\"source\",port=\"22\",state=\"established\"} 1",
            "{direction=\"source\",port=\"22\",state=\"listen\"} 1",
            "{direction=\"dest\",port=\"443\",state=\"established\"} 1",
        ] {
            assert!(text.contains(labels), "{labels} in {text}");
        }
        assert!(!text.contains("port=\"80\""), "{text}");
    }

    #[test]
    fn cut_off_messages_are_errors() {
        let message = message(1, [1, 2], [0, 0]);
        assert!(parse(&message[..64]).is_ok() && parse(&message[..63]).is_err());
        assert_eq!(parse(&[0; 72]).unwrap().state, "unknown");
    }

    #[test]
    fn the_kernel_tells_its_sockets_or_has_none_to_tell() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        match ask(AF_INET) {
            Ok(sockets) => {
                let is_ours =
                    |socket: &Socket| socket.state == "listen" && socket.source_port == port;
                assert!(sockets.good.iter().any(is_ours));
                sockets.finish().unwrap();
            }
            Err(error) => assert!(error.is_no_data(), "{error}"),
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
