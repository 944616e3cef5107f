//! The host as a whole: a line for each subject.

use common::view::units::{UNKNOWN, bytes, duration, known, number, percent};
use common::view::{Reading, Subject, Table, subjects};

const SUBJECTS: &[Subject] = &[
    ("Host", name),
    ("Up for", uptime),
    ("Load", load),
    ("CPU", cpu),
    ("Memory", memory),
    ("Swap", swap),
    ("Processes", processes),
    ("Open files", open_files),
    ("Pressure", pressure),
];

pub(super) fn table(reading: &Reading<'_>) -> Table {
    subjects(SUBJECTS, reading)
}

fn name(reading: &Reading<'_>) -> Option<String> {
    let uname = reading.samples("node_uname_info", &[]).next()?;
    let words = ["nodename", "sysname", "release", "machine"].map(|label| uname.label(label));
    Some(words.join(" "))
}

fn uptime(reading: &Reading<'_>) -> Option<String> {
    let now = reading.value("node_time_seconds", &[])?;
    Some(duration((now - reading.value("node_boot_time_seconds", &[])?).max(0.0)))
}

fn load(reading: &Reading<'_>) -> Option<String> {
    let load = ["node_load1", "node_load5", "node_load15"]
        .map(|family| known(reading.value(family, &[]), |load| format!("{load:.2}")));
    reading.value("node_load1", &[])?;
    let cpus = reading.samples("node_cpu_seconds_total", &[("mode", "idle")]).count();
    let cpus = if cpus == 1 { "1 CPU".to_owned() } else { format!("{cpus} CPUs") };
    Some(format!("{} in 1, 5 and 15 min, {cpus}", load.join(" ")))
}

/// Shares of the time of all CPUs.
fn cpu(reading: &Reading<'_>) -> Option<String> {
    let rate = |mode| reading.sum_rate("node_cpu_seconds_total", &[("mode", mode)]);
    let all = reading.sum_rate("node_cpu_seconds_total", &[]).filter(|all| *all > 0.0)?;
    let idle = rate("idle").unwrap_or(0.0) + rate("iowait").unwrap_or(0.0);
    let modes = ["user", "nice", "system", "irq", "softirq", "steal", "iowait"];
    let modes: Vec<String> = modes
        .into_iter()
        .filter_map(|mode| {
            let share = rate(mode)? / all;
            let is_shown = ["user", "system", "iowait"].contains(&mode) || share >= 0.001;
            is_shown.then(|| format!("{mode} {}", percent(share)))
        })
        .collect();
    Some(format!("{} % busy ({})", percent((all - idle).max(0.0) / all), modes.join(", ")))
}

fn share_of(used: f64, whole: f64) -> String {
    let share = if whole > 0.0 { format!("{} %", percent(used / whole)) } else { UNKNOWN.into() };
    format!("{} of {} in use ({share})", bytes(used.max(0.0)), bytes(whole))
}

/// What is not available: caches that the kernel would give up do not count.
fn memory(reading: &Reading<'_>) -> Option<String> {
    let total = reading.value("node_memory_MemTotal_bytes", &[])?;
    let available = reading.value("node_memory_MemAvailable_bytes", &[]).or_else(|| {
        let free = |name| reading.value(name, &[]);
        let caches = free("node_memory_Buffers_bytes")? + free("node_memory_Cached_bytes")?;
        Some(free("node_memory_MemFree_bytes")? + caches)
    })?;
    Some(share_of(total - available, total))
}

fn swap(reading: &Reading<'_>) -> Option<String> {
    let total = reading.value("node_memory_SwapTotal_bytes", &[])?;
    let free = reading.value("node_memory_SwapFree_bytes", &[])?;
    Some(if total > 0.0 { share_of(total - free, total) } else { "none".to_owned() })
}

fn processes(reading: &Reading<'_>) -> Option<String> {
    let running = reading.value("node_procs_running", &[])?;
    let blocked = known(reading.value("node_procs_blocked", &[]), number);
    let forks = reading.sum_rate("node_forks_total", &[]);
    let forks = forks.map(|rate| format!(", {} started per second", number(rate)));
    Some(format!("{} running, {blocked} blocked{}", number(running), forks.unwrap_or_default()))
}

fn open_files(reading: &Reading<'_>) -> Option<String> {
    let open = reading.value("node_filefd_allocated", &[])?;
    let most = reading.value("node_filefd_maximum", &[])?;
    // Many systems have no limit to speak of.
    Some(if most < 1e15 { format!("{open} of {most}") } else { number(open) })
}

/// Share of the time in which something waited.
fn pressure(reading: &Reading<'_>) -> Option<String> {
    let waits = ["cpu", "memory", "io"].into_iter().filter_map(|resource| {
        let family = format!("node_pressure_{resource}_waiting_seconds_total");
        Some(format!("{resource} {} %", percent(reading.sum_rate(&family, &[])?)))
    });
    let waits: Vec<String> = waits.collect();
    (!waits.is_empty()).then(|| format!("something waits: {}", waits.join(", ")))
}
