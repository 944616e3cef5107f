//! The tables of docs/migrating/redis.md.

use redis_exporter::RedisExporter;

#[test]
fn the_page_about_migrating_has_all_flags_and_differences() {
    let reference = include_str!("reference-flags.txt");
    let compared = tests::migrating::compare::<RedisExporter>("redis.md", reference);
    assert!(compared.is_ok(), "{:#}", compared.unwrap_err());
}
