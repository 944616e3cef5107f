//! Chosen counters of the IP protocols: `/proc/net/{netstat,snmp,snmp6}`, proc_pid_net(5).
//!
//! Parsed here because the procfs crate lacks `netstat` and knows a fixed list of fields only.

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::filter::Pattern;
use common::metric::{Desc, sanitize_name};

use crate::host::Host;

/// Errors, traffic and trouble of each protocol.
const DEFAULT_FIELDS: &str = "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|\
    Icmp6?_(InMsgs|OutMsgs)|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|\
    TCPRcvQDrop)|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|\
    Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$";

/// One counter.
#[derive(Debug, PartialEq)]
struct Field<'a> {
    protocol: &'a str,
    name: &'a str,
    value: f64,
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
    fields: Pattern,
}

impl Netstat {
    pub(super) fn new(options: &Options) -> Self {
        Self { fields: options.fields.clone() }
    }

    fn push(
        &self,
        host: &Host,
        file: &str,
        parse: fn(&str) -> Partial<Vec<Field<'_>>, ParseError>,
        sink: &mut Sink,
    ) -> Result<(), CollectError> {
        let text = host.proc(file)?;
        let fields = parse(&text);
        let mut key = String::new();
        for field in &fields.good {
            key.clear();
            key.extend([field.protocol, "_", field.name]);
            if self.fields.matches(&key) {
                let name = sanitize_name(&format!("node_netstat_{key}"));
                let help = format!("Field {} of {} in /proc/{file}.", field.name, field.protocol);
                sink.value(&Desc::untyped(&name, &help), field.value);
            }
        }
        fields.map_error(|error| text.blame(error)).finish()
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Netstat::new(&Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Host> for Netstat {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let extended = self.push(host, "net/netstat", parse_pairs, sink);
        let standard = self.push(host, "net/snmp", parse_pairs, sink);
        let v6 = match self.push(host, "net/snmp6", parse_list, sink) {
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

/// Pairs of lines, both of which begin with the protocol: names, then values. A line without its
/// counterpart costs no other pair.
fn parse_pairs(text: &str) -> Partial<Vec<Field<'_>>, ParseError> {
    let mut fields = Vec::new();
    let mut lines = text.lines().peekable();
    let protocol = |line: &str| line.split_once(':').map(|(protocol, _)| protocol.to_owned());
    while let Some(names) = lines.next() {
        let values = lines.next_if(|values| protocol(values) == protocol(names));
        match split_pair(names, values.unwrap_or_default()) {
            Ok((protocol, names, values)) => {
                fields.extend(names.zip(values).map(|(name, value)| {
                    let value = parse_number("value", Some(value))?;
                    Ok(Field { protocol, name, value })
                }));
            }
            Err(error) => fields.push(Err(error)),
        }
    }
    fields.into_iter().collect::<Partial<_, _>>().not_empty("no field")
}

type Words<'a> = std::str::SplitAsciiWhitespace<'a>;

/// Protocol, names and as many values.
fn split_pair<'a>(
    names: &'a str,
    values: &'a str,
) -> Result<(&'a str, Words<'a>, Words<'a>), ParseError> {
    let malformed = || ParseError::form("no names and values", names);
    let (protocol, names) = names.split_once(':').ok_or_else(malformed)?;
    let (_, values) =
        values.split_once(':').filter(|(of, _)| *of == protocol).ok_or_else(malformed)?;
    let (names, values) = (names.split_ascii_whitespace(), values.split_ascii_whitespace());
    if names.clone().count() == values.clone().count() {
        Ok((protocol, names, values))
    } else {
        Err(ParseError::Form(format!("names and values of {protocol} differ in number")))
    }
}

/// A name and a value per line; the name is the protocol's, which ends in `6`, and the field's.
fn parse_list(text: &str) -> Partial<Vec<Field<'_>>, ParseError> {
    let fields = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let word = words.next()?;
        let (protocol, name) = word.split_at_checked(word.find('6')? + 1)?;
        let value = parse_number("value", words.next());
        Some(value.map(|value| Field { protocol, name, value }))
    });
    fields.collect::<Partial<_, _>>().not_empty("no field")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(parsed: &Partial<Vec<Field<'_>>, ParseError>) -> Vec<(String, f64)> {
        parsed.good.iter().map(|f| (format!("{}_{}", f.protocol, f.name), f.value)).collect()
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
        for bad in ["Ip: A B\nIp: 1\n", "Ip: A\nIp: x\n", "Ip: A\nUdp: 1\n", "Ip\nIp\n"] {
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
        for text in ["", "Ip6InOctets\n"] {
            assert!(parse_list(text).error.is_some(), "{text:?}");
        }
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
