//! Chosen counters of the IP protocols: `/proc/net/{netstat,snmp,snmp6}`, proc_pid_net(5).
//!
//! Parsed here because the procfs crate lacks `netstat` and knows a fixed list of fields only.

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::fields::{Field, Fields, Lookup};
use common::filter::Pattern;
use common::kernel::{lines, words};
use common::metric::{Kind, sanitize_name};

use crate::host::Host;

/// Errors, traffic and trouble of each protocol.
const DEFAULT_FIELDS: &str = "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|\
    Icmp6?_(InMsgs|OutMsgs)|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|\
    TCPRcvQDrop)|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|\
    Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$";

/// Counters that are in no standard.
const EXTENDED: &str = "net/netstat";

/// One counter, whose value is read only if it is wanted.
#[derive(Debug, PartialEq)]
struct Counter<'a> {
    protocol: &'a str,
    name: &'a str,
    value: Option<&'a str>,
}

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Counters to expose, as Protocol_Field (default: errors, traffic, connections)
    #[arg(
        id = "collector.netstat.fields",
        long = "collector.netstat.fields",
        value_name = "REGEX",
        default_value = DEFAULT_FIELDS,
        hide_default_value = true
    )]
    pub fields: Pattern,
}

#[derive(Debug)]
pub(super) struct Netstat {
    wanted: Pattern,
    families: Fields,
}

impl Netstat {
    pub(super) fn new(options: &Options) -> Self {
        Self { wanted: options.fields.clone(), families: Fields::default() }
    }

    fn push(
        &self,
        host: &Host,
        file: &str,
        parse: fn(&str) -> Partial<Vec<Counter<'_>>, ParseError>,
        families: &mut Lookup<'_>,
        sink: &mut Sink,
    ) -> Result<(), CollectError> {
        let text = host.proc(file)?;
        let mut errors = FirstError::default();
        let counters = errors.take(parse(&text));
        if file == EXTENDED {
            host.note_octets(octets(&counters));
        }
        for Counter { protocol, name, value } in counters {
            let family = families.get([protocol, name], || self.family(file, protocol, name));
            if let Some(family) = family
                && let Some(value) = errors.note(parse_number("value", value))
            {
                sink.value(&family.desc(Kind::Untyped), value);
            }
        }
        errors.into_result().map_err(|error| text.blame(error))
    }

    /// The family of a counter, if it is wanted.
    fn family(&self, file: &str, protocol: &str, name: &str) -> Option<Field> {
        let key = format!("{protocol}_{name}");
        self.wanted.matches(&key).then(|| Field {
            name: sanitize_name(&format!("node_netstat_{key}")),
            help: format!("Field {name} of {protocol} in /proc/{file}."),
        })
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Netstat::new(&Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Host> for Netstat {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let families = &mut self.families.start();
        let extended = self.push(host, EXTENDED, parse_pairs, families, sink);
        let standard = self.push(host, "net/snmp", parse_pairs, families, sink);
        let v6 = match self.push(host, "net/snmp6", parse_list, families, sink) {
            // No IPv6 in the kernel.
            Err(CollectError::Read { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                Ok(())
            }
            outcome => outcome,
        };
        extended.and(standard).and(v6)
    }
}

/// Bytes received and sent.
fn octets(counters: &[Counter<'_>]) -> Option<[f64; 2]> {
    let find = |name: &str| {
        // IpExt is the last protocol, or the last but one.
        let mut counters = counters.iter().rev();
        let counter = counters.find(|known| known.name == name && known.protocol == "IpExt")?;
        parse_number("value", counter.value).ok()
    };
    Some([find("InOctets")?, find("OutOctets")?])
}

/// Pairs of lines, both of which begin with the protocol: names, then values. A line without its
/// counterpart costs no other pair.
fn parse_pairs(text: &str) -> Partial<Vec<Counter<'_>>, ParseError> {
    let (mut fields, mut errors) = (Vec::new(), FirstError::default());
    let mut lines = lines(text).peekable();
    let protocol = |line: &str| line.find(':');
    while let Some(names) = lines.next() {
        let is_same = |values: &&str| {
            protocol(names)
                .is_some_and(|end| values.as_bytes().get(..=end) == names.as_bytes().get(..=end))
        };
        let values = lines.next_if(is_same).unwrap_or_default();
        let complete = fields.len();
        if let Err(error) = push_pair(names, values, &mut fields) {
            fields.truncate(complete);
            errors.keep(error);
        }
    }
    errors.beside(fields).not_empty("no field")
}

/// Adds the fields of a pair of lines, which must be as many as their values.
fn push_pair<'a>(
    names: &'a str,
    values: &'a str,
    fields: &mut Vec<Counter<'a>>,
) -> Result<(), ParseError> {
    let malformed = || ParseError::form("no names and values", names);
    let (protocol, names) = names.split_once(':').ok_or_else(malformed)?;
    let (_, values) = values.split_once(':').ok_or_else(malformed)?;
    let mut values = words(values);
    for name in words(names) {
        let value = values.next();
        if value.is_none() {
            return Err(uneven(protocol));
        }
        fields.push(Counter { protocol, name, value });
    }
    if values.next().is_some() { Err(uneven(protocol)) } else { Ok(()) }
}

fn uneven(protocol: &str) -> ParseError {
    ParseError::Form(format!("names and values of {protocol} differ in number"))
}

/// A name and a value per line; the name is the protocol's, which ends in `6`, and the field's.
fn parse_list(text: &str) -> Partial<Vec<Counter<'_>>, ParseError> {
    let fields = lines(text).filter_map(|line| {
        let mut words = words(line);
        let word = words.next()?;
        let (protocol, name) = word.split_at_checked(word.find('6')? + 1)?;
        Some(Ok(Counter { protocol, name, value: words.next() }))
    });
    fields.collect::<Partial<_, _>>().not_empty("no field")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those that can be read.
    fn values(parsed: &Partial<Vec<Counter<'_>>, ParseError>) -> Vec<(String, f64)> {
        let value = |field: &Counter<'_>| parse_number("value", field.value).ok();
        let fields = parsed.good.iter();
        fields.filter_map(|f| Some((format!("{}_{}", f.protocol, f.name), value(f)?))).collect()
    }

    #[test]
    fn fields_carry_their_protocol() {
        let text = "Ip: Forwarding DefaultTTL\nIp: 1 64\nTcp: MaxConn\nTcp: -1\n";
        let expected = [("Ip_Forwarding", 1.0), ("Ip_DefaultTTL", 64.0), ("Tcp_MaxConn", -1.0)];
        assert_eq!(values(&parse_pairs(text)), expected.map(|(name, value)| (name.into(), value)));
        let text = "Ip6InOctets                     \t460\nIcmp6OutType135  \t2\nother 1\n\n";
        let expected = [("Ip6_InOctets", 460.0), ("Icmp6_OutType135", 2.0)];
        assert_eq!(values(&parse_list(text)), expected.map(|(name, value)| (name.into(), value)));
    }

    #[test]
    fn what_is_malformed_costs_no_other_protocol() {
        let text = "Ip: A\nIp: x\nTcp: InSegs\nTcp: 7\n";
        assert_eq!(values(&parse_pairs(text)), [("Tcp_InSegs".into(), 7.0)]);
        for bad in ["Ip: A B\nIp: 1\n", "Ip: A\nIp: 1 2\n", "Ip: A\nUdp: 1\n", "Ip\nIp\n"] {
            let text = format!("{bad}Tcp: InSegs\nTcp: 7\n");
            assert_eq!(values(&parse_pairs(&text)), [("Tcp_InSegs".into(), 7.0)], "{bad:?}");
            assert!(parse_pairs(&text).error.is_some(), "{bad:?}");
        }
        let text = "Ip: A\nIp: 1\nodd\nUdp: B\nUdp: 2\nTcp: C\n";
        let expected = [("Ip_A".into(), 1.0), ("Udp_B".into(), 2.0)];
        assert_eq!(values(&parse_pairs(text)), expected, "pairs behind a single line");
        for text in ["", "Ip: A\n"] {
            assert!(parse_pairs(text).error.is_some(), "{text:?}");
        }
        assert!(parse_list("").error.is_some());
        assert_eq!(values(&parse_list("Ip6InOctets\nIp6B x\nIp6C 1")), [("Ip6_C".into(), 1.0)]);
    }

    #[test]
    fn octets_are_found_for_the_exporters_own_metrics() {
        let text = "Ip: InOctets\nIp: 9\nIpExt: InOctets X OutOctets\nIpExt: 5 0 6\nM: A\nM: 1\n";
        assert_eq!(octets(&parse_pairs(text).good), Some([5.0, 6.0]));
        assert_eq!(octets(&parse_pairs("IpExt: InOctets\nIpExt: 5\n").good), None);
    }

    #[test]
    fn the_default_leaves_most_fields_out() {
        let fields: Pattern = DEFAULT_FIELDS.parse().unwrap();
        for (key, expected) in [
            ("UdpLite6_InErrors", true),
            ("Ip_Forwarding", true),
            ("TcpExt_ListenDrops", true),
            ("Udp6_SndbufErrors", true),
            ("Tcp_MaxConn", false),
            ("Ip_InOctets", false),
        ] {
            assert_eq!(fields.matches(key), expected, "{key}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~\n]|\\PC){0,200}") {
            let _ = parse_pairs(&text);
            let _ = parse_list(&text);
        }
    }
}
