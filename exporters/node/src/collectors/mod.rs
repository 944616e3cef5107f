//! The list of collectors: one line each, in alphabetical order.

mod arp;
mod bcache;
mod bcachefs;
mod bonding;
mod btrfs;
mod buddyinfo;
mod cgroups;
mod conntrack;
mod cpu;
mod cpu_vulnerabilities;
mod cpufreq;
mod diskstats;
mod dmi;
mod dmmultipath;
mod drbd;
mod drm;
mod edac;
mod entropy;
mod ethtool;
mod fibrechannel;
mod filefd;
mod filesystem;
mod hwmon;
mod infiniband;
mod interrupts;
mod ipvs;
mod kernel_hung;
mod ksmd;
mod lnstat;
mod loadavg;
mod logind;
mod mdadm;
mod meminfo;
mod meminfo_numa;
mod mountstats;
mod netclass;
mod netdev;
mod netstat;
mod network_route;
mod nfs;
mod nfsd;
mod nvme;
mod nvmesubsystem;
mod os;
mod pcidevice;
mod powersupplyclass;
mod pressure;
mod processes;
mod qdisc;
mod rapl;
mod schedstat;
mod selinux;
mod slabinfo;
mod sockstat;
mod softirqs;
mod softnet;
mod stat;
mod swap;
mod sysctl;
mod systemd;
mod tapestats;
mod tcpstat;
mod textfile;
mod thermal_zone;
mod time;
#[cfg_attr(target_pointer_width = "32", path = "timex_32.rs")]
mod timex;
mod udp_queues;
mod uname;
mod unit_cgroups;
mod vmstat;
mod watchdog;
mod wifi;
mod xfrm;
mod xfs;
mod zfs;
mod zoneinfo;

use clap::{ArgMatches, Args as _};
use common::collector::{Collector, Entry};

use crate::host::Host;

/// Makes a collector that has no flags of its own.
#[expect(clippy::unnecessary_wraps, reason = "the type is that of a factory")]
fn plain<C: Collector<Host> + Default + 'static>(
    _: &ArgMatches,
) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(C::default()))
}

/// Every collector of this exporter.
pub const COLLECTORS: &[Entry<Host>] = &[
    Entry::on("arp", "neighbours per network device", arp::build)
        .with_flags(arp::Options::augment_args),
    Entry::on("bcache", "block caches", bcache::build).with_flags(bcache::Options::augment_args),
    Entry::on("bcachefs", "bcachefs file systems", plain::<bcachefs::Bcachefs>),
    Entry::on("bonding", "bonded network devices and their links", bonding::build)
        .with_flags(bonding::Options::augment_args),
    Entry::on("btrfs", "space and errors of btrfs file systems", plain::<btrfs::Btrfs>),
    Entry::off("buddyinfo", "free blocks of memory by size", plain::<buddyinfo::Buddyinfo>),
    Entry::off("cgroups", "controllers of cgroups", plain::<cgroups::Cgroups>),
    Entry::on("conntrack", "tracked connections", plain::<conntrack::Conntrack>),
    Entry::on("cpu", "time per CPU and mode", cpu::build).with_flags(cpu::Options::augment_args),
    Entry::off(
        "cpu_vulnerabilities",
        "CPU vulnerabilities and their mitigations",
        plain::<cpu_vulnerabilities::CpuVulnerabilities>,
    ),
    Entry::on("cpufreq", "clock frequency per CPU", plain::<cpufreq::CpuFreq>),
    Entry::on("diskstats", "I/O per disk", diskstats::build)
        .with_flags(diskstats::Options::augment_args),
    Entry::on("dmi", "vendor, model and firmware of the machine", plain::<dmi::Dmi>),
    Entry::on("dmmultipath", "paths of multipath devices", plain::<dmmultipath::DmMultipath>),
    Entry::off("drbd", "replicated block devices", plain::<drbd::Drbd>),
    Entry::off("drm", "use and clocks of graphics cards", plain::<drm::Drm>),
    Entry::on("edac", "memory errors", plain::<edac::Edac>),
    Entry::on("entropy", "entropy of the random number generator", plain::<entropy::Entropy>),
    Entry::off("ethtool", "link modes and drivers of network devices", ethtool::build)
        .with_flags(ethtool::Options::augment_args),
    Entry::on(
        "fibrechannel",
        "traffic and errors of Fibre Channel adapters",
        plain::<fibrechannel::FibreChannel>,
    ),
    Entry::on("filefd", "file descriptors in use", plain::<filefd::FileDescriptors>),
    Entry::on("filesystem", "space per mounted file system", filesystem::build)
        .with_flags(filesystem::Options::augment_args),
    Entry::on("hwmon", "temperatures, fans, voltages", hwmon::build)
        .with_flags(hwmon::Options::augment_args),
    Entry::on("infiniband", "traffic and errors of InfiniBand adapters", infiniband::build)
        .with_flags(infiniband::Options::augment_args),
    Entry::off("interrupts", "interrupts by CPU and device", interrupts::build)
        .with_flags(interrupts::Options::augment_args),
    Entry::on("ipvs", "traffic and backends of the IPVS load balancer", ipvs::build)
        .with_flags(ipvs::Options::augment_args),
    Entry::on("kernel_hung", "hung tasks found by the kernel", plain::<kernel_hung::KernelHung>),
    Entry::off("ksmd", "merging of identical memory pages (KSM)", plain::<ksmd::Ksmd>),
    Entry::off("lnstat", "network caches per CPU", plain::<lnstat::Lnstat>),
    Entry::on("loadavg", "load averages", plain::<loadavg::LoadAvg>),
    Entry::off("logind", "user sessions", plain::<logind::Logind>),
    Entry::on("mdadm", "software RAID", mdadm::build).with_flags(mdadm::Options::augment_args),
    Entry::on("meminfo", "memory by use", plain::<meminfo::Meminfo>),
    Entry::off("meminfo_numa", "memory by use and NUMA node", plain::<meminfo_numa::MeminfoNuma>),
    Entry::off("mountstats", "requests per NFS mount", plain::<mountstats::Mountstats>),
    Entry::on("netclass", "state and speed per network device", netclass::build)
        .with_flags(netclass::Options::augment_args),
    Entry::on("netdev", "traffic per network device", netdev::build)
        .with_flags(netdev::Options::augment_args),
    Entry::on("netstat", "counters of the IP protocols", netstat::build)
        .with_flags(netstat::Options::augment_args),
    Entry::off("network_route", "network routes", network_route::build)
        .with_flags(network_route::Options::augment_args),
    Entry::on("nfs", "requests of this host as an NFS client", plain::<nfs::Nfs>),
    Entry::on("nfsd", "requests to this host as an NFS server", plain::<nfsd::Nfsd>),
    Entry::on("nvme", "NVMe controllers and namespaces", plain::<nvme::Nvme>),
    Entry::off("nvmesubsystem", "paths of NVMe subsystems", plain::<nvmesubsystem::NvmeSubsystem>),
    Entry::on("os", "name and version of the distribution", plain::<os::OsRelease>),
    Entry::off("pcidevice", "links and power states of PCI devices", pcidevice::build)
        .with_flags(pcidevice::Options::augment_args),
    Entry::on("powersupplyclass", "batteries and mains adapters", powersupplyclass::build)
        .with_flags(powersupplyclass::Options::augment_args),
    Entry::on(
        "pressure",
        "time spent waiting for CPU, memory and I/O (PSI)",
        plain::<pressure::Pressure>,
    ),
    Entry::off("processes", "processes and threads by state", plain::<processes::Processes>),
    Entry::off("qdisc", "queues of network devices", qdisc::build)
        .with_flags(qdisc::Options::augment_args),
    Entry::on("rapl", "energy used by the processor", rapl::build)
        .with_flags(rapl::Options::augment_args),
    Entry::on("schedstat", "time that tasks ran and waited per CPU", plain::<schedstat::Schedstat>),
    Entry::on("selinux", "mode of SELinux", plain::<selinux::Selinux>),
    Entry::off("slabinfo", "caches of kernel objects", slabinfo::build)
        .with_flags(slabinfo::Options::augment_args),
    Entry::on("sockstat", "sockets by protocol", plain::<sockstat::Sockstat>),
    Entry::off("softirqs", "softirqs by CPU and kind", plain::<softirqs::Softirqs>),
    Entry::on("softnet", "packets received from drivers per CPU", plain::<softnet::Softnet>),
    Entry::on("stat", "boot time, forks, interrupts", stat::build)
        .with_flags(stat::Options::augment_args),
    Entry::off("swap", "swap areas", plain::<swap::Swap>),
    Entry::off("sysctl", "kernel parameters chosen by name", sysctl::build)
        .with_flags(sysctl::Options::augment_args),
    Entry::off("systemd", "systemd units", systemd::build)
        .with_flags(systemd::Options::augment_args),
    Entry::on("tapestats", "I/O per tape drive", tapestats::build)
        .with_flags(tapestats::Options::augment_args),
    Entry::off("tcpstat", "TCP connections by state", tcpstat::build)
        .with_flags(tcpstat::Options::augment_args),
    Entry::on("textfile", "metrics from files that other programs write", textfile::build)
        .with_flags(textfile::Options::augment_args),
    Entry::on(
        "thermal_zone",
        "temperatures and cooling devices",
        plain::<thermal_zone::ThermalZone>,
    ),
    Entry::on("time", "system time and clock source", plain::<time::Time>),
    Entry::on("timex", "clock synchronisation", plain::<timex::ClockDiscipline>),
    Entry::on("udp_queues", "bytes waiting in UDP sockets", plain::<udp_queues::UdpQueues>),
    Entry::on("uname", "kernel and host name", plain::<uname::Uname>),
    Entry::off("unit_cgroups", "CPU, memory and I/O of systemd units", unit_cgroups::build)
        .with_flags(unit_cgroups::Options::augment_args),
    Entry::on("vmstat", "paging and out-of-memory kills", vmstat::build)
        .with_flags(vmstat::Options::augment_args),
    Entry::on("watchdog", "watchdog timers", plain::<watchdog::Watchdog>),
    Entry::off("wifi", "wireless networks and their stations", plain::<wifi::Wifi>),
    Entry::off("xfrm", "packets refused by IPsec", plain::<xfrm::Xfrm>),
    Entry::on("xfs", "operations per XFS file system", plain::<xfs::Xfs>),
    Entry::on("zfs", "ZFS caches, pools and datasets", plain::<zfs::Zfs>),
    Entry::off("zoneinfo", "memory by zone", plain::<zoneinfo::Zoneinfo>),
];
