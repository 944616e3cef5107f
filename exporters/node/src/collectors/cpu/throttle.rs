//! Throttling, isolation and on/off state of CPUs:
//! `/sys/devices/system/cpu`, Documentation/admin-guide/cputopology.rst of the kernel.

use common::error::CollectError;
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;

pub(super) const ISOLATED: Desc<'_> =
    Desc::gauge("node_cpu_isolated", "CPUs that the scheduler leaves alone; always 1.");
const ONLINE: Desc<'_> = Desc::gauge("node_cpu_online", "1 if the CPU is in use, 0 if it is off.");
const CORE_THROTTLES: Desc<'_> = Desc::counter(
    "node_cpu_core_throttles_total",
    "How often a core was slowed down because it was too hot.",
);
const PACKAGE_THROTTLES: Desc<'_> = Desc::counter(
    "node_cpu_package_throttles_total",
    "How often a package was slowed down because it was too hot.",
);

const DIRECTORY: &str = "devices/system/cpu";

/// Counts of one core.
struct Throttles {
    package: String,
    core: String,
    core_count: Option<f64>,
    package_count: Option<f64>,
}

/// Pushes the throttle counts of each core and package once, from its first CPU.
pub(super) fn push(cpus: &[String], host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
    let mut cores: Vec<Throttles> = Vec::new();
    for cpu in cpus {
        if let Some(throttles) = read(host, cpu)? {
            let is_known = cores
                .iter()
                .any(|known| known.package == throttles.package && known.core == throttles.core);
            if !is_known {
                cores.push(throttles);
            }
        }
    }
    let mut family = sink.family(&CORE_THROTTLES);
    for throttles in &cores {
        if let Some(count) = throttles.core_count {
            let labels = [("core", &*throttles.core), ("package", &*throttles.package)];
            family.sample(&labels, count);
        }
    }
    drop(family);
    let mut family = sink.family(&PACKAGE_THROTTLES);
    for (index, throttles) in cores.iter().enumerate() {
        let is_first = !cores[..index].iter().any(|known| known.package == throttles.package);
        if let (true, Some(count)) = (is_first, throttles.package_count) {
            family.sample(&[("package", &*throttles.package)], count);
        }
    }
    Ok(())
}

fn read(host: &Host, cpu: &str) -> Result<Option<Throttles>, CollectError> {
    let file = |name: &str| host.read_sys_if_present(&format!("{DIRECTORY}/cpu{cpu}/{name}"));
    let count = |text: Option<String>| text.and_then(|text| text.parse().ok());
    // Virtual machines have no such counts: they cost one failed open a CPU.
    let Some(core_count) = file("thermal_throttle/core_throttle_count")? else { return Ok(None) };
    let package_count = count(file("thermal_throttle/package_throttle_count")?);
    let (Some(package), Some(core)) =
        (file("topology/physical_package_id")?, file("topology/core_id")?)
    else {
        return Ok(None);
    };
    Ok(Some(Throttles { package, core, core_count: count(Some(core_count)), package_count }))
}

/// Pushes which CPUs are on. Where CPU 0 cannot be switched, nothing is said of the others either.
pub(super) fn push_online(host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
    let read = |cpu: &str| host.read_sys_if_present(&format!("{DIRECTORY}/{cpu}/online"));
    if read("cpu0")?.is_none() {
        return Ok(());
    }
    let mut family = sink.family(&ONLINE);
    for name in host.list_sys(DIRECTORY)?.unwrap_or_default() {
        let Some(number) = name.strip_prefix("cpu").filter(|number| is_number(number)) else {
            continue;
        };
        let is_online = read(&name).ok().flatten().is_some_and(|state| state == "1");
        family.sample(&[("cpu", number)], if is_online { 1.0 } else { 0.0 });
    }
    Ok(())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The CPUs of a list such as `1,3-5`; what is no number or range is skipped.
pub(in crate::collectors) fn cpu_list(text: &str) -> Vec<String> {
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.trim().parse::<u16>(), last.trim().parse::<u16>()) {
            cpus.extend((first..=last).map(|cpu| cpu.to_string()));
        }
    }
    cpus
}

#[cfg(test)]
mod tests {
    use super::cpu_list;

    #[test]
    fn lists_and_ranges_are_spelled_out() {
        assert_eq!(cpu_list("1,3-5,9"), ["1", "3", "4", "5", "9"]);
        assert!(cpu_list("").is_empty());
        assert!(cpu_list("x,5-3").is_empty());
    }
}
