//! Tasks by state, and how many run or wait: `/proc/TID/stat`, proc_pid_stat(5).
//!
//! Every thread is a file to read, so that this is done on request only, as in
//! the reference, which asks a netlink interface of cgroup v1 instead.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError};
use common::exposition::Sink;
use common::metric::{Desc, Metric, gauge};
use common::sync::lock;

use crate::cgroup::{CgroupReader, UNSEEN};
use crate::inventory::{Cgroup, Inventory};

const TASKS: Desc<'static> =
    Desc::gauge("container_tasks_state", "Threads by state, without those in cgroups below.");

const METRICS: &[Metric<Option<Load>>] = &[
    gauge(
        "container_cpu_load_average_10s",
        "Threads that run or are ready, times 1000, averaged over about 10 seconds.",
        |load| load.map(|load| (load.running * 1000.0).trunc()),
    ),
    gauge(
        "container_cpu_load_d_average_10s",
        "Threads in uninterruptible sleep, times 1000, averaged over about 10 seconds.",
        |load| load.map(|load| (load.uninterruptible * 1000.0).trunc()),
    ),
];

/// Seconds after which a value counts for a third of what it did.
const DECAY_SECONDS: f64 = 10.0;

/// Options of this collector.
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Metrics")]
#[group(skip)]
pub(super) struct CpuLoadArgs {
    /// Count threads by state for container_tasks_state and container_cpu_load_*: one file per thread
    #[arg(id = "enable_load_reader", long = "enable_load_reader")]
    is_enabled: bool,
}

/// Threads in each state, in the order of the label's values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Tasks {
    running: f64,
    sleeping: f64,
    stopped: f64,
    uninterruptible: f64,
}

impl Tasks {
    fn by_state(self) -> [(&'static str, f64); 4] {
        [
            ("running", self.running),
            ("sleeping", self.sleeping),
            ("stopped", self.stopped),
            ("uninterruptible", self.uninterruptible),
        ]
    }

    fn count(&mut self, state: State) {
        match state {
            State::Running => self.running += 1.0,
            State::Sleeping => self.sleeping += 1.0,
            State::Stopped => self.stopped += 1.0,
            State::Uninterruptible => self.uninterruptible += 1.0,
            State::Other => {}
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Running,
    Sleeping,
    Stopped,
    Uninterruptible,
    /// Ended, or not yet begun.
    Other,
}

/// Averages, and when they were last brought up to date.
#[derive(Clone, Copy, Debug)]
struct Load {
    running: f64,
    uninterruptible: f64,
    at: Instant,
}

impl Load {
    fn first(tasks: Tasks, at: Instant) -> Self {
        Self { running: tasks.running, uninterruptible: tasks.uninterruptible, at }
    }

    fn next(self, tasks: Tasks, at: Instant) -> Self {
        let elapsed = at.saturating_duration_since(self.at).as_secs_f64();
        let weight = (-elapsed / DECAY_SECONDS).exp();
        let average = |before: f64, now: f64| now + (before - now) * weight;
        Self {
            running: average(self.running, tasks.running),
            uninterruptible: average(self.uninterruptible, tasks.uninterruptible),
            at,
        }
    }
}

/// Keeps the averages from scrape to scrape, by path of the cgroup.
#[derive(Debug)]
pub(super) struct CpuLoad {
    args: CpuLoadArgs,
    known: Mutex<HashMap<String, Load>>,
}

impl CpuLoad {
    pub(super) fn new(args: CpuLoadArgs) -> Self {
        Self { args, known: Mutex::default() }
    }
}

#[async_trait]
impl Collector<Inventory> for CpuLoad {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        if !self.args.is_enabled {
            return Ok(());
        }
        let rows = inventory.rows(|_, reader| read(reader));
        let states = rows.good.iter().flat_map(|(cgroup, tasks)| {
            let states = tasks.iter().flat_map(|tasks| tasks.by_state());
            states.map(|(state, count)| ((&cgroup.labels, [("state", state)]), count))
        });
        sink.samples(&TASKS, states);
        let now = Instant::now();
        let mut known = lock(&self.known);
        let mut before = std::mem::take(&mut *known);
        let mut load = |cgroup: &Cgroup, tasks: Tasks| {
            let before = before.remove(&cgroup.id);
            let load = before.map_or(Load::first(tasks, now), |before| before.next(tasks, now));
            known.insert(cgroup.id.clone(), load);
            load
        };
        let loads: Vec<_> = rows
            .good
            .iter()
            .map(|(cgroup, tasks)| (*cgroup, tasks.map(|tasks| load(cgroup, tasks))))
            .collect();
        sink.table(METRICS, loads.iter().map(|(cgroup, load)| (&cgroup.labels, load)));
        rows.finish()
    }
}

/// A thread that cannot be seen makes the counts unknown; one that ends meanwhile is none.
fn read(reader: &mut CgroupReader<'_>) -> Option<Tasks> {
    let mut tasks = Tasks::default();
    for id in reader.threads()? {
        if id == UNSEEN {
            return None;
        }
        if let Some(state) = reader.proc(&format!("{id}/stat"), parse_state) {
            tasks.count(state);
        }
    }
    Some(tasks)
}

/// `3456 (name) S 1 …`; the name may hold brackets and blanks itself.
fn parse_state(text: &str) -> Result<State, ParseError> {
    let behind_name = text.rsplit_once(") ").ok_or(ParseError::Missing { field: "name" })?.1;
    match behind_name.chars().next() {
        None => Err(ParseError::Missing { field: "state" }),
        Some('R') => Ok(State::Running),
        Some('S' | 'I') => Ok(State::Sleeping),
        Some('T' | 't') => Ok(State::Stopped),
        Some('D') => Ok(State::Uninterruptible),
        Some(_) => Ok(State::Other),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use proptest::proptest;

    #[test]
    fn the_state_is_behind_the_name() {
        assert_eq!(parse_state("1 (sh) S 0 1\n"), Ok(State::Sleeping));
        assert_eq!(parse_state("2 (a) R (b) D 0\n"), Ok(State::Uninterruptible));
        assert_eq!(parse_state("3 (x) Z 0\n"), Ok(State::Other));
        for text in ["", "1 sh S", "1 (sh) "] {
            assert!(parse_state(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn averages_follow_slowly() {
        let start = Instant::now();
        let load = Load::first(Tasks { running: 2.0, ..Tasks::default() }, start);
        let later = start + Duration::from_secs(10);
        let load = load.next(Tasks { uninterruptible: 1.0, ..Tasks::default() }, later);
        let values: Vec<_> = METRICS.iter().map(|metric| (metric.value)(&Some(load))).collect();
        assert_eq!(values, [Some(735.0), Some(632.0)]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9]* ?(.*)") {
            let _ = parse_state(&text);
        }
    }
}
