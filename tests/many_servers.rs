//! Hundreds of servers behind one exporter, one of ten of which hangs: what their scrapes cost, and
//! that none delays another.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use tests::process::{command, succeed};
use tests::table::columns;
use tests::{released, repository};

/// Scrapes few servers, then many, with a script below `tests/cost`.
fn within_bounds(script: &str, arguments: &[&str], program: &str, series: f64) {
    let table = succeed(
        command("python3")
            .arg(repository().join("tests/cost").join(script))
            .args(["--rounds", "2"])
            .args(arguments)
            .arg(released(program).unwrap()),
    )
    .unwrap();
    let columns = columns(&table).unwrap();
    let last = |name: &str| columns[name][1];
    assert!(last("series") > series, "series are missing\n{table}");
    assert!(last("core") <= 0.10, "a part of one core\n{table}");
    assert!(last("peak") <= 64.0, "resident memory in MiB\n{table}");
    // Those that hang take all the time that they have, 9.75 s.
    assert!(last("hanging") > 5000.0, "no server hung\n{table}");
    assert!(last("p99") <= 1000.0, "the others are delayed, in ms\n{table}");
    assert_eq!(columns["cpu"].len(), 2, "few and many\n{table}");
    let (few, many) = (columns["cpu"][0], last("cpu"));
    assert!(many <= 2.0 * few, "a scrape costs {few} ms, among many {many} ms\n{table}");
}

#[test]
#[ignore = "needs redis-server, python3 and the release build"]
fn five_hundred_redis_servers_are_scraped_within_bounds_though_some_hang() {
    within_bounds("redis_scale.py", &["--sizes", "50,500"], "redis-exporter", 250.0);
}

#[test]
#[ignore = "needs mariadbd, python3 and the release build"]
fn two_hundred_mysql_servers_are_scraped_within_bounds_though_some_hang() {
    let arguments = ["--targets", "50,200", "--tables", ""];
    within_bounds("mysql_scale.py", &arguments, "mysql-exporter", 900.0);
}
