//! Compressed pages in InnoDB's buffer pool: `INNODB_CMPMEM`.
//!
//! <https://mariadb.com/kb/en/information-schema-innodb_cmpmem-and-innodb_cmpmem_reset-tables/>

use crate::columns::{Column, Label};
use crate::tabular::View;

pub(crate) const VIEW: View = View::of_information_schema(
    "information_schema.innodb_cmpmem",
    &[Label::of("page_size", "page_size"), Label::of("buffer_pool", "buffer_pool_instance")],
    &[
        Column::counter(
            "pages_used",
            "mysql_info_schema_innodb_cmpmem_pages_used_total",
            "Blocks of the buffer pool's compressed pages in use; a level in spite of its type.",
        ),
        Column::counter(
            "pages_free",
            "mysql_info_schema_innodb_cmpmem_pages_free_total",
            "Free blocks for compressed pages; a level in spite of its type.",
        ),
        Column::counter(
            "relocation_ops",
            "mysql_info_schema_innodb_cmpmem_relocation_ops_total",
            "Blocks of compressed pages moved.",
        ),
        // The server counts in microseconds; the divisor is the reference exporter's.
        Column::counter(
            "relocation_time",
            "mysql_info_schema_innodb_cmpmem_relocation_time_seconds_total",
            "Time spent in moving blocks of compressed pages, in thousandths of the server's unit.",
        )
        .over(1000.0),
    ],
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_told_by_size_and_pool() {
        let (text, error) = VIEW.exposed(
            &["page_size", "buffer_pool_instance", "pages_used", "pages_free", "relocation_time"],
            &[&[Some("1024"), Some("0"), Some("7"), Some("-1"), Some("1500")]],
        );
        let sample = |suffix: &str, value: &str| {
            let name = format!("mysql_info_schema_innodb_cmpmem_{suffix}_total");
            let labels = "page_size=\"1024\",buffer_pool=\"0\"";
            format!("# TYPE {name} counter\n{name}{{{labels}}} {value}\n")
        };
        let expected = [
            sample("pages_used", "7"),
            sample("pages_free", "-1"),
            sample("relocation_time_seconds", "1.5"),
        ];
        assert_eq!((format!("{text}\n"), error), (expected.concat(), None));
    }
}
