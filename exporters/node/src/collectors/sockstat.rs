//! Sockets by protocol: `/proc/net/sockstat` and `sockstat6`, proc_pid_net(5).

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::metric::{Desc, sanitize_name};

use crate::host::Host;

/// Files of the two address families; a kernel without one of them lacks its file.
const FILES: [&str; 2] = ["net/sockstat", "net/sockstat6"];

const USED: Desc<'_> =
    Desc::gauge("node_sockstat_sockets_used", "Sockets in use, of all protocols.");

/// Key, last word of the family's name, what it counts.
const VALUES: [(&str, &str, &str); 6] = [
    ("inuse", "inuse", "Sockets in use"),
    ("orphan", "orphan", "Sockets no longer held by a process"),
    ("tw", "tw", "Sockets in the state TIME_WAIT"),
    ("alloc", "alloc", "Sockets allocated"),
    ("mem", "mem", "Pages of memory in use"),
    ("memory", "memory", "Bytes of memory in use"),
];

/// One line: a protocol and its values.
#[derive(Debug, PartialEq)]
struct Protocol<'a> {
    name: &'a str,
    values: Vec<(&'a str, f64)>,
}

#[derive(Debug, Default)]
pub(super) struct Sockstat;

#[async_trait]
impl Collector<Host> for Sockstat {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let page_bytes = rustix::param::page_size() as f64;
        let [v4, v6] = FILES.map(|file| push(host, file, page_bytes, sink));
        v4.and(v6)
    }
}

fn push(host: &Host, file: &str, page_bytes: f64, sink: &mut Sink) -> Result<(), CollectError> {
    let Some(text) = host.proc_if_present(file)? else { return Ok(()) };
    let protocols = parse(&text);
    for protocol in &protocols.good {
        for (key, value) in &protocol.values {
            push_value(protocol.name, key, *value, page_bytes, sink);
        }
    }
    protocols.map_error(|error| text.blame(error)).finish()
}

fn push_value(protocol: &str, key: &str, value: f64, page_bytes: f64, sink: &mut Sink) {
    if (protocol, key) == ("sockets", "used") {
        return sink.value(&USED, value);
    }
    let mut push = |word: &str, meaning: &str, value: f64| {
        let name = sanitize_name(&format!("node_sockstat_{protocol}_{word}"));
        sink.value(&Desc::gauge(&name, &format!("{meaning}, {protocol}.")), value);
    };
    if let Some((_, word, meaning)) = VALUES.iter().find(|(known, ..)| *known == key) {
        push(word, meaning, value);
    }
    if key == "mem" {
        push("mem_bytes", "Bytes of memory in use for buffers", value * page_bytes);
    }
}

/// The protocols in order, each without its malformed values.
fn parse(text: &str) -> Partial<Vec<Protocol<'_>>, ParseError> {
    let mut errors = FirstError::default();
    let protocols = text.lines().filter_map(|line| {
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
    let (name, rest) = line
        .split_once(':')
        .filter(|(name, _)| !name.is_empty())
        .ok_or(ParseError::Missing { field: "protocol" })?;
    let mut words = rest.split_ascii_whitespace();
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
        let mut sink = Sink::default();
        push_value("TCP", "mem", 3.0, 65_536.0, &mut sink);
        push_value("TCP", "new", 1.0, 65_536.0, &mut sink);
        push_value("sockets", "used", 7.0, 65_536.0, &mut sink);
        assert_eq!(
            testing::samples(&sink),
            [
                "node_sockstat_TCP_mem 3",
                "node_sockstat_TCP_mem_bytes 196608",
                "node_sockstat_sockets_used 7"
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~\n]|\\PC){0,200}") {
            let _ = parse(&text);
        }
    }
}
