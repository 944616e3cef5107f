//! Packets handed from the network drivers to the protocols per CPU:
//! `/proc/net/softnet_stat`, net/core/net-procfs.c of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::kernel::{Hex, lines, words};
use common::metric::{Metric, counter, gauge};

use crate::host::Host;
use crate::readers::attributes::parsed_in_part;
use crate::readers::cpu_list;

/// The CPUs that are in use.
const ONLINE: &str = "devices/system/cpu/online";

const FILE: &str = "net/softnet_stat";

const METRICS: &[Metric<Cpu>] = &[
    counter("node_softnet_processed_total", "Packets processed.", |cpu| cpu.get(0)),
    counter("node_softnet_dropped_total", "Packets dropped because the backlog was full.", |cpu| {
        cpu.get(1)
    }),
    counter(
        "node_softnet_times_squeezed_total",
        "Rounds that ended with packets left because budget or time had run out.",
        |cpu| cpu.get(2),
    ),
    counter(
        "node_softnet_cpu_collision_total",
        "Collisions with another CPU over the lock of a sending device.",
        |cpu| cpu.get(8),
    ),
    counter(
        "node_softnet_received_rps_total",
        "Wake-ups by other CPUs to process packets (RPS).",
        |cpu| cpu.get(9),
    ),
    counter(
        "node_softnet_flow_limit_count_total",
        "Packets dropped by the limit of a flow.",
        |cpu| cpu.get(10),
    ),
    gauge("node_softnet_backlog_len", "Packets in the backlog.", |cpu| cpu.get(11)),
];

/// Columns that every kernel has; newer ones have more.
const MIN_COLUMNS: usize = 9;

/// Columns for which there is room from the beginning.
const USUAL_COLUMNS: usize = 16;

/// Column of the CPU's number.
const NUMBER: usize = 12;

/// One line.
#[derive(Debug, PartialEq)]
struct Cpu {
    number: String,
    /// The number is the kernel's, not that of the line.
    is_named: bool,
    /// `None` for a column that is malformed.
    columns: Vec<Option<u64>>,
}

impl Cpu {
    /// Zero for a column that the kernel lacks: the reference exporter has all series on every kernel.
    fn get(&self, column: usize) -> Option<f64> {
        let count = self.columns.get(column).copied().unwrap_or(Some(0));
        count.map(|count| count as f64)
    }
}

#[derive(Debug, Default)]
pub(super) struct Softnet;

#[async_trait]
impl Collector<Host> for Softnet {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host.proc(FILE)?;
        let mut cpus = parse(&text);
        // Kernels before 5.10 have no column for the number, and no line for a CPU that is off.
        if cpus.good.iter().any(|cpu| !cpu.is_named) {
            let mut errors = FirstError::default();
            let online = parsed_in_part(host, ONLINE, cpu_list::parse, &mut errors);
            number(&mut cpus.good, &online.unwrap_or_default());
        }
        sink.table(METRICS, cpus.good.iter().map(|cpu| ([("cpu", &*cpu.number)], cpu)));
        cpus.map_error(|error| text.blame(error)).finish()
    }
}

/// The CPUs in order; without a column for it, a CPU's number is that of its line.
fn parse(text: &str) -> Partial<Vec<Cpu>, ParseError> {
    let (mut cpus, mut errors) = (Vec::new(), FirstError::default());
    for (index, line) in lines(text).enumerate() {
        let mut columns = Vec::with_capacity(USUAL_COLUMNS);
        columns.extend(words(line).map(|word| {
            let count = errors.note(parse_number("count", Some(word)));
            count.map(|Hex(count)| count)
        }));
        if columns.len() < MIN_COLUMNS {
            errors.keep(ParseError::Form(format!("only {} columns", columns.len())));
            continue;
        }
        let is_named = columns.len() > NUMBER;
        let number = columns.get(NUMBER).copied().unwrap_or(Some(index as u64));
        cpus.extend(number.map(|number| Cpu { number: number.to_string(), is_named, columns }));
    }
    errors.beside(cpus).not_empty("no CPU")
}

/// Gives lines without numbers those of the CPUs that are online, in order.
fn number(cpus: &mut [Cpu], online: &[String]) {
    for cpu in cpus.iter_mut().filter(|cpu| !cpu.is_named) {
        let line: Option<usize> = cpu.number.parse().ok();
        if let Some(number) = line.and_then(|line| online.get(line)) {
            cpu.number.clone_from(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_without_numbers_are_those_of_the_cpus_that_are_online() {
        let mut cpus = parse("1 0 0 0 0 0 0 0 9\nx\n2 0 0 0 0 0 0 0 8\n").good;
        number(&mut cpus, &["0".into(), "2".into(), "5".into()]);
        let numbers: Vec<&str> = cpus.iter().map(|cpu| &*cpu.number).collect();
        assert_eq!(numbers, ["0", "5"]);
        number(&mut cpus, &[]);
        assert_eq!(cpus[1].number, "5");
        let mut named = parse("1 0 0 0 0 0 0 0 0 0 0 0 7\n").good;
        number(&mut named, &["0".into()]);
        assert_eq!(named[0].number, "7");
    }

    #[test]
    fn the_cpu_is_a_column_or_the_line() {
        let new = "00000010 1 2 0 0 0 0 0 3 4 5 6 0000000b 7 8\nff 0 0 0 0 0 0 0 0 0 0 0 2 0 0\n";
        let cpus = parse(new);
        let [first, second] = &cpus.good[..] else { panic!() };
        assert_eq!((&*first.number, &*second.number), ("11", "2"));
        assert_eq!((first.get(0), first.get(8), first.get(11)), (Some(16.0), Some(3.0), Some(6.0)));
        let old = "1 0 0 0 0 0 0 0 9\n2 0 0 0 0 0 0 0 8\n";
        let cpus = parse(old);
        let [_, second] = &cpus.good[..] else { panic!() };
        assert_eq!((&*second.number, second.get(8), second.get(9)), ("1", Some(8.0), Some(0.0)));
    }

    #[test]
    fn a_bad_line_costs_only_its_cpu_and_a_bad_word_its_column() {
        let cpus = parse("1 2 3\n1 0 0 0 0 0 0 0 x\n5 0 0 0 0 0 0 0 0 0 0 0 y\n");
        let [cpu] = &cpus.good[..] else { panic!("{cpus:?}") };
        assert_eq!((&*cpu.number, cpu.get(0), cpu.get(8)), ("1", Some(1.0), None));
        assert_eq!(cpus.error, Some(ParseError::Form("only 3 columns".into())));
        assert!(parse("").error.is_some());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~\n]|\\PC){0,200}") {
            let _ = parse(&text);
        }
    }
}
