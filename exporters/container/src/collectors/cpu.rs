//! CPU time: `cpu.stat` of cgroup v2; `cpuacct.*` and `cpu.stat` of v1.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial};
use common::exposition::Sink;
use common::kernel::USER_HZ;
use common::metric::{Desc, Metric, counter};

use crate::cgroup::{CgroupReader, Controller, Version, each_pair, parse_value};
use crate::inventory::{Cgroup, Inventory};

const USAGE: Desc<'static> = Desc::counter(
    "container_cpu_usage_seconds_total",
    "CPU time used; by CPU on cgroup v1 unless the group percpu is off, else in total.",
);

const METRICS: &[Metric<Row>] = &[
    counter("container_cpu_user_seconds_total", "CPU time used in user mode.", |row| {
        row.user_seconds
    }),
    counter("container_cpu_system_seconds_total", "CPU time used in kernel mode.", |row| {
        row.system_seconds
    }),
    counter(
        "container_cpu_cfs_periods_total",
        "Enforcement periods of the CPU quota that have passed.",
        |row| row.quota.periods,
    ),
    counter(
        "container_cpu_cfs_throttled_periods_total",
        "Enforcement periods in which the CPU quota ran out.",
        |row| row.quota.throttled_periods,
    ),
    counter(
        "container_cpu_cfs_throttled_seconds_total",
        "Time for which runnable tasks had to wait because the CPU quota had run out.",
        |row| row.quota.throttled_seconds,
    ),
    counter(
        "container_cpu_cfs_burst_periods_total",
        "Enforcement periods in which more than the CPU quota was used.",
        |row| row.quota.burst_periods,
    ),
    counter(
        "container_cpu_cfs_burst_seconds_total",
        "CPU time used in excess of the CPU quota.",
        |row| row.quota.burst_seconds,
    ),
];

const NANOSECONDS: f64 = 1e9;
const MICROSECONDS: f64 = 1e6;

#[derive(Debug, Default, PartialEq)]
struct Row {
    /// By number of the CPU; `None` if what the kernel says of it is malformed.
    usage_by_cpu: Vec<Option<f64>>,
    usage_seconds: Option<f64>,
    user_seconds: Option<f64>,
    system_seconds: Option<f64>,
    quota: Quota,
}

/// How the quota worked; all absent where none is set.
#[derive(Debug, Default, PartialEq)]
struct Quota {
    periods: Option<f64>,
    throttled_periods: Option<f64>,
    throttled_seconds: Option<f64>,
    burst_periods: Option<f64>,
    burst_seconds: Option<f64>,
}

#[derive(Debug)]
pub(super) struct Cpu {
    /// Split the usage by CPU where the kernel does.
    pub(super) is_per_cpu: bool,
}

#[async_trait]
impl Collector<Inventory> for Cpu {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let rows = inventory.rows(|_, reader| match reader.version() {
            Version::V1 => self.read_v1(reader),
            Version::V2 => read_v2(reader).unwrap_or_default(),
        });
        push_usage(sink, &rows.good);
        sink.table(METRICS, rows.good.iter().map(|(cgroup, row)| (&cgroup.labels, row)));
        rows.finish()
    }
}

impl Cpu {
    fn read_v1(&self, reader: &mut CgroupReader<'_>) -> Row {
        let mut row = Row::default();
        let account = Controller::Cpuacct;
        if self.is_per_cpu {
            let usage = reader.parse_rows(account, "cpuacct.usage_percpu", parse_by_cpu);
            row.usage_by_cpu = usage.unwrap_or_default();
        }
        if row.usage_by_cpu.is_empty() {
            let usage = reader.value(account, "cpuacct.usage");
            row.usage_seconds = usage.map(|nanoseconds| nanoseconds / NANOSECONDS);
        }
        if let Some((user, system)) = reader.parse_rows(account, "cpuacct.stat", parse_ticks) {
            (row.user_seconds, row.system_seconds) = (user, system);
        }
        let quota = reader.value(Controller::Cpu, "cpu.cfs_quota_us");
        if quota.is_some_and(|quota| quota > 0.0) {
            let stat = |text: &str| parse_stat(text, Version::V1);
            let stat = reader.parse_rows(Controller::Cpu, "cpu.stat", stat);
            row.quota = stat.unwrap_or_default().quota;
        }
        row
    }
}

fn read_v2(reader: &mut CgroupReader<'_>) -> Option<Row> {
    let stat = |text: &str| parse_stat(text, Version::V2);
    let mut row = reader.parse_rows(Controller::Cpu, "cpu.stat", stat)?;
    // The lines about a quota are there wherever the controller is, quota or not.
    if row.quota.periods.is_some() {
        let has_quota = |text: &str| Ok(!text.starts_with("max"));
        if reader.parse(Controller::Cpu, "cpu.max", has_quota) != Some(true) {
            row.quota = Quota::default();
        }
    }
    Some(row)
}

fn push_usage(sink: &mut Sink, rows: &[(&Cgroup, Row)]) {
    let cpus = rows.iter().map(|(_, row)| row.usage_by_cpu.len()).max().unwrap_or(0);
    let names: Vec<String> = (0..cpus).map(|cpu| format!("cpu{cpu:02}")).collect();
    let mut family = sink.family(&USAGE);
    for (cgroup, row) in rows {
        for (name, seconds) in names.iter().zip(&row.usage_by_cpu) {
            // The file has a column for every CPU that could ever be plugged in.
            if let Some(seconds) = seconds.filter(|seconds| *seconds > 0.0) {
                family.sample(&(&cgroup.labels, [("cpu", name)]), seconds);
            }
        }
        if let Some(seconds) = row.usage_seconds {
            family.sample(&(&cgroup.labels, [("cpu", "total")]), seconds);
        }
    }
}

/// Nanoseconds of each CPU in one line; the place in the line is the CPU's number.
fn parse_by_cpu(text: &str) -> Partial<Vec<Option<f64>>, ParseError> {
    let mut errors = FirstError::default();
    let numbers = text.split_ascii_whitespace().map(parse_value);
    let times = numbers.map(|time| errors.note(time).map(|time| time / NANOSECONDS)).collect();
    errors.beside(times)
}

/// `user` and `system` in ticks.
fn parse_ticks(text: &str) -> Partial<(Option<f64>, Option<f64>), ParseError> {
    let (mut user, mut system) = (None, None);
    let errors = each_pair(text, |key, ticks| match key {
        "user" => user = Some(ticks / USER_HZ),
        "system" => system = Some(ticks / USER_HZ),
        _ => {}
    });
    errors.beside((user, system))
}

/// `cpu.stat` of either version: nanoseconds in v1, microseconds in v2, under different keys.
fn parse_stat(text: &str, version: Version) -> Partial<Row, ParseError> {
    let mut row = Row::default();
    let mut errors = each_pair(text, |key, value| match (version, key) {
        (_, "nr_periods") => row.quota.periods = Some(value),
        (_, "nr_throttled") => row.quota.throttled_periods = Some(value),
        (_, "nr_bursts") => row.quota.burst_periods = Some(value),
        (Version::V1, "throttled_time") => {
            row.quota.throttled_seconds = Some(value / NANOSECONDS);
        }
        (Version::V1, "burst_time") => row.quota.burst_seconds = Some(value / NANOSECONDS),
        (Version::V2, "throttled_usec") => {
            row.quota.throttled_seconds = Some(value / MICROSECONDS);
        }
        (Version::V2, "burst_usec") => row.quota.burst_seconds = Some(value / MICROSECONDS),
        (Version::V2, "usage_usec") => row.usage_seconds = Some(value / MICROSECONDS),
        (Version::V2, "user_usec") => row.user_seconds = Some(value / MICROSECONDS),
        (Version::V2, "system_usec") => row.system_seconds = Some(value / MICROSECONDS),
        _ => {}
    });
    if version == Version::V2 && row.usage_seconds.is_none() {
        errors.keep(ParseError::Missing { field: "usage_usec" });
    }
    errors.beside(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    #[test]
    fn version_1_counts_in_nanoseconds_and_ticks() {
        assert_eq!(
            parse_by_cpu("15436208 18700446 0 \n").good,
            [Some(0.015_436_208), Some(0.018_700_446), Some(0.0)]
        );
        assert_eq!(parse_ticks("user 12\nsystem 340\n"), Partial::whole((Some(0.12), Some(3.4))));
        let row =
            parse_stat("nr_periods 10\nnr_throttled 4\nthrottled_time 1500000000\n", Version::V1);
        let quota = row.good.quota;
        assert_eq!((quota.periods, quota.throttled_seconds), (Some(10.0), Some(1.5)));
        assert_eq!(quota.burst_periods, None, "kernels before 5.14 have no bursts");
    }

    #[test]
    fn version_2_counts_in_microseconds() {
        let text = "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\nnice_usec 0\n\
                    nr_periods 7\nnr_throttled 2\nthrottled_usec 30000\nnr_bursts 1\nburst_usec 9\n";
        let row = parse_stat(text, Version::V2).good;
        assert_eq!((row.usage_seconds, row.user_seconds), (Some(2.5), Some(2.0)));
        assert_eq!(row.quota.throttled_seconds, Some(0.03));
        assert_eq!(row.quota.burst_seconds, Some(0.000_009));
    }

    #[test]
    fn without_the_controller_version_2_tells_usage_only() {
        let row = parse_stat("usage_usec 1\nuser_usec 1\nsystem_usec 0\n", Version::V2).good;
        assert_eq!(row.quota, Quota::default());
    }

    #[test]
    fn truncated_and_malformed_content_is_an_error() {
        assert!(parse_stat("", Version::V2).error.is_some());
        assert!(parse_stat("usage_usec", Version::V2).error.is_some());
        assert!(parse_stat("nr_periods x\n", Version::V1).error.is_some());
        assert!(parse_by_cpu("1 x").error.is_some());
        assert!(parse_ticks("user").error.is_some());
    }

    #[test]
    fn neighbours_of_an_odd_line_or_column_stay() {
        assert_eq!(
            parse_by_cpu("1000000000 odd 3000000000").good,
            [Some(1.0), None, Some(3.0)],
            "the third column is still the third CPU's"
        );
        let row = parse_stat("usage_usec x\nodd\nuser_usec 1000000\n", Version::V2);
        assert_eq!((row.good.usage_seconds, row.good.user_seconds), (None, Some(1.0)));
        assert_eq!(row.error, Some(ParseError::number("value", "x")));
        assert_eq!(parse_ticks("user x\nsystem 100\n").good, (None, Some(1.0)));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([a-z_]* [0-9]*\n)*.*") {
            let _ = (parse_stat(&text, Version::V1), parse_stat(&text, Version::V2));
            let _ = (parse_by_cpu(&text), parse_ticks(&text));
        }
    }
}
