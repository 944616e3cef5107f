//! The list of collectors: one line each, in alphabetical order.
//!
//! A collector that bears the name of a group of cAdvisor runs if that group is
//! asked for; the others always run.

mod block_io;
mod cpu;
mod disk;
mod disk_io;
mod lifecycle;
mod machine;
mod memory;
mod network;
mod oom_event;
mod ports;
mod runtime;
mod sizes;
mod spec;
mod state;
mod version;

use common::collector::{Entry, Named};

use crate::args::{Args, is_group};
use crate::scene::Scene;

/// Every collector of this exporter.
pub const COLLECTORS: &[Entry<Scene, Args>] = &[
    Entry::on("cpu", "CPU time and throttling", |args| {
        Ok(Box::new(cpu::Cpu { is_per_cpu: args.chosen.includes("percpu") }))
    }),
    Entry::on("disk", "space in file systems and writable layers", |_| Ok(Box::new(disk::Disk))),
    Entry::on("diskIO", "block I/O per device", |_| Ok(Box::new(disk_io::DiskIo))),
    Entry::on("lifecycle", "times and health", |_| Ok(Box::new(lifecycle::Lifecycle))),
    Entry::on("machine", "CPUs and memory of the host", |args| {
        Ok(Box::new(machine::Machine::new(&args.path)))
    }),
    Entry::on("memory", "memory by use, faults and limits hit", |_| Ok(Box::new(memory::Memory))),
    Entry::on("network", "traffic per interface", |_| Ok(Box::new(network::Network))),
    Entry::on("oom_event", "processes killed for want of memory", |_| {
        Ok(Box::new(oom_event::OomEvent::default()))
    }),
    Entry::on("ports", "ports of containers", |_| Ok(Box::new(ports::Ports))),
    Entry::on("runtime", "whether the container runtime answers", |_| {
        Ok(Box::new(runtime::Runtime))
    }),
    Entry::on("sizes", "sizes of writable layers and images", |_| Ok(Box::new(sizes::Sizes))),
    Entry::on("spec", "limits of CPU and memory", |_| Ok(Box::new(spec::Spec))),
    Entry::on("state", "states, ends, restarts and health", |_| Ok(Box::new(state::State))),
    Entry::on("version", "versions of kernel, system, runtime", |_| Ok(Box::new(version::Version))),
];

/// The collectors that the arguments ask for.
///
/// # Errors
/// What the first of them says of a bad argument.
pub fn build(args: &Args) -> anyhow::Result<Vec<Named<Scene>>> {
    let entries = COLLECTORS.iter();
    let chosen = entries.filter(|entry| !is_group(entry.name) || args.chosen.includes(entry.name));
    chosen.map(|entry| Ok((entry.name, (entry.build)(args)?))).collect()
}
