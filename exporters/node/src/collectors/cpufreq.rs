//! Clock frequency of CPUs: `/sys/devices/system/cpu/cpu*/cpufreq`,
//! Documentation/admin-guide/pm/cpufreq.rst of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::keyed::{Keyed, integer};
use common::metric::Desc;

use crate::host::Host;
use crate::readers::attributes::{Table, devices, number_after, parsed_in_part, read};
use crate::readers::{CPU_FREQUENCY, cpu_list};

const DIRECTORY: &str = "devices/system/cpu";

/// The kernel may sleep 20 ms to measure one CPU: the CPUs of large hosts are read side by side.
const CPUS_PER_THREAD: usize = 16;
const MAX_THREADS: usize = 8;

const FREQUENCIES: &[Keyed] = &[
    Keyed::new("cpuinfo_cur_freq", CPU_FREQUENCY).times(1000.0).read_by(known_integer),
    kilohertz(
        "cpuinfo_avg_freq",
        "node_cpu_frequency_avg_hertz",
        "Recent average frequency of a CPU.",
    ),
    kilohertz("cpuinfo_min_freq", "node_cpu_frequency_min_hertz", "Lowest frequency of a CPU."),
    kilohertz("cpuinfo_max_freq", "node_cpu_frequency_max_hertz", "Highest frequency of a CPU."),
    kilohertz(
        "scaling_cur_freq",
        "node_cpu_scaling_frequency_hertz",
        "Frequency last requested by the kernel.",
    ),
    kilohertz(
        "scaling_min_freq",
        "node_cpu_scaling_frequency_min_hertz",
        "Lowest frequency that the kernel may request.",
    ),
    kilohertz(
        "scaling_max_freq",
        "node_cpu_scaling_frequency_max_hertz",
        "Highest frequency that the kernel may request.",
    ),
];

const GOVERNOR: Desc<'_> = Desc::gauge(
    "node_cpu_scaling_governor",
    "1 for the governor in use, 0 for the other available ones.",
);

const fn kilohertz(file: &'static str, name: &'static str, help: &'static str) -> Keyed {
    Keyed::gauge(file, name, help).times(1000.0).read_by(known_integer)
}

/// What one CPU shows; files that its driver lacks are `None`.
#[derive(Debug)]
struct Cpu {
    number: String,
    frequencies: Vec<Option<f64>>,
    governor: Option<String>,
    available_governors: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct CpuFreq;

#[async_trait]
impl Collector<Host> for CpuFreq {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut errors = FirstError::default();
        let offline = format!("{DIRECTORY}/offline");
        let offline = parsed_in_part(host, &offline, cpu_list::parse, &mut errors);
        let offline = offline.unwrap_or_default();
        let names = devices(host, DIRECTORY)?;
        let mut numbers: Vec<&str> =
            names.iter().filter_map(|name| number_after(name, "cpu")).collect();
        numbers.retain(|number| !offline.iter().any(|offline| offline == number));
        numbers.retain(|number| host.sys_path(&directory(number)).is_dir());
        let (cpus, more) = read_all(host, &numbers);
        errors.take(more.beside(()));
        push(&cpus, sink);
        errors.into_result()
    }
}

fn directory(number: &str) -> String {
    format!("{DIRECTORY}/cpu{number}/cpufreq/")
}

fn read_all(host: &Host, numbers: &[&str]) -> (Vec<Cpu>, FirstError) {
    let share = numbers.len().div_ceil(MAX_THREADS).max(CPUS_PER_THREAD);
    if numbers.len() <= share {
        return read_share(host, numbers);
    }
    let (mut cpus, mut errors) = (Vec::with_capacity(numbers.len()), FirstError::default());
    std::thread::scope(|scope| {
        let threads: Vec<_> = numbers
            .chunks(share)
            .map(|share| {
                let thread = std::thread::Builder::new().name("cpufreq".into());
                (share, thread.spawn_scoped(scope, move || read_share(host, share)).ok())
            })
            .collect();
        for (share, thread) in threads {
            let read = thread.and_then(|thread| thread.join().ok());
            // If no thread can be started, this one reads.
            let (more, error) = read.unwrap_or_else(|| read_share(host, share));
            cpus.extend(more);
            errors.take(error.beside(()));
        }
    });
    (cpus, errors)
}

fn read_share(host: &Host, numbers: &[&str]) -> (Vec<Cpu>, FirstError) {
    let mut errors = FirstError::default();
    let cpus = numbers.iter().map(|number| {
        let prefix = directory(number);
        let mut text = |file: &str| errors.catch(host.attribute(&format!("{prefix}{file}")));
        Cpu {
            number: (*number).to_owned(),
            governor: text("scaling_governor"),
            available_governors: text("scaling_available_governors"),
            frequencies: read(host, &prefix, FREQUENCIES, &mut errors),
        }
    });
    (cpus.collect(), errors)
}

fn push(cpus: &[Cpu], sink: &mut Sink) {
    let mut table = Table::new(FREQUENCIES, ["cpu"]);
    for cpu in cpus {
        table.add([&cpu.number], cpu.frequencies.clone());
    }
    table.push(sink);
    let mut family = sink.family(&GOVERNOR);
    for cpu in cpus {
        let available = cpu.available_governors.as_deref().unwrap_or_default();
        for governor in available.split_ascii_whitespace() {
            let is_chosen = cpu.governor.as_deref() == Some(governor);
            let labels = [("cpu", &*cpu.number), ("governor", governor)];
            family.sample(&labels, f64::from(is_chosen));
        }
    }
}

/// Some drivers do not know the frequency of a sleeping CPU, and say so.
fn known_integer(text: &str) -> Result<Option<f64>, ParseError> {
    if text == "<unknown>" { Ok(None) } else { integer(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::testing;

    #[test]
    fn an_unknown_frequency_is_absent_and_a_malformed_one_an_error() {
        assert_eq!(known_integer("2400000"), Ok(Some(2_400_000.0)));
        assert_eq!(known_integer("<unknown>"), Ok(None));
        assert!(known_integer("<unkn").is_err());
        assert!(known_integer("").is_err());
    }

    #[test]
    fn each_available_governor_has_a_sample() {
        let cpu = |number: &str, available: Option<&str>| Cpu {
            number: number.into(),
            frequencies: Vec::new(),
            governor: Some("powersave".into()),
            available_governors: available.map(str::to_owned),
        };
        let mut sink = Sink::default();
        push(&[cpu("3", Some("performance powersave")), cpu("4", None)], &mut sink);
        assert_eq!(
            testing::samples(&sink),
            [
                "node_cpu_scaling_governor{cpu=\"3\",governor=\"performance\"} 0",
                "node_cpu_scaling_governor{cpu=\"3\",governor=\"powersave\"} 1",
            ]
        );
    }
}
