//! Run and wait times of the threads of a cgroup and those below it:
//! `/proc/TID/schedstat`, scheduler/sched-stats.rst of the kernel.

mod accounts;

use std::sync::Mutex;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError, parse_number};
use common::exposition::Sink;
use common::metric::{Metric, counter};
use common::sync::lock;

use crate::cgroup::{CgroupReader, UNSEEN};
use crate::inventory::Inventory;
use accounts::{Accounts, Times};

const METRICS: &[Metric<Option<Times>>] = &[
    counter("container_cpu_schedstat_run_seconds_total", "Time that threads ran.", |times| {
        times.map(|times| times.run_seconds)
    }),
    counter(
        "container_cpu_schedstat_runqueue_seconds_total",
        "Time that threads were ready and waited for a CPU.",
        |times| times.map(|times| times.wait_seconds),
    ),
    counter(
        "container_cpu_schedstat_run_periods_total",
        "Times that a thread was scheduled on a CPU.",
        |times| times.map(|times| times.periods),
    ),
];

/// Keeps the times of threads from scrape to scrape: those of a thread that ends stay in the sum.
#[derive(Debug, Default)]
pub(super) struct Sched {
    accounts: Mutex<Accounts>,
}

#[async_trait]
impl Collector<Inventory> for Sched {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let mut reader = CgroupReader::new(&inventory.hierarchies, &inventory.host);
        let mut accounts = lock(&self.accounts);
        let all = || inventory.cgroups.iter().chain(&inventory.unlisted);
        for cgroup in all() {
            reader.move_to(&cgroup.id, cgroup.found);
            let Some(threads) = reader.threads() else { continue };
            // A sum without those that cannot be seen would be none.
            if threads.contains(&UNSEEN) {
                let reason = "not in the host's process namespace";
                return Err(CollectError::NoData(reason.into()));
            }
            let times = threads
                .into_iter()
                .filter_map(|id| Some((id, reader.proc(&format!("{id}/schedstat"), parse)?)));
            accounts.update(&cgroup.id, times.collect());
        }
        accounts.retain(&all().map(|cgroup| cgroup.id.as_str()).collect());
        let sums = accounts.sums();
        let row = |id: &str| sums.get(id).copied();
        let rows: Vec<_> =
            inventory.cgroups.iter().map(|cgroup| (cgroup, row(&cgroup.id))).collect();
        sink.table(METRICS, rows.iter().map(|(cgroup, row)| (&cgroup.labels, row)));
        reader.into_errors().into_result()
    }
}

/// `22568038 2711657 42`: nanoseconds that it ran and waited, and how often it ran.
fn parse(text: &str) -> Result<Times, ParseError> {
    let mut fields = text.split_ascii_whitespace();
    let mut field = |name| parse_number::<u64>(name, fields.next()).map(|number| number as f64);
    Ok(Times {
        run_seconds: field("run time")? / 1e9,
        wait_seconds: field("waiting time")? / 1e9,
        periods: field("periods")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    #[test]
    fn nanoseconds_become_seconds() {
        let times = Times { run_seconds: 2.5, wait_seconds: 0.5, periods: 42.0 };
        assert_eq!(parse("2500000000 500000000 42\n"), Ok(times));
        for text in ["", "1 2", "1 x 3", "-1 2 3"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9 ]*.*") {
            let _ = parse(&text);
        }
    }
}
