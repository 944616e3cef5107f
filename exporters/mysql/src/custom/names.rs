//! What names of queries, families and labels may be.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};

use super::{Family, Query};

/// Beginnings of the exporter's own families.
const RESERVED_BEGINNINGS: &[&str] = &[
    "mysql_binlog_",
    "mysql_custom_query_",
    "mysql_engine_",
    "mysql_exporter_",
    "mysql_galera_",
    "mysql_global_",
    "mysql_group_replication_",
    "mysql_gtid_",
    "mysql_heartbeat_",
    "mysql_host_cache_",
    "mysql_info_schema_",
    "mysql_innodb_",
    "mysql_mysql_",
    "mysql_perf_schema_",
    "mysql_replica_",
    "mysql_slave_status_",
    "mysql_sys_",
    "mysqld_exporter_",
    "process_",
    "promhttp_",
];

/// Families of the exporter that have none of these beginnings.
const RESERVED: &[&str] = &["mysql_transaction_isolation", "mysql_up", "mysql_version_info"];

/// True if the exporter has, or may get, a family of this name.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || RESERVED_BEGINNINGS.iter().any(|start| name.starts_with(start))
}

/// The names that queries of all files have so far.
#[derive(Debug, Default)]
pub(super) struct Names {
    queries: BTreeSet<String>,
    families: BTreeSet<String>,
}

impl Names {
    /// Holds the queries of one more file against the rules, each other and those before.
    pub(super) fn add(&mut self, queries: &[Query]) -> anyhow::Result<()> {
        for query in queries {
            let name = &query.name;
            ensure!(!name.is_empty(), "a query has no name");
            let is_new = self.queries.insert(name.clone());
            ensure!(is_new, "query {name}: there are two of this name");
            ensure!(!query.families.is_empty(), "query {name}: no column becomes a metric");
            for family in &query.families {
                let context = || format!("query {name}: metric {}", family.name);
                check_family(family).with_context(context)?;
                let is_new = self.families.insert(family.name.clone());
                ensure!(is_new, "{}: there are two of this name", context());
            }
        }
        Ok(())
    }
}

fn check_family(family: &Family) -> anyhow::Result<()> {
    ensure!(is_word(&family.name), "the name has other signs than letters, digits and _");
    ensure!(!is_reserved(&family.name), "the exporter has such names of its own");
    let mut labels = BTreeSet::new();
    let fixed = family.fixed_labels.iter().map(|(name, _)| name);
    for label in family.labels.iter().map(|(name, _)| name).chain(fixed).chain(&family.column_label)
    {
        ensure!(is_word(label), "label {label:?}: other signs than letters, digits and _");
        ensure!(!label.starts_with("__"), "label {label}: names with __ are Prometheus' own");
        ensure!(labels.insert(label), "label {label}: there are two of this name");
    }
    Ok(())
}

/// Letters, digits and underscores, no digit first.
fn is_word(name: &str) -> bool {
    let is_legal = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(is_legal)
}
