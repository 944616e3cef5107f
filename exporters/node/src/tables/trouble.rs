//! What somebody should look at: failed units, arrays without all their disks, file systems that
//! do not answer.

use common::view::{Column, Reading, Sample, Table};

use super::MOST;

const COLUMNS: &[Column] = &[Column::text("TROUBLE"), Column::text("WHERE")];

pub(super) fn table(reading: &Reading<'_>) -> Table {
    let mut table = Table::new(COLUMNS);
    let mut add = |what: &str, labels: &[&str], samples: &mut dyn Iterator<Item = &Sample>| {
        for sample in samples {
            let words: Vec<&str> = labels.iter().map(|label| sample.label(label)).collect();
            table.row([what.to_owned(), words.join(" ")]);
        }
    };
    let is_one = |sample: &&Sample| sample.value > 0.0;
    let failed = [("state", "failed")];
    let mut units = reading.samples("node_systemd_unit_state", &failed).filter(is_one);
    add("failed unit", &["name"], &mut units);
    let mut arrays = reading.samples("node_md_degraded", &[]).filter(is_one);
    add("array without all its disks", &["device"], &mut arrays);
    let mut errors = reading.samples("node_filesystem_device_error", &[]).filter(is_one);
    add("file system that cannot be read", &["mountpoint", "device_error"], &mut errors);
    table.keep(MOST, "of these");
    table
}
