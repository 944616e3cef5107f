//! What the server is: fields of `INFO` that are words, as labels of one sample.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::{Desc, Label};

use crate::replies::info::Info;
use crate::rights::Needs;
use crate::scrape::Scrape;

const INSTANCE: Desc<'_> = Desc::gauge(
    "redis_instance_info",
    "Version, role and other properties of the server; always 1.",
);

/// Fields that are labels of every server, empty where it lacks them.
const ALWAYS: [&str; 10] = [
    "master_replid",
    "maxmemory_policy",
    "os",
    "process_id",
    "redis_build_id",
    "redis_mode",
    "redis_version",
    "role",
    "run_id",
    "tcp_port",
];

/// Fields that are labels of those servers alone that have them.
const IF_PRESENT: [&str; 2] = ["valkey_release_stage", "valkey_version"];

/// The lengths of all these names, a bit for each. Few other fields have one of them.
const LENGTHS: u32 = lengths(&ALWAYS) | lengths(&IF_PRESENT);

const fn lengths(names: &[&str]) -> u32 {
    let mut lengths = 0;
    let mut index = 0;
    while index < names.len() {
        lengths |= 1 << names[index].len();
        index += 1;
    }
    lengths
}

pub(super) struct Instance;

#[async_trait]
impl Collector<Scrape> for Instance {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let mut labels = labels(scrape.info());
        // No sample can have a label twice.
        labels.retain(|(name, _)| *name != "role" || !scrape.is_member());
        sink.samples(&INSTANCE, [(labels, 1.0)]);
        Ok(())
    }

    fn needs(&self, _: &Scrape) -> Needs {
        Needs::nothing_more()
    }
}

fn labels(info: &Info) -> Vec<Label<'_>> {
    let mut labels: Vec<(&str, Option<&str>)> =
        ALWAYS.iter().chain(&IF_PRESENT).map(|name| (*name, None)).collect();
    let is_likely = |field: &str| LENGTHS >> field.len().min(31) & 1 == 1;
    for (field, value) in info.fields().filter(|(field, _)| is_likely(field)) {
        if let Some((_, slot)) = labels.iter_mut().find(|(name, _)| *name == field) {
            slot.get_or_insert(value);
        }
    }
    if let Some((_, mode)) = labels.iter_mut().find(|(name, _)| *name == "redis_mode") {
        *mode = info.mode();
    }
    labels.retain(|(name, value)| value.is_some() || ALWAYS.contains(name));
    labels.into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_fields_are_empty() {
        let info = Info::new("# Server\r\nredis_version:7.0.15\r\nos:Linux 6.1 x86_64\r\n".into());
        let labels = labels(&info);
        assert_eq!(labels.len(), ALWAYS.len());
        assert!(labels.contains(&("redis_version", "7.0.15")));
        assert!(labels.contains(&("os", "Linux 6.1 x86_64")));
        assert!(labels.contains(&("role", "")));
    }

    #[test]
    fn valkey_has_labels_of_its_own() {
        let info = Info::new(
            "# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n\
             valkey_release_stage:ga\r\nserver_mode:cluster\r\n"
                .into(),
        );
        let labels = labels(&info);
        assert!(labels.contains(&("valkey_version", "8.0.1")));
        assert!(labels.contains(&("valkey_release_stage", "ga")));
        assert!(labels.contains(&("redis_mode", "cluster")));
    }
}
