//! Memory touched since it was last asked: `smaps_rollup` of the processes in a
//! cgroup, proc_pid_smaps(5), kernel 4.14.
//!
//! Nothing is written to `clear_refs`: without that it is the memory ever touched.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError, parse_number};
use common::exposition::Sink;
use common::metric::{Metric, gauge};

use crate::cgroup::{CgroupReader, UNSEEN};
use crate::host::Host;
use crate::inventory::Inventory;

const METRICS: &[Metric<Option<f64>>] =
    &[gauge("container_referenced_bytes", "Memory that processes have touched.", |bytes| *bytes)];

#[derive(Debug)]
pub(super) struct ReferencedMemory;

#[async_trait]
impl Collector<Inventory> for ReferencedMemory {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let rows = inventory.rows(|_, reader| read(reader, &inventory.host));
        sink.table(METRICS, rows.good.iter().map(|(cgroup, row)| (&cgroup.labels, row)));
        rows.finish()
    }
}

/// A process that ends meanwhile has no memory; one that may not be looked at makes the sum unknown.
fn read(reader: &mut CgroupReader<'_>, host: &Host) -> Option<f64> {
    let mut bytes = 0.0;
    for pid in reader.processes()? {
        if pid == UNSEEN {
            return None;
        }
        let read = host.parse_proc(&format!("{pid}/smaps_rollup"), parse);
        bytes += reader.keep(read.map(|found| Some(found.flatten().unwrap_or(0.0))))?;
    }
    Some(bytes)
}

/// The line `Referenced:  1380 kB`; a kernel thread has an empty file.
fn parse(text: &str) -> Result<Option<f64>, ParseError> {
    if text.is_empty() {
        return Ok(None);
    }
    let line = text.lines().find_map(|line| line.strip_prefix("Referenced:"));
    let number = line.and_then(|line| line.split_ascii_whitespace().next());
    parse_number::<u64>("Referenced", number).map(|kibibytes| Some(kibibytes as f64 * 1024.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    #[test]
    fn kilobytes_become_bytes() {
        let text = "5581-7ffd ---p 00000000 00:00 0  [rollup]\nRss: 9 kB\nReferenced:  2 kB\n";
        assert_eq!(parse(text), Ok(Some(2048.0)));
        assert_eq!(parse(""), Ok(None));
        for text in ["Rss: 9 kB\n", "Referenced:", "Referenced: x kB\n"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(Referenced:)?.*") {
            let _ = parse(&text);
        }
    }
}
