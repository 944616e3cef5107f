//! Processes that the kernel killed due to lack of memory: `oom_kill` in `memory.events`
//! of cgroup v2 and in `memory.oom_control` of v1 (kernel 4.13), for the root in `/proc/vmstat`,
//! and the runtime's events.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError, Partial};
use common::exposition::Sink;
use common::metric::Desc;
use common::sync::lock;

use crate::cgroup::{Controller, Version, each_pair};
use crate::inventory::Inventory;

const OOM_EVENTS: Desc<'static> = Desc::counter(
    "container_oom_events_total",
    "Processes killed by the kernel due to lack of memory; of a container over all its restarts.",
);

/// The kernel's count is exact and goes with the cgroup, often with the very kill
/// that ends it; the runtime's events outlive that, and one may be of several kills.
/// What was counted is therefore remembered, by container, for as long as it is listed.
#[derive(Debug, Default)]
pub(super) struct OomEvent(Mutex<HashMap<String, Tally>>);

/// The kernel's count over all cgroups that a container has had.
#[derive(Debug, Default)]
struct Tally {
    total: f64,
    /// The count of its present cgroup.
    current: f64,
}

impl Tally {
    /// Adds what the kernel has counted since, and gives the number of kills.
    fn count(&mut self, counted: Option<f64>, reported: u64) -> f64 {
        let counted = counted.unwrap_or(0.0);
        // A count that is lower is that of a new cgroup.
        self.total += if counted < self.current { counted } else { counted - self.current };
        self.current = counted;
        self.total.max(reported as f64)
    }
}

#[async_trait]
impl Collector<Inventory> for OomEvent {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let name = match inventory.hierarchies.version() {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        };
        let rows = inventory.rows(|cgroup, reader| {
            let kills = if cgroup.is_root() {
                reader.proc_rows("vmstat", parse)
            } else {
                reader.parse_rows(Controller::Memory, name, parse)
            };
            kills.flatten()
        });
        let mut family = sink.family(&OOM_EVENTS);
        let mut counted = HashMap::new();
        for (cgroup, count) in &rows.good {
            match cgroup.container_id().filter(|_| cgroup.container.is_some()) {
                Some(id) => {
                    counted.insert(id, *count);
                }
                None => count.iter().for_each(|count| {
                    family.sample(&cgroup.labels, *count);
                }),
            }
        }
        let mut tallies = lock(&self.0);
        let mut before = std::mem::take(&mut *tallies);
        for listed in &inventory.containers {
            let mut tally = before.remove(&listed.id).unwrap_or_default();
            let count = counted.get(listed.id.as_str()).copied().flatten();
            let kills = tally.count(count, listed.container.oom_kills);
            tallies.insert(listed.id.clone(), tally);
            // A runtime that reports the status reports kills too.
            if count.is_some() || listed.container.status.is_some() {
                family.sample(&listed.labels, kills);
            }
        }
        rows.finish()
    }
}

/// `None` if the kernel does not count.
fn parse(text: &str) -> Partial<Option<f64>, ParseError> {
    let mut kills = None;
    let errors = each_pair(text, |key, count| {
        if key == "oom_kill" {
            kills = Some(count);
        }
    });
    errors.beside(kills)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    #[test]
    fn both_versions_name_the_count_alike() {
        let count = |text| parse(text).good;
        assert_eq!(count("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"), Some(3.0));
        assert_eq!(count("low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\n"), Some(2.0));
        assert_eq!(count("odd\noom_kill 2\n"), Some(2.0));
        assert_eq!(parse("oom_kill_disable 0\nunder_oom 0\n"), Partial::whole(None));
        for text in ["oom_kill x\n", "oom_kill"] {
            assert!(parse(text).error.is_some(), "{text}");
        }
    }

    #[test]
    fn kills_add_up_over_restarts_and_never_go_back() {
        let mut tally = Tally::default();
        let steps = [
            // The kernel first, then the event of the same kill.
            ((Some(1.0), 0), 1.0),
            ((Some(1.0), 1), 1.0),
            // One event for two kills.
            ((Some(3.0), 2), 3.0),
            // Ended by a kill that no scrape saw.
            ((None, 4), 4.0),
            // A new cgroup.
            ((Some(0.0), 4), 4.0),
            ((Some(2.0), 6), 6.0),
        ];
        let (steps, expected): (Vec<_>, Vec<f64>) = steps.into_iter().unzip();
        let count = |(counted, reported)| tally.count(counted, reported);
        assert_eq!(steps.into_iter().map(count).collect::<Vec<_>>(), expected);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn the_number_never_falls(counts: Vec<(Option<u8>, u8)>) {
            let (mut tally, mut reported, mut last) = (Tally::default(), 0, 0.0);
            for (counted, further) in counts {
                reported += u64::from(further);
                let kills = tally.count(counted.map(f64::from), reported);
                proptest::prop_assert!(kills >= last);
                last = kills;
            }
        }
    }
}
