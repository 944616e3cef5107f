//! Huge pages by their size: `hugetlb.*` of either cgroup version, admin-guide/mm/hugetlbpage.rst.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::metric::{Metric, counter, gauge};

use crate::cgroup::{CgroupReader, Controller, Version, each_pair};
use crate::inventory::Inventory;

/// Folder of the sizes that this machine has.
const PAGES: &str = "kernel/mm/hugepages";

const METRICS: &[Metric<Usage>] = &[
    gauge(
        "container_hugetlb_usage_bytes",
        "Huge pages reserved, or in use where the kernel does not count reservations.",
        |usage| usage.used,
    ),
    gauge(
        "container_hugetlb_max_usage_bytes",
        "Largest amount of huge pages reserved so far, or in use where reservations are not counted.",
        |usage| usage.peak,
    ),
    counter("container_hugetlb_failcnt", "Times that the limit of huge pages was hit.", |usage| {
        usage.limit_hits
    }),
];

/// Use of pages of one size, in bytes.
#[derive(Debug, Default)]
struct Usage {
    used: Option<f64>,
    peak: Option<f64>,
    limit_hits: Option<f64>,
}

#[derive(Debug)]
pub(super) struct Hugetlb;

#[async_trait]
impl Collector<Inventory> for Hugetlb {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let folders = inventory.host.list_sys(PAGES)?;
        let mut errors = FirstError::default();
        let sizes: Partial<Vec<String>, _> = folders.iter().map(|name| parse_size(name)).collect();
        let sizes =
            errors.take(sizes.map_error(|error| inventory.host.malformed_sys(PAGES, error)));
        let rows = errors.take(inventory.rows(|_, reader| -> Vec<Usage> {
            sizes.iter().map(|size| read(reader, size)).collect()
        }));
        let by_size = rows.iter().flat_map(|(cgroup, usages)| {
            let pairs = sizes.iter().zip(usages);
            pairs.map(|(size, usage)| ((&cgroup.labels, [("pagesize", size)]), usage))
        });
        sink.table(METRICS, by_size);
        errors.into_result()
    }
}

fn read(reader: &mut CgroupReader<'_>, size: &str) -> Usage {
    let version = reader.version();
    let mut value = |name: &str| read_value(reader, size, name);
    match version {
        Version::V1 => Usage {
            used: value("usage_in_bytes"),
            peak: value("max_usage_in_bytes"),
            limit_hits: value("failcnt"),
        },
        Version::V2 => {
            let used = value("current");
            let events = format!("hugetlb.{size}.events");
            let hits = reader.parse_rows(Controller::Hugetlb, &events, parse_events);
            Usage { used, peak: None, limit_hits: hits.flatten() }
        }
    }
}

/// A reservation comes before the use and is what a limit must allow for.
fn read_value(reader: &mut CgroupReader<'_>, size: &str, name: &str) -> Option<f64> {
    let mut value = |name: String| reader.value(Controller::Hugetlb, &name);
    value(format!("hugetlb.{size}.rsvd.{name}")).or_else(|| value(format!("hugetlb.{size}.{name}")))
}

/// `hugepages-2048kB` as the cgroup's files say it: `2MB`.
fn parse_size(name: &str) -> Result<String, ParseError> {
    let number = name.strip_prefix("hugepages-").and_then(|size| size.strip_suffix("kB"));
    let kibibytes: u64 = parse_number("page size", number)?;
    Ok(match kibibytes {
        0..1024 => format!("{kibibytes}KB"),
        1024..1_048_576 => format!("{}MB", kibibytes / 1024),
        _ => format!("{}GB", kibibytes / 1_048_576),
    })
}

fn parse_events(text: &str) -> Partial<Option<f64>, ParseError> {
    let mut hits = None;
    let errors = each_pair(text, |key, count| {
        if key == "max" {
            hits = Some(count);
        }
    });
    errors.beside(hits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    #[test]
    fn sizes_are_spelled_as_in_the_files() {
        for (name, size) in [
            ("hugepages-64kB", "64KB"),
            ("hugepages-2048kB", "2MB"),
            ("hugepages-1048576kB", "1GB"),
        ] {
            assert_eq!(parse_size(name).as_deref(), Ok(size));
        }
        for name in ["", "hugepages-", "hugepages-2MB", "2048kB", "hugepages-xkB"] {
            assert!(parse_size(name).is_err(), "{name}");
        }
    }

    #[test]
    fn hits_of_the_limit_are_read() {
        assert_eq!(parse_events("max 3\n"), Partial::whole(Some(3.0)));
        assert_eq!(parse_events(""), Partial::whole(None));
        assert!(parse_events("max").error.is_some());
        assert_eq!(parse_events("odd\nmax 3\n").good, Some(3.0));
    }

    proptest! {
        #[test]
        fn no_text_panics(name in "(hugepages-)?[0-9]*(kB)?.*") {
            let _ = (parse_size(&name), parse_events(&name));
        }
    }
}
