//! The tables of docs/migrating/container.md.

use container_exporter::ContainerExporter;

#[test]
fn the_page_about_migrating_has_all_flags_and_differences() {
    let reference = include_str!("../reference-flags.txt");
    let compared = tests::migrating::compare::<ContainerExporter>("container.md", reference);
    assert!(compared.is_ok(), "{:#}", compared.unwrap_err());
}
