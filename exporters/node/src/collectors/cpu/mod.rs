//! Time per CPU and mode: `/proc/stat`, proc_stat(5); throttling, isolation and model below.
//!
//! Parsed here because the procfs crate's `KernelStats` loses the numbers of the CPUs.

mod info;
mod state;
mod throttle;

use std::sync::{Mutex, OnceLock};

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::cli::is_switched_on;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::filter::{Filter, Pattern};
use common::kernel::{lines, words};
use common::metric::Desc;
use common::sync::lock;

use crate::host::Host;
use state::{CpuTimes, Times};

const SECONDS: Desc<'_> = Desc::counter(
    "node_cpu_seconds_total",
    "Time that each CPU has spent in each mode since boot, in seconds.",
);
const GUEST_SECONDS: Desc<'_> = Desc::counter(
    "node_cpu_guest_seconds_total",
    "Time that each CPU has spent running guests, which user and nice include, in seconds.",
);

/// Modes in the order of the columns; the two behind them are the guests'.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const GUEST_MODES: [&str; 2] = ["user", "nice"];

/// Ticks per second in `/proc/stat`: USER_HZ, 100 on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Expose the time spent in guests
    #[arg(id = "collector.cpu.guest", long = "collector.cpu.guest", default_value = "true")]
    pub guest: bool,
    /// Expose model, family and microcode of each CPU
    #[arg(id = "collector.cpu.info", long = "collector.cpu.info")]
    pub info: bool,
    /// CPU flags to expose; implies --collector.cpu.info
    #[arg(
        id = "collector.cpu.info.flags-include",
        long = "collector.cpu.info.flags-include",
        value_name = "REGEX"
    )]
    pub flags_include: Option<Pattern>,
    /// CPU bugs to expose; implies --collector.cpu.info
    #[arg(
        id = "collector.cpu.info.bugs-include",
        long = "collector.cpu.info.bugs-include",
        value_name = "REGEX"
    )]
    pub bugs_include: Option<Pattern>,
}

/// Keeps the last times of each CPU, because the kernel's may step back.
#[derive(Debug)]
pub(super) struct Cpu {
    guest: bool,
    info: Option<info::Choice>,
    last: Mutex<Times>,
    isolated: OnceLock<Vec<String>>,
}

impl Cpu {
    /// `has_frequency`: whether `/proc/cpuinfo` is to be asked for frequencies.
    fn new(options: &Options, has_frequency: bool) -> Self {
        let given = |pattern: &Option<Pattern>| {
            pattern.clone().map(|pattern| Filter::new(Some(pattern), None))
        };
        let is_asked =
            options.info || options.flags_include.is_some() || options.bugs_include.is_some();
        let choice = info::Choice {
            flags: given(&options.flags_include),
            bugs: given(&options.bugs_include),
            has_frequency,
        };
        Self {
            guest: options.guest,
            info: is_asked.then_some(choice),
            last: Mutex::default(),
            isolated: OnceLock::new(),
        }
    }

    fn push_times(&self, times: &Times, sink: &mut Sink) {
        let mut push = |desc, modes: &[&str], column: usize| {
            let mut family = sink.family(desc);
            for cpu in times.iter() {
                for (mode, seconds) in modes.iter().zip(cpu.seconds.iter().skip(column)) {
                    family.sample(&[("cpu", &*cpu.number), ("mode", *mode)], *seconds);
                }
            }
        };
        push(&SECONDS, &MODES, 0);
        if self.guest {
            push(&GUEST_SECONDS, &GUEST_MODES, MODES.len());
        }
    }

    /// Boot decides which CPUs are isolated, so a list without fault is read once.
    fn push_isolated(&self, host: &Host, sink: &mut Sink, errors: &mut FirstError) {
        if let Some(isolated) = self.isolated.get() {
            return throttle::push_isolated(isolated, sink);
        }
        let isolated = throttle::read_isolated(host);
        throttle::push_isolated(&isolated.good, sink);
        match isolated.error {
            Some(error) => errors.keep(error),
            None => {
                self.isolated.get_or_init(|| isolated.good);
            }
        }
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    // Frequencies are the cpufreq collector's subject, wherever they are found.
    let has_frequency = is_switched_on(matches, "collector.cpufreq");
    Ok(Box::new(Cpu::new(&Options::from_arg_matches(matches)?, has_frequency)))
}

#[async_trait]
impl Collector<Host> for Cpu {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host.proc("stat")?;
        let mut errors = FirstError::default();
        let now = text.parse_rows(parse);
        let now = errors.take(now);
        let numbers: Vec<String> = {
            let mut last = lock(&self.last);
            last.update(now);
            self.push_times(&last, sink);
            last.iter().map(|cpu| cpu.number.clone()).collect()
        };
        if let Some(choice) = &self.info {
            errors.note(info::push(choice, host, sink));
        }
        throttle::push(&numbers, host, sink, &mut errors);
        throttle::push_online(host, sink, &mut errors);
        self.push_isolated(host, sink, &mut errors);
        errors.into_result()
    }
}

/// The CPUs in order; the line of their sum is left out.
fn parse(text: &str) -> Partial<Vec<CpuTimes>, ParseError> {
    // The CPUs come first; the long line of interrupts is not looked at.
    let lines = lines(text).map_while(|line| line.strip_prefix("cpu"));
    let cpus = lines.filter(|line| !line.is_empty() && !line.starts_with(' '));
    cpus.map(parse_cpu).collect::<Partial<_, _>>().not_empty("no line of a CPU")
}

/// Number and seconds, all of one moment: a rate of some of them would be wrong. Columns that an old kernel lacks are zero.
fn parse_cpu(line: &str) -> Result<CpuTimes, ParseError> {
    let mut columns = words(line);
    let number = columns.next().unwrap_or_default();
    let _: u32 = parse_number("number of the CPU", Some(number))?;
    let mut seconds = [0.0; MODES.len() + GUEST_MODES.len()];
    for (index, second) in seconds.iter_mut().enumerate() {
        match columns.next() {
            Some(column) => {
                let ticks: u64 = parse_number("time", Some(column))?;
                *second = ticks as f64 / TICKS_PER_SECOND;
            }
            // Linux 2.6 had the first four at least.
            None if index < 4 => return Err(ParseError::Missing { field: "time" }),
            None => break,
        }
    }
    Ok(CpuTimes { number: number.to_owned(), seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_are_asked_for_if_cpufreq_runs() {
        for (flags, expected) in [
            (&[][..], true),
            (&["--no-collector.cpufreq"], false),
            (&["--collector.disable-defaults", "--collector.cpu"], false),
            (&["--collector.disable-defaults", "--collector.cpu", "--collector.cpufreq"], true),
        ] {
            let words = ["node-exporter"].iter().chain(flags).map(Into::into);
            let matches = common::commands::parse::<crate::NodeExporter>(words).unwrap();
            assert_eq!(is_switched_on(&matches, "collector.cpufreq"), expected, "{flags:?}");
        }
    }

    #[test]
    fn each_cpu_has_its_seconds() {
        let text = "cpu  301854 612 111922 8979004 3552 2 3944 0 0 0\n\
                    cpu0 44490 19 21045 1087069 220 1 3410 5 6 7\ncpu10 47869 23 16474 1110787\n\
                    intr 8885917 17\n";
        let Partial { good: cpus, error } = parse(text);
        assert_eq!((cpus.len(), error), (2, None));
        let seconds = [444.9, 0.19, 210.45, 10870.69, 2.2, 0.01, 34.1, 0.05, 0.06, 0.07];
        assert_eq!(cpus[0], CpuTimes { number: "0".into(), seconds });
        let seconds = [478.69, 0.23, 164.74, 11107.87, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(cpus[1], CpuTimes { number: "10".into(), seconds });
    }

    #[test]
    fn a_malformed_cpu_is_an_error_and_does_not_cost_the_others() {
        for text in ["", "cpu 1 2 3 4\n", "cpu0 1 2 3\n", "cpu0 1 2 x 4\n", "cpux 1 2 3 4\n", "\0"]
        {
            assert!(parse(text).error.is_some(), "{text:?}");
        }
        let cpus = parse("cpu0 1 2 x 4\ncpu7 1 2 3 4\n");
        assert_eq!(cpus.good.iter().map(|cpu| &*cpu.number).collect::<Vec<_>>(), ["7"]);
    }

    proptest::proptest! {
        #[test]
        fn any_content_is_parsed_or_refused(text in "(cpu[0-9]{0,3}( [0-9]{0,22}){0,12}\n|\\PC{0,40}\n){0,6}") {
            let _ = parse(&text);
        }
    }
}
