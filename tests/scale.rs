//! What scrapes of a thousand containers and of many tables cost, and that the cost grows with
//! their number alone. Nothing else is to run beside this.

use tests::process::{command, succeed};
use tests::table::columns;
use tests::{released, repository};

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
    let columns = columns(&table).unwrap();
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
#[ignore = "needs mariadbd, python3 and the release build"]
fn a_thousand_tables_are_scraped_within_bounds() {
    let table = succeed(
        command("python3")
            .arg(repository().join("tests/cost/mysql_scale.py"))
            .args(["--scrapes", "5", "--targets", "", "--tables", "100,1000"])
            .arg(released("mysql-exporter").unwrap()),
    )
    .unwrap();
    let columns = columns(&table).unwrap();
    let last = |name: &str| columns[name][1];
    assert!(last("series") > 50_000.0, "series are missing\n{table}");
    assert!(last("cpu") <= 150.0, "CPU per scrape in ms\n{table}");
    assert!(last("server") <= 500.0, "CPU per scrape of the server in ms\n{table}");
    assert!(last("peak") <= 64.0, "resident memory in MiB\n{table}");
}
