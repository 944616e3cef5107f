//! Counters of TCP: the lines `Tcp:` of `net/snmp` and `TcpExt:` of `net/netstat`
//! of a container's init process, networking/snmp_counter.rst of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::metric::Desc;

use crate::cgroup::CgroupReader;
use crate::inventory::Inventory;
use crate::inventory::process::network_process;

/// The type is the reference's in spite of the name.
const STATISTICS: Desc<'static> = Desc::gauge(
    "container_network_advance_tcp_stats_total",
    "Counters and settings of TCP, by the kernel's name in lower case.",
);

/// Names and values in the kernel's order.
type Fields = Vec<(String, f64)>;

#[derive(Debug)]
pub(super) struct AdvTcp;

#[async_trait]
impl Collector<Inventory> for AdvTcp {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let rows = inventory.rows(|cgroup, reader| {
            let pid = network_process(inventory, cgroup, reader)?;
            let mut fields = read(reader, &format!("{pid}/net/snmp"), "Tcp:");
            fields.append(&mut read(reader, &format!("{pid}/net/netstat"), "TcpExt:"));
            Some(fields)
        });
        let samples = rows.good.iter().flat_map(|(cgroup, fields)| {
            let fields = fields.iter().flatten();
            fields.map(|(name, value)| ((&cgroup.labels, [("tcp_state", name)]), *value))
        });
        sink.samples(&STATISTICS, samples);
        rows.finish()
    }
}

fn read(reader: &mut CgroupReader<'_>, path: &str, start: &'static str) -> Fields {
    reader.proc_rows(path, |text| parse(text, start)).unwrap_or_default()
}

/// Two lines with the same first word: names, then values.
fn parse(text: &str, start: &'static str) -> Partial<Fields, ParseError> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(start));
    let mut errors = FirstError::default();
    let (Some(names), Some(values)) = (lines.next(), lines.next()) else {
        errors.keep(ParseError::Missing { field: start });
        return errors.beside(Fields::new());
    };
    let mut values = values.split_ascii_whitespace();
    let mut fields = Fields::new();
    for name in names.split_ascii_whitespace() {
        if let Some(value) = errors.note(parse_number::<i64>("counter", values.next())) {
            fields.push((name.to_ascii_lowercase(), value as f64));
        }
    }
    errors.beside(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    const SNMP: &str = "Ip: Forwarding DefaultTTL\nIp: 1 64\nTcp: RtoMin MaxConn ActiveOpens\n\
                        Tcp: 200 -1 17\n";

    #[test]
    fn names_meet_their_values() {
        let fields = parse(SNMP, "Tcp:").good;
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(fields, [("rtomin", 200.0), ("maxconn", -1.0), ("activeopens", 17.0)]);
    }

    #[test]
    fn truncated_and_malformed_content_is_an_error() {
        for text in ["", "Tcp: A\n", "Tcp: A B\nTcp: 1\n", "Tcp: A\nTcp: x\n"] {
            assert!(parse(text, "Tcp:").error.is_some(), "{text:?}");
        }
    }

    #[test]
    fn neighbours_of_an_odd_value_stay() {
        let fields = parse("Tcp: A B C\nTcp: 1 x 3\n", "Tcp:");
        assert_eq!(fields.good, [("a".to_owned(), 1.0), ("c".to_owned(), 3.0)]);
        assert_eq!(fields.error, Some(ParseError::number("counter", "x")));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(Tcp:( [A-Za-z0-9-]{0,4}){0,4}\n){0,3}.*") {
            let _ = parse(&text, "Tcp:");
        }
    }
}
