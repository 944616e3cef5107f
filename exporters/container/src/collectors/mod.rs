//! The list of collectors: one line each, in alphabetical order.
//!
//! A collector that bears the name of a group of cAdvisor runs if that group is
//! asked for; the others always run.

mod advtcp;
mod block_io;
mod cpu;
mod cpu_load;
mod cpuset;
mod disk;
mod disk_io;
mod hugetlb;
mod lifecycle;
mod machine;
mod memory;
mod memory_numa;
mod network;
mod oom_event;
mod ports;
mod pressure;
mod process;
mod referenced_memory;
mod runtime;
mod sched;
mod sizes;
mod spec;
mod state;
mod tcp;
mod udp;
mod version;

use clap::{ArgMatches, FromArgMatches as _};
use common::collector::{Entry, Named};

use crate::args::{Args, GroupArgs, is_group};
use crate::scene::Scene;

pub use cpu_load::CpuLoadArgs;

/// Every collector of this exporter.
pub const COLLECTORS: &[Entry<Scene>] = &[
    Entry::on("advtcp", "counters of TCP", |_| Ok(Box::new(advtcp::AdvTcp))),
    Entry::on("cpu", "CPU time and throttling", |matches| {
        Ok(Box::new(cpu::Cpu {
            is_per_cpu: GroupArgs::from_arg_matches(matches)?.includes("percpu"),
        }))
    }),
    Entry::on("cpuLoad", "threads by state", |matches| {
        Ok(Box::new(cpu_load::CpuLoad::new(CpuLoadArgs::from_arg_matches(matches)?)))
    }),
    Entry::on("cpuset", "migration of memory", |_| Ok(Box::new(cpuset::Cpuset))),
    Entry::on("disk", "space in file systems and writable layers", |_| Ok(Box::new(disk::Disk))),
    Entry::on("diskIO", "block I/O per device", |_| Ok(Box::new(disk_io::DiskIo))),
    Entry::on("hugetlb", "huge pages", |_| Ok(Box::new(hugetlb::Hugetlb))),
    Entry::on("lifecycle", "times and health", |_| Ok(Box::new(lifecycle::Lifecycle))),
    Entry::on("machine", "CPUs and memory of the host", |matches| {
        Ok(Box::new(machine::Machine::new(&Args::from_arg_matches(matches)?)))
    }),
    Entry::on("memory", "memory by use, faults and limits hit", |_| Ok(Box::new(memory::Memory))),
    Entry::on("memory_numa", "memory by node", |_| Ok(Box::new(memory_numa::MemoryNuma))),
    Entry::on("network", "traffic per interface", |_| Ok(Box::new(network::Network))),
    Entry::on("oom_event", "tasks killed for want of memory", |_| {
        Ok(Box::new(oom_event::OomEvent::default()))
    }),
    Entry::on("ports", "ports of containers", |_| Ok(Box::new(ports::Ports))),
    Entry::on("pressure", "time lost for want of a resource", |_| Ok(Box::new(pressure::Pressure))),
    Entry::on("process", "processes, threads, open files", |_| Ok(Box::new(process::Process))),
    Entry::on("referenced_memory", "memory touched", |_| {
        Ok(Box::new(referenced_memory::ReferencedMemory))
    }),
    Entry::on("runtime", "whether the container runtime answers", |_| {
        Ok(Box::new(runtime::Runtime))
    }),
    Entry::on("sched", "what the scheduler did", |_| Ok(Box::<sched::Sched>::default())),
    Entry::on("sizes", "sizes of writable layers and images", |_| Ok(Box::new(sizes::Sizes))),
    Entry::on("spec", "limits of CPU and memory", |_| Ok(Box::new(spec::Spec))),
    Entry::on("state", "states, ends, restarts and health", |_| Ok(Box::new(state::State))),
    Entry::on("tcp", "TCP sockets by state", |_| Ok(Box::new(tcp::Tcp))),
    Entry::on("udp", "UDP sockets and queues", |_| Ok(Box::new(udp::Udp))),
    Entry::on("version", "versions of kernel, system, runtime", |_| Ok(Box::new(version::Version))),
];

/// The collectors that the arguments ask for.
///
/// # Errors
/// What the first of them says of a bad argument.
pub fn build(matches: &ArgMatches) -> anyhow::Result<Vec<Named<Scene>>> {
    let groups = GroupArgs::from_arg_matches(matches)?;
    let entries = COLLECTORS.iter();
    let chosen = entries.filter(|entry| !is_group(entry.name) || groups.includes(entry.name));
    chosen.map(|entry| entry.build(matches)).collect()
}
