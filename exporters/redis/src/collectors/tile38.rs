//! The state of a Tile38 server: `SERVER EXT`, a list in which names and values alternate.

use async_trait::async_trait;
use clap::{ArgMatches, Command};
use common::cli::on_off_flag;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::keyed::Keyed;
use redis::{Value, cmd};

use crate::fields;
use crate::replies::info::{find, gauge};
use crate::replies::values::{pairs, text, unexpected};
use crate::rights::{Needs, Right};
use crate::scrape::Scrape;

/// The reference's flag for this collector.
pub(super) const FLAG: &str = "is-tile38";

const PREFIX: &str = "tile38_";

/// Sorted by field, so that a field is found by binary search.
#[rustfmt::skip] // one row a line
const FIELDS: &[Keyed] = &[
    gauge("tile38_alloc_bytes", "redis_tile38_mem_alloc_bytes", "Bytes allocated and in use."),
    gauge("tile38_aof_size", "redis_tile38_aof_size_bytes", "Size of the append-only file."),
    gauge("tile38_avg_point_size", "redis_tile38_avg_item_size_bytes", "Mean size of an item."),
    gauge("tile38_go_goroutines", "redis_tile38_go_goroutines_total", "Goroutines of the server."),
    gauge("tile38_go_threads", "redis_tile38_threads_total", "Threads of the server."),
    gauge("tile38_heap_alloc_bytes", "redis_tile38_heap_size_bytes", "Bytes of the heap in use."),
    gauge("tile38_heap_released_bytes", "redis_tile38_heap_released_bytes", "Bytes of the heap given back to the kernel."),
    gauge("tile38_http_transport", "redis_tile38_http_transport", "1 if the server answers HTTP."),
    gauge("tile38_in_memory_size", "redis_tile38_in_memory_size_bytes", "Bytes that all objects take."),
    gauge("tile38_last_gc_time_seconds", "redis_tile38_last_gc_time_seconds", "Unix time of the latest garbage collection."),
    gauge("tile38_max_heap_size", "redis_tile38_max_heap_size_bytes", "Limit of the heap; 0 means none."),
    gauge("tile38_next_gc_bytes", "redis_tile38_next_gc_bytes", "Size of the heap at which the next garbage collection starts."),
    gauge("tile38_num_collections", "redis_tile38_num_collections_total", "Collections."),
    gauge("tile38_num_hooks", "redis_tile38_num_hooks_total", "Hooks."),
    gauge("tile38_num_objects", "redis_tile38_num_objects_total", "Objects in all collections."),
    gauge("tile38_num_points", "redis_tile38_num_points_total", "Points in all collections."),
    gauge("tile38_pointer_size", "redis_tile38_pointer_size_bytes", "Size of a pointer."),
    gauge("tile38_read_only", "redis_tile38_read_only", "1 if the server takes no writes."),
    gauge("tile38_sys_cpus", "redis_tile38_cpus_total", "Processors of the server's host."),
];

struct Tile38;

pub(super) fn flags(command: Command) -> Command {
    command.next_help_heading("Metrics").arg(on_off_flag(
        FLAG,
        "REDIS_EXPORTER_IS_TILE38",
        "Expose the state of a Tile38 server, as collector.tile38 does",
    ))
}

#[expect(clippy::unnecessary_wraps, reason = "the form of all collectors")]
pub(super) fn build(_: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    Ok(Box::new(Tile38))
}

#[async_trait]
impl Collector<Scrape> for Tile38 {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let reply = scrape.ask("SERVER EXT", cmd("SERVER").arg("EXT")).await?;
        push(&reply, sink).map_err(|error| CollectError::malformed("SERVER EXT", error))
    }

    fn needs(&self, _: &Scrape) -> Needs {
        [Right::to("SERVER EXT")].into_iter().collect()
    }
}

/// Pushes the fields that are known; says which is no number.
fn push(reply: &Value, sink: &mut Sink) -> Result<(), ParseError> {
    let Some(pairs) = pairs(reply) else {
        return Err(unexpected());
    };
    let mut errors = FirstError::default();
    for (name, value) in pairs {
        let (Some(name), Some(value)) = (text(name), text(value)) else { continue };
        let name = format!("{PREFIX}{}", name.strip_prefix(PREFIX).unwrap_or(&name));
        if let Some(known) = find(FIELDS, &name) {
            fields::push_known(known, &value, &mut errors, sink);
        }
    }
    errors.into_result()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::{pushed, reply_of};

    #[test]
    fn fields_have_the_prefix_or_get_it() {
        let reply = reply_of(
            "tile38_num_points 12 num_hooks 3 tile38_read_only false http_transport true \
             tile38_version 1.33.0 go_version go1.22",
        );
        let text = pushed("", |_, sink| push(&reply, sink).unwrap());
        for line in [
            "\n# TYPE redis_tile38_num_points_total gauge\nredis_tile38_num_points_total 12\n",
            "\nredis_tile38_num_hooks_total 3\n",
            "\nredis_tile38_read_only 0\n",
            "\nredis_tile38_http_transport 1\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert!(!text.contains("version"), "{text}");
    }

    #[test]
    fn a_malformed_field_costs_no_other() {
        let text = pushed("", |_, sink| {
            let error = push(&reply_of("aof_size many num_hooks 1"), sink).unwrap_err();
            assert_eq!(error.to_string(), "tile38_aof_size has an unexpected value: \"many\"");
        });
        assert!(text.ends_with("\nredis_tile38_num_hooks_total 1\n"), "{text}");
        assert!(push(&Value::Okay, &mut Sink::default()).is_err());
    }

    #[test]
    fn fields_are_sorted_for_the_search() {
        assert!(FIELDS.is_sorted_by(|one, other| one.key < other.key));
        assert_eq!(FIELDS.len(), 19);
    }
}
