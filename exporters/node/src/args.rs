//! Flags, named as node_exporter names them.

use std::path::PathBuf;
use std::time::Duration;

use common::cli::{parse_count, parse_duration};
use common::filter::Pattern;

/// All flags but the collector switches and those that every exporter has.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Where the host's files are.
    #[command(flatten)]
    pub path: Paths,
    /// Options of the cpu collector.
    #[command(flatten)]
    pub cpu: CpuArgs,
    /// Options of the diskstats collector.
    #[command(flatten)]
    pub diskstats: DiskstatsArgs,
    /// Options of the filesystem collector.
    #[command(flatten)]
    pub filesystem: FilesystemArgs,
    /// Options of the netdev collector.
    #[command(flatten)]
    pub netdev: NetdevArgs,
    /// Also expose the count of each kind of softirq
    #[arg(
        id = "collector.stat.softirq",
        long = "collector.stat.softirq",
        help_heading = "Collector options"
    )]
    pub stat_softirq: bool,
    /// Fields of /proc/vmstat to expose
    #[arg(
        id = "collector.vmstat.fields",
        long = "collector.vmstat.fields",
        help_heading = "Collector options",
        value_name = "REGEX",
        default_value = "^(oom_kill|pgpg|pswp|pg.*fault).*"
    )]
    pub vmstat_fields: Pattern,
}

/// Roots of the host's file systems.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Paths")]
pub struct Paths {
    /// Mount point of the proc file system
    #[arg(id = "path.procfs", long = "path.procfs", value_name = "DIR", default_value = "/proc")]
    pub procfs: PathBuf,
    /// Mount point of the sys file system
    #[arg(id = "path.sysfs", long = "path.sysfs", value_name = "DIR", default_value = "/sys")]
    pub sysfs: PathBuf,
    /// Root of the host's file systems
    #[arg(id = "path.rootfs", long = "path.rootfs", value_name = "DIR", default_value = "/")]
    pub rootfs: PathBuf,
    /// The udev database
    #[arg(
        id = "path.udev.data",
        long = "path.udev.data",
        value_name = "DIR",
        default_value = "/run/udev/data"
    )]
    pub udev_data: PathBuf,
}

/// Options of the cpu collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
pub struct CpuArgs {
    /// Expose the time spent in guests
    #[arg(id = "collector.cpu.guest", long = "collector.cpu.guest", default_value = "true")]
    pub guest: bool,
    /// Expose model, family and microcode of each CPU
    #[arg(id = "collector.cpu.info", long = "collector.cpu.info")]
    pub info: bool,
    /// CPU flags to expose; implies --collector.cpu.info
    #[arg(
        id = "collector.cpu.info.flags-include",
        long = "collector.cpu.info.flags-include",
        value_name = "REGEX"
    )]
    pub flags_include: Option<Pattern>,
    /// CPU bugs to expose; implies --collector.cpu.info
    #[arg(
        id = "collector.cpu.info.bugs-include",
        long = "collector.cpu.info.bugs-include",
        value_name = "REGEX"
    )]
    pub bugs_include: Option<Pattern>,
}

/// Options of the diskstats collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
pub struct DiskstatsArgs {
    /// Disks to leave out (default: partitions, loop and RAM disks)
    #[arg(
        id = "collector.diskstats.device-exclude",
        long = "collector.diskstats.device-exclude",
        alias = "collector.diskstats.ignored-devices",
        value_name = "REGEX"
    )]
    pub exclude: Option<Pattern>,
    /// Disks to expose, instead of leaving some out
    #[arg(
        id = "collector.diskstats.device-include",
        long = "collector.diskstats.device-include",
        value_name = "REGEX"
    )]
    pub include: Option<Pattern>,
}

/// Options of the filesystem collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
pub struct FilesystemArgs {
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
    /// File system types to leave out (default: those without storage of their own)
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
}

/// Options of the netdev collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
pub struct NetdevArgs {
    /// Network devices to expose
    #[arg(
        id = "collector.netdev.device-include",
        long = "collector.netdev.device-include",
        alias = "collector.netdev.device-whitelist",
        value_name = "REGEX"
    )]
    pub include: Option<Pattern>,
    /// Network devices to leave out
    #[arg(
        id = "collector.netdev.device-exclude",
        long = "collector.netdev.device-exclude",
        alias = "collector.netdev.device-blacklist",
        value_name = "REGEX"
    )]
    pub exclude: Option<Pattern>,
    /// Ask the kernel by netlink; off: read /proc/net/dev
    #[arg(
        id = "collector.netdev.netlink",
        long = "collector.netdev.netlink",
        default_value = "true"
    )]
    pub netlink: bool,
    /// Name the counters as the kernel does (netlink only)
    #[arg(
        id = "collector.netdev.enable-detailed-metrics",
        long = "collector.netdev.enable-detailed-metrics"
    )]
    pub detailed: bool,
}
