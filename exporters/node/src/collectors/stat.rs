//! Kernel counters other than CPU time: `/proc/stat`, proc_stat(5).
//!
//! Parsed here because the procfs crate's `KernelStats` lacks the totals of interrupts and softirqs.

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::kernel::{lines, words};
use common::metric::{Desc, Metric, counter, gauge};

use crate::host::Host;

const METRICS: &[Metric<Counters>] = &[
    counter("node_intr_total", "Interrupts serviced since boot.", |c| c.interrupts),
    counter("node_context_switches_total", "Context switches since boot.", |c| c.context_switches),
    counter("node_forks_total", "Processes and threads created since boot.", |c| c.forks),
    gauge("node_boot_time_seconds", "When the host was booted, in seconds since the epoch.", |c| {
        c.boot_time_seconds
    }),
    gauge("node_procs_running", "Tasks that are running or ready to run.", |c| c.running),
    gauge("node_procs_blocked", "Tasks that wait for I/O.", |c| c.blocked),
];

const SOFTIRQS: Desc<'_> =
    Desc::counter("node_softirqs_total", "Softirqs serviced since boot, by kind.");

/// Kinds of softirq in the order of the kernel's columns (include/linux/interrupt.h).
const SOFTIRQ_KINDS: [&str; 10] = [
    "hi",
    "timer",
    "net_tx",
    "net_rx",
    "block",
    "block_iopoll",
    "tasklet",
    "sched",
    "hrtimer",
    "rcu",
];

/// One value per line of the file; a line that the kernel lacks is `None`.
#[derive(Debug, Default, PartialEq)]
struct Counters {
    interrupts: Option<f64>,
    context_switches: Option<f64>,
    forks: Option<f64>,
    boot_time_seconds: Option<f64>,
    running: Option<f64>,
    blocked: Option<f64>,
    /// Counts by kind; `None` for a malformed one.
    softirqs: Vec<Option<f64>>,
}

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Also expose the count of each kind of softirq
    #[arg(id = "collector.stat.softirq", long = "collector.stat.softirq")]
    pub softirqs: bool,
}

#[derive(Debug)]
pub(super) struct Stat {
    softirqs: bool,
}

impl Stat {
    pub(super) fn new(options: &Options) -> Self {
        Self { softirqs: options.softirqs }
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Stat::new(&Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Host> for Stat {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host.proc("stat")?;
        let counters = text.parse_rows(parse);
        sink.row(METRICS, &counters.good);
        if self.softirqs {
            let counts = SOFTIRQ_KINDS.iter().zip(&counters.good.softirqs);
            let counts = counts.filter_map(|(kind, count)| Some(([("vector", kind)], (*count)?)));
            sink.samples(&SOFTIRQS, counts);
        }
        counters.finish()
    }
}

/// What the lines say; a malformed one costs its own counters.
fn parse(text: &str) -> Partial<Counters, ParseError> {
    let (mut counters, mut errors) = (Counters::default(), FirstError::default());
    let mut is_known = false;
    for line in lines(text) {
        let mut words = words(line);
        let target = match words.next() {
            Some("intr") => &mut counters.interrupts,
            Some("ctxt") => &mut counters.context_switches,
            Some("processes") => &mut counters.forks,
            Some("btime") => &mut counters.boot_time_seconds,
            Some("procs_running") => &mut counters.running,
            Some("procs_blocked") => &mut counters.blocked,
            Some("softirq") => {
                // The first number is the sum of the others.
                let kinds = words.skip(1).map(|word| parse_number("softirq", Some(word)));
                counters.softirqs = kinds.map(|count| errors.note(count)).collect();
                continue;
            }
            _ => continue,
        };
        is_known = true;
        *target = errors.note(parse_number("count", words.next()));
    }
    if !is_known {
        errors.note::<()>(Err(ParseError::Form("none of the expected lines".into())));
    }
    errors.beside(counters)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "cpu  1 2 3\nintr 8885917 17 0 0\nctxt 38014093\nbtime 1418183276\n\
        processes 26442\nprocs_running 2\nprocs_blocked 1\n\
        softirq 5057579 250191 1481983 1647 211099 186066 0 1783454 622196 12499 508444\n";

    #[test]
    fn every_line_has_its_counter() {
        let Partial { good: counters, error } = parse(TEXT);
        assert_eq!(error, None);
        assert_eq!(counters.interrupts, Some(8_885_917.0));
        assert_eq!(counters.boot_time_seconds, Some(1_418_183_276.0));
        assert_eq!(counters.blocked, Some(1.0));
        assert_eq!(counters.softirqs.len(), SOFTIRQ_KINDS.len());
        assert_eq!(counters.softirqs.first(), Some(&Some(250_191.0)));
    }

    #[test]
    fn absent_lines_are_absent_and_malformed_ones_errors() {
        assert_eq!(parse("ctxt 1\n").good.forks, None);
        for text in ["", "cpu 1 2", "ctxt", "ctxt x", "softirq 1 y"] {
            assert!(parse(text).error.is_some(), "{text:?}");
        }
    }

    #[test]
    fn a_malformed_line_does_not_cost_the_others() {
        let Partial { good: counters, error } = parse("ctxt x\nsoftirq 1 y 3\nprocesses 7\n");
        let softirqs = vec![None, Some(3.0)];
        assert_eq!(counters, Counters { forks: Some(7.0), softirqs, ..Counters::default() });
        assert!(error.is_some());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "((ctxt|softirq|btime)( [0-9]{0,22}){0,3}\n|\\PC{0,40}\n){0,6}") {
            let _ = parse(&text);
        }
    }
}
