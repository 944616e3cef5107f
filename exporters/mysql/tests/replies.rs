//! The whole output on what servers answer, compared line by line with `tests/golden/`.
//!
//! `fixtures/` has the answers as `mariadb --vertical` prints them: recorded from MariaDB 10.11,
//! the others as documented.

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

async fn compare(version: &'static str, name: &str, text: &'static str) {
    let server = FakeMysql::start(version, recorded(text)).unwrap();
    let address = format!("127.0.0.1:{}", server.port);
    let exporter = Exporter::start(address, "user=exporter\npassword=secret", FLAGS);
    let text = exporter.scrape(10.0).await.0;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/");
    golden::compare(format!("{folder}{name}.prom").as_ref(), &text, UNSTEADY).unwrap();
}

macro_rules! golden {
    ($test:ident, $version:literal, $name:literal) => {
        #[tokio::test]
        async fn $test() {
            let text = include_str!(concat!("../fixtures/", $name, ".txt"));
            compare($version, $name, text).await;
        }
    };
}

golden!(golden_mariadb_10_11, "10.11.19-MariaDB-0+deb12u1-log", "mariadb-10.11");
golden!(golden_mariadb_11_8, "11.8.3-MariaDB-ubu2404", "mariadb-11.8");
golden!(golden_mysql_5_7, "5.7.44-log", "mysql-5.7");
golden!(golden_mysql_8_4, "8.4.3", "mysql-8.4");
