//! Replicas of an Amazon Aurora cluster: `information_schema.replica_host_status`.
//!
//! <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-mysql-reference.html>

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;

use crate::columns::{Column, Label, push_columns};
use crate::grant::Needs;
use crate::privilege::Privilege;
use crate::scrape::Scrape;

const STATEMENT: &str = "SELECT SERVER_ID, \
     IF(SESSION_ID = 'MASTER_SESSION_ID', 'writer', 'reader') AS ROLE, CPU, \
     MASTER_SLAVE_LATENCY_IN_MICROSECONDS, REPLICA_LAG_IN_MILLISECONDS, \
     LOG_STREAM_SPEED_IN_KiB_PER_SECOND, CURRENT_REPLAY_LATENCY_IN_MICROSECONDS \
     FROM information_schema.replica_host_status";

const LABELS: &[Label] = &[Label::of("server_id", "SERVER_ID"), Label::of("role", "ROLE")];

const COLUMNS: &[Column] = &[
    Column::gauge(
        "CPU",
        "mysql_info_schema_replica_host_cpu_percent",
        "CPU in use on an instance of the Aurora cluster, in percent.",
    ),
    Column::gauge(
        "MASTER_SLAVE_LATENCY_IN_MICROSECONDS",
        "mysql_info_schema_replica_host_replica_latency_seconds",
        "Latency between the writer and an instance of the Aurora cluster.",
    )
    .over(1e6),
    Column::gauge(
        "REPLICA_LAG_IN_MILLISECONDS",
        "mysql_info_schema_replica_host_lag_seconds",
        "Time that an instance of the Aurora cluster is behind the writer.",
    )
    .over(1e3),
    Column::gauge(
        "LOG_STREAM_SPEED_IN_KiB_PER_SECOND",
        "mysql_info_schema_replica_host_log_stream_speed",
        "Speed at which an instance of the Aurora cluster gets the log, in KiB per second.",
    ),
    Column::gauge(
        "CURRENT_REPLAY_LATENCY_IN_MICROSECONDS",
        "mysql_info_schema_replica_host_replay_latency_seconds",
        "Latency with which an instance of the Aurora cluster applies the log.",
    )
    .over(1e6),
];

#[derive(Debug)]
pub(super) struct ReplicaHost;

#[async_trait]
impl Collector<Scrape> for ReplicaHost {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let table = scrape.query_if_present(STATEMENT, &Privilege::PROCESS).await?;
        push_columns(&table, LABELS, COLUMNS, sink)
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        Privilege::PROCESS.on(scrape.release())
    }
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;
    use crate::server::Table;

    #[test]
    fn latencies_are_in_seconds() {
        let columns = [
            "SERVER_ID",
            "ROLE",
            "CPU",
            "MASTER_SLAVE_LATENCY_IN_MICROSECONDS",
            "REPLICA_LAG_IN_MILLISECONDS",
            "LOG_STREAM_SPEED_IN_KiB_PER_SECOND",
            "CURRENT_REPLAY_LATENCY_IN_MICROSECONDS",
        ];
        let row = |id, role, lag| {
            [id, role, Some("1.25"), Some("250000"), lag, Some("2.5"), Some("1500")]
        };
        let table = Table::of(
            &columns,
            &[
                &row(Some("dbtools-cluster-us-west-2c"), Some("reader"), Some("15.275")),
                &row(Some("dbtools-cluster-us-west-2b"), Some("writer"), None),
            ],
        );
        let mut sink = Sink::default();
        push_columns(&table, LABELS, COLUMNS, &mut sink).unwrap();
        let samples = testing::samples(&sink);
        let reader = "{server_id=\"dbtools-cluster-us-west-2c\",role=\"reader\"}";
        for expected in [
            "cpu_percent{} 1.25",
            "replica_latency_seconds{} 0.25",
            "lag_seconds{} 0.015275",
            "log_stream_speed{} 2.5",
            "replay_latency_seconds{} 0.0015",
        ] {
            let expected =
                format!("mysql_info_schema_replica_host_{}", expected.replace("{}", reader));
            assert!(samples.contains(&expected), "{expected}: {samples:?}");
        }
        assert_eq!(samples.len(), 9, "NULL is no sample: {samples:?}");
    }
}
