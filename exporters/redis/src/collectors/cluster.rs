//! State of the cluster as this node sees it: `CLUSTER INFO`, lines `cluster_…:value`.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::keyed::Keyed;
use common::metric::{Desc, sanitize_name};
use redis::{FromRedisValue as _, cmd};

use crate::fields::MAX_UNKNOWN;
use crate::replies::info::{fields, find, gauge, number, value};
use crate::rights::{Needs, Right};
use crate::scrape::Scrape;

/// Fields that every cluster has. A field without a line here, such as those
/// that count messages by type, is exposed under its own name.
const FIELDS: &[Keyed] = &[
    gauge(
        "cluster_current_epoch",
        "redis_cluster_current_epoch",
        "Current epoch of the cluster, as this node knows it.",
    ),
    gauge(
        "cluster_known_nodes",
        "redis_cluster_known_nodes",
        "Known nodes, including failed ones.",
    ),
    gauge("cluster_my_epoch", "redis_cluster_my_epoch", "Epoch of this node's configuration."),
    gauge("cluster_size", "redis_cluster_size", "Masters that serve at least one slot."),
    gauge(
        "cluster_slots_assigned",
        "redis_cluster_slots_assigned",
        "Slots that are assigned to a node.",
    ),
    gauge("cluster_slots_fail", "redis_cluster_slots_fail", "Slots of nodes that have failed."),
    gauge(
        "cluster_slots_ok",
        "redis_cluster_slots_ok",
        "Slots of nodes that are neither failed nor unreachable.",
    ),
    gauge(
        "cluster_slots_pfail",
        "redis_cluster_slots_pfail",
        "Slots of nodes that this node cannot reach.",
    ),
    gauge("cluster_state", "redis_cluster_state", "1 if the cluster can serve requests, else 0."),
    gauge(
        "cluster_stats_messages_received",
        "redis_cluster_messages_received_total",
        "Messages received over the cluster bus.",
    ),
    gauge(
        "cluster_stats_messages_sent",
        "redis_cluster_messages_sent_total",
        "Messages sent over the cluster bus.",
    ),
];

const UNKNOWN_HELP: &str = "A field of CLUSTER INFO.";

/// Fields named otherwise are left out, as by the reference.
const PREFIX: &str = "cluster_";

pub(super) struct Cluster;

#[async_trait]
impl Collector<Scrape> for Cluster {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        // A server on its own has no such state, which is no failure.
        if !scrape.info().is_clustered() {
            return Ok(());
        }
        let mut command = cmd("CLUSTER");
        command.arg("INFO");
        let answer = scrape.ask("CLUSTER INFO", &command).await?;
        let text = String::from_redis_value(answer)
            .map_err(|error| CollectError::query("CLUSTER INFO", &error))?;
        push(&text, sink).map_err(|error| CollectError::malformed("CLUSTER INFO", error))
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        if scrape.info().is_clustered() {
            [Right::to("CLUSTER INFO")].into_iter().collect()
        } else {
            Needs::not_applicable("the server is no node of a cluster")
        }
    }
}

/// Pushes what is a number; says which field should be one and is not.
fn push(text: &str, sink: &mut Sink) -> Result<(), ParseError> {
    let mut errors = FirstError::default();
    let of_cluster = fields(text).filter(|(field, _)| field.starts_with(PREFIX));
    for (index, (field, text)) in of_cluster.enumerate() {
        if index >= MAX_UNKNOWN {
            errors.keep(ParseError::form("more fields than are shown", field));
            break;
        }
        if let Some(known) = find(FIELDS, field) {
            if let Some(value) = errors.catch(value(known, text)) {
                sink.value(&known.desc, value);
            }
        // A new field may well be text.
        } else if let Some(value) = number(text) {
            let name = format!("redis_{}", sanitize_name(field));
            sink.value(&Desc::gauge(&name, UNKNOWN_HELP), value);
        }
    }
    errors.into_result()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::pushed;

    fn text(info: &str) -> String {
        pushed("", |_, sink| push(info, sink).unwrap())
    }

    #[test]
    fn states_counts_and_messages_are_gauges() {
        let text = text(
            "cluster_state:fail\r\ncluster_slots_assigned:16384\r\n\
             cluster_stats_messages_sent:7\r\ncluster_stats_messages_auth-req_sent:3\r\n\
             total_cluster_links_buffer_limit_exceeded:0\r\n",
        );
        for line in [
            "\n# TYPE redis_cluster_state gauge\nredis_cluster_state 0\n",
            "\nredis_cluster_slots_assigned 16384\n",
            "\n# TYPE redis_cluster_messages_sent_total gauge\n",
            "\nredis_cluster_stats_messages_auth_req_sent 3\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert!(!text.contains("buffer_limit"), "{text}");
    }

    #[test]
    fn a_malformed_field_is_reported_and_costs_no_other() {
        let text = pushed("", |_, sink| {
            let error = push("cluster_state:?\r\ncluster_size:3\r\ncluster_new:x", sink);
            assert!(error.unwrap_err().to_string().contains("cluster_state"));
        });
        assert!(text.ends_with("redis_cluster_size 3\n"), "{text}");
    }

    #[test]
    fn fields_are_sorted_for_the_search() {
        assert!(FIELDS.is_sorted_by_key(|known| known.key));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(info in "(cluster_[a-zé-]{0,9}:?[0-9a-z.]{0,5}\n)*") {
            pushed("", |_, sink| { let _ = push(&info, sink); });
        }
    }
}
