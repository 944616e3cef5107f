//! Tasks killed for want of memory: `memory.events` of cgroup v2, `memory.oom_control`
//! of v1 (kernel 4.13), and for the root `/proc/vmstat`.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError};
use common::exposition::Sink;
use common::metric::{Metric, counter};

use crate::cgroup::{Controller, Version, key_values};
use crate::scene::{Scene, push_table};

const METRICS: &[Metric<Option<f64>>] = &[counter(
    "container_oom_events_total",
    "Tasks that the kernel killed because memory had run out.",
    |kills| *kills,
)];

#[derive(Debug)]
pub(super) struct OomEvent;

#[async_trait]
impl Collector<Scene> for OomEvent {
    async fn collect(&self, scene: &Scene, sink: &mut Sink) -> Result<(), CollectError> {
        let (rows, outcome) = scene.rows(|cgroup, files| {
            let kills = if cgroup.is_root() {
                files.proc("vmstat", parse)
            } else {
                let name = match files.version() {
                    Version::V1 => "memory.oom_control",
                    Version::V2 => "memory.events",
                };
                files.parse(cgroup, Controller::Memory, name, parse)
            };
            kills.flatten()
        });
        push_table(sink, METRICS, &rows);
        outcome
    }
}

/// The line `oom_kill 2`, which older kernels do not have.
fn parse(text: &str) -> Result<Option<f64>, ParseError> {
    let mut kills = None;
    for pair in key_values(text) {
        if let ("oom_kill", count) = pair? {
            kills = Some(count);
        }
    }
    Ok(kills)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    #[test]
    fn kills_are_found_where_the_kernel_counts_them() {
        assert_eq!(parse("low 0\nhigh 3\nmax 4\noom 1\noom_kill 2\n"), Ok(Some(2.0)));
        assert_eq!(parse("oom_kill_disable 0\nunder_oom 0\n"), Ok(None));
        for text in ["oom_kill", "oom_kill x", "oom_kill 1\nunder"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(oom_kill [0-9]*\n)*.*") {
            let _ = parse(&text);
        }
    }
}
