//! Work of InnoDB's page compression: `INNODB_CMP`.
//!
//! <https://mariadb.com/kb/en/information-schema-innodb_cmp-and-innodb_cmp_reset-tables/>

use crate::columns::{Column, Label};
use crate::tabular::View;

pub(crate) const VIEW: View = View::of_information_schema(
    "information_schema.innodb_cmp",
    &[Label::of("page_size", "page_size")],
    &[
        Column::counter(
            "compress_ops",
            "mysql_info_schema_innodb_cmp_compress_ops_total",
            "Attempts to compress a page, by the size of the compressed page.",
        ),
        Column::counter(
            "compress_ops_ok",
            "mysql_info_schema_innodb_cmp_compress_ops_ok_total",
            "Pages compressed, by the size of the compressed page.",
        ),
        Column::counter(
            "compress_time",
            "mysql_info_schema_innodb_cmp_compress_time_seconds_total",
            "Seconds spent in compressing pages, by the size of the compressed page.",
        ),
        Column::counter(
            "uncompress_ops",
            "mysql_info_schema_innodb_cmp_uncompress_ops_total",
            "Pages uncompressed, by the size of the compressed page.",
        ),
        Column::counter(
            "uncompress_time",
            "mysql_info_schema_innodb_cmp_uncompress_time_seconds_total",
            "Seconds spent in uncompressing pages, by the size of the compressed page.",
        ),
    ],
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_as_they_come() {
        let (text, error) = VIEW.exposed(
            &["page_size", "compress_ops", "compress_ops_ok", "compress_time", "uncompress_time"],
            &[&[Some("1024"), Some("5"), Some("4"), Some("3"), Some("2")]],
        );
        let name = |suffix: &str| format!("mysql_info_schema_innodb_cmp_{suffix}_total");
        let sample = |suffix, value: u8| {
            let name = name(suffix);
            format!("# TYPE {name} counter\n{name}{{page_size=\"1024\"}} {value}\n")
        };
        let expected = [
            sample("compress_ops", 5),
            sample("compress_ops_ok", 4),
            sample("compress_time_seconds", 3),
            sample("uncompress_time_seconds", 2),
        ];
        assert_eq!((format!("{text}\n"), error), (expected.concat(), None));
    }
}
