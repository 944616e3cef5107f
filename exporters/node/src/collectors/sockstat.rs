//! Sockets by protocol: `/proc/net/sockstat` and `sockstat6`, proc_pid_net(5).

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::fields::{Field, Fields, Lookup};
use common::kernel::{lines, split_once, words};
use common::metric::{Kind, sanitize_name};

use crate::host::Host;

/// Files of the two address families; a kernel without one of them lacks its file.
const FILES: [&str; 2] = ["net/sockstat", "net/sockstat6"];

/// Key and what it counts.
const VALUES: [(&str, &str); 7] = [
    ("inuse", "Sockets in use"),
    ("orphan", "Sockets no longer held by a process"),
    ("tw", "Sockets in the state TIME_WAIT"),
    ("alloc", "Sockets allocated"),
    ("mem", "Pages of memory in use"),
    (MEM_BYTES, "Bytes of memory in use for buffers"),
    ("memory", "Bytes of memory in use"),
];

/// Not in the file: `mem` in bytes.
const MEM_BYTES: &str = "mem_bytes";

/// One line: a protocol and its values.
#[derive(Debug, PartialEq)]
struct Protocol<'a> {
    name: &'a str,
    values: Vec<(&'a str, f64)>,
}

#[derive(Debug, Default)]
pub(super) struct Sockstat {
    families: Fields,
}

#[async_trait]
impl Collector<Host> for Sockstat {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let page_bytes = rustix::param::page_size() as f64;
        let families = &mut self.families.start();
        let [v4, v6] = FILES.map(|file| push(host, file, page_bytes, families, sink));
        v4.and(v6)
    }
}

fn push(
    host: &Host,
    file: &str,
    page_bytes: f64,
    families: &mut Lookup<'_>,
    sink: &mut Sink,
) -> Result<(), CollectError> {
    let Some(text) = host.proc_if_present(file)? else { return Ok(()) };
    let protocols = parse(&text);
    for protocol in &protocols.good {
        for (key, value) in &protocol.values {
            push_value([protocol.name, key], *value, families, sink);
            if *key == "mem" {
                push_value([protocol.name, MEM_BYTES], value * page_bytes, families, sink);
            }
        }
    }
    protocols.map_error(|error| text.blame(error)).finish()
}

fn push_value(key: [&str; 2], value: f64, families: &mut Lookup<'_>, sink: &mut Sink) {
    if let Some(family) = families.get(key, || family(key)) {
        sink.value(&family.desc(Kind::Gauge), value);
    }
}

fn family([protocol, key]: [&str; 2]) -> Option<Field> {
    let help = if (protocol, key) == ("sockets", "used") {
        "Sockets in use, of all protocols.".to_owned()
    } else {
        let (_, meaning) = VALUES.iter().find(|(known, _)| *known == key)?;
        format!("{meaning}, {protocol}.")
    };
    Some(Field::new(&sanitize_name(&format!("node_sockstat_{protocol}_{key}")), &help))
}

/// The protocols in order, each without its malformed values.
fn parse(text: &str) -> Partial<Vec<Protocol<'_>>, ParseError> {
    let mut errors = FirstError::default();
    let protocols = lines(text).filter_map(|line| {
        let protocol = parse_line(line, &mut errors);
        errors.note(protocol)
    });
    let protocols = protocols.collect();
    errors.beside(protocols).not_empty("no protocol")
}

/// A name with a colon, then pairs of key and value.
fn parse_line<'a>(
    line: &'a str,
    errors: &mut FirstError<ParseError>,
) -> Result<Protocol<'a>, ParseError> {
    let (name, rest) = split_once(line, b':')
        .filter(|(name, _)| !name.is_empty())
        .ok_or(ParseError::Missing { field: "protocol" })?;
    let mut words = words(rest);
    let mut values = Vec::new();
    while let Some(key) = words.next() {
        let value = errors.note(parse_number::<i64>("value", words.next()));
        values.extend(value.map(|value| (key, value as f64)));
    }
    Ok(Protocol { name, values })
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::testing;

    #[test]
    fn lines_are_pairs_behind_a_protocol() {
        let values = vec![("inuse", 4.0), ("orphan", 0.0), ("mem", 1.0)];
        let tcp = Protocol { name: "TCP", values };
        let udp = Protocol { name: "UDP", values: vec![] };
        assert_eq!(parse("TCP: inuse 4 orphan 0 mem 1\nUDP:\n"), Partial::whole(vec![tcp, udp]));
    }

    #[test]
    fn truncated_and_malformed_lines_are_errors() {
        for line in ["", "TCP", ": used 1", "TCP: inuse", "TCP: inuse x", "TCP: inuse 1 tw"] {
            let protocols = parse(line);
            assert!(protocols.error.is_some(), "{line:?}");
        }
    }

    #[test]
    fn a_malformed_line_or_value_costs_only_itself() {
        let protocols = parse("TCP: inuse x orphan 2\nodd\nUDP: inuse 3\n");
        let expected = [
            Protocol { name: "TCP", values: vec![("orphan", 2.0)] },
            Protocol { name: "UDP", values: vec![("inuse", 3.0)] },
        ];
        assert_eq!(protocols.good, expected);
    }

    #[test]
    fn pages_are_given_as_bytes_too_and_unknown_keys_left_out() {
        let host = Host::fixture("linux-6.1");
        let sockstat = Sockstat::default();
        let text = testing::exposed(|sink| {
            push(&host, FILES[0], 65_536.0, &mut sockstat.families.start(), sink).unwrap();
        });
        let value = |family: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(family)?.strip_prefix(' '));
            line.map(|value| value.parse::<f64>().unwrap())
        };
        assert!(value("node_sockstat_sockets_used").is_some(), "{text}");
        let pages = value("node_sockstat_TCP_mem").unwrap();
        assert_eq!(value("node_sockstat_TCP_mem_bytes"), Some(pages * 65_536.0));
        assert_eq!(family(["TCP", "new"]), None);
        assert_eq!(family(["TCP", "used"]), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~\n]|\\PC){0,200}") {
            let _ = parse(&text);
        }
    }
}
