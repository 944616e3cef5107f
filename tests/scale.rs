//! What scrapes of a thousand containers, of hundreds of servers and of many tables cost, and that
//! the cost grows with their number alone.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use tests::process::{command, succeed};
use tests::{released, repository};

/// The columns of the table, each with its values from few containers to many.
fn columns(table: &str) -> BTreeMap<String, Vec<f64>> {
    let mut lines = table.lines();
    let names: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    let mut columns = BTreeMap::<String, Vec<f64>>::new();
    for line in lines {
        for (name, cell) in names.iter().zip(line.split_whitespace()) {
            columns.entry((*name).to_owned()).or_default().push(cell.parse().unwrap());
        }
    }
    columns
}

#[test]
#[ignore = "needs python3 and the release build"]
fn a_thousand_containers_are_scraped_within_bounds_and_linearly() {
    let table = succeed(
        command("python3")
            .arg(repository().join("tests/cost/container_scale.py"))
            .args(["-n", "10", "--sizes", "10,100,1000"])
            .arg(released("container-exporter").unwrap()),
    )
    .unwrap();
    let columns = columns(&table);
    let [few, more, many] = columns["cpu"][..] else { panic!("{table}") };
    assert!(columns["series"][2] > 40_000.0, "series are missing\n{table}");
    // Three times what it takes on a quick machine: slow ones take nearly twice as long.
    assert!(many <= 500.0, "CPU per scrape in ms\n{table}");
    assert!(columns["gzip"][2] <= 700.0, "CPU per scrape with gzip in ms\n{table}");
    assert!(columns["peak"][2] <= 64.0, "resident memory in MiB\n{table}");
    let (first, later) = ((more - few) / 90.0, (many - more) / 900.0);
    assert!(later <= 2.0 * first, "a container costs {first} ms, later {later} ms\n{table}");
}

#[test]
#[ignore = "needs redis-server, python3 and the release build"]
fn five_hundred_redis_servers_are_scraped_within_bounds_though_some_hang() {
    let table = succeed(
        command("python3")
            .arg(repository().join("tests/cost/redis_scale.py"))
            .args(["--rounds", "2", "--sizes", "50,500"])
            .arg(released("redis-exporter").unwrap()),
    )
    .unwrap();
    let columns = columns(&table);
    let last = |name: &str| columns[name][1];
    assert!(last("series") > 250.0, "series are missing\n{table}");
    assert!(last("core") <= 0.10, "a part of one core\n{table}");
    assert!(last("peak") <= 64.0, "resident memory in MiB\n{table}");
    // Those that hang take all the time that they have, 9.75 s.
    assert!(last("hanging") > 5000.0, "no server hung\n{table}");
    assert!(last("p99") <= 1000.0, "the others are delayed, in ms\n{table}");
    let [few, many] = columns["cpu"][..] else { panic!("{table}") };
    assert!(many <= 2.0 * few, "a scrape costs {few} ms, among many {many} ms\n{table}");
}

fn mysql_scale(arguments: &[&str]) -> String {
    let script = repository().join("tests/cost/mysql_scale.py");
    let program = released("mysql-exporter").unwrap();
    succeed(command("python3").arg(script).args(arguments).arg(program)).unwrap()
}

#[test]
#[ignore = "needs mariadbd, python3 and the release build"]
fn two_hundred_mysql_servers_are_scraped_within_bounds_though_some_hang() {
    let table = mysql_scale(&["--rounds", "2", "--targets", "50,200", "--tables", ""]);
    let columns = columns(&table);
    let last = |name: &str| columns[name][1];
    assert!(last("series") > 900.0, "series are missing\n{table}");
    assert!(last("core") <= 0.10, "a part of one core\n{table}");
    assert!(last("peak") <= 64.0, "resident memory in MiB\n{table}");
    assert!(last("hanging") > 5000.0, "no server hung\n{table}");
    assert!(last("p99") <= 1000.0, "the others are delayed, in ms\n{table}");
    let [few, many] = columns["cpu"][..] else { panic!("{table}") };
    assert!(many <= 2.0 * few, "a scrape costs {few} ms, among many {many} ms\n{table}");
}

#[test]
#[ignore = "needs mariadbd, python3 and the release build"]
fn a_thousand_tables_are_scraped_within_bounds() {
    let table = mysql_scale(&["--scrapes", "5", "--targets", "", "--tables", "100,1000"]);
    let columns = columns(&table);
    let last = |name: &str| columns[name][1];
    assert!(last("series") > 50_000.0, "series are missing\n{table}");
    assert!(last("cpu") <= 150.0, "CPU per scrape in ms\n{table}");
    assert!(last("server") <= 500.0, "CPU per scrape of the server in ms\n{table}");
    assert!(last("peak") <= 64.0, "resident memory in MiB\n{table}");
}
