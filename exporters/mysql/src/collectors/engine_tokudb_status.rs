//! Status of the storage engine TokuDB: `SHOW ENGINE TOKUDB STATUS`, a row per number.
//!
//! <https://docs.percona.com/percona-server/5.7/tokudb/tokudb_status_variables.html>

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::Kind;

use crate::grant::Needs;
use crate::naming::Namer;
use crate::privilege::Privilege;
use crate::scrape::Scrape;
use crate::server::Table;
use crate::value;

#[derive(Debug)]
pub(super) struct EngineTokudbStatus;

#[async_trait]
impl Collector<Scrape> for EngineTokudbStatus {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let statement = "SHOW ENGINE TOKUDB STATUS";
        push(&scrape.query_if_present(statement, &Privilege::PROCESS).await?, sink);
        Ok(())
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        Privilege::PROCESS.on(scrape.release())
    }
}

fn push(table: &Table, sink: &mut Sink) {
    let mut namer = Namer::new("mysql_engine_tokudb_", "TokuDB status ");
    for row in table.rows() {
        let value = row.named(&["Status"]).and_then(value::parse);
        if let (Some(name), Some(value)) = (row.named(&["Name"]), value) {
            sink.value(&namer.describe(&without_signs(name), Kind::Untyped), value);
        }
    }
}

/// The name as the reference has it: some signs are left out, others become words.
fn without_signs(name: &str) -> String {
    let mut clean = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '>' | ',' | ':' | '(' | ')' => {}
            '+' | '/' => clean.push_str("and"),
            other => clean.push(other),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use common::testing;
    use proptest::prelude::*;

    use super::*;

    fn samples(rows: &[&[Option<&str>]]) -> Vec<String> {
        let mut sink = Sink::default();
        push(&Table::of(&["Type", "Name", "Status"], rows), &mut sink);
        testing::samples(&sink)
    }

    #[test]
    fn names_follow_the_reference() {
        let toku = Some("TokuDB");
        assert_eq!(
            samples(&[
                &[toku, Some("indexer: number of calls to indexer->build() succeeded"), Some("1")],
                &[toku, Some("ft: promotion: stopped at height 1, dirty"), Some("7")],
                &[toku, Some("cachetable: long time waiting on cache pressure"), Some("0.5")],
                &[toku, Some("memory: mallocator version / libc"), Some("2")],
                &[toku, Some("le: max + committed xr"), Some("3")],
                &[toku, Some("disk free space"), Some("offline")],
                &[toku, Some("checkpoint: last footprint"), None],
            ]),
            [
                "mysql_engine_tokudb_indexer_number_of_calls_to_indexer_build_succeeded 1",
                "mysql_engine_tokudb_ft_promotion_stopped_at_height_1_dirty 7",
                "mysql_engine_tokudb_cachetable_long_time_waiting_on_cache_pressure 0.5",
                "mysql_engine_tokudb_memory_mallocator_version_and_libc 2",
                "mysql_engine_tokudb_le_max_and_committed_xr 3",
            ]
        );
        assert!(samples(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn any_row_gives_a_legal_name(name in "(?s).{0,30}", value in "[0-9]{1,3}|(?s).{0,9}") {
            for sample in samples(&[&[None, Some(&name), Some(&value)]]) {
                prop_assert!(sample.starts_with("mysql_engine_tokudb_"), "{sample}");
            }
        }
    }
}
