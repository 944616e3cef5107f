//! The list of collectors: one line each, in alphabetical order.

pub(crate) mod arp;
pub(crate) mod bcache;
mod bcachefs;
mod bonding;
mod btrfs;
mod buddyinfo;
mod cgroups;
mod conntrack;
pub(crate) mod cpu;
mod cpu_vulnerabilities;
mod cpufreq;
pub(crate) mod diskstats;
mod dmi;
mod dmmultipath;
mod drbd;
mod drm;
mod edac;
mod entropy;
pub(crate) mod ethtool;
mod fibrechannel;
mod filefd;
pub(crate) mod filesystem;
pub(crate) mod hwmon;
pub(crate) mod infiniband;
pub(crate) mod interrupts;
pub(crate) mod ipvs;
mod kernel_hung;
mod ksmd;
mod lnstat;
mod loadavg;
mod logind;
mod mdadm;
mod meminfo;
mod meminfo_numa;
mod mountstats;
pub(crate) mod netclass;
pub(crate) mod netdev;
pub(crate) mod netstat;
mod network_route;
mod nfs;
mod nfsd;
mod nvme;
mod nvmesubsystem;
mod os;
pub(crate) mod pcidevice;
pub(crate) mod powersupplyclass;
mod pressure;
mod processes;
pub(crate) mod qdisc;
pub(crate) mod rapl;
mod schedstat;
mod selinux;
pub(crate) mod slabinfo;
mod sockstat;
mod softirqs;
mod softnet;
pub(crate) mod stat;
mod swap;
pub(crate) mod sysctl;
pub(crate) mod systemd;
pub(crate) mod tapestats;
pub(crate) mod tcpstat;
pub(crate) mod textfile;
mod thermal_zone;
mod time;
mod timex;
mod udp_queues;
mod uname;
pub(crate) mod vmstat;
mod watchdog;
mod wifi;
mod xfrm;
mod xfs;
mod zfs;
mod zoneinfo;

use common::collector::Entry;

use crate::args::Args;
use crate::host::Host;

/// Every collector of this exporter.
pub const COLLECTORS: &[Entry<Host, Args>] = &[
    Entry::on("arp", "neighbours per network device", |args| {
        Ok(Box::new(arp::Arp::new(&args.arp)?))
    }),
    Entry::on("bcache", "block caches", |args| Ok(Box::new(bcache::Bcache::new(&args.bcache)))),
    Entry::on("bcachefs", "bcachefs file systems", |_| Ok(Box::new(bcachefs::Bcachefs))),
    Entry::on("bonding", "devices of bonds and their links", |_| Ok(Box::new(bonding::Bonding))),
    Entry::on("btrfs", "space and errors of btrfs file systems", |_| Ok(Box::new(btrfs::Btrfs))),
    Entry::off("buddyinfo", "free blocks of memory by size", |_| {
        Ok(Box::new(buddyinfo::Buddyinfo))
    }),
    Entry::off("cgroups", "controllers of control groups", |_| Ok(Box::new(cgroups::Cgroups))),
    Entry::on("conntrack", "tracked connections", |_| Ok(Box::new(conntrack::Conntrack))),
    Entry::on("cpu", "time per CPU and mode", |args| Ok(Box::new(cpu::Cpu::new(&args.cpu)))),
    Entry::off("cpu_vulnerabilities", "flaws of the CPU and what is done about them", |_| {
        Ok(Box::new(cpu_vulnerabilities::CpuVulnerabilities))
    }),
    Entry::on("cpufreq", "clock frequency per CPU", |_| Ok(Box::new(cpufreq::CpuFreq))),
    Entry::on("diskstats", "I/O per disk", |args| {
        Ok(Box::new(diskstats::Diskstats::new(&args.diskstats, &args.path)?))
    }),
    Entry::on("dmi", "vendor, model and firmware of the machine", |_| Ok(Box::new(dmi::Dmi))),
    Entry::on("dmmultipath", "paths of multipath devices", |_| {
        Ok(Box::new(dmmultipath::DmMultipath))
    }),
    Entry::off("drbd", "replicated block devices", |_| Ok(Box::new(drbd::Drbd))),
    Entry::off("drm", "use and memory of AMD graphics cards", |_| Ok(Box::new(drm::Drm))),
    Entry::on("edac", "memory errors", |_| Ok(Box::new(edac::Edac))),
    Entry::on("entropy", "entropy of the random number generator", |_| {
        Ok(Box::new(entropy::Entropy))
    }),
    Entry::off("ethtool", "link modes and drivers of network devices", |args| {
        Ok(Box::new(ethtool::Ethtool::new(&args.ethtool)))
    }),
    Entry::on("fibrechannel", "traffic and errors of Fibre Channel adapters", |_| {
        Ok(Box::new(fibrechannel::FibreChannel))
    }),
    Entry::on("filefd", "file descriptors in use", |_| Ok(Box::new(filefd::FileDescriptors))),
    Entry::on("filesystem", "space per mounted file system", |args| {
        Ok(Box::new(filesystem::Filesystem::new(&args.filesystem)?))
    }),
    Entry::on("hwmon", "temperatures, fans, voltages", |args| {
        Ok(Box::new(hwmon::Hwmon::new(&args.hwmon)))
    }),
    Entry::on("infiniband", "traffic and errors of InfiniBand adapters", |args| {
        Ok(Box::new(infiniband::InfiniBand::new(&args.infiniband)))
    }),
    Entry::off("interrupts", "interrupts by CPU and device", |args| {
        Ok(Box::new(interrupts::Interrupts::new(&args.interrupts)))
    }),
    Entry::on("ipvs", "traffic and backends of the load balancer", |args| {
        Ok(Box::new(ipvs::Ipvs::new(&args.ipvs)))
    }),
    Entry::on("kernel_hung", "tasks found hung", |_| Ok(Box::new(kernel_hung::KernelHung))),
    Entry::off("ksmd", "merging of equal memory pages", |_| Ok(Box::new(ksmd::Ksmd))),
    Entry::off("lnstat", "network caches per CPU", |_| Ok(Box::new(lnstat::Lnstat))),
    Entry::on("loadavg", "load averages", |_| Ok(Box::new(loadavg::LoadAvg))),
    Entry::off("logind", "sessions of users", |_| Ok(Box::new(logind::Logind))),
    Entry::on("mdadm", "software RAID", |_| Ok(Box::new(mdadm::Mdadm))),
    Entry::on("meminfo", "memory by use", |_| Ok(Box::new(meminfo::Meminfo))),
    Entry::off("meminfo_numa", "memory by use and NUMA node", |_| {
        Ok(Box::new(meminfo_numa::MeminfoNuma))
    }),
    Entry::off("mountstats", "requests per NFS mount", |_| Ok(Box::new(mountstats::Mountstats))),
    Entry::on("netclass", "state and speed per network device", |args| {
        Ok(Box::new(netclass::Netclass::new(&args.netclass)))
    }),
    Entry::on("netdev", "traffic per network device", |args| {
        Ok(Box::new(netdev::Netdev::new(&args.netdev)?))
    }),
    Entry::on("netstat", "counters of the IP protocols", |args| {
        Ok(Box::new(netstat::Netstat::new(&args.netstat)))
    }),
    Entry::off("network_route", "routes of the network", |_| {
        Ok(Box::new(network_route::NetworkRoute))
    }),
    Entry::on("nfs", "requests as a client of NFS", |_| Ok(Box::new(nfs::Nfs))),
    Entry::on("nfsd", "requests as a server of NFS", |_| Ok(Box::new(nfsd::Nfsd))),
    Entry::on("nvme", "NVMe controllers and namespaces", |_| Ok(Box::new(nvme::Nvme))),
    Entry::off("nvmesubsystem", "paths of NVMe subsystems", |_| {
        Ok(Box::new(nvmesubsystem::NvmeSubsystem))
    }),
    Entry::on("os", "name and version of the distribution", |_| Ok(Box::new(os::OsRelease))),
    Entry::off("pcidevice", "links and power states of PCI devices", |args| {
        Ok(Box::new(pcidevice::PciDevices::new(&args.pcidevice)))
    }),
    Entry::on("powersupplyclass", "batteries and mains adapters", |args| {
        Ok(Box::new(powersupplyclass::PowerSupplies::new(&args.powersupplyclass)))
    }),
    Entry::on("pressure", "time lost waiting for CPU, memory, I/O", |_| {
        Ok(Box::new(pressure::Pressure))
    }),
    Entry::off("processes", "processes and threads by state", |_| {
        Ok(Box::new(processes::Processes))
    }),
    Entry::off("qdisc", "queues of network devices", |args| {
        Ok(Box::new(qdisc::Qdisc::new(&args.qdisc)?))
    }),
    Entry::on("rapl", "energy used by the processor", |args| {
        Ok(Box::new(rapl::Rapl::new(&args.rapl)))
    }),
    Entry::on("schedstat", "time that tasks ran and waited per CPU", |_| {
        Ok(Box::new(schedstat::Schedstat))
    }),
    Entry::on("selinux", "mode of SELinux", |_| Ok(Box::new(selinux::Selinux))),
    Entry::off("slabinfo", "caches of kernel objects", |args| {
        Ok(Box::new(slabinfo::Slabinfo::new(&args.slabinfo)))
    }),
    Entry::on("sockstat", "sockets by protocol", |_| Ok(Box::new(sockstat::Sockstat))),
    Entry::off("softirqs", "softirqs by CPU and kind", |_| Ok(Box::new(softirqs::Softirqs))),
    Entry::on("softnet", "packets taken from drivers per CPU", |_| Ok(Box::new(softnet::Softnet))),
    Entry::on("stat", "boot time, forks, interrupts", |args| {
        Ok(Box::new(stat::Stat::new(&args.stat)))
    }),
    Entry::off("swap", "swap areas", |_| Ok(Box::new(swap::Swap))),
    Entry::off("sysctl", "kernel parameters chosen by name", |args| {
        Ok(Box::new(sysctl::Sysctl::new(&args.sysctl)))
    }),
    Entry::off("systemd", "units of the service manager", |args| {
        Ok(Box::new(systemd::Systemd::new(&args.systemd)?))
    }),
    Entry::on("tapestats", "I/O per tape drive", |args| {
        Ok(Box::new(tapestats::Tapestats::new(&args.tapestats)))
    }),
    Entry::off("tcpstat", "TCP connections by state", |args| {
        Ok(Box::new(tcpstat::Tcpstat::new(&args.tcpstat)))
    }),
    Entry::on("textfile", "metrics that others write into files", |args| {
        Ok(Box::new(textfile::Textfile::new(&args.textfile)))
    }),
    Entry::on("thermal_zone", "temperatures and cooling devices", |_| {
        Ok(Box::new(thermal_zone::ThermalZone))
    }),
    Entry::on("time", "system time and clock source", |_| Ok(Box::new(time::Time))),
    Entry::on("timex", "discipline of the clock", |_| Ok(Box::new(timex::ClockDiscipline))),
    Entry::on("udp_queues", "bytes waiting in UDP sockets", |_| {
        Ok(Box::new(udp_queues::UdpQueues))
    }),
    Entry::on("uname", "kernel and host name", |_| Ok(Box::new(uname::Uname))),
    Entry::on("vmstat", "paging and out-of-memory kills", |args| {
        Ok(Box::new(vmstat::Vmstat::new(&args.vmstat)))
    }),
    Entry::on("watchdog", "watchdog timers", |_| Ok(Box::new(watchdog::Watchdog))),
    Entry::off("wifi", "wireless networks and their stations", |_| Ok(Box::new(wifi::Wifi))),
    Entry::off("xfrm", "packets that IPsec refused", |_| Ok(Box::new(xfrm::Xfrm))),
    Entry::on("xfs", "operations per XFS file system", |_| Ok(Box::new(xfs::Xfs))),
    Entry::on("zfs", "ZFS caches, pools and datasets", |_| Ok(Box::new(zfs::Zfs))),
    Entry::off("zoneinfo", "memory by zone", |_| Ok(Box::new(zoneinfo::Zoneinfo))),
];
