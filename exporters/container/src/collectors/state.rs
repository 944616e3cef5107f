//! States of containers and how they ended, as the runtime reports them, also of those that
//! do not run: the only collector besides sizes and kills that shows them.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::{Desc, Metric, counter, gauge};

use crate::inventory::{Inventory, Listed};
use crate::runtimes::container::{Container, Health, Status};

const STATE: Desc<'static> =
    Desc::gauge("container_state", "1 for the state of the container, 0 for the other states.");

const HEALTH: Desc<'static> = Desc::gauge(
    "container_health_status",
    "1 for the result of the health check, 0 for the other results; absent without a check.",
);

const METRICS: &[Metric<Container>] = &[
    gauge(
        "container_last_exit_code",
        "Exit code of the last end; absent before the first.",
        |container| container.last_exit_code.map(|code| code as f64),
    ),
    gauge("container_finished_time_seconds", "Unix time of the last end.", |container| {
        container.finished_seconds
    }),
    counter(
        "container_restarts_total",
        "Restarts by the runtime since the container was last started by hand.",
        |container| container.restarts.map(|count| count as f64),
    ),
];

#[derive(Debug)]
pub(super) struct State;

#[async_trait]
impl Collector<Inventory> for State {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        push_states(sink, &inventory.containers);
        push_health(sink, &inventory.containers);
        let rows = inventory.containers.iter();
        sink.table(METRICS, rows.map(|listed| (listed.steady_labels(), &*listed.container)));
        Ok(())
    }
}

fn push_states(sink: &mut Sink, containers: &[Listed]) {
    let samples = containers.iter().flat_map(|listed| {
        let each =
            listed.container.status.into_iter().flat_map(|status| {
                Status::ALL.map(|(known, name)| (name, f64::from(known == status)))
            });
        each.map(|(name, is_it)| ((listed.steady_labels(), [("state", name)]), is_it))
    });
    sink.samples(&STATE, samples);
}

fn push_health(sink: &mut Sink, containers: &[Listed]) {
    let samples = containers.iter().flat_map(|listed| {
        let checked = listed.container.health.filter(|health| *health != Health::Unchecked);
        let each = checked.into_iter().flat_map(|health| {
            Health::RESULTS.map(|(known, name)| (name, f64::from(known == health)))
        });
        each.map(|(name, is_it)| ((listed.steady_labels(), [("status", name)]), is_it))
    });
    sink.samples(&HEALTH, samples);
}
