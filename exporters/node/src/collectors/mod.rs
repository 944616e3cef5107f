//! The list of collectors: one line each, in alphabetical order.

pub(crate) mod cpu;
pub(crate) mod diskstats;
mod filefd;
pub(crate) mod filesystem;
mod loadavg;
mod meminfo;
pub(crate) mod netdev;
mod os;
mod pressure;
pub(crate) mod stat;
mod time;
mod uname;
pub(crate) mod vmstat;

use common::collector::Entry;

use crate::args::Args;
use crate::host::Host;

/// Every collector of this exporter.
pub const COLLECTORS: &[Entry<Host, Args>] = &[
    Entry::on("cpu", "time per CPU and mode", |args| Ok(Box::new(cpu::Cpu::new(&args.cpu)))),
    Entry::on("diskstats", "I/O per disk", |args| {
        Ok(Box::new(diskstats::Diskstats::new(&args.diskstats, &args.path)?))
    }),
    Entry::on("filefd", "file descriptors in use", |_| Ok(Box::new(filefd::FileDescriptors))),
    Entry::on("filesystem", "space per mounted file system", |args| {
        Ok(Box::new(filesystem::Filesystem::new(&args.filesystem)?))
    }),
    Entry::on("loadavg", "load averages", |_| Ok(Box::new(loadavg::LoadAvg))),
    Entry::on("meminfo", "memory by use", |_| Ok(Box::new(meminfo::Meminfo))),
    Entry::on("netdev", "traffic per network device", |args| {
        Ok(Box::new(netdev::Netdev::new(&args.netdev)?))
    }),
    Entry::on("os", "name and version of the distribution", |_| Ok(Box::new(os::OsRelease))),
    Entry::on("pressure", "time lost waiting for CPU, memory, I/O", |_| {
        Ok(Box::new(pressure::Pressure))
    }),
    Entry::on("stat", "boot time, forks, interrupts", |args| {
        Ok(Box::new(stat::Stat::new(&args.stat)))
    }),
    Entry::on("time", "system time and clock source", |_| Ok(Box::new(time::Time))),
    Entry::on("uname", "kernel and host name", |_| Ok(Box::new(uname::Uname))),
    Entry::on("vmstat", "paging and out-of-memory kills", |args| {
        Ok(Box::new(vmstat::Vmstat::new(&args.vmstat)))
    }),
];
