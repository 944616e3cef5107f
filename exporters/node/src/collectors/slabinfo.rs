//! Caches of kernel objects: `/proc/slabinfo`, slabinfo(5); readable by root only.

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::filter::{Filter, Pattern};
use common::metric::{Metric, gauge};

use crate::host::Host;

const METRICS: &[Metric<Cache>] = &[
    gauge("node_slabinfo_active_objects", "Objects in use.", |cache| Some(cache.active as f64)),
    gauge("node_slabinfo_objects", "Objects allocated, in use or not.", |cache| {
        Some(cache.objects as f64)
    }),
    gauge("node_slabinfo_object_size_bytes", "Size of each object, in bytes.", |cache| {
        Some(cache.object_bytes as f64)
    }),
    gauge("node_slabinfo_objects_per_slab", "Objects that a slab holds.", |cache| {
        Some(cache.objects_per_slab as f64)
    }),
    gauge("node_slabinfo_pages_per_slab", "Pages that a slab takes.", |cache| {
        Some(cache.pages_per_slab as f64)
    }),
];

/// The first columns of a cache.
#[derive(Debug, PartialEq)]
struct Cache {
    active: u64,
    objects: u64,
    object_bytes: u64,
    objects_per_slab: u64,
    pages_per_slab: u64,
}

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Slabs to leave out
    #[arg(
        id = "collector.slabinfo.slabs-exclude",
        long = "collector.slabinfo.slabs-exclude",
        value_name = "REGEX"
    )]
    pub exclude: Option<Pattern>,
    /// Slabs to expose
    #[arg(
        id = "collector.slabinfo.slabs-include",
        long = "collector.slabinfo.slabs-include",
        value_name = "REGEX",
        default_value = ".*"
    )]
    pub include: Pattern,
}

#[derive(Debug)]
pub(super) struct Slabinfo {
    slabs: Filter,
}

impl Slabinfo {
    pub(super) fn new(options: &Options) -> Self {
        Self { slabs: Filter::new(Some(options.include.clone()), options.exclude.clone()) }
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Slabinfo::new(&Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Host> for Slabinfo {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host.proc("slabinfo")?;
        let slabs = text.parse_rows(parse);
        let rows = slabs.good.iter().filter(|(name, _)| self.slabs.accepts(name));
        sink.table(METRICS, rows.map(|(name, slab)| ([("slab", *name)], slab)));
        slabs.finish()
    }
}

/// The caches in order, if the file is of a version whose columns are known.
fn parse(text: &str) -> Partial<Vec<(&str, Cache)>, ParseError> {
    let mut lines = text.lines();
    let heading = lines.next().unwrap_or_default();
    if !heading.starts_with("slabinfo - version: 2.") {
        return Partial::failed(ParseError::form("unknown version", heading));
    }
    lines.filter(|line| !line.starts_with('#')).map(parse_line).collect()
}

/// `name active objects size objects-per-slab pages-per-slab : tunables …`, read
/// from the right because the name may hold spaces.
fn parse_line(line: &str) -> Result<(&str, Cache), ParseError> {
    let mut rest = line.split_once(" : ").map_or(line, |(columns, _)| columns);
    let mut number = |field| {
        let (left, column) = rest
            .trim_ascii_end()
            .rsplit_once(' ')
            .ok_or_else(|| ParseError::form("too few columns", line))?;
        rest = left;
        parse_number(field, Some(column))
    };
    let cache = Cache {
        pages_per_slab: number("pages per slab")?,
        objects_per_slab: number("objects per slab")?,
        object_bytes: number("object size")?,
        objects: number("objects")?,
        active: number("active objects")?,
    };
    match rest.trim_ascii() {
        "" => Err(ParseError::Missing { field: "name" }),
        name => Ok((name, cache)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &str = "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> …\n";

    #[test]
    fn columns_are_found_behind_any_name() {
        let text = format!(
            "{HEADING}tcp tw_sock (1:x)  7 16 248 16 1 : tunables 0 0 0 : slabdata 1 1 0\n\
             dentry  375 532  2240   14    8 : tunables    0    0    0 : slabdata     38     38      0\n"
        );
        let slabs = parse(&text);
        let names: Vec<_> = slabs.good.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["tcp tw_sock (1:x)", "dentry"]);
        let expected = Cache {
            active: 375,
            objects: 532,
            object_bytes: 2240,
            objects_per_slab: 14,
            pages_per_slab: 8,
        };
        assert_eq!(slabs.good[1].1, expected);
        assert_eq!(slabs.error, None);
    }

    #[test]
    fn other_versions_are_refused() {
        for text in ["", "slabinfo - version: 1.1\n", "dentry 1 2 3 4 5\n"] {
            assert!(parse(text).error.is_some(), "{text:?}");
        }
    }

    #[test]
    fn a_malformed_slab_does_not_cost_the_others() {
        for line in ["", "dentry", "dentry 1 2 3 4", " 1 2 3 4 5 : tunables", "dentry 1 2 3 x 5"] {
            let text = format!("{HEADING}{line}\ninode 1 2 3 4 5 : tunables 0 0 0\n");
            let slabs = parse(&text);
            assert!(slabs.error.is_some(), "{line:?}");
            assert_eq!(slabs.good.len(), 1, "{line:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(slabinfo - version: 2.1\n)?([ -~\n]|\\PC){0,200}") {
            let _ = parse(&text);
        }
    }
}
