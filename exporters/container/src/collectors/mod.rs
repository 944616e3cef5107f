//! The lists of collectors: one line each, in alphabetical order.

mod accelerator;
mod advtcp;
mod cpu;
mod cpu_load;
mod cpuset;
mod disk;
mod disk_io;
mod groups;
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
mod volumes;

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use common::collector::{Entry, Named};
use common::commands::is_for_people;

use crate::inventory::Inventory;
use cpu_load::CpuLoadArgs;
use groups::Group;
use machine::MachineArgs;
use ports::PortArgs;
use volumes::VolumeArgs;

/// The collectors of groups: one runs if the group of its name is asked for.
const GROUPS: &[Entry<Inventory>] = &[
    Entry::off("advtcp", "counters of TCP", |_| Ok(Box::new(advtcp::AdvTcp))),
    Entry::on("cpu", "CPU time and throttling", |matches| {
        Ok(Box::new(cpu::Cpu { is_per_cpu: groups::includes(matches, "percpu") }))
    }),
    Entry::on("cpuLoad", "threads by state, with --enable_load_reader", |matches| {
        Ok(Box::new(cpu_load::CpuLoad::new(CpuLoadArgs::from_arg_matches(matches)?)))
    })
    .with_flags(CpuLoadArgs::augment_args),
    Entry::off("cpuset", "migration of memory", |_| Ok(Box::new(cpuset::Cpuset))),
    Entry::on("disk", "space in file systems and writable layers", |_| Ok(Box::new(disk::Disk))),
    Entry::on("diskIO", "block I/O per device", |_| Ok(Box::new(disk_io::DiskIo))),
    Entry::off("hugetlb", "huge pages", |_| Ok(Box::new(hugetlb::Hugetlb))),
    Entry::on("memory", "memory by use, faults, limits that were hit", |_| {
        Ok(Box::new(memory::Memory))
    }),
    Entry::off("memory_numa", "memory by NUMA node", |_| Ok(Box::new(memory_numa::MemoryNuma))),
    Entry::on("network", "traffic per interface", |_| Ok(Box::new(network::Network))),
    Entry::on("oom_event", "processes killed due to lack of memory", |_| {
        Ok(Box::new(oom_event::OomEvent::default()))
    }),
    Entry::on("pressure", "time lost due to lack of CPU, memory or I/O", |_| {
        Ok(Box::new(pressure::Pressure))
    }),
    Entry::off("process", "processes, threads, open files", |matches| {
        // Tables show no open files, to read which takes rights that people may not have.
        Ok(Box::new(process::Process { has_files: !is_for_people(matches) }))
    }),
    Entry::off("referenced_memory", "memory that processes have touched", |_| {
        Ok(Box::new(referenced_memory::ReferencedMemory))
    }),
    Entry::off("sched", "run and wait times of the scheduler", |_| {
        Ok(Box::<sched::Sched>::default())
    }),
    Entry::off("tcp", "TCP sockets by state", |_| Ok(Box::new(tcp::Tcp))),
    Entry::off("udp", "UDP sockets and queues", |_| Ok(Box::new(udp::Udp))),
];

/// The collectors that always run.
const ALWAYS: &[Entry<Inventory>] = &[
    Entry::on("lifecycle", "times and health", |_| Ok(Box::new(lifecycle::Lifecycle))),
    Entry::on("machine", "CPUs and memory of the host", |matches| {
        let has_topology = groups::includes(matches, "cpu_topology");
        let args = MachineArgs::from_arg_matches(matches)?;
        Ok(Box::new(machine::Machine::new(args, has_topology)))
    })
    .with_flags(MachineArgs::augment_args),
    Entry::on("ports", "ports", |matches| {
        Ok(Box::new(ports::Ports::new(PortArgs::from_arg_matches(matches)?)))
    })
    .with_flags(PortArgs::augment_args),
    Entry::on("runtime", "whether the container runtime answers", |_| {
        Ok(Box::new(runtime::Runtime))
    }),
    Entry::on("sizes", "sizes of layers and images", |_| Ok(Box::new(sizes::Sizes))),
    Entry::on("spec", "limits of CPU and memory", |_| Ok(Box::new(spec::Spec))),
    Entry::on("state", "states, exit codes and restarts", |_| Ok(Box::new(state::State))),
    Entry::on("version", "versions of kernel, system, runtime", |_| Ok(Box::new(version::Version))),
    Entry::on("volumes", "volumes of containers", |matches| {
        Ok(Box::new(volumes::Volumes::new(VolumeArgs::from_arg_matches(matches)?)))
    })
    .with_flags(VolumeArgs::augment_args),
];

/// Whether the arguments ask for a collector.
type IsEnabled = fn(&ArgMatches) -> bool;

/// The collectors that a flag of their own switches on. They are no groups, because a list for
/// `--disable_metrics` would switch them on without naming them.
const ON_REQUEST: &[(Entry<Inventory>, IsEnabled)] = &[(
    Entry::off("accelerator", "use of accelerators", |_| {
        Ok(Box::<accelerator::Accelerator>::default())
    })
    .with_flags(accelerator::Options::augment_args),
    accelerator::is_enabled,
)];

/// Adds the flags that choose groups, those of the collectors, and a list of the groups.
pub fn add_flags(command: Command) -> Command {
    let on_request = ON_REQUEST.iter().map(|(entry, _)| entry);
    let entries = GROUPS.iter().chain(ALWAYS).chain(on_request);
    let groups = all_groups();
    let command = groups::add_flags(command, &groups);
    let command = entries.fold(command, |command, entry| (entry.flags)(command));
    let always: Vec<&str> = ALWAYS.iter().map(|entry| entry.summary).collect();
    command.after_help(format!(
        "Groups, for --disable_metrics and --enable_metrics:{}\n\nAlways exposed: {}.",
        groups::list(&groups),
        always.join("; ")
    ))
}

/// Counts processes by default as well, for tables.
pub(crate) fn include_processes(command: Command) -> Command {
    groups::include(command, &all_groups(), "process")
}

/// Every group of cAdvisor, in alphabetical order.
fn all_groups() -> Vec<Group> {
    let mut groups: Vec<Group> = GROUPS.iter().map(Group::of).collect();
    groups.extend(groups::OTHERS);
    groups.sort_unstable_by_key(|group| group.name);
    groups
}

/// The collectors that the arguments ask for, in alphabetical order.
///
/// # Errors
/// What the first of them says of a bad argument.
pub fn build(matches: &ArgMatches) -> anyhow::Result<Vec<Named<Inventory>>> {
    let chosen = GROUPS.iter().filter(|entry| groups::includes(matches, entry.name));
    let on_request = ON_REQUEST.iter().filter(|(_, is_enabled)| is_enabled(matches));
    let on_request = on_request.map(|(entry, _)| entry);
    let mut chosen: Vec<&Entry<Inventory>> = chosen.chain(ALWAYS).chain(on_request).collect();
    chosen.sort_unstable_by_key(|entry| entry.name);
    chosen.into_iter().map(|entry| entry.build(matches)).collect()
}

/// True if a collector runs that reads files of other processes for which the rights of ptrace(2)
/// are needed: their descriptors, what these tell, and `smaps_rollup`.
pub fn reads_other_processes(matches: &ArgMatches) -> bool {
    accelerator::is_enabled(matches)
        || ["process", "referenced_memory"].iter().any(|group| groups::includes(matches, group))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(arguments: &[&str]) -> Vec<&'static str> {
        let matches =
            add_flags(Command::new("test")).get_matches_from(["test"].iter().chain(arguments));
        build(&matches).unwrap().into_iter().map(|named| named.name).collect()
    }

    #[test]
    fn the_groups_that_are_off_are_those_of_the_reference() {
        let off = "advtcp,cpu_topology,cpuset,hugetlb,memory_numa,process,referenced_memory,\
                   resctrl,sched,tcp,udp";
        assert_eq!(names(&[]), names(&[&format!("--disable_metrics={off}")]));
        assert_eq!(names(&["--disable_metrics="]).len(), GROUPS.len() + ALWAYS.len());
    }

    #[test]
    fn what_is_in_no_group_always_runs() {
        let always: Vec<&str> = ALWAYS.iter().map(|entry| entry.name).collect();
        assert_eq!(names(&["--enable_metrics=app"]), always);
        let accelerator = names(&["--enable_metrics=app", "--container.accelerators"]);
        assert_eq!(accelerator, [&["accelerator"], &always[..]].concat());
        assert!(names(&["--enable_metrics=udp"]).is_sorted());
    }
}
