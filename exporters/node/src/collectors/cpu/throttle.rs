//! Throttling, isolation and on/off state of CPUs:
//! `/sys/devices/system/cpu`, Documentation/admin-guide/cputopology.rst of the kernel.

use common::error::{FirstError, Partial};
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;
use crate::readers::attributes::{number_after, parsed_in_part};
use crate::readers::cpu_list;

const ISOLATED: Desc<'_> =
    Desc::gauge("node_cpu_isolated", "CPUs isolated from the scheduler; always 1.");
const ONLINE: Desc<'_> = Desc::gauge("node_cpu_online", "1 if the CPU is in use, 0 if it is off.");
const CORE_THROTTLES: Desc<'_> = Desc::counter(
    "node_cpu_core_throttles_total",
    "Times that a core was throttled because it was too hot.",
);
const PACKAGE_THROTTLES: Desc<'_> = Desc::counter(
    "node_cpu_package_throttles_total",
    "Times that a package was throttled because it was too hot.",
);

const DIRECTORY: &str = "devices/system/cpu";

/// Counts of one core.
struct Throttles {
    package: String,
    core: String,
    core_count: Option<u64>,
    package_count: Option<u64>,
}

/// Pushes the throttle counts of each core and package once, from its first CPU.
pub(super) fn push(cpus: &[String], host: &Host, sink: &mut Sink, errors: &mut FirstError) {
    let mut cores: Vec<Throttles> = Vec::new();
    for cpu in cpus {
        if let Some(throttles) = read(host, cpu, errors) {
            let is_known = cores
                .iter()
                .any(|known| known.package == throttles.package && known.core == throttles.core);
            if !is_known {
                cores.push(throttles);
            }
        }
    }
    let samples = cores.iter().filter_map(|throttles| {
        let count = throttles.core_count?;
        let labels = [("core", &*throttles.core), ("package", &*throttles.package)];
        Some((labels, count as f64))
    });
    sink.samples(&CORE_THROTTLES, samples);
    let mut family = sink.family(&PACKAGE_THROTTLES);
    for (index, throttles) in cores.iter().enumerate() {
        let is_first = !cores[..index].iter().any(|known| known.package == throttles.package);
        if let (true, Some(count)) = (is_first, throttles.package_count) {
            family.sample(&[("package", &*throttles.package)], count as f64);
        }
    }
}

fn read(host: &Host, cpu: &str, errors: &mut FirstError) -> Option<Throttles> {
    let path = |file: &str| format!("{DIRECTORY}/cpu{cpu}/{file}");
    let core_count = errors.note(host.number(&path("thermal_throttle/core_throttle_count")));
    // Virtual machines have no such counts: they cost one failed open a CPU.
    if core_count == Some(None) {
        return None;
    }
    let package_count = host.number(&path("thermal_throttle/package_throttle_count"));
    Some(Throttles {
        package: errors.catch(host.attribute(&path("topology/physical_package_id")))?,
        core: errors.catch(host.attribute(&path("topology/core_id")))?,
        core_count: core_count.flatten(),
        package_count: errors.catch(package_count),
    })
}

/// Pushes which CPUs are on. Where CPU 0 cannot be switched, nothing is said of the others either.
pub(super) fn push_online(host: &Host, sink: &mut Sink, errors: &mut FirstError) {
    let read = |cpu: &str| host.attribute(&format!("{DIRECTORY}/{cpu}/online"));
    if errors.catch(read("cpu0")).is_none() {
        return;
    }
    let names = errors.catch(host.list_sys(DIRECTORY)).unwrap_or_default();
    let samples = names.iter().filter_map(|name| {
        let number = number_after(name, "cpu")?;
        let is_online = errors.catch(read(name)).is_some_and(|state| state == "1");
        Some(([("cpu", number)], f64::from(is_online)))
    });
    sink.samples(&ONLINE, samples);
}

/// The CPUs that were kept from the scheduler at boot.
pub(super) fn read_isolated(host: &Host) -> Partial<Vec<String>> {
    let mut errors = FirstError::default();
    let path = format!("{DIRECTORY}/isolated");
    let cpus = parsed_in_part(host, &path, cpu_list::parse, &mut errors);
    errors.beside(cpus.unwrap_or_default())
}

/// Pushes which CPUs are isolated.
pub(super) fn push_isolated(cpus: &[String], sink: &mut Sink) {
    sink.samples(&ISOLATED, cpus.iter().map(|cpu| ([("cpu", cpu)], 1.0)));
}
