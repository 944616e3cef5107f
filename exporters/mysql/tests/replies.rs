//! The whole output on what servers answer, compared line by line with `tests/golden/`.
//!
//! `fixtures/` has the answers: recorded from MariaDB 10.11, the others as documented. Those that
//! name their sources have tables, status and variables beside the replication.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Exporter, recorded};
use tests::fake_mysql::FakeMysql;
use tests::golden::{self, Unsteady};

const UNSTEADY: Unsteady<'_> = Unsteady {
    values: &["mysql_exporter_collector_duration_seconds"],
    families: &["mysqld_exporter_build_info"],
};

const FLAGS: &[&str] = &[
    "--web.disable-exporter-metrics",
    "--collector.disable-defaults",
    "--collect.binlog_size",
    "--collect.engine_innodb_status",
    "--collect.group_replication",
    "--collect.gtid",
    "--collect.replica_lag",
    "--collect.slave_hosts",
    "--collect.slave_status",
];

/// What further differs between releases.
const TABLES: &[&str] = &[
    "--collect.global_status",
    "--collect.global_variables",
    "--collect.info_schema.clientstats",
    "--collect.info_schema.innodb_cmp",
    "--collect.info_schema.innodb_cmpmem",
    "--collect.info_schema.innodb_metrics",
    "--collect.info_schema.innodb_tablespaces",
    "--collect.info_schema.innodb_trx",
    "--collect.info_schema.processlist",
    "--collect.info_schema.query_response_time",
    "--collect.info_schema.tables",
    "--collect.info_schema.userstats",
    "--collect.mysql.user",
    "--collect.perf_schema.eventsstatements",
    "--collect.perf_schema.file_events",
    "--collect.perf_schema.memory_events",
    "--collect.perf_schema.replication_applier_status_by_worker",
    "--collect.perf_schema.replication_group_member_stats",
    "--collect.perf_schema.replication_group_members",
    "--collect.sys.user_summary",
];

async fn compare(version: &'static str, name: &str, text: &'static str, flags: &[&str]) {
    let server = FakeMysql::start(version, recorded::replies(text)).unwrap();
    let address = format!("127.0.0.1:{}", server.port);
    let exporter = Exporter::start(address, "user=exporter\npassword=secret", flags);
    let text = exporter.scrape(10.0).await.0;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/");
    golden::compare(format!("{folder}{name}.prom").as_ref(), &text, UNSTEADY).unwrap();
}

fn all() -> Vec<&'static str> {
    [FLAGS, TABLES].concat()
}

macro_rules! golden {
    ($test:ident, $version:literal, $name:literal, $flags:expr) => {
        #[tokio::test]
        async fn $test() {
            let text = include_str!(concat!("../fixtures/", $name, ".txt"));
            compare($version, $name, text, $flags).await;
        }
    };
}

golden!(golden_mariadb_10_5, "5.5.5-10.5.29-MariaDB-log", "mariadb-10.5", &all());
golden!(golden_mariadb_10_11, "10.11.19-MariaDB-0+deb12u1-log", "mariadb-10.11", FLAGS);
golden!(golden_mariadb_11_4, "11.4.2-MariaDB-ubu2404-log", "mariadb-11.4", &all());
golden!(golden_mariadb_11_8, "11.8.3-MariaDB-ubu2404", "mariadb-11.8", FLAGS);
golden!(golden_mariadb_12, "12.0.2-MariaDB-ubu2404", "mariadb-12", &all());
golden!(golden_mysql_5_7, "5.7.44-log", "mysql-5.7", FLAGS);
golden!(golden_mysql_8_0, "8.0.44", "mysql-8.0", &all());
golden!(golden_mysql_8_4, "8.4.3", "mysql-8.4", FLAGS);
golden!(golden_mysql_9, "9.4.0", "mysql-9", &all());
