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
mod timex;
mod udp_queues;
mod uname;
mod vmstat;
mod watchdog;
mod wifi;
mod xfrm;
mod xfs;
mod zfs;
mod zoneinfo;

use clap::Args as _;
use common::collector::Entry;

use crate::host::Host;

/// Every collector of this exporter.
pub const COLLECTORS: &[Entry<Host>] = &[
    Entry::on("arp", "neighbours per network device", arp::build)
        .with_flags(arp::Options::augment_args),
    Entry::on("bcache", "block caches", bcache::build).with_flags(bcache::Options::augment_args),
    Entry::on("bcachefs", "bcachefs file systems", |_| Ok(Box::new(bcachefs::Bcachefs))),
    Entry::on("bonding", "devices of bonds and their links", |_| Ok(Box::new(bonding::Bonding))),
    Entry::on("btrfs", "space and errors of btrfs file systems", |_| Ok(Box::new(btrfs::Btrfs))),
    Entry::off("buddyinfo", "free blocks of memory by size", |_| {
        Ok(Box::new(buddyinfo::Buddyinfo))
    }),
    Entry::off("cgroups", "controllers of control groups", |_| Ok(Box::new(cgroups::Cgroups))),
    Entry::on("conntrack", "tracked connections", |_| Ok(Box::new(conntrack::Conntrack))),
    Entry::on("cpu", "time per CPU and mode", cpu::build).with_flags(cpu::Options::augment_args),
    Entry::off("cpu_vulnerabilities", "flaws of the CPU and what is done about them", |_| {
        Ok(Box::new(cpu_vulnerabilities::CpuVulnerabilities))
    }),
    Entry::on("cpufreq", "clock frequency per CPU", |_| Ok(Box::new(cpufreq::CpuFreq))),
    Entry::on("diskstats", "I/O per disk", diskstats::build)
        .with_flags(diskstats::Options::augment_args),
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
    Entry::off("ethtool", "link modes and drivers of network devices", ethtool::build)
        .with_flags(ethtool::Options::augment_args),
    Entry::on("fibrechannel", "traffic and errors of Fibre Channel adapters", |_| {
        Ok(Box::new(fibrechannel::FibreChannel))
    }),
    Entry::on("filefd", "file descriptors in use", |_| Ok(Box::new(filefd::FileDescriptors))),
    Entry::on("filesystem", "space per mounted file system", filesystem::build)
        .with_flags(filesystem::Options::augment_args),
    Entry::on("hwmon", "temperatures, fans, voltages", hwmon::build)
        .with_flags(hwmon::Options::augment_args),
    Entry::on("infiniband", "traffic and errors of InfiniBand adapters", infiniband::build)
        .with_flags(infiniband::Options::augment_args),
    Entry::off("interrupts", "interrupts by CPU and device", interrupts::build)
        .with_flags(interrupts::Options::augment_args),
    Entry::on("ipvs", "traffic and backends of the load balancer", ipvs::build)
        .with_flags(ipvs::Options::augment_args),
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
    Entry::on("netclass", "state and speed per network device", netclass::build)
        .with_flags(netclass::Options::augment_args),
    Entry::on("netdev", "traffic per network device", netdev::build)
        .with_flags(netdev::Options::augment_args),
    Entry::on("netstat", "counters of the IP protocols", netstat::build)
        .with_flags(netstat::Options::augment_args),
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
    Entry::off("pcidevice", "links and power states of PCI devices", pcidevice::build)
        .with_flags(pcidevice::Options::augment_args),
    Entry::on("powersupplyclass", "batteries and mains adapters", powersupplyclass::build)
        .with_flags(powersupplyclass::Options::augment_args),
    Entry::on("pressure", "time lost waiting for CPU, memory, I/O", |_| {
        Ok(Box::new(pressure::Pressure))
    }),
    Entry::off("processes", "processes and threads by state", |_| {
        Ok(Box::new(processes::Processes))
    }),
    Entry::off("qdisc", "queues of network devices", qdisc::build)
        .with_flags(qdisc::Options::augment_args),
    Entry::on("rapl", "energy used by the processor", rapl::build)
        .with_flags(rapl::Options::augment_args),
    Entry::on("schedstat", "time that tasks ran and waited per CPU", |_| {
        Ok(Box::new(schedstat::Schedstat))
    }),
    Entry::on("selinux", "mode of SELinux", |_| Ok(Box::new(selinux::Selinux))),
    Entry::off("slabinfo", "caches of kernel objects", slabinfo::build)
        .with_flags(slabinfo::Options::augment_args),
    Entry::on("sockstat", "sockets by protocol", |_| Ok(Box::new(sockstat::Sockstat))),
    Entry::off("softirqs", "softirqs by CPU and kind", |_| Ok(Box::new(softirqs::Softirqs))),
    Entry::on("softnet", "packets taken from drivers per CPU", |_| Ok(Box::new(softnet::Softnet))),
    Entry::on("stat", "boot time, forks, interrupts", stat::build)
        .with_flags(stat::Options::augment_args),
    Entry::off("swap", "swap areas", |_| Ok(Box::new(swap::Swap))),
    Entry::off("sysctl", "kernel parameters chosen by name", sysctl::build)
        .with_flags(sysctl::Options::augment_args),
    Entry::off("systemd", "units of the service manager", systemd::build)
        .with_flags(systemd::Options::augment_args),
    Entry::on("tapestats", "I/O per tape drive", tapestats::build)
        .with_flags(tapestats::Options::augment_args),
    Entry::off("tcpstat", "TCP connections by state", tcpstat::build)
        .with_flags(tcpstat::Options::augment_args),
    Entry::on("textfile", "metrics that others write into files", textfile::build)
        .with_flags(textfile::Options::augment_args),
    Entry::on("thermal_zone", "temperatures and cooling devices", |_| {
        Ok(Box::new(thermal_zone::ThermalZone))
    }),
    Entry::on("time", "system time and clock source", |_| Ok(Box::new(time::Time))),
    Entry::on("timex", "discipline of the clock", |_| Ok(Box::new(timex::ClockDiscipline))),
    Entry::on("udp_queues", "bytes waiting in UDP sockets", |_| {
        Ok(Box::new(udp_queues::UdpQueues))
    }),
    Entry::on("uname", "kernel and host name", |_| Ok(Box::new(uname::Uname))),
    Entry::on("vmstat", "paging and out-of-memory kills", vmstat::build)
        .with_flags(vmstat::Options::augment_args),
    Entry::on("watchdog", "watchdog timers", |_| Ok(Box::new(watchdog::Watchdog))),
    Entry::off("wifi", "wireless networks and their stations", |_| Ok(Box::new(wifi::Wifi))),
    Entry::off("xfrm", "packets that IPsec refused", |_| Ok(Box::new(xfrm::Xfrm))),
    Entry::on("xfs", "operations per XFS file system", |_| Ok(Box::new(xfs::Xfs))),
    Entry::on("zfs", "ZFS caches, pools and datasets", |_| Ok(Box::new(zfs::Zfs))),
    Entry::off("zoneinfo", "memory by zone", |_| Ok(Box::new(zoneinfo::Zoneinfo))),
];
