//! Flags, named as node_exporter names them; those of one collector stand in its file.

use std::path::PathBuf;

use crate::collectors::{
    arp, bcache, cpu, diskstats, ethtool, filesystem, hwmon, infiniband, interrupts, ipvs,
    netclass, netdev, netstat, pcidevice, powersupplyclass, qdisc, rapl, slabinfo, stat, sysctl,
    systemd, tapestats, tcpstat, textfile, vmstat,
};

/// All flags but the collector switches and those that every exporter has.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Where the host's files are.
    #[command(flatten)]
    pub path: Paths,
    /// Options of the arp collector.
    #[command(flatten)]
    pub arp: arp::Options,
    /// Options of the bcache collector.
    #[command(flatten)]
    pub bcache: bcache::Options,
    /// Options of the cpu collector.
    #[command(flatten)]
    pub cpu: cpu::Options,
    /// Options of the diskstats collector.
    #[command(flatten)]
    pub diskstats: diskstats::Options,
    /// Options of the ethtool collector.
    #[command(flatten)]
    pub ethtool: ethtool::Options,
    /// Options of the filesystem collector.
    #[command(flatten)]
    pub filesystem: filesystem::Options,
    /// Options of the hwmon collector.
    #[command(flatten)]
    pub hwmon: hwmon::Options,
    /// Options of the infiniband collector.
    #[command(flatten)]
    pub infiniband: infiniband::Options,
    /// Options of the interrupts collector.
    #[command(flatten)]
    pub interrupts: interrupts::Options,
    /// Options of the ipvs collector.
    #[command(flatten)]
    pub ipvs: ipvs::Options,
    /// Options of the netclass collector.
    #[command(flatten)]
    pub netclass: netclass::Options,
    /// Options of the netdev collector.
    #[command(flatten)]
    pub netdev: netdev::Options,
    /// Options of the netstat collector.
    #[command(flatten)]
    pub netstat: netstat::Options,
    /// Options of the pcidevice collector.
    #[command(flatten)]
    pub pcidevice: pcidevice::Options,
    /// Options of the powersupplyclass collector.
    #[command(flatten)]
    pub powersupplyclass: powersupplyclass::Options,
    /// Options of the qdisc collector.
    #[command(flatten)]
    pub qdisc: qdisc::Options,
    /// Options of the rapl collector.
    #[command(flatten)]
    pub rapl: rapl::Options,
    /// Options of the slabinfo collector.
    #[command(flatten)]
    pub slabinfo: slabinfo::Options,
    /// Options of the stat collector.
    #[command(flatten)]
    pub stat: stat::Options,
    /// Options of the sysctl collector.
    #[command(flatten)]
    pub sysctl: sysctl::Options,
    /// Options of the systemd collector.
    #[command(flatten)]
    pub systemd: systemd::Options,
    /// Options of the tapestats collector.
    #[command(flatten)]
    pub tapestats: tapestats::Options,
    /// Options of the tcpstat collector.
    #[command(flatten)]
    pub tcpstat: tcpstat::Options,
    /// Options of the textfile collector.
    #[command(flatten)]
    pub textfile: textfile::Options,
    /// Options of the vmstat collector.
    #[command(flatten)]
    pub vmstat: vmstat::Options,
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
