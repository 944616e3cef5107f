//! Memory by use and NUMA node: `/sys/devices/system/node/node*/{meminfo,numastat}`,
//! Documentation/ABI/stable/sysfs-devices-node and Documentation/admin-guide/numastat.rst
//! of the kernel.

use std::collections::BTreeMap;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::metric::{Desc, Kind, sanitize_name};

use crate::host::Host;
use crate::readers::attributes::number_after;
use crate::readers::meminfo::Field;

const FOLDER: &str = "devices/system/node";

/// Families by name; unlike those of the meminfo collector they have no unit in it.
type Families = BTreeMap<String, Family>;

#[derive(Debug)]
struct Family {
    kind: Kind,
    help: String,
    /// Number of the node and value.
    samples: Vec<(String, f64)>,
}

/// One file of a node: name, type of its families, and how to read a line.
struct File {
    name: &'static str,
    kind: Kind,
    parse: fn(&str) -> Result<(String, f64), ParseError>,
}

const FILES: [File; 2] = [
    File { name: "meminfo", kind: Kind::Gauge, parse: parse_meminfo },
    File { name: "numastat", kind: Kind::Counter, parse: parse_numastat },
];

#[derive(Debug, Default)]
pub(super) struct MeminfoNuma;

#[async_trait]
impl Collector<Host> for MeminfoNuma {
    /// A host without nodes has no samples, which is no error.
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut families = Families::new();
        let mut errors = FirstError::default();
        for name in host.list_sys(FOLDER)?.unwrap_or_default() {
            let Some(node) = number_after(&name, "node") else { continue };
            for file in &FILES {
                file.read(host, node, &mut families, &mut errors);
            }
        }
        for (name, family) in &families {
            let desc = Desc::new(name, &family.help, family.kind);
            sink.samples(
                &desc,
                family.samples.iter().map(|(node, value)| ([("node", node)], *value)),
            );
        }
        errors.into_result()
    }
}

impl File {
    fn read(&self, host: &Host, node: &str, families: &mut Families, errors: &mut FirstError) {
        let path = format!("{FOLDER}/node{node}/{}", self.name);
        let Some(text) = errors.catch(host.attribute(&path)) else { return };
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let fields = lines.map(self.parse).collect::<Partial<_, _>>().not_empty("no field");
        let fields = fields.map_error(|error| host.malformed_sys(&path, error));
        for (name, value) in errors.take(fields) {
            let family = families.entry(name).or_insert_with_key(|name| {
                let field = name.trim_start_matches(PREFIX).trim_end_matches("_total");
                let help = format!("Field {field} of {} of each NUMA node.", self.name);
                Family { kind: self.kind, help, samples: Vec::new() }
            });
            family.samples.push((node.to_owned(), value));
        }
    }
}

const PREFIX: &str = "node_memory_numa_";

/// `Node 0 Active(anon):  123 kB`
fn parse_meminfo(line: &str) -> Result<(String, f64), ParseError> {
    let malformed = || ParseError::form("line without a node", line);
    let rest = line.trim_start().strip_prefix("Node ").ok_or_else(malformed)?;
    let (_, field) = rest.split_once(' ').ok_or_else(malformed)?;
    let field = Field::parse(field.trim_start())?;
    let mut name = PREFIX.to_owned();
    field.spell(&mut name);
    Ok((name, field.value))
}

/// `numa_hit 193460335812`
fn parse_numastat(line: &str) -> Result<(String, f64), ParseError> {
    let mut words = line.split_ascii_whitespace();
    let field = words.next().ok_or(ParseError::Missing { field: "name" })?;
    let count: u64 = parse_number("count", words.next())?;
    Ok((format!("{PREFIX}{}_total", sanitize_name(field)), count as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_unit_and_counters_a_total() {
        let parse = |line| parse_meminfo(line).unwrap();
        assert_eq!(parse("Node 0 MemUsed:  2 kB"), ("node_memory_numa_MemUsed".into(), 2048.0));
        assert_eq!(
            parse("Node 1 Active(anon):      3 kB"),
            ("node_memory_numa_Active_anon".into(), 3072.0)
        );
        assert_eq!(
            parse("Node 1 HugePages_Free:      3"),
            ("node_memory_numa_HugePages_Free".into(), 3.0)
        );
        let hits = parse_numastat("numa_hit 193460335812").unwrap();
        assert_eq!(hits, ("node_memory_numa_numa_hit_total".into(), 193_460_335_812.0));
    }

    #[test]
    fn truncated_and_malformed_lines_are_refused() {
        for line in ["MemTotal: 1 kB", "Node 0", "Node 0 MemTotal:", "Node 0 MemTotal: 1 MB"] {
            assert!(parse_meminfo(line).is_err(), "{line:?}");
        }
        for line in ["", "numa_hit", "numa_hit x", "numa_hit -1"] {
            assert!(parse_numastat(line).is_err(), "{line:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(line in "(Node 0 )?([ -~]|\\PC){0,100}") {
            let _ = (parse_meminfo(&line), parse_numastat(&line));
        }
    }
}
