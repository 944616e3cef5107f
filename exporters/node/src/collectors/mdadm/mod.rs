//! Software RAID: `/proc/mdstat` and `/sys/block/md*/md`, Documentation/admin-guide/md.rst of the kernel.

mod details;
mod mdstat;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
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
    Desc::gauge("node_md_raid_disks", "Disks of a complete array, from sysfs.");
const DEGRADED: Desc<'_> = Desc::gauge("node_md_degraded", "Disks missing from the array.");

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

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Expose level, sync action, mismatches, bitmap and members of arrays, from sysfs
    #[arg(id = "collector.mdadm.details", long = "collector.mdadm.details")]
    pub details: bool,
}

#[derive(Debug)]
pub(super) struct Mdadm {
    has_details: bool,
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    let options = Options::from_arg_matches(matches)?;
    Ok(Box::new(Mdadm { has_details: options.details }))
}

#[async_trait]
impl Collector<Host> for Mdadm {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let Some(text) = host.proc_if_present(FILE)? else {
            return Err(CollectError::NoData("the kernel has no software RAID".into()));
        };
        if mdstat::is_foreign(&text) {
            return Err(CollectError::NoData("mdstat is another driver's than md(4)".into()));
        }
        let mut errors = FirstError::default();
        let arrays = text.parse_rows(mdstat::parse);
        push_arrays(&errors.take(arrays), sink);
        if let Some(names) = errors.catch(host.list_sys("block")) {
            push_sysfs(&names, host, sink, &mut errors);
            if self.has_details {
                let is_array = |name: &&str| {
                    name.starts_with("md") && host.sys_path(&format!("block/{name}/md")).is_dir()
                };
                let arrays: Vec<&str> = names.iter().map(String::as_str).filter(is_array).collect();
                details::push(&arrays, host, sink, &mut errors);
            }
        }
        errors.into_result()
    }
}

fn push_arrays(arrays: &[Array], sink: &mut Sink) {
    sink.table(METRICS, arrays.iter().map(|array| ([("device", &*array.name)], array)));
    let disks = arrays.iter().flat_map(|array| {
        let disks = [("active", array.active), ("failed", array.failed), ("spare", array.spare)];
        disks.map(|(state, count)| ([("device", &*array.name), ("state", state)], count as f64))
    });
    sink.samples(&DISKS, disks);
    let states = arrays.iter().flat_map(|array| {
        STATES.iter().map(|(state, activity)| {
            let is_in = f64::from(*activity == array.activity);
            ([("device", &*array.name), ("state", state)], is_in)
        })
    });
    sink.samples(&STATE, states);
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
    let disks = arrays.iter().filter_map(|(name, level)| {
        if CONTAINERS.contains(&&**level) {
            return None;
        }
        let path = format!("block/{name}/md/raid_disks");
        let disks = errors.catch(host.parsed(&path, first_number))?;
        Some(([("device", name)], disks))
    });
    sink.samples(&RAID_DISKS, disks);
    let lacking = arrays.iter().filter_map(|(name, level)| {
        let lacking = if REDUNDANT.contains(&&**level) {
            errors.catch(host.number::<u64>(&format!("block/{name}/md/degraded")))? as f64
        } else {
            0.0
        };
        Some(([("device", name)], lacking))
    });
    sink.samples(&DEGRADED, lacking);
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
