//! State of the cluster as this node sees it: `CLUSTER INFO`, lines `cluster_…:value`.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::{Desc, sanitize_name};
use redis::{FromRedisValue as _, cmd};

use crate::families::Families;
use crate::info::{fields, malformed_line, number, verdict};
use crate::session::Session;

/// Fields that every cluster has. A field without a line here, such as those
/// that count messages by type, is exposed under its own name.
const FIELDS: &[(&str, Desc<'_>)] = &[
    (
        "cluster_current_epoch",
        Desc::gauge("cluster_current_epoch", "Epoch of the cluster that this node knows of."),
    ),
    ("cluster_known_nodes", Desc::gauge("cluster_known_nodes", "Nodes known, failed ones too.")),
    ("cluster_my_epoch", Desc::gauge("cluster_my_epoch", "Epoch of this node's configuration.")),
    ("cluster_size", Desc::gauge("cluster_size", "Masters that serve at least one slot.")),
    (
        "cluster_slots_assigned",
        Desc::gauge("cluster_slots_assigned", "Slots that are assigned to a node."),
    ),
    ("cluster_slots_fail", Desc::gauge("cluster_slots_fail", "Slots of nodes that have failed.")),
    ("cluster_slots_ok", Desc::gauge("cluster_slots_ok", "Slots of nodes that are well.")),
    (
        "cluster_slots_pfail",
        Desc::gauge("cluster_slots_pfail", "Slots of nodes that this node cannot reach."),
    ),
    ("cluster_state", Desc::gauge("cluster_state", "1 if the cluster can serve, 0 if it cannot.")),
    (
        "cluster_stats_messages_received",
        Desc::gauge("cluster_messages_received_total", "Messages received over the cluster bus."),
    ),
    (
        "cluster_stats_messages_sent",
        Desc::gauge("cluster_messages_sent_total", "Messages sent over the cluster bus."),
    ),
];

const UNKNOWN_HELP: &str = "A field of CLUSTER INFO.";

/// Fields named otherwise are left out, as by the reference.
const PREFIX: &str = "cluster_";

pub(super) struct Cluster;

#[async_trait]
impl Collector<Session> for Cluster {
    async fn collect(&self, session: &Session, sink: &mut Sink) -> Result<(), CollectError> {
        // A server on its own has no such state, which is no failure.
        if !session.info().is_clustered() {
            return Ok(());
        }
        let mut command = cmd("CLUSTER");
        command.arg("INFO");
        let answer = session.ask("CLUSTER INFO", &command).await?;
        let text = String::from_redis_value(answer)
            .map_err(|error| CollectError::query("CLUSTER INFO", &error))?;
        write(&text, &mut session.families(sink))
    }
}

fn write(text: &str, families: &mut Families<'_>) -> Result<(), CollectError> {
    let mut malformed = None;
    for (field, text) in fields(text).filter(|(field, _)| field.starts_with(PREFIX)) {
        let known = FIELDS.binary_search_by(|(known, _)| known.cmp(&field)).ok();
        match (number(text), known.and_then(|index| FIELDS.get(index))) {
            (Some(value), Some((_, desc))) => families.value(desc, value),
            (Some(value), None) => {
                families.value(&Desc::gauge(&sanitize_name(field), UNKNOWN_HELP), value);
            }
            (None, Some(_)) => drop(malformed.get_or_insert_with(|| malformed_line(field, text))),
            // A new field may well be text.
            (None, None) => {}
        }
    }
    verdict("CLUSTER INFO", malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::written;

    fn text(info: &str) -> String {
        written("", |_, families| write(info, families).unwrap())
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
        let text = written("", |_, families| {
            let error = write("cluster_state:?\r\ncluster_size:3\r\ncluster_new:x", families);
            assert!(error.unwrap_err().to_string().contains("cluster_state"));
        });
        assert!(text.ends_with("redis_cluster_size 3\n"), "{text}");
    }

    #[test]
    fn fields_are_sorted_for_the_search() {
        assert!(FIELDS.is_sorted_by_key(|(field, _)| *field));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(info in "(cluster_[a-zé-]{0,9}:?[0-9a-z.]{0,5}\n)*") {
            written("", |_, families| { let _ = write(&info, families); });
        }
    }
}
