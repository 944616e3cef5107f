//! What `top` and `scrape --format=table` show: a row for each container.

use std::collections::BTreeMap;

use clap::{ArgMatches, Args, Command, FromArgMatches as _, ValueEnum};
use common::view::units::{UNKNOWN, bytes, known, number, percent, short_bytes};
use common::view::{Column, Reading, Sample, Table};

const SUMMARY: &[Column] = &[Column::text("")];

const COLUMNS: &[Column] = &[
    Column::text("CONTAINER"),
    Column::text("STATE"),
    Column::number("CPU %"),
    Column::number("MEM"),
    Column::number("LIMIT"),
    Column::number("RX/s"),
    Column::number("TX/s"),
    Column::number("READ/s"),
    Column::number("WRITE/s"),
    Column::number("PIDS"),
];

/// Flags of the tables.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "For the commands scrape and top")]
struct TableArgs {
    /// Which containers stand first.
    #[arg(
        help = "What containers are sorted by in tables: cpu, memory, network, disk, pids or name",
        hide_possible_values = true,
        id = "sort",
        long = "sort",
        value_name = "COLUMN",
        default_value = "cpu"
    )]
    sort: Order,
}

/// What rows are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Order {
    Cpu,
    Memory,
    Network,
    Disk,
    Pids,
    Name,
}

/// A container.
#[derive(Clone, Debug, Default)]
struct Row<'a> {
    name: &'a str,
    state: &'a str,
    cpu: Option<f64>,
    memory: Option<f64>,
    limit: Option<f64>,
    received: Option<f64>,
    sent: Option<f64>,
    read: Option<f64>,
    written: Option<f64>,
    pids: Option<f64>,
}

impl Row<'_> {
    /// What it is sorted by; the largest stands first.
    fn key(&self, order: Order) -> f64 {
        let sum = |one: Option<f64>, other: Option<f64>| match (one, other) {
            (None, None) => None,
            (one, other) => Some(one.unwrap_or(0.0) + other.unwrap_or(0.0)),
        };
        let value = match order {
            Order::Cpu => self.cpu,
            Order::Memory => self.memory,
            Order::Network => sum(self.received, self.sent),
            Order::Disk => sum(self.read, self.written),
            Order::Pids => self.pids,
            Order::Name => Some(0.0),
        };
        value.unwrap_or(-1.0)
    }
}

/// Gives a row the value of a sample, or its rate.
type Give = for<'a> fn(&mut Row<'a>, &'a Sample, Option<f64>);

/// The families that are read, those with one sample for each container and those with several.
const FAMILIES: &[(&str, Give)] = &[
    ("container_cpu_usage_seconds_total", |row, _, rate| add(&mut row.cpu, rate)),
    ("container_memory_working_set_bytes", |row, sample, _| row.memory = Some(sample.value)),
    ("container_spec_memory_limit_bytes", |row, sample, _| row.limit = Some(sample.value)),
    ("container_network_receive_bytes_total", |row, _, rate| add(&mut row.received, rate)),
    ("container_network_transmit_bytes_total", |row, _, rate| add(&mut row.sent, rate)),
    ("container_fs_reads_bytes_total", |row, _, rate| add(&mut row.read, rate)),
    ("container_fs_writes_bytes_total", |row, _, rate| add(&mut row.written, rate)),
    // Where there is no controller of pids, processes are counted.
    ("container_processes", |row, sample, _| row.pids = Some(sample.value)),
    ("container_threads", |row, sample, _| row.pids = Some(sample.value)),
    ("container_state", |row, sample, _| {
        if sample.value > 0.0 {
            row.state = sample.label("state");
        }
    }),
];

fn add(sum: &mut Option<f64>, rate: Option<f64>) {
    if let Some(rate) = rate {
        *sum = Some(sum.unwrap_or(0.0) + rate);
    }
}

/// The tables: one line about all, and the containers.
pub(crate) fn make(matches: &ArgMatches, reading: &Reading<'_>) -> Vec<Table> {
    let order = TableArgs::from_arg_matches(matches).map_or(Order::Cpu, |args| args.sort);
    let mut rows: Vec<Row<'_>> = rows(reading).into_values().collect();
    rows.sort_by(|a, b| b.key(order).total_cmp(&a.key(order)).then_with(|| a.name.cmp(b.name)));
    let memory = reading.value("machine_memory_bytes", &[]);
    let mut table = Table::new(COLUMNS);
    for row in &rows {
        // One that is no less than the machine's memory limits nothing.
        let limit =
            row.limit.filter(|limit| *limit > 0.0 && memory.is_none_or(|memory| *limit <= memory));
        table.row([
            row.name.to_owned(),
            if row.state.is_empty() { UNKNOWN } else { row.state }.to_owned(),
            known(row.cpu, percent),
            known(row.memory, short_bytes),
            known(limit, short_bytes),
            known(row.received, short_bytes),
            known(row.sent, short_bytes),
            known(row.read, short_bytes),
            known(row.written, short_bytes),
            known(row.pids, number),
        ]);
    }
    vec![summary(reading, &rows), table]
}

/// Only what has a name: the other cgroups are those of the machine.
fn rows<'a>(reading: &Reading<'a>) -> BTreeMap<&'a str, Row<'a>> {
    let mut rows: BTreeMap<&str, Row<'_>> = BTreeMap::new();
    for (family, give) in FAMILIES {
        for sample in reading.samples(family, &[]) {
            let name = sample.label("name");
            if !name.is_empty() {
                let row = rows.entry(sample.label("id")).or_default();
                row.name = name;
                give(row, sample, reading.rate(sample));
            }
        }
    }
    rows
}

fn summary(reading: &Reading<'_>, rows: &[Row<'_>]) -> Table {
    let plural = if rows.len() == 1 { "" } else { "s" };
    let mut parts = vec![format!("{} container{plural}", rows.len())];
    if rows.iter().any(|row| !row.state.is_empty()) {
        let running = rows.iter().filter(|row| row.state == "running").count();
        parts.push(format!("{running} running"));
    }
    let root = [("id", "/")];
    let cpu = reading.sum_rate("container_cpu_usage_seconds_total", &root);
    if let Some((cpu, cores)) = cpu.zip(reading.value("machine_cpu_cores", &[])) {
        parts.push(format!("machine: CPU {} % of {} %", percent(cpu), percent(cores)));
    }
    let used = reading.value("container_memory_working_set_bytes", &root);
    if let Some((used, memory)) = used.zip(reading.value("machine_memory_bytes", &[])) {
        parts.push(format!("memory {} of {}", bytes(used), bytes(memory)));
    }
    let mut table = Table::new(SUMMARY);
    table.row([parts.join(", ")]);
    for runtime in reading.samples("container_runtime_up", &[]) {
        if runtime.value == 0.0 {
            let name = runtime.label("runtime");
            table.row([format!("{name} does not answer: containers may be missing or nameless")]);
        }
    }
    table
}

/// Adds the flags of the tables.
pub(crate) fn add_flags(command: Command) -> Command {
    TableArgs::augment_args(command)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use common::view::Samples;

    use super::*;

    /// Two containers and the root, after so many seconds.
    fn samples(seconds: u64, start: Instant) -> Samples {
        let web = r#"id="/docker/1",image="web:1",name="web""#;
        let odd = "id=\"/docker/2\",name=\"odd\u{1b}[2J\"";
        let count = |rate: u64| 7 + rate * seconds;
        let busy = 3.0 + 0.25 * seconds as f64;
        let text = format!(
            "# TYPE container_cpu_usage_seconds_total counter\n\
             container_cpu_usage_seconds_total{{id=\"/\"}} {busy}\n\
             container_cpu_usage_seconds_total{{{web},cpu=\"cpu00\"}} {busy}\n\
             container_cpu_usage_seconds_total{{{web},cpu=\"cpu01\"}} {busy}\n\
             # TYPE container_fs_reads_bytes_total counter\n\
             container_fs_reads_bytes_total{{{web},device=\"/dev/sda\"}} {}\n\
             container_fs_reads_bytes_total{{{web},device=\"/dev/sdb\"}} {}\n\
             # TYPE container_memory_working_set_bytes gauge\n\
             container_memory_working_set_bytes{{id=\"/\"}} 2048\n\
             container_memory_working_set_bytes{{{web}}} 1024\n\
             container_memory_working_set_bytes{{{odd}}} 1536\n\
             # TYPE container_network_receive_bytes_total counter\n\
             container_network_receive_bytes_total{{{web},interface=\"eth0\"}} {}\n\
             # TYPE container_processes gauge\n\
             container_processes{{{odd}}} 2\ncontainer_processes{{{web}}} 2\n\
             # TYPE container_runtime_up gauge\ncontainer_runtime_up{{runtime=\"docker\"}} 0\n\
             # TYPE container_spec_memory_limit_bytes gauge\n\
             container_spec_memory_limit_bytes{{{web}}} 2048\n\
             container_spec_memory_limit_bytes{{{odd}}} 9223372036854771712\n\
             # TYPE container_state gauge\n\
             container_state{{{odd},state=\"exited\"}} 0\n\
             container_state{{{odd},state=\"paused\"}} 1\n\
             # TYPE container_threads gauge\ncontainer_threads{{{web}}} 5\n\
             # TYPE machine_cpu_cores gauge\nmachine_cpu_cores 2\n\
             # TYPE machine_memory_bytes gauge\nmachine_memory_bytes 4096\n",
            count(1024),
            count(512),
            count(100),
        );
        Samples::parse(&text, start + Duration::from_secs(seconds))
    }

    fn shown(arguments: &[&str]) -> Vec<String> {
        let start = Instant::now();
        let (before, now) = (samples(0, start), samples(2, start));
        let command = add_flags(Command::new("test"));
        let matches = command.get_matches_from(["test"].iter().chain(arguments));
        let tables = make(&matches, &Reading::new(&before, &now));
        tables.iter().flat_map(|table| table.lines(None)).collect()
    }

    #[test]
    fn each_container_has_a_row() {
        assert_eq!(
            shown(&[]),
            [
                "2 containers, 0 running, machine: CPU 25.0 % of 200.0 %, memory 2.0 KiB of 4.0 KiB",
                "docker does not answer: containers may be missing or nameless",
                "CONTAINER     STATE   CPU %   MEM  LIMIT  RX/s  TX/s  READ/s  WRITE/s  PIDS",
                "web           -        50.0  1.0K   2.0K   100     -    1.5K        -     5",
                r"odd\u{1b}[2J  paused      -  1.5K      -     -     -       -        -     2",
            ]
        );
    }

    #[test]
    fn containers_are_sorted_by_what_is_asked_for() {
        for (order, first) in [
            ("cpu", "web"),
            ("memory", "odd"),
            ("network", "web"),
            ("disk", "web"),
            ("name", "odd"),
        ] {
            let lines = shown(&[&format!("--sort={order}")]);
            assert!(lines[3].starts_with(first), "{order}: {lines:?}");
        }
    }

    #[test]
    fn without_containers_there_is_a_line() {
        let none = Samples::parse("", Instant::now());
        let matches = add_flags(Command::new("test")).get_matches_from(["test"]);
        let tables = make(&matches, &Reading::new(&none, &none));
        let lines: Vec<String> = tables.iter().flat_map(|table| table.lines(None)).collect();
        assert_eq!(lines, ["0 containers"]);
    }
}
