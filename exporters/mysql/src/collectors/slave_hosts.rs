//! Replicas that have registered with this server: `SHOW SLAVE HOSTS` or `SHOW REPLICAS`.
//!
//! <https://mariadb.com/kb/en/show-replica-hosts/>

use async_trait::async_trait;
use common::collector::{Collector, Release};
use common::error::{CollectError, ParseError};
use common::exposition::Sink;
use common::metric::Desc;

use crate::grant::Needs;
use crate::privilege::Privilege;
use crate::scrape::Scrape;
use crate::server::{Table, mysql};

/// The name is that of the reference.
const REPLICAS: Desc<'_> = Desc::gauge(
    "mysql_heartbeat_mysql_slave_hosts_info",
    "Replica that has registered with this server; the value is always 1.",
);

#[derive(Debug)]
pub(super) struct SlaveHosts;

#[async_trait]
impl Collector<Scrape> for SlaveHosts {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let statements = statements(scrape.release());
        let table = scrape.query_either(&statements, &Privilege::REPLICAS).await?;
        push(&table, sink).map_err(|error| table.malformed(error))
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        Privilege::REPLICAS.on(scrape.release())
    }
}

/// MySQL drops the older words in 8.4; MariaDB knows no others that MySQL has too.
fn statements(release: Release) -> [&'static str; 2] {
    let mut statements = ["SHOW SLAVE HOSTS", "SHOW REPLICAS"];
    if release.is_covered_by(&[mysql(8, 4, 0)]) {
        statements.reverse();
    }
    statements
}

fn push(table: &Table, sink: &mut Sink) -> Result<(), ParseError> {
    for (field, names) in
        [("Server_id", ["Server_id", ""]), ("Master_id", ["Master_id", "Source_id"])]
    {
        if names.iter().all(|name| table.position(name).is_none()) {
            return Err(ParseError::Missing { field });
        }
    }
    let mut family = sink.family(&REPLICAS);
    for row in table.rows() {
        let text = |names: &[&str]| row.named(names).unwrap_or_default();
        let labels = [
            ("master_id", text(&["Master_id", "Source_id"])),
            ("port", text(&["Port"])),
            ("server_id", text(&["Server_id"])),
            ("slave_host", text(&["Host"])),
            ("slave_uuid", text(&["Slave_UUID", "Replica_UUID"])),
        ];
        family.sample(&labels, 1.0);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use common::testing;
    use proptest::prelude::*;

    use super::*;
    use crate::server::parse_version;

    fn samples(columns: &[&str], row: &[&str]) -> Vec<String> {
        let row: Vec<Option<&str>> = row.iter().map(|cell| Some(*cell)).collect();
        let mut sink = Sink::default();
        push(&Table::of(columns, &[&row]), &mut sink).unwrap();
        testing::samples(&sink)
    }

    fn sample(uuid: &str) -> [String; 1] {
        [format!(
            "mysql_heartbeat_mysql_slave_hosts_info{{master_id=\"1\",port=\"3306\",\
             server_id=\"2\",slave_host=\"db2\",slave_uuid=\"{uuid}\"}} 1"
        )]
    }

    #[test]
    fn every_form_of_the_list_is_read() {
        let mariadb = ["Server_id", "Host", "Port", "Master_id"];
        assert_eq!(samples(&mariadb, &["2", "db2", "3306", "1"]), sample(""));
        let mysql_5_1 = ["Server_id", "Host", "Port", "Rpl_recovery_rank", "Master_id"];
        assert_eq!(samples(&mysql_5_1, &["2", "db2", "3306", "0", "1"]), sample(""));
        let uuid = "14cb6624-7f93-11e0-b2c0-c80aa9429562";
        for columns in [
            ["Server_id", "Host", "Port", "Master_id", "Slave_UUID"],
            ["Server_Id", "Host", "Port", "Source_Id", "Replica_UUID"],
        ] {
            assert_eq!(samples(&columns, &["2", "db2", "3306", "1", uuid]), sample(uuid));
        }
    }

    #[test]
    fn a_primary_without_replicas_and_an_unknown_form() {
        let mut sink = Sink::default();
        let columns = ["Server_id", "Host", "Port", "Master_id"];
        push(&Table::of(&columns, &[]), &mut sink).unwrap();
        assert!(testing::samples(&sink).is_empty());
        let error = push(&Table::of(&["Server_id", "Host"], &[]), &mut sink).unwrap_err();
        assert_eq!(error.to_string(), "Master_id is missing");
        let null = Table::of(&columns, &[&[Some("2"), None, None, Some("1")]]);
        push(&null, &mut sink).unwrap();
        assert!(testing::samples(&sink)[0].contains("port=\"\",server_id=\"2\",slave_host=\"\""));
    }

    #[test]
    fn newer_servers_are_asked_in_the_newer_words_first() {
        let first = |version| statements(parse_version(version).unwrap())[0];
        assert_eq!(first("12.0.2-MariaDB"), "SHOW SLAVE HOSTS");
        assert_eq!(first("8.0.36"), "SHOW SLAVE HOSTS");
        assert_eq!(first("8.4.0"), "SHOW REPLICAS");
        assert_eq!(first("9.1.0"), "SHOW REPLICAS");
    }

    proptest! {
        #[test]
        fn any_row_is_survived(cell in "(?s).{0,20}") {
            let columns = ["Server_id", "Host", "Port", "Master_id"];
            prop_assert_eq!(samples(&columns, &[cell.as_str(); 4]).len(), 1);
        }
    }
}
