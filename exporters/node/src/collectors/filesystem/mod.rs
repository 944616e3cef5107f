//! Space per mounted file system: `/proc/1/mountinfo`, proc_pid_mountinfo(5), and statfs(2).
//!
//! Parsed here because the procfs crate refuses text that is not UTF-8 and drops the source `none`.

mod mounts;
mod remote;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::cli::{parse_count, parse_duration};
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::filter::{Filter, Pattern};
use common::kernel::block_bytes;
use common::metric::{Desc, Metric, gauge};
use rustix::fs::StatFs;

use crate::host::Host;
use crate::readers::bound::Bound;
use mounts::Mount;
use remote::Remote;

const DEFAULT_MOUNT_POINTS_EXCLUDE: &str =
    "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)";
const DEFAULT_TYPES_EXCLUDE: &str = "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|\
    devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|\
    securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$";

/// The kernel answers statfs(2) for these from memory; everything else may
/// ask a server or a process that never answers.
const LOCAL_TYPES: [&str; 12] = [
    "ext4", "xfs", "btrfs", "tmpfs", "vfat", "ext3", "ext2", "f2fs", "zfs", "ramfs", "exfat",
    "overlay",
];

const METRICS: &[Metric<Space>] = &[
    gauge("node_filesystem_size_bytes", "Size of the file system, in bytes.", Space::size_bytes),
    gauge(
        "node_filesystem_free_bytes",
        "Space that is free for root, in bytes.",
        Space::free_bytes,
    ),
    gauge(
        "node_filesystem_avail_bytes",
        "Space available to unprivileged users, in bytes.",
        Space::available_bytes,
    ),
    gauge("node_filesystem_files", "Files that the file system can hold.", Space::files),
    gauge("node_filesystem_files_free", "Files that can still be created.", Space::files_free),
    gauge(
        "node_filesystem_purgeable_bytes",
        "Space that the system could free by itself, in bytes; always 0 on Linux.",
        |s| s.answer.as_ref().ok().map(|_| 0.0),
    ),
    gauge("node_filesystem_readonly", "1 if the file system is mounted read-only.", |s| {
        Some(f64::from(s.is_read_only))
    }),
    gauge("node_filesystem_device_error", "1 if statfs(2) failed.", |s| {
        Some(f64::from(s.answer.is_err()))
    }),
];

const MOUNT_INFO: Desc<'_> =
    Desc::gauge("node_filesystem_mount_info", "Device number of each mount; always 1.");

/// What statfs(2) said, or why it did not, as the label `device_error` has it.
type Answer = Result<StatFs, String>;

/// One mount's figures.
struct Space {
    answer: Answer,
    is_read_only: bool,
}

impl Space {
    fn blocks(&self, count: fn(&StatFs) -> u64) -> Option<f64> {
        let stat = self.answer.as_ref().ok()?;
        Some(count(stat) as f64 * block_bytes(stat.f_frsize as f64, stat.f_bsize as f64))
    }

    fn size_bytes(&self) -> Option<f64> {
        self.blocks(|stat| stat.f_blocks)
    }

    fn free_bytes(&self) -> Option<f64> {
        self.blocks(|stat| stat.f_bfree)
    }

    fn available_bytes(&self) -> Option<f64> {
        self.blocks(|stat| stat.f_bavail)
    }

    fn files(&self) -> Option<f64> {
        self.answer.as_ref().ok().map(|stat| stat.f_files as f64)
    }

    fn files_free(&self) -> Option<f64> {
        self.answer.as_ref().ok().map(|stat| stat.f_ffree as f64)
    }
}

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Mount points to leave out (default: kernel file systems and container layers)
    #[arg(
        id = "collector.filesystem.mount-points-exclude",
        long = "collector.filesystem.mount-points-exclude",
        alias = "collector.filesystem.ignored-mount-points",
        value_name = "REGEX"
    )]
    pub mount_points_exclude: Option<Pattern>,
    /// Mount points to expose, instead of leaving some out
    #[arg(
        id = "collector.filesystem.mount-points-include",
        long = "collector.filesystem.mount-points-include",
        value_name = "REGEX"
    )]
    pub mount_points_include: Option<Pattern>,
    /// File system types to leave out (default: virtual, overlay and image file systems)
    #[arg(
        id = "collector.filesystem.fs-types-exclude",
        long = "collector.filesystem.fs-types-exclude",
        alias = "collector.filesystem.ignored-fs-types",
        value_name = "REGEX"
    )]
    pub types_exclude: Option<Pattern>,
    /// File system types to expose, instead of leaving some out
    #[arg(
        id = "collector.filesystem.fs-types-include",
        long = "collector.filesystem.fs-types-include",
        value_name = "REGEX"
    )]
    pub types_include: Option<Pattern>,
    /// How long a remote mount may take to answer before it counts as stuck
    #[arg(
        id = "collector.filesystem.mount-timeout",
        long = "collector.filesystem.mount-timeout",
        value_name = "DURATION",
        default_value = "5s",
        value_parser = parse_duration
    )]
    pub mount_timeout: Duration,
    /// Remote mounts asked at once
    #[arg(
        id = "collector.filesystem.stat-workers",
        long = "collector.filesystem.stat-workers",
        value_name = "N",
        default_value = "4",
        value_parser = parse_count
    )]
    pub stat_workers: usize,
    /// Mounts to expose at most, those that were mounted first
    #[arg(
        id = "collector.filesystem.max-mounts",
        long = "collector.filesystem.max-mounts",
        value_name = "N",
        default_value = "10000",
        value_parser = parse_count
    )]
    pub max_mounts: usize,
}

#[derive(Debug)]
pub(super) struct Filesystem {
    mount_points: Filter,
    types: Filter,
    remote: Arc<Remote>,
    bound: Bound,
}

impl Filesystem {
    pub(super) fn new(options: &Options) -> anyhow::Result<Self> {
        Ok(Self {
            mount_points: Filter::exclusive(
                "collector.filesystem.mount-points",
                options.mount_points_include.as_ref(),
                options.mount_points_exclude.as_ref(),
                DEFAULT_MOUNT_POINTS_EXCLUDE,
            )?,
            types: Filter::exclusive(
                "collector.filesystem.fs-types",
                options.types_include.as_ref(),
                options.types_exclude.as_ref(),
                DEFAULT_TYPES_EXCLUDE,
            )?,
            remote: Arc::new(Remote::new(options.mount_timeout, options.stat_workers.max(1))),
            bound: Bound::new("mounts", options.max_mounts),
        })
    }

    /// The mounts below the host's root that the filters leave, each (device, mount point, type)
    /// once: of two names that differ in no label, the first.
    fn choose<'t>(&self, host: &Host, text: &'t str) -> Vec<Mount<'t>> {
        let has_type = |fs_type: &str| self.types.accepts(fs_type);
        let is_wanted = |mount: &Mount<'t>| self.mount_points.accepts(&mount.point);
        let mut mounts = mounts::choose(text, host.rootfs(), has_type, is_wanted);
        let mut seen = HashSet::new();
        mounts.retain(|mount| {
            seen.insert((mount.device.clone(), mount.point.clone(), mount.fs_type))
        });
        self.bound.keep(&mut mounts);
        mounts
    }

    /// Asks each mount for its space, local ones right here.
    fn ask(&self, host: &Host, mounts: &[Mount<'_>]) -> Vec<Answer> {
        let path = |mount: &Mount<'_>| mount.place(host.rootfs());
        let is_local = |mount: &Mount<'_>| LOCAL_TYPES.contains(&mount.fs_type);
        let far: Vec<PathBuf> = mounts.iter().filter(|m| !is_local(m)).map(path).collect();
        let mut far_answers = self.remote.ask(far).into_iter();
        mounts
            .iter()
            .map(|mount| {
                if is_local(mount) {
                    remote::statfs(&path(mount))
                } else {
                    far_answers.next().unwrap_or_else(|| Err(remote::STUCK.to_owned()))
                }
            })
            .collect()
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Filesystem::new(&Options::from_arg_matches(matches)?)?))
}

#[async_trait]
impl Collector<Host> for Filesystem {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = mounts::read(host)?;
        let mounts = self.choose(host, &text);
        let answers = self.ask(host, &mounts);
        let spaces: Vec<(&Mount<'_>, Space)> = mounts
            .iter()
            .zip(answers)
            .map(|(mount, answer)| {
                // Of a mount that does not answer, even the options are not to be trusted.
                let is_stuck = answer.as_ref().is_err_and(|error| error == remote::STUCK);
                let is_read_only = !is_stuck && mount.is_read_only();
                (mount, Space { answer, is_read_only })
            })
            .collect();
        let rows = spaces.iter().map(|(mount, space)| {
            let error = space.answer.as_ref().err().map_or("", String::as_str);
            let labels = [
                ("device", &*mount.device),
                ("device_error", error),
                ("fstype", mount.fs_type),
                ("mountpoint", &*mount.point),
            ];
            (labels, space)
        });
        sink.table(METRICS, rows);
        let mut family = sink.family(&MOUNT_INFO);
        let mut seen = HashSet::new();
        for mount in mounts.iter().filter(|m| seen.insert((&m.device, &m.point, &m.number))) {
            let (major, minor) = mount.number.split_once(':').unwrap_or((mount.number, ""));
            family.sample(
                &[
                    ("device", &*mount.device),
                    ("major", major),
                    ("minor", minor),
                    ("mountpoint", &mount.point),
                ],
                1.0,
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of a file system that counts in `fragment` and transfers in `transfer` bytes.
    fn sizes(fragment: u32, transfer: u32) -> [Option<f64>; 3] {
        let mut stat = rustix::fs::statfs("/").unwrap();
        stat.f_frsize = fragment.into();
        stat.f_bsize = transfer.into();
        (stat.f_blocks, stat.f_bfree, stat.f_bavail) =
            (2_147_483_648, 1_457_905_063, 1_457_905_063);
        let space = Space { answer: Ok(stat), is_read_only: false };
        [space.size_bytes(), space.free_bytes(), space.available_bytes()]
    }

    #[test]
    fn mounts_have_a_bound() {
        let options = Options {
            mount_points_exclude: None,
            mount_points_include: None,
            types_exclude: None,
            types_include: None,
            mount_timeout: Duration::from_secs(5),
            stat_workers: 1,
            max_mounts: 2,
        };
        let filesystem = Filesystem::new(&options).unwrap();
        assert_eq!(filesystem.bound.of(3), 2);
    }

    #[test]
    fn sizes_are_counted_in_fragments() {
        let expected = [1_099_511_627_776.0, 746_447_392_256.0, 746_447_392_256.0].map(Some);
        assert_eq!(sizes(512, 131_072), expected);
        assert_eq!(sizes(0, 512), expected);
        assert_eq!(sizes(4096, 1_048_576), expected.map(|size| size.map(|size| size * 8.0)));
    }
}
