//! Chosen counters of the IP protocols: `/proc/net/{netstat,snmp,snmp6}`, proc_pid_net(5).
//!
//! Parsed here because the procfs crate lacks `netstat` and knows a fixed list of fields only.

use std::sync::Mutex;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::fields::{Field, Fields};
use common::filter::Pattern;
use common::kernel::{lines, split_once, words};
use common::metric::{Kind, sanitize_name};
use common::sync::lock;

use crate::host::Host;

/// Errors, traffic and trouble of each protocol.
const DEFAULT_FIELDS: &str = "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|\
    Icmp6?_(InMsgs|OutMsgs)|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|\
    TCPRcvQDrop)|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|\
    Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$";

/// Counters that are in no standard.
const EXTENDED: &str = "net/netstat";

/// Headings that are remembered at most; the kernel has nine.
const REMEMBERED: usize = 64;

/// Two lines: the names of a protocol's counters, and their values.
#[derive(Debug, PartialEq)]
struct Pair<'a> {
    protocol: &'a str,
    /// The whole line.
    heading: &'a str,
    values: &'a str,
}

/// The families that a heading stands for.
///
/// Headings stay the same from scrape to scrape. Comparing one as a whole, and looking at the
/// values alone, made a scrape of this collector 165,000 instructions instead of 246,000.
#[derive(Debug)]
struct Table {
    heading: Box<str>,
    width: usize,
    /// Those that are wanted, with their places.
    families: Vec<(usize, Field)>,
    /// Places of the bytes received and sent.
    octets: Option<[usize; 2]>,
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
    tables: Mutex<Vec<Table>>,
    families: Fields,
}

impl Netstat {
    pub(super) fn new(options: &Options) -> Self {
        let wanted = options.fields.clone();
        Self { wanted, tables: Mutex::default(), families: Fields::default() }
    }

    fn push_pairs(&self, host: &Host, file: &str, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host.proc(file)?;
        let mut errors = FirstError::default();
        let pairs = errors.take(parse_pairs(&text));
        let mut octets = None;
        let mut tables = lock(&self.tables);
        for pair in pairs {
            let table = find(&mut tables, &pair, |name| self.family(file, pair.protocol, name));
            octets = table.octets(&pair).or(octets);
            let Some(counters) = errors.note(table.counters(&pair)) else { continue };
            for (family, value) in counters {
                if let Some(value) = errors.note(parse_number("value", Some(value))) {
                    sink.value(&family.desc(Kind::Untyped), value);
                }
            }
        }
        if file == EXTENDED {
            host.note_octets(octets);
        }
        errors.into_result().map_err(|error| text.blame(error))
    }

    fn push_list(&self, host: &Host, file: &str, sink: &mut Sink) -> Result<(), CollectError> {
        // Absent without IPv6 in the kernel.
        let Some(text) = host.proc_if_present(file)? else { return Ok(()) };
        let mut errors = FirstError::default();
        let family = |word: &str| {
            let (protocol, name) = split_name(word)?;
            self.family(file, protocol, name)
        };
        let count = self.families.each_line(&text, listed_name, family, |line| {
            // Other lines are left out.
            let Ok((family, value)) = line else { return };
            if let Some(value) = errors.note(parse_number("value", words(value).next())) {
                sink.value(&family.desc(Kind::Untyped), value);
            }
        });
        if count == 0 {
            errors.keep(ParseError::Form("no field".into()));
        }
        errors.into_result().map_err(|error| text.blame(error))
    }

    /// The family of a counter, if it is wanted.
    fn family(&self, file: &str, protocol: &str, name: &str) -> Option<Field> {
        let key = format!("{protocol}_{name}");
        self.wanted.matches(&key).then(|| {
            let help = format!("Field {name} of {protocol} in /proc/{file}.");
            Field::new(&sanitize_name(&format!("node_netstat_{key}")), &help)
        })
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Netstat::new(&Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Host> for Netstat {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let extended = self.push_pairs(host, EXTENDED, sink);
        let standard = self.push_pairs(host, "net/snmp", sink);
        let v6 = self.push_list(host, "net/snmp6", sink);
        extended.and(standard).and(v6)
    }
}

impl<'a> Pair<'a> {
    fn names(&self) -> impl Iterator<Item = &'a str> {
        words(self.heading).skip(1)
    }
}

impl Table {
    fn new(pair: &Pair<'_>, family: impl Fn(&str) -> Option<Field>) -> Self {
        let families = pair.names().enumerate();
        let place = |wanted: &str| pair.names().position(|name| name == wanted);
        let octets = || Some([place("InOctets")?, place("OutOctets")?]);
        Self {
            octets: (pair.protocol == "IpExt").then(octets).flatten(),
            heading: pair.heading.into(),
            width: pair.names().count(),
            families: families.filter_map(|(place, name)| Some((place, family(name)?))).collect(),
        }
    }

    /// Bytes received and sent, if they are among the counters of the pair.
    fn octets(&self, pair: &Pair<'_>) -> Option<[f64; 2]> {
        let [received, sent] = self.octets?;
        let value = |place| parse_number("value", words(pair.values).nth(place)).ok();
        Some([value(received)?, value(sent)?])
    }

    /// The wanted counters of the pair to which this table belongs.
    fn counters<'s>(&'s self, pair: &Pair<'s>) -> Result<Vec<(&'s Field, &'s str)>, ParseError> {
        let mut counters = Vec::with_capacity(self.families.len());
        let mut wanted = self.families.iter().peekable();
        let (mut width, mut start) = (0, None);
        // Byte by byte: most values are a single digit, and nobody wants most of them.
        for (place, byte) in pair.values.bytes().chain([b' ']).enumerate() {
            match (byte.is_ascii_whitespace(), start) {
                (false, None) => start = Some(place),
                (true, Some(first)) => {
                    if let Some((_, family)) = wanted.next_if(|(place, _)| *place == width) {
                        counters.push((family, &pair.values[first..place]));
                    }
                    (width, start) = (width + 1, None);
                }
                _ => {}
            }
        }
        if width != self.width {
            let protocol = pair.protocol;
            let complaint = format!("names and values of {protocol} differ in number");
            return Err(ParseError::Form(complaint));
        }
        Ok(counters)
    }
}

/// The table of a pair, made if there is none.
fn find<'t>(
    tables: &'t mut Vec<Table>,
    pair: &Pair<'_>,
    family: impl Fn(&str) -> Option<Field>,
) -> &'t Table {
    let known = tables.iter().position(|table| *table.heading == *pair.heading);
    let place = known.unwrap_or_else(|| {
        if tables.len() >= REMEMBERED {
            tables.clear();
        }
        tables.push(Table::new(pair, family));
        tables.len() - 1
    });
    &tables[place]
}

/// Pairs of lines, both of which begin with the protocol: names, then values. A line without its
/// counterpart costs no other pair.
fn parse_pairs(text: &str) -> Partial<Vec<Pair<'_>>, ParseError> {
    let mut errors = FirstError::default();
    let mut lines = lines(text).peekable();
    let pairs = std::iter::from_fn(|| {
        let heading = lines.next()?;
        let malformed = || ParseError::form("no names and values", heading);
        let Some((protocol, _)) = split_once(heading, b':') else { return Some(Err(malformed())) };
        let values =
            lines.next_if(|line| line.get(..=protocol.len()) == heading.get(..=protocol.len()));
        let pair =
            values.map(|line| Pair { protocol, heading, values: &line[protocol.len() + 1..] });
        Some(pair.ok_or_else(malformed))
    });
    let pairs = errors.good(pairs);
    errors.beside(pairs).not_empty("no field")
}

/// The name of a list's line that has one.
fn listed_name(line: &str) -> Option<&str> {
    words(line).next().filter(|word| line.starts_with(word) && split_name(word).is_some())
}

/// A name of a list is the protocol's, which ends in `6`, and the field's.
fn split_name(word: &str) -> Option<(&str, &str)> {
    word.split_at_checked(word.bytes().position(|byte| byte == b'6')? + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(protocol: &str, name: &str, value: Option<&str>) -> Option<(String, f64)> {
        Some((format!("{protocol}_{name}"), parse_number("value", value).ok()?))
    }

    /// Those of a list that can be read.
    fn listed(text: &str) -> Vec<(String, f64)> {
        let mut found = Vec::new();
        let family = |word: &str| {
            let (protocol, name) = split_name(word)?;
            Some(Field::new(&format!("{protocol}_{name}"), ""))
        };
        Fields::default().each_line(text, listed_name, family, |line| {
            let Ok((family, value)) = line else { return };
            let value = parse_number("value", words(value).next());
            found.extend(value.ok().map(|value| (family.name().to_owned(), value)));
        });
        found
    }

    /// Those of pairs that can be read, and whether anything was wrong.
    fn paired(text: &str) -> (Vec<(String, f64)>, bool) {
        let pairs = parse_pairs(text);
        let (mut values, mut is_odd) = (Vec::new(), pairs.error.is_some());
        for pair in pairs.good {
            let field = |name: &str| Some(Field::new(name, ""));
            let table = Table::new(&pair, field);
            let Ok(counters) = table.counters(&pair) else {
                is_odd = true;
                continue;
            };
            let read =
                |(field, value): &(&Field, &str)| named(pair.protocol, field.name(), Some(*value));
            values.extend(counters.iter().filter_map(read));
        }
        (values, is_odd)
    }

    #[test]
    fn fields_carry_their_protocol() {
        let text = "Ip: Forwarding DefaultTTL\nIp: 1 64\nTcp: MaxConn\nTcp: -1\n";
        let expected = [("Ip_Forwarding", 1.0), ("Ip_DefaultTTL", 64.0), ("Tcp_MaxConn", -1.0)];
        assert_eq!(paired(text).0, expected.map(|(name, value)| (name.into(), value)));
        let text = "Ip6InOctets                     \t460\nIcmp6OutType135  \t2\nother 1\n\n";
        let expected = [("Ip6_InOctets", 460.0), ("Icmp6_OutType135", 2.0)];
        assert_eq!(listed(text), expected.map(|(name, value)| (name.into(), value)));
    }

    #[test]
    fn what_is_malformed_costs_no_other_protocol() {
        let text = "Ip: A\nIp: x\nTcp: InSegs\nTcp: 7\n";
        assert_eq!(paired(text).0, [("Tcp_InSegs".into(), 7.0)]);
        for bad in ["Ip: A B\nIp: 1\n", "Ip: A\nIp: 1 2\n", "Ip: A\nUdp: 1\n", "Ip\nIp\n"] {
            let text = format!("{bad}Tcp: InSegs\nTcp: 7\n");
            assert_eq!(paired(&text).0, [("Tcp_InSegs".into(), 7.0)], "{bad:?}");
            assert!(paired(&text).1, "{bad:?}");
        }
        let text = "Ip: A\nIp: 1\nodd\nUdp: B\nUdp: 2\nTcp: C\n";
        let expected = [("Ip_A".into(), 1.0), ("Udp_B".into(), 2.0)];
        assert_eq!(paired(text).0, expected, "pairs behind a single line");
        for text in ["", "Ip: A\n"] {
            assert!(parse_pairs(text).error.is_some(), "{text:?}");
        }
        assert_eq!(listed("Ip6InOctets\nIp6B x\nIp6C 1"), [("Ip6_C".into(), 1.0)]);
    }

    #[test]
    fn a_table_is_found_by_its_heading() {
        let text = "Ip: A B\nIp: 1 2\nTcp: A\nTcp: 3\nIp: A C\nIp: 4 5\n";
        let only_b = |name: &str| (name == "B").then(|| Field::new(name, ""));
        let mut tables = Vec::new();
        for _ in 0..2 {
            let mut found = Vec::new();
            for pair in parse_pairs(text).good {
                let table = find(&mut tables, &pair, only_b);
                let counters = table.counters(&pair).unwrap();
                found.extend(counters.into_iter().map(|(_, value)| value.to_owned()));
            }
            assert_eq!(found, ["2"]);
            assert_eq!(tables.len(), 3);
        }
        for number in 0..2 * REMEMBERED {
            let text = format!("Ip: A{number}\nIp: 1\n");
            find(&mut tables, &parse_pairs(&text).good[0], only_b);
        }
        assert!(tables.len() <= REMEMBERED);
    }

    #[test]
    fn octets_are_found_for_the_exporters_own_metrics() {
        let text = "Ip: InOctets\nIp: 9\nIpExt: InOctets X OutOctets\nIpExt: 5 0 6\nM: A\nM: 1\n";
        let octets = |text| {
            let pairs = parse_pairs(text).good;
            pairs.iter().find_map(|pair| Table::new(pair, |_| None).octets(pair))
        };
        assert_eq!(octets(text), Some([5.0, 6.0]));
        for text in ["IpExt: InOctets\nIpExt: 5\n", "IpExt: InOctets OutOctets\nIpExt: 5\n"] {
            assert_eq!(octets(text), None, "{text:?}");
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
            let _ = listed(&text);
        }
    }
}
