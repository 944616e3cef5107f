//! Software RAID: `/proc/mdstat` and `/sys/block/md*/md`, Documentation/admin-guide/md.rst of the kernel.

mod mdstat;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, parse_number};
use common::exposition::Sink;
use common::metric::{Desc, Metric, gauge};

use crate::host::Host;
use mdstat::{Activity, Array};

const FILE: &str = "mdstat";

const METRICS: &[Metric<Array>] = &[
    gauge("node_md_disks_required", "Disks that the array needs to be complete.", |array| {
        Some(array.disks_required as f64)
    }),
    gauge("node_md_blocks", "Size of the array in blocks of 1 KiB.", |array| {
        Some(array.blocks as f64)
    }),
    gauge("node_md_blocks_synced", "Blocks of 1 KiB that are in sync.", |array| {
        array.blocks_synced.map(|blocks| blocks as f64)
    }),
];

const DISKS: Desc<'_> = Desc::gauge("node_md_disks", "Disks of the array by state.");
const STATE: Desc<'_> = Desc::gauge("node_md_state", "1 for the state that the array is in.");
const RAID_DISKS: Desc<'_> =
    Desc::gauge("node_md_raid_disks", "Disks of a complete array, as sysfs tells.");
const DEGRADED: Desc<'_> = Desc::gauge("node_md_degraded", "Disks that the array lacks.");

/// Value of the `state` label by activity; a reshape has none.
const STATES: &[(&str, Activity)] = &[
    ("active", Activity::Active),
    ("check", Activity::Check),
    ("inactive", Activity::Inactive),
    ("recovering", Activity::Recovering),
    ("resync", Activity::Resync),
];

/// Levels of arrays that can lack a disk.
const REDUNDANT: &[&str] = &["raid1", "raid4", "raid5", "raid6", "raid10"];

/// Levels of what only holds arrays.
const CONTAINERS: &[&str] = &["", "container", "ddf", "imsm"];

#[derive(Debug)]
pub(super) struct Mdadm;

#[async_trait]
impl Collector<Host> for Mdadm {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let Some(text) = host.read_proc_if_present(FILE)? else {
            return Err(CollectError::NoData("the kernel has no software RAID".into()));
        };
        let mut errors = FirstError::default();
        let arrays = mdstat::parse(&text).map_error(|error| host.malformed_proc(FILE, error));
        push_arrays(&errors.take(arrays), sink);
        if let Some(names) = errors.catch(host.list_sys("block")) {
            push_sysfs(&names, host, sink, &mut errors);
        }
        errors.into_result()
    }
}

fn push_arrays(arrays: &[Array], sink: &mut Sink) {
    sink.table(METRICS, arrays.iter().map(|array| ([("device", &*array.name)], array)));
    let mut family = sink.family(&DISKS);
    for array in arrays {
        let disks = [("active", array.active), ("failed", array.failed), ("spare", array.spare)];
        for (state, count) in disks {
            family.sample(&[("device", &*array.name), ("state", state)], count as f64);
        }
    }
    drop(family);
    let mut family = sink.family(&STATE);
    for array in arrays {
        for (state, activity) in STATES {
            let is_in = f64::from(*activity == array.activity);
            family.sample(&[("device", &*array.name), ("state", state)], is_in);
        }
    }
}

/// Pushes what sysfs knows of the arrays among the block devices.
fn push_sysfs(names: &[String], host: &Host, sink: &mut Sink, errors: &mut FirstError) {
    let mut arrays = Vec::new();
    for name in names.iter().filter(|name| name.starts_with("md")) {
        let level = host.attribute(&format!("block/{name}/md/level"));
        if let Some(level) = errors.catch(level) {
            arrays.push((name, level));
        }
    }
    let mut family = sink.family(&RAID_DISKS);
    for (name, level) in &arrays {
        if !CONTAINERS.contains(&&**level) {
            let path = format!("block/{name}/md/raid_disks");
            if let Some(disks) = errors.catch(host.parsed(&path, first_number)) {
                family.sample(&[("device", name)], disks);
            }
        }
    }
    drop(family);
    let mut family = sink.family(&DEGRADED);
    for (name, level) in &arrays {
        let lacking = if REDUNDANT.contains(&&**level) {
            let path = format!("block/{name}/md/degraded");
            errors.catch(host.number::<u64>(&path)).map(|lacking| lacking as f64)
        } else {
            Some(0.0)
        };
        if let Some(lacking) = lacking {
            family.sample(&[("device", name)], lacking);
        }
    }
}

/// The number before a former one in parentheses: `11 (10)` while an array is reshaped.
fn first_number(text: &str) -> Result<f64, ParseError> {
    let number: u64 = parse_number("disks", text.split_ascii_whitespace().next())?;
    Ok(number as f64)
}

#[cfg(test)]
mod tests {
    use super::first_number;

    #[test]
    fn the_number_of_disks_may_have_a_former_one_behind_it() {
        assert_eq!(first_number("11 (10)"), Ok(11.0));
        assert_eq!(first_number("2"), Ok(2.0));
        for text in ["", "(10)", "two"] {
            assert!(first_number(text).is_err(), "{text:?}");
        }
    }
}
