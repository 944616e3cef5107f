//! Members of the replication group: `replication_group_members`; MySQL only.
//!
//! <https://dev.mysql.com/doc/refman/8.4/en/performance-schema-replication-group-members-table.html>

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::Desc;

use crate::grant::Needs;
use crate::naming::munge_into;
use crate::privilege::Privilege;
use crate::scrape::Scrape;
use crate::server::Table;
use crate::tabular::why_empty;

const TABLE: &str = "performance_schema.replication_group_members";

const MEMBER: Desc<'_> = Desc::gauge(
    "mysql_perf_schema_replication_group_member_info",
    "Member of the replication group, with the server's columns as labels; the value is always 1.",
);

#[derive(Debug)]
pub(crate) struct GroupMembers;

#[async_trait]
impl Collector<Scrape> for GroupMembers {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let statement = format!("SELECT * FROM {TABLE}");
        let table = scrape.query_table(TABLE, &statement, &Privilege::PERFORMANCE_SCHEMA).await?;
        push(&table, sink);
        if sink.is_empty() {
            return why_empty(scrape, TABLE, Some("performance_schema")).await;
        }
        Ok(())
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        Privilege::PERFORMANCE_SCHEMA.on(scrape.release())
    }
}

/// Later releases have more columns, which become labels too.
fn push(table: &Table, sink: &mut Sink) {
    let mut columns: Vec<(usize, String)> = Vec::new();
    for (index, column) in table.columns().iter().enumerate() {
        let mut label = String::new();
        munge_into(&mut label, column);
        if columns.iter().all(|(_, earlier)| *earlier != label) {
            columns.push((index, label));
        }
    }
    let samples = table.rows().map(|row| {
        let text = |index| row.at(index).unwrap_or_default();
        let labels = columns.iter().map(|(index, label)| (label.as_str(), text(*index)));
        (labels.collect::<Vec<_>>(), 1.0)
    });
    sink.samples(&MEMBER, samples);
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;

    fn exposed(columns: &[&str], rows: &[&[Option<&str>]]) -> String {
        let text = testing::exposed(|sink| push(&Table::of(columns, rows), sink));
        text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn columns_are_labels() {
        let text = exposed(
            &["CHANNEL_NAME", "MEMBER_ID", "MEMBER_HOST", "MEMBER_PORT", "MEMBER_STATE"],
            &[
                &[Some("group_replication_applier"), Some("u1"), Some("db1"), Some("3306"), None],
                &[Some("group_replication_applier"), Some("u2"), Some("b\""), None, Some("ONLINE")],
            ],
        );
        let start = "mysql_perf_schema_replication_group_member_info\
                     {channel_name=\"group_replication_applier\"";
        assert_eq!(
            text,
            format!(
                "{start},member_id=\"u1\",member_host=\"db1\",member_port=\"3306\",\
                 member_state=\"\"}} 1\n\
                 {start},member_id=\"u2\",member_host=\"b\\\"\",member_port=\"\",\
                 member_state=\"ONLINE\"}} 1"
            )
        );
    }

    #[test]
    fn columns_of_one_name_are_one_label() {
        let text = exposed(&["a", "A", "a b"], &[&[Some("1"), Some("2"), Some("3")]]);
        assert!(text.ends_with("_info{a=\"1\",a_b=\"3\"} 1"), "{text}");
        assert_eq!(exposed(&["MEMBER_ID"], &[]), "");
    }

    proptest::proptest! {
        #[test]
        fn no_row_costs_another(
            table in crate::collectors::any_rows_and(&["MEMBER_ID", "MEMBER_HOST"], &["good", "h"]),
        ) {
            let mut sink = Sink::default();
            push(&table, &mut sink);
            let text = testing::text(&sink);
            proptest::prop_assert!(text.contains("{member_id=\"good\",member_host=\"h\"} 1\n"), "{text}");
        }
    }
}
