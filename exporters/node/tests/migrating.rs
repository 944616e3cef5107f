//! The tables of docs/migrating/node.md.

use node_exporter::NodeExporter;

#[test]
fn the_page_about_migrating_has_all_flags_and_differences() {
    let reference = include_str!("reference-flags.txt");
    let compared = tests::migrating::compare::<NodeExporter>("node.md", reference);
    assert!(compared.is_ok(), "{:#}", compared.unwrap_err());
}
