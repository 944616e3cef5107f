//! Space, commits and errors of btrfs: `/sys/fs/btrfs`, "Sysfs interface" of the btrfs documentation.
//!
//! The reference exporter also asks by ioctl(2), which safe code cannot; the
//! errors of devices are in sysfs too, from Linux 5.14 on.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::exposition::{LabelSet, Sink};
use common::keyed::Keyed;
use common::metric::Desc;

use crate::host::Host;
use crate::readers::SECTOR_BYTES;
use crate::readers::attributes::{Table, line, parsed_in_part};

const DIRECTORY: &str = "fs/btrfs";

const INFO: Desc<'_> = Desc::gauge("node_btrfs_info", "Label of the file system; always 1.");

const GLOBAL_RESERVE: &[Keyed] = &[Keyed::gauge(
    "allocation/global_rsv_size",
    "node_btrfs_global_rsv_size_bytes",
    "Size of the global reserve in bytes.",
)];

/// Lines of `commit_stats`.
const COMMITS: &[Keyed] = &[
    Keyed::counter("commits", "node_btrfs_commits_total", "Transactions committed."),
    Keyed::gauge(
        "last_commit_ms",
        "node_btrfs_last_commit_seconds",
        "Time of the last commit, in seconds.",
    )
    .over(1000.0),
    Keyed::gauge(
        "max_commit_ms",
        "node_btrfs_max_commit_seconds",
        "Time of the longest commit, in seconds.",
    )
    .over(1000.0),
    Keyed::counter(
        "total_commit_ms",
        "node_btrfs_commit_seconds_total",
        "Time of all commits, in seconds.",
    )
    .over(1000.0),
];

const BLOCK_GROUP_TYPES: [&str; 3] = ["data", "metadata", "system"];

const RESERVED: &[Keyed] = &[Keyed::gauge(
    "bytes_reserved",
    "node_btrfs_reserved_bytes",
    "Bytes reserved for a kind of data.",
)];

const LAYOUT: &[Keyed] = &[
    Keyed::gauge(
        "used_bytes",
        "node_btrfs_used_bytes",
        "Bytes in use by a kind of data and its layout.",
    ),
    Keyed::gauge(
        "total_bytes",
        "node_btrfs_size_bytes",
        "Bytes allocated for a kind of data and its layout.",
    ),
];

const RATIO: Desc<'_> =
    Desc::gauge("node_btrfs_allocation_ratio", "Bytes on disk for each byte of data.");

const DEVICE_SIZE: &[Keyed] =
    &[Keyed::gauge("size", "node_btrfs_device_size_bytes", "Size of a device in bytes.")
        .times(SECTOR_BYTES)];

const DEVICE_ERRORS: Desc<'_> =
    Desc::counter("node_btrfs_device_errors_total", "Errors of a device by type.");

/// Value of the `type` label, and line of `error_stats`.
const ERRORS: &[(&str, &str)] = &[
    ("corruption", "corruption_errs"),
    ("flush", "flush_errs"),
    ("generation", "generation_errs"),
    ("read", "read_errs"),
    ("write", "write_errs"),
];

/// A file system that is mounted.
struct FileSystem {
    path: String,
    uuid: String,
    label: String,
    devices: Vec<String>,
    /// Numbers of the devices.
    ids: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Btrfs;

#[async_trait]
impl Collector<Host> for Btrfs {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut errors = FirstError::default();
        let names = host.list_sys(DIRECTORY)?.unwrap_or_default();
        let systems: Vec<FileSystem> = names
            .iter()
            .filter(|name| name.contains('-'))
            .map(|name| open(host, name, &mut errors))
            .collect();
        let samples =
            systems.iter().map(|system| ([("label", &system.label), ("uuid", &system.uuid)], 1.0));
        sink.samples(&INFO, samples);
        push_whole(&systems, host, sink, &mut errors);
        push_allocation(&systems, host, sink, &mut errors);
        push_devices(&systems, host, sink, &mut errors);
        errors.into_result()
    }
}

fn open(host: &Host, name: &str, errors: &mut FirstError) -> FileSystem {
    let path = format!("{DIRECTORY}/{name}");
    let uuid = errors.catch(host.attribute(&format!("{path}/metadata_uuid")));
    let label = errors.catch(host.attribute(&format!("{path}/label")));
    let mut list = |folder| errors.catch(host.list_sys(&format!("{path}/{folder}")));
    FileSystem {
        uuid: uuid.filter(|uuid| !uuid.is_empty()).unwrap_or_else(|| name.to_owned()),
        label: label.unwrap_or_default(),
        devices: list("devices").unwrap_or_default(),
        ids: list("devinfo").unwrap_or_default(),
        path,
    }
}

fn push_whole(systems: &[FileSystem], host: &Host, sink: &mut Sink, errors: &mut FirstError) {
    let mut reserve = Table::new(GLOBAL_RESERVE, ["uuid"]);
    let mut commits = Table::new(COMMITS, ["uuid"]);
    for FileSystem { path, uuid, .. } in systems {
        reserve.read(host, &format!("{path}/"), [uuid], errors);
        commits.read_lines(host, &format!("{path}/commit_stats"), [uuid], errors);
    }
    reserve.push(sink);
    commits.push(sink);
}

fn push_allocation(systems: &[FileSystem], host: &Host, sink: &mut Sink, errors: &mut FirstError) {
    let mut reserved = Table::new(RESERVED, ["block_group_type", "uuid"]);
    let mut layouts = Table::new(LAYOUT, ["block_group_type", "mode", "uuid"]);
    let mut ratios = Vec::new();
    for FileSystem { path, uuid, devices, .. } in systems {
        for kind in BLOCK_GROUP_TYPES {
            let group = format!("{path}/allocation/{kind}/");
            reserved.read(host, &group, [kind, uuid], errors);
            for mode in errors.catch(host.list_sys(&group)).unwrap_or_default() {
                let layout = format!("{group}{mode}/");
                // Of the other entries, which are no folders, this is true as well.
                if host.list_sys(&layout).ok().flatten().is_none() {
                    continue;
                }
                layouts.read(host, &layout, [kind, &mode, uuid], errors);
                let labels = [("block_group_type", kind), ("mode", &*mode), ("uuid", uuid)];
                ratios.push((LabelSet::new(labels), ratio(&mode, devices.len())));
            }
        }
    }
    reserved.push(sink);
    layouts.push(sink);
    let samples = ratios.iter().filter_map(|(labels, ratio)| {
        let ratio = (*ratio)?;
        Some((labels, ratio))
    });
    sink.samples(&RATIO, samples);
}

/// Bytes on disk for each byte of data; 0 for a layout that is not known, as in the
/// reference exporter, and none where devices are missing so that it would be infinite.
fn ratio(mode: &str, devices: usize) -> Option<f64> {
    let with_parity = |parity: usize| {
        let data = devices.checked_sub(parity).filter(|data| *data > 0)?;
        Some(devices as f64 / data as f64)
    };
    match mode {
        "single" | "raid0" => Some(1.0),
        "dup" | "raid1" | "raid10" => Some(2.0),
        "raid1c3" => Some(3.0),
        "raid1c4" => Some(4.0),
        "raid5" => with_parity(1),
        "raid6" => with_parity(2),
        _ => Some(0.0),
    }
}

fn push_devices(systems: &[FileSystem], host: &Host, sink: &mut Sink, errors: &mut FirstError) {
    let mut sizes = Table::new(DEVICE_SIZE, ["device", "uuid"]);
    for FileSystem { path, uuid, devices, .. } in systems {
        for device in devices {
            sizes.read(host, &format!("{path}/devices/{device}/"), [device, uuid], errors);
        }
    }
    sizes.push(sink);
    let mut family = sink.family(&DEVICE_ERRORS);
    for FileSystem { path, uuid, devices, ids, .. } in systems {
        for id in ids {
            let path = format!("{path}/devinfo/{id}/error_stats");
            let counts = parsed_in_part(host, &path, error_counts, errors);
            // Sysfs does not show which number is which device, unless there is only one.
            let device = match (&devices[..], &ids[..]) {
                ([device], [_]) => ("device", &**device),
                _ => ("devid", &**id),
            };
            for (kind, count) in counts.unwrap_or_default() {
                family.sample(&[device, ("type", kind), ("uuid", uuid)], count);
            }
        }
    }
}

/// Type and count of each error; none as long as the kernel has not read them from the disk.
fn error_counts(text: &str) -> Partial<Vec<(&'static str, f64)>, ParseError> {
    let counts = ERRORS.iter().filter(|_| text != "invalid").map(|(kind, key)| {
        let count = line(text, key).ok_or(ParseError::Missing { field: "count of errors" })?;
        let count: u64 = parse_number("count of errors", Some(count))?;
        Ok((*kind, count as f64))
    });
    counts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_by_type() {
        let text = "write_errs 1\nread_errs 2\nflush_errs 0\ncorruption_errs 4\ngeneration_errs 5";
        let expected = [
            ("corruption", 4.0),
            ("flush", 0.0),
            ("generation", 5.0),
            ("read", 2.0),
            ("write", 1.0),
        ];
        let counts = error_counts(text);
        assert_eq!((&counts.good[..], counts.error), (&expected[..], None));
        let counts = error_counts("invalid");
        assert_eq!((&counts.good[..], counts.error), (&[][..], None));
    }

    #[test]
    fn truncated_and_malformed_counts_cost_only_themselves() {
        for (text, good) in [("", 0), ("write_errs", 0), ("write_errs 1\nread_errs x", 1)] {
            let counts = error_counts(text);
            assert!(counts.error.is_some(), "{text:?}");
            assert_eq!(counts.good.len(), good, "{text:?}");
        }
    }

    #[test]
    fn parity_costs_a_share_of_the_devices() {
        assert_eq!(ratio("raid1c3", 4), Some(3.0));
        assert_eq!(ratio("raid5", 4), Some(4.0 / 3.0));
        assert_eq!(ratio("raid6", 4), Some(2.0));
        assert_eq!(ratio("raid5", 1), None);
        assert_eq!(ratio("raid6", 0), None);
        assert_eq!(ratio("raid7", 4), Some(0.0));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(write_errs|[0-9 \n]|\\PC){0,60}") {
            let _ = error_counts(&text);
        }
    }
}
