//! Memory by NUMA node: `memory.numa_stat` of either cgroup version.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::metric::Desc;

use crate::cgroup::{Controller, Version};
use crate::inventory::Inventory;

const PAGES: Desc<'static> = Desc::gauge(
    "container_memory_numa_pages",
    "Pages of memory on a node; scope hierarchy: with those of cgroups below.",
);

/// Kinds of memory that are shown.
const KINDS: [&str; 3] = ["file", "anon", "unevictable"];

/// Memory of one kind on one node.
#[derive(Debug, PartialEq)]
struct OnNode {
    kind: &'static str,
    scope: &'static str,
    node: String,
    pages: f64,
}

#[derive(Debug)]
pub(super) struct MemoryNuma;

#[async_trait]
impl Collector<Inventory> for MemoryNuma {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let rows = inventory.rows(|_, reader| {
            let parse = match reader.version() {
                Version::V1 => parse_v1,
                Version::V2 => parse_v2,
            };
            reader.parse_rows(Controller::Memory, "memory.numa_stat", parse).unwrap_or_default()
        });
        let samples = rows.good.iter().flat_map(|(cgroup, nodes)| {
            nodes.iter().map(|OnNode { kind, scope, node, pages }| {
                let labels = [("node", node.as_str()), ("scope", scope), ("type", kind)];
                ((&cgroup.labels, labels), *pages)
            })
        });
        sink.samples(&PAGES, samples);
        rows.finish()
    }
}

/// `hierarchical_file=300 N0=100 N1=200`, in pages; without the first word it is the cgroup's own.
fn parse_v1(text: &str) -> Partial<Vec<OnNode>, ParseError> {
    parse(text, |line| {
        let (name, nodes) = line.split_once(' ').unwrap_or((line, ""));
        let (name, _) = name.split_once('=').ok_or(ParseError::Missing { field: "sum" })?;
        Ok(match name.strip_prefix("hierarchical_") {
            Some(name) => (name, "hierarchy", nodes, 1.0),
            None => (name, "container", nodes, 1.0),
        })
    })
}

/// `file N0=4096 N1=8192`, in bytes, those of cgroups below included.
fn parse_v2(text: &str) -> Partial<Vec<OnNode>, ParseError> {
    let page_bytes = rustix::param::page_size() as f64;
    parse(text, |line| {
        let (name, nodes) = line.split_once(' ').ok_or(ParseError::Missing { field: "nodes" })?;
        Ok((name, "hierarchy", nodes, page_bytes))
    })
}

/// What a line says: the kind of memory, whose it is, the nodes, and how much makes a page.
type Line<'a> = (&'a str, &'static str, &'a str, f64);

fn parse(
    text: &str,
    split: impl Fn(&str) -> Result<Line<'_>, ParseError>,
) -> Partial<Vec<OnNode>, ParseError> {
    let mut found = Vec::new();
    let mut errors = FirstError::default();
    for line in text.lines() {
        let Some((name, scope, nodes, unit)) = errors.note(split(line)) else { continue };
        let Some(kind) = KINDS.into_iter().find(|kind| *kind == name) else { continue };
        for field in nodes.split_ascii_whitespace() {
            if let Some((node, amount)) = errors.note(parse_node(field)) {
                found.push(OnNode { kind, scope, node: node.to_owned(), pages: amount / unit });
            }
        }
    }
    errors.beside(found)
}

/// `N0=4096`
fn parse_node(field: &str) -> Result<(&str, f64), ParseError> {
    let node = field.strip_prefix('N').and_then(|field| field.split_once('='));
    let (node, amount) = node.ok_or_else(|| ParseError::form("no node", field))?;
    Ok((node, parse_number::<u64>("amount", Some(amount))? as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    fn on_node(kind: &'static str, scope: &'static str, node: &str, pages: f64) -> OnNode {
        OnNode { kind, scope, node: node.to_owned(), pages }
    }

    #[test]
    fn version_1_tells_own_pages_apart() {
        let text = "total=9 N0=9\nfile=3 N0=1 N1=2\nhierarchical_anon=4 N0=4\n";
        let expected = [
            on_node("file", "container", "0", 1.0),
            on_node("file", "container", "1", 2.0),
            on_node("anon", "hierarchy", "0", 4.0),
        ];
        assert_eq!(parse_v1(text).good, expected);
    }

    #[test]
    fn version_2_counts_bytes_with_cgroups_below() {
        let bytes = 3 * rustix::param::page_size();
        let text = format!("anon N0={bytes}\nkernel_stack N0=1\n");
        assert_eq!(parse_v2(&text).good, [on_node("anon", "hierarchy", "0", 3.0)]);
    }

    #[test]
    fn truncated_and_malformed_content_is_an_error() {
        for text in ["file", "file=1 N0", "file=1 N0=x", "file=1 0=1"] {
            assert!(parse_v1(text).error.is_some(), "{text:?}");
        }
        for text in ["file", "file N0", "file N0=x", "file 0=1"] {
            assert!(parse_v2(text).error.is_some(), "{text:?}");
        }
    }

    #[test]
    fn neighbours_of_an_odd_line_or_node_stay() {
        let nodes = parse_v1("odd\nfile=3 N0=x 1 N1=2\nanon=1 N0=1\n");
        let expected =
            [on_node("file", "container", "1", 2.0), on_node("anon", "container", "0", 1.0)];
        assert_eq!(nodes.good, expected);
        assert_eq!(nodes.error, Some(ParseError::Missing { field: "sum" }));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([a-z_]{0,9}=?[0-9]{0,3}( N[0-9]{0,3}=[0-9]{0,3}){0,3}\n){0,4}.*") {
            let _ = (parse_v1(&text), parse_v2(&text));
        }
    }
}
