//! Whole outputs, compared line by line with `tests/golden/`: for a server that is down, and for
//! recorded answers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Exporter, recorded};
use tests::fake_mysql::FakeMysql;
use tests::free_port;
use tests::golden::{self, Unsteady};

const UNSTEADY: Unsteady<'_> = Unsteady {
    values: &["mysql_exporter_collector_duration_seconds"],
    families: &["mysqld_exporter_build_info"],
};

fn compare(name: &str, text: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    golden::compare(format!("{folder}/{name}").as_ref(), text, UNSTEADY).unwrap();
}

#[tokio::test]
async fn golden_dead_server_is_down_and_nothing_else() {
    let port = free_port().unwrap();
    let client = format!("user=nobody\npassword=x\nhost=127.0.0.1\nport={port}");
    let exporter = Exporter::with_option_file(&client, &["--web.disable-exporter-metrics"]);
    compare("dead.prom", &exporter.scrape(10.0).await.0);
}

/// Answers of a real server, a few rows of each.
const RECORDED: &str = include_str!("golden/mariadb-10.11.statements");

const COLLECTORS: [&str; 26] = [
    "auto_increment.columns",
    "info_schema.clientstats",
    "info_schema.innodb_cmp",
    "info_schema.innodb_cmpmem",
    "info_schema.innodb_metrics",
    "info_schema.innodb_tablespaces",
    "info_schema.processlist",
    "info_schema.query_response_time",
    "info_schema.rocksdb_perf_context",
    "info_schema.schemastats",
    "info_schema.tables",
    "info_schema.tablestats",
    "info_schema.userstats",
    "perf_schema.eventsstatements",
    "perf_schema.eventsstatementssum",
    "perf_schema.eventswaits",
    "perf_schema.file_events",
    "perf_schema.file_instances",
    "perf_schema.indexiowaits",
    "perf_schema.memory_events",
    "perf_schema.replication_applier_status_by_worker",
    "perf_schema.replication_group_member_stats",
    "perf_schema.replication_group_members",
    "perf_schema.tableiowaits",
    "perf_schema.tablelocks",
    "sys.user_summary",
];

#[tokio::test]
async fn golden_tables_of_mariadb_10_11() {
    let server = FakeMysql::start("10.11.19-MariaDB", recorded::replies(RECORDED)).unwrap();
    let switches = COLLECTORS.map(|name| format!("--collect.{name}"));
    let switches: Vec<&str> = switches.iter().map(String::as_str).collect();
    let only = [
        "--web.disable-exporter-metrics",
        "--web.enable-openmetrics",
        "--collector.disable-defaults",
    ];
    let address = format!("127.0.0.1:{}", server.port);
    let client = "user=exporter\npassword=secret";
    let exporter = Exporter::start(address, client, &[&only, switches.as_slice()].concat());
    let text = exporter.scrape(10.0).await.0;
    compare("mariadb-10.11-tables.prom", &text);
    exporter.running.shows_in_openmetrics(&text, UNSTEADY.values).await.unwrap();
}
