//! The tables of docs/migrating/mysql.md.

use mysql_exporter::MysqlExporter;

#[test]
fn the_page_about_migrating_has_all_flags_and_differences() {
    let reference = include_str!("reference-flags.txt");
    let compared = tests::migrating::compare::<MysqlExporter>("mysql.md", reference);
    assert!(compared.is_ok(), "{:#}", compared.unwrap_err());
}
