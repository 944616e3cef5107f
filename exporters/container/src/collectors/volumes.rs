//! Volumes: which containers use them, from the inspections, and on request their sizes, as the
//! runtime reported them when it was last asked.

use std::cmp::Reverse;

use async_trait::async_trait;
use common::cli::parse_count;
use common::collector::Collector;
use common::error::{CollectError, excerpt};
use common::exposition::Sink;
use common::failures::OddityLog;
use common::metric::{Desc, Metric, gauge};

use crate::inventory::Inventory;
use crate::runtimes::docker::Volume;

const INFO: Desc<'static> = Desc::gauge(
    "container_volume_info",
    "A volume of a container and where the container has it; the value is always 1.",
);

const METRICS: &[Metric<Volume>] = &[
    gauge(
        "container_volume_containers",
        "Containers that use the volume, whether they run or not.",
        |volume| volume.containers.map(|count| count as f64),
    ),
    gauge("container_volume_size_bytes", "Bytes in the volume.", |volume| {
        volume.size_bytes.map(|bytes| bytes as f64)
    }),
];

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Containers")]
#[group(skip)]
pub(super) struct VolumeArgs {
    /// Volumes of a container that are shown at most, and volumes of a runtime whose sizes are,
    /// the largest first. 0 shows none
    #[arg(
        id = "container.max-volumes",
        long = "container.max-volumes",
        value_name = "N",
        default_value = "1000",
        value_parser = parse_count
    )]
    most: usize,
}

#[derive(Debug)]
pub(super) struct Volumes {
    args: VolumeArgs,
    /// Containers and runtimes of which this has been logged.
    too_many: OddityLog,
}

impl Volumes {
    pub(super) fn new(args: VolumeArgs) -> Self {
        Self { args, too_many: OddityLog::default() }
    }

    /// The volumes to show, bounded: who starts containers may make as many as he likes.
    fn bounded<'a, T>(&self, owner: &str, volumes: &'a [T], weight: fn(&T) -> u64) -> Vec<&'a T> {
        let most = self.args.most;
        let mut shown: Vec<&T> = volumes.iter().collect();
        if shown.len() <= most {
            return shown;
        }
        if most > 0 && self.too_many.is_new(owner) {
            let (owner, left_out) = (excerpt(owner), shown.len() - most);
            tracing::warn!(owner, left_out, most, "too many volumes: some are left out");
        }
        shown.sort_by_key(|volume| Reverse(weight(volume)));
        shown.truncate(most);
        shown
    }
}

#[async_trait]
impl Collector<Inventory> for Volumes {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let mut family = sink.family(&INFO);
        for listed in &inventory.containers {
            let container = &listed.container;
            for mount in self.bounded(&container.name, &container.volumes, |_| 0) {
                let own = [
                    ("destination", mount.destination.as_str()),
                    ("read_only", if mount.is_read_only { "true" } else { "false" }),
                    ("runtime", container.runtime),
                    ("volume", &mount.volume),
                ];
                family.sample(&(listed.steady_labels(), own), 1.0);
            }
        }
        drop(family);
        let mut rows = Vec::new();
        for snapshot in inventory.known.snapshots() {
            let runtime = snapshot.engine.name();
            let weight = |volume: &Volume| volume.size_bytes.unwrap_or_default();
            for volume in self.bounded(runtime, &snapshot.volumes, weight) {
                let labels = [
                    ("driver", volume.driver.as_str()),
                    ("runtime", runtime),
                    ("volume", &volume.name),
                ];
                let labels = labels.into_iter().filter(|(_, value)| !value.is_empty());
                rows.push((labels.collect::<Vec<_>>(), volume));
            }
        }
        sink.table(METRICS, rows.iter().map(|(labels, volume)| (labels, *volume)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_volumes_are_shown_in_their_order_up_to_the_bound() {
        let shown = |most: usize, sizes: &[u64]| -> Vec<u64> {
            let volumes = Volumes::new(VolumeArgs { most });
            volumes.bounded("docker", sizes, |size| *size).into_iter().copied().collect()
        };
        assert_eq!(shown(3, &[1, 3, 2]), [1, 3, 2]);
        assert_eq!(shown(2, &[1, 3, 2]), [3, 2]);
        assert_eq!(shown(0, &[1, 3, 2]), [0_u64; 0]);
    }
}
