//! When cgroups were made, started and seen, and how healthy the containers are.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, parse_number};
use common::exposition::Sink;
use common::metric::{Metric, gauge};

use crate::inventory::{Cgroup, Inventory};
use crate::runtimes::container::Health;

const METRICS: &[Metric<Row>] = &[
    gauge("container_last_seen", "Unix time of this scrape.", |row| Some(row.now)),
    gauge("container_creation_time_seconds", "Unix time of creation.", |row| row.created),
    gauge("container_start_time_seconds", "Unix time of the last start.", |row| row.started),
    gauge(
        "container_health_state",
        "1 if healthy, 0 if starting or unhealthy, -1 without a health check.",
        |row| row.health,
    ),
];

#[derive(Debug)]
struct Row {
    now: f64,
    created: Option<f64>,
    started: Option<f64>,
    health: Option<f64>,
}

#[derive(Debug)]
pub(super) struct Lifecycle;

#[async_trait]
impl Collector<Inventory> for Lifecycle {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let mut errors = FirstError::default();
        let booted = errors.catch(inventory.host.parse_proc("stat", parse_boot_time));
        let rows = errors.take(inventory.rows(|cgroup, _| row(cgroup, inventory, booted)));
        sink.table(METRICS, rows.iter().map(|(cgroup, row)| (&cgroup.labels, row)));
        errors.into_result()
    }
}

fn row(cgroup: &Cgroup, inventory: &Inventory, booted: Option<f64>) -> Row {
    // The kernel makes up the time of a directory that it has forgotten, but
    // nothing is older than this boot.
    let made = cgroup.found.created_seconds.max(booted.unwrap_or(0.0));
    let container = cgroup.container.as_deref();
    let created = container.map_or(Some(made), |container| container.created_seconds);
    Row {
        now: inventory.now_seconds.floor(),
        created,
        started: container.map_or(created, |container| container.started_seconds),
        health: match container.map(|container| container.health) {
            None | Some(Some(Health::Unchecked)) => Some(-1.0),
            Some(Some(Health::Healthy)) => Some(1.0),
            Some(Some(Health::Starting | Health::Unhealthy)) => Some(0.0),
            Some(None) => None,
        },
    }
}

/// The line `btime 1790000000`.
fn parse_boot_time(text: &str) -> Result<f64, ParseError> {
    let time = text.lines().find_map(|line| line.strip_prefix("btime "));
    parse_number::<u64>("btime", time.map(str::trim)).map(|seconds| seconds as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    #[test]
    fn the_boot_time_is_found() {
        assert_eq!(parse_boot_time("cpu 1 2\nbtime 1790000000\nprocesses 3\n"), Ok(1.79e9));
        for text in ["", "cpu 1 2\n", "btime", "btime x"] {
            assert!(parse_boot_time(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(btime )?.*") {
            let _ = parse_boot_time(&text);
        }
    }
}
