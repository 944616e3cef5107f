//! System variables: `SHOW GLOBAL VARIABLES`, rows of name and value.
//!
//! <https://mariadb.com/kb/en/server-system-variables/>

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::{Desc, Kind};

use crate::grant::Needs;
use crate::naming::Namer;
use crate::scrape::Scrape;
use crate::server::Table;
use crate::value;

const VERSION: Desc<'_> =
    Desc::gauge("mysql_version_info", "Version of the server; the value is always 1.");
const GALERA: Desc<'_> = Desc::gauge(
    "mysql_galera_variables_info",
    "Galera cluster that the server is configured for; the value is always 1.",
);
const GALERA_CACHE: Desc<'_> = Desc::gauge(
    "mysql_galera_gcache_size_bytes",
    "Size of the write-set cache in Galera's provider options.",
);
const ISOLATION: Desc<'_> = Desc::gauge(
    "mysql_transaction_isolation",
    "Isolation level of new transactions; the value is always 1.",
);

/// Variables whose text becomes a label.
#[derive(Default)]
struct Texts<'a> {
    innodb_version: &'a str,
    version: &'a str,
    version_comment: &'a str,
    cluster_name: &'a str,
    provider_options: &'a str,
    transaction_isolation: &'a str,
    /// The name of the above before MySQL 8.0 and MariaDB 11.1.
    tx_isolation: &'a str,
}

impl<'a> Texts<'a> {
    fn note(&mut self, name: &str, text: &'a str) {
        let field = match name {
            "innodb_version" => &mut self.innodb_version,
            "version" => &mut self.version,
            "version_comment" => &mut self.version_comment,
            "wsrep_cluster_name" => &mut self.cluster_name,
            "wsrep_provider_options" => &mut self.provider_options,
            "transaction_isolation" => &mut self.transaction_isolation,
            "tx_isolation" => &mut self.tx_isolation,
            _ => return,
        };
        *field = text;
    }
}

#[derive(Debug)]
pub(super) struct GlobalVariables;

#[async_trait]
impl Collector<Scrape> for GlobalVariables {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        push(&scrape.query("SHOW GLOBAL VARIABLES").await?, sink)
    }

    fn needs(&self, _: &Scrape) -> Needs {
        Needs::nothing_more()
    }
}

fn push(table: &Table, sink: &mut Sink) -> Result<(), CollectError> {
    let mut texts = Texts::default();
    let mut namer = Namer::new("mysql_global_variables_", "Server system variable ");
    for (name, text) in table.pairs()? {
        let Some(text) = text else { continue };
        texts.note(name, text);
        if let Some(value) = value::parse(text) {
            sink.value(&namer.describe(name, Kind::Gauge), value);
        }
    }
    push_texts(&texts, sink);
    Ok(())
}

fn push_texts(texts: &Texts<'_>, sink: &mut Sink) {
    let version = [
        ("innodb_version", texts.innodb_version),
        ("version", texts.version),
        ("version_comment", texts.version_comment),
    ];
    sink.samples(&VERSION, [(version, 1.0)]);
    if !texts.cluster_name.is_empty() {
        sink.samples(&GALERA, [([("wsrep_cluster_name", texts.cluster_name)], 1.0)]);
    }
    if let Some(bytes) = parse_cache_size(texts.provider_options) {
        sink.value(&GALERA_CACHE, bytes);
    }
    let levels = [texts.transaction_isolation, texts.tx_isolation];
    if let Some(level) = levels.into_iter().find(|level| !level.is_empty()) {
        sink.samples(&ISOLATION, [([("level", level)], 1.0)]);
    }
}

/// Bytes in `…; gcache.size = 128M; …`; the units are powers of 1024.
fn parse_cache_size(options: &str) -> Option<f64> {
    let mut options = options.split(';').filter_map(|option| option.split_once('='));
    let (_, size) = options.find(|(name, _)| name.trim() == "gcache.size")?;
    let size = size.trim();
    let end = size.find(|c: char| !c.is_ascii_digit()).unwrap_or(size.len());
    let (digits, unit) = size.split_at(end);
    let bytes = match unit {
        "" => 1.0,
        "K" | "k" => 1024.0,
        "M" | "m" => 1024.0 * 1024.0,
        "G" | "g" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    Some(digits.parse::<u64>().ok()? as f64 * bytes)
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;

    fn exposed(rows: &[&[Option<&str>]]) -> String {
        let table = Table::of(&["Variable_name", "Value"], rows);
        let text = testing::exposed(|sink| push(&table, sink).unwrap());
        text.lines().filter(|line| !line.starts_with("# HELP")).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn mariadb_variables_are_gauges_and_infos() {
        let text = exposed(&[
            &[Some("max_connections"), Some("151")],
            &[Some("read_only"), Some("OFF")],
            &[Some("have_ssl"), Some("DISABLED")],
            &[Some("binlog_format"), Some("MIXED")],
            &[Some("gtid_slave_pos"), Some("0-1-5")],
            &[Some("ft_stopword_file"), None],
            &[Some("version"), Some("10.11.6-MariaDB")],
            &[Some("version_comment"), Some("Debian \"12\"")],
            &[Some("wsrep_cluster_name"), Some("my_wsrep_cluster")],
            &[Some("tx_isolation"), Some("REPEATABLE-READ")],
        ]);
        assert_eq!(
            text,
            "# TYPE mysql_global_variables_max_connections gauge\n\
             mysql_global_variables_max_connections 151\n\
             # TYPE mysql_global_variables_read_only gauge\n\
             mysql_global_variables_read_only 0\n\
             # TYPE mysql_global_variables_have_ssl gauge\n\
             mysql_global_variables_have_ssl 0\n\
             # TYPE mysql_version_info gauge\n\
             mysql_version_info{innodb_version=\"\",version=\"10.11.6-MariaDB\",\
             version_comment=\"Debian \\\"12\\\"\"} 1\n\
             # TYPE mysql_galera_variables_info gauge\n\
             mysql_galera_variables_info{wsrep_cluster_name=\"my_wsrep_cluster\"} 1\n\
             # TYPE mysql_transaction_isolation gauge\n\
             mysql_transaction_isolation{level=\"REPEATABLE-READ\"} 1"
        );
    }

    #[test]
    fn mysql_8_names_are_understood() {
        let text = exposed(&[
            &[Some("validate_password.length"), Some("8")],
            &[Some("innodb_version"), Some("8.0.36")],
            &[Some("transaction_isolation"), Some("READ-COMMITTED")],
        ]);
        assert!(text.contains("\nmysql_global_variables_validate_password_length 8\n"), "{text}");
        assert!(text.contains("mysql_version_info{innodb_version=\"8.0.36\",version=\"\""));
        assert!(text.contains("mysql_transaction_isolation{level=\"READ-COMMITTED\"} 1"));
    }

    #[test]
    fn the_cache_size_is_in_bytes() {
        let of = |size| parse_cache_size(&format!("a.b = 1; gcache.size = {size}; c = 2"));
        assert_eq!(of("128M"), Some(134_217_728.0));
        assert_eq!(of("1G"), Some(1_073_741_824.0));
        assert_eq!(of("2K"), Some(2048.0));
        assert_eq!(of("10"), Some(10.0));
        for size in ["", "M", "x", "1T", "1MM", "-1"] {
            assert_eq!(of(size), None, "{size}");
        }
        assert_eq!(parse_cache_size("gcache.keep_pages_size = 5"), None);
        assert_eq!(parse_cache_size(""), None);
    }

    #[test]
    fn a_table_of_another_shape_is_an_error() {
        let mut sink = Sink::default();
        let error = push(&Table::of(&["a"], &[]), &mut sink).unwrap_err();
        assert_eq!(error.to_string(), "SHOW TEST: 1 columns instead of 2");
    }
}
