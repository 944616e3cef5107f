//! What the scheduler keeps of each CPU: `/proc/schedstat`,
//! Documentation/scheduler/sched-stats.rst of the kernel.
//!
//! Parsed here because the procfs crate knows only the file of a process.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::metric::{Metric, counter};

use crate::host::Host;

/// The columns in front of those that are read.
const OTHER_COLUMNS: usize = 6;

const METRICS: &[Metric<Times>] = &[
    counter(
        "node_schedstat_running_seconds_total",
        "Time that tasks have run on each CPU, in seconds.",
        |times| Some(times.running_nanoseconds as f64 / 1e9),
    ),
    counter(
        "node_schedstat_waiting_seconds_total",
        "Time that tasks have waited for each CPU, in seconds.",
        |times| Some(times.waiting_nanoseconds as f64 / 1e9),
    ),
    counter("node_schedstat_timeslices_total", "Timeslices run on each CPU.", |times| {
        Some(times.timeslices as f64)
    }),
];

/// The seventh to ninth column of a CPU.
#[derive(Debug, PartialEq)]
struct Times {
    running_nanoseconds: u64,
    waiting_nanoseconds: u64,
    timeslices: u64,
}

#[derive(Debug, Default)]
pub(super) struct Schedstat;

#[async_trait]
impl Collector<Host> for Schedstat {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let absent = || CollectError::NoData("no scheduler statistics in the kernel".into());
        let text = host.proc_if_present("schedstat")?.ok_or_else(absent)?;
        let cpus = parse(&text);
        sink.table(METRICS, cpus.good.iter().map(|(cpu, times)| ([("cpu", *cpu)], times)));
        cpus.map_error(|error| text.blame(error)).finish()
    }
}

/// Number and times of each CPU; the lines of version, time and domains are passed over.
fn parse(text: &str) -> Partial<Vec<(&str, Times)>, ParseError> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("cpu"));
    lines.map(parse_line).collect::<Partial<_, _>>().not_empty("no CPU")
}

fn parse_line(line: &str) -> Result<(&str, Times), ParseError> {
    let mut words = line.split_ascii_whitespace();
    let cpu = words.next().filter(|cpu| cpu.bytes().all(|byte| byte.is_ascii_digit()));
    let cpu = cpu.ok_or(ParseError::Missing { field: "number of the CPU" })?;
    let mut words = words.skip(OTHER_COLUMNS);
    let running_nanoseconds = parse_number("running time", words.next())?;
    let waiting_nanoseconds = parse_number("waiting time", words.next())?;
    let timeslices = parse_number("timeslices", words.next())?;
    Ok((cpu, Times { running_nanoseconds, waiting_nanoseconds, timeslices }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_three_columns_of_each_cpu_are_read() {
        let cpus = parse(
            "version 15\ntimestamp 15819019232\n\
             cpu0 498494191 0 3533438552 2553969831 3853684107 2465731542 2045936778163039 343796328169361 4767485306\n\
             domain0 00000000,00000003 212499247 210112015\ncpu12 1 2 3 4 5 6 7 8 9\n",
        );
        let first = Times {
            running_nanoseconds: 2_045_936_778_163_039,
            waiting_nanoseconds: 343_796_328_169_361,
            timeslices: 4_767_485_306,
        };
        let second = Times { running_nanoseconds: 7, waiting_nanoseconds: 8, timeslices: 9 };
        assert_eq!(cpus.good, [("0", first), ("12", second)]);
        assert_eq!(cpus.error, None);
    }

    #[test]
    fn a_malformed_cpu_does_not_cost_the_others() {
        for line in [
            "cpu",
            "cpu0",
            "cpux 1 2 3 4 5 6 7 8 9",
            "cpu0 1 2 3 4 5 6 7 8",
            "cpu0 1 2 3 4 5 6 7 x 9",
        ] {
            let text = format!("{line}\ncpu1 1 2 3 4 5 6 7 8 9\n");
            let cpus = parse(&text);
            assert!(cpus.error.is_some(), "{line:?}");
            assert_eq!(cpus.good.len(), 1, "{line:?}");
        }
        assert!(parse("version 15\n").error.is_some());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(cpu[0-9])?([ -~\n]|\\PC){0,200}") {
            let _ = parse(&text);
        }
    }
}
