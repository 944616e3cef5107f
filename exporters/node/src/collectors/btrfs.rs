//! Space, commits and errors of btrfs: `/sys/fs/btrfs`, "Sysfs interface" of the btrfs documentation.
//!
//! The reference exporter also asks by ioctl(2), which safe code cannot; the
//! errors of devices are in sysfs too, from Linux 5.14 on.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError, parse_number};
use common::exposition::{LabelSet, Sink};
use common::metric::Desc;

use super::device_table::{self, Attribute, Device, FirstFailure};
use crate::host::Host;

const DIRECTORY: &str = "fs/btrfs";

/// The kernel counts in sectors of 512 bytes, whatever the disk's own are.
const SECTOR_BYTES: f64 = 512.0;

const INFO: Desc<'_> = Desc::gauge("node_btrfs_info", "Label of the file system; always 1.");

const GLOBAL_RESERVE: &[Attribute] = &[Attribute::number(
    "allocation/global_rsv_size",
    Desc::gauge("node_btrfs_global_rsv_size_bytes", "Size of the global reserve in bytes."),
)];

/// Line of `commit_stats`, family, units a second.
const COMMITS: &[(&str, Desc<'static>, f64)] = &[
    ("commits", Desc::counter("node_btrfs_commits_total", "Transactions committed."), 1.0),
    (
        "last_commit_ms",
        Desc::gauge("node_btrfs_last_commit_seconds", "Time of the last commit, in seconds."),
        1000.0,
    ),
    (
        "max_commit_ms",
        Desc::gauge("node_btrfs_max_commit_seconds", "Time of the longest commit, in seconds."),
        1000.0,
    ),
    (
        "total_commit_ms",
        Desc::counter("node_btrfs_commit_seconds_total", "Time of all commits, in seconds."),
        1000.0,
    ),
];

const BLOCK_GROUP_TYPES: [&str; 3] = ["data", "metadata", "system"];

const RESERVED: &[Attribute] = &[Attribute::number(
    "bytes_reserved",
    Desc::gauge("node_btrfs_reserved_bytes", "Bytes reserved for a kind of data."),
)];

const LAYOUT: &[Attribute] = &[
    Attribute::number(
        "used_bytes",
        Desc::gauge("node_btrfs_used_bytes", "Bytes in use by a kind of data and its layout."),
    ),
    Attribute::number(
        "total_bytes",
        Desc::gauge("node_btrfs_size_bytes", "Bytes set apart for a kind of data and its layout."),
    ),
];

const RATIO: Desc<'_> =
    Desc::gauge("node_btrfs_allocation_ratio", "Bytes on disk for each byte of data.");

const DEVICE_SIZE: &[Attribute] = &[Attribute {
    file: "size",
    desc: Desc::gauge("node_btrfs_device_size_bytes", "Size of a device in bytes."),
    parse: |text| Ok(device_table::number(text)?.map(|sectors| sectors * SECTOR_BYTES)),
}];

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

/// How one kind of data is laid out on one file system.
struct Layout {
    labels: LabelSet,
    ratio: Option<f64>,
}

#[derive(Debug)]
pub(super) struct Btrfs;

#[async_trait]
impl Collector<Host> for Btrfs {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut failures = FirstFailure::default();
        let names = host.list_sys(DIRECTORY)?.unwrap_or_default();
        let systems: Vec<FileSystem> = names
            .iter()
            .filter(|name| name.contains('-'))
            .filter_map(|name| failures.note(open(host, name)))
            .collect();
        let mut family = sink.family(&INFO);
        for system in &systems {
            family.sample(&[("label", &system.label), ("uuid", &system.uuid)], 1.0);
        }
        drop(family);
        let whole = systems.iter().map(|system| Device {
            path: system.path.clone(),
            labels: LabelSet::new([("uuid", &*system.uuid)]),
        });
        device_table::push(GLOBAL_RESERVE, &whole.collect::<Vec<_>>(), host, sink, &mut failures);
        push_commits(&systems, host, sink, &mut failures);
        push_allocation(&systems, host, sink, &mut failures);
        push_devices(&systems, host, sink, &mut failures);
        failures.into_result()
    }
}

fn open(host: &Host, name: &str) -> Result<FileSystem, CollectError> {
    let path = format!("{DIRECTORY}/{name}");
    let uuid = host.attribute(&format!("{path}/metadata_uuid"))?;
    Ok(FileSystem {
        uuid: uuid.filter(|uuid| !uuid.is_empty()).unwrap_or_else(|| name.to_owned()),
        label: host.attribute(&format!("{path}/label"))?.unwrap_or_default(),
        devices: host.list_sys(&format!("{path}/devices"))?.unwrap_or_default(),
        ids: host.list_sys(&format!("{path}/devinfo"))?.unwrap_or_default(),
        path,
    })
}

fn push_commits(systems: &[FileSystem], host: &Host, sink: &mut Sink, failures: &mut FirstFailure) {
    let mut files = Vec::new();
    for system in systems {
        let path = format!("{}/commit_stats", system.path);
        let text = device_table::read_lines(host, &path, &["commits"]);
        if let Some(Some(text)) = failures.note(text) {
            files.push((system, path, text));
        }
    }
    for (key, desc, units) in COMMITS {
        let mut family = sink.family(desc);
        for (system, path, text) in &files {
            let value = parse_line(text, key).map_err(|error| host.malformed_sys(path, error));
            if let Some(Some(value)) = failures.note(value) {
                family.sample(&[("uuid", &system.uuid)], value / units);
            }
        }
    }
}

fn push_allocation(
    systems: &[FileSystem],
    host: &Host,
    sink: &mut Sink,
    failures: &mut FirstFailure,
) {
    let (mut groups, mut layouts, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for system in systems {
        for kind in BLOCK_GROUP_TYPES {
            let path = format!("{}/allocation/{kind}", system.path);
            let modes = failures.note(host.list_sys(&path)).flatten().unwrap_or_default();
            for mode in modes {
                let path = format!("{path}/{mode}");
                // Of the other entries, which are no folders, this is true as well.
                if host.list_sys(&path).ok().flatten().is_none() {
                    continue;
                }
                let labels = || {
                    let labels =
                        [("block_group_type", kind), ("mode", &*mode), ("uuid", &*system.uuid)];
                    LabelSet::new(labels)
                };
                let ratio = ratio(&mode, system.devices.len());
                ratios.push(Layout { labels: labels(), ratio });
                layouts.push(Device { path, labels: labels() });
            }
            let labels = LabelSet::new([("block_group_type", kind), ("uuid", &*system.uuid)]);
            groups.push(Device { path, labels });
        }
    }
    device_table::push(RESERVED, &groups, host, sink, failures);
    device_table::push(LAYOUT, &layouts, host, sink, failures);
    let mut family = sink.family(&RATIO);
    for layout in &ratios {
        if let Some(ratio) = layout.ratio {
            family.sample_with(&layout.labels, &[], ratio);
        }
    }
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

fn push_devices(systems: &[FileSystem], host: &Host, sink: &mut Sink, failures: &mut FirstFailure) {
    let sizes = systems.iter().flat_map(|system| {
        system.devices.iter().map(|device| Device {
            path: format!("{}/devices/{device}", system.path),
            labels: LabelSet::new([("device", &**device), ("uuid", &*system.uuid)]),
        })
    });
    device_table::push(DEVICE_SIZE, &sizes.collect::<Vec<_>>(), host, sink, failures);
    let mut family = sink.family(&DEVICE_ERRORS);
    for system in systems {
        for id in &system.ids {
            let path = format!("{}/devinfo/{id}/error_stats", system.path);
            // The errors are invalid as long as the kernel has not read them from the disk.
            let text = device_table::read_lines(host, &path, &["write_errs", "invalid"]);
            let text = failures.note(text).flatten().unwrap_or_default();
            // Sysfs does not tell which number is which device, unless there is only one.
            let device = match (&system.devices[..], &system.ids[..]) {
                ([device], [_]) => ("device", &**device),
                _ => ("devid", &**id),
            };
            for (kind, key) in ERRORS {
                let count = parse_line(&text, key);
                let count = count.map_err(|error| host.malformed_sys(&path, error));
                if let Some(Some(count)) = failures.note(count) {
                    family.sample(&[device, ("type", kind), ("uuid", &system.uuid)], count);
                }
            }
        }
    }
}

/// Number of the line that starts with `key`; `None` if there is no such line.
fn parse_line(text: &str, key: &str) -> Result<Option<f64>, ParseError> {
    let mut lines = text.lines().map(str::split_ascii_whitespace);
    let Some(mut words) = lines.find_map(|mut words| (words.next()? == key).then_some(words))
    else {
        return Ok(None);
    };
    let number: u64 = parse_number("count", words.next())?;
    Ok(Some(number as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_their_key() {
        let text = "commits 3\ncur_commit_ms 0\nlast_commit_ms 51\nmax_commit_ms 100\n";
        assert_eq!(parse_line(text, "last_commit_ms"), Ok(Some(51.0)));
        assert_eq!(parse_line(text, "total_commit_ms"), Ok(None));
        assert_eq!(parse_line("invalid\n", "write_errs"), Ok(None));
    }

    #[test]
    fn truncated_and_malformed_lines_are_errors() {
        for text in ["write_errs", "write_errs x", "write_errs -1"] {
            assert!(parse_line(text, "write_errs").is_err(), "{text:?}");
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
            let _ = parse_line(&text, "write_errs");
        }
    }
}
