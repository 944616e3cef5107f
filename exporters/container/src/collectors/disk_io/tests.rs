use super::*;
use proptest::proptest;

const DISKSTATS: &str = "\
 254       0 vda 100 1 2000 1500 50 2 1000 2500 3 4000 5000 0 0 0 0 0 0
 259       0 nvme0n1 7 0 56 2 0 0 0 0 0 2 2
 253       2 dm-2 1 0 8 0 0 0 0 0 0 0 0
";

fn mount(number: &str, source: &str) -> Mount {
    let (number, source) = (number.to_owned(), source.to_owned());
    Mount { number, point: "/".into(), fs_type: "ext4".to_owned(), source }
}

fn of_row(row: &Row, family: &str) -> Option<f64> {
    let metric = METRICS.iter().find(|metric| metric.desc.name == family).unwrap();
    (metric.value)(row)
}

#[test]
fn milliseconds_of_disks_become_seconds() {
    let disks = parse(DISKSTATS).good;
    let mut rows = Vec::new();
    add_disks(&mut rows, &[&mount("254:0", "/dev/vda")], &disks);
    let row = &rows[0];
    assert_eq!(of_row(row, "container_fs_reads_total"), Some(100.0));
    assert_eq!(of_row(row, "container_fs_read_seconds_total"), Some(1.5));
    assert_eq!(of_row(row, "container_fs_write_seconds_total"), Some(2.5));
    assert_eq!(of_row(row, "container_fs_io_current"), Some(3.0));
    assert_eq!(of_row(row, "container_fs_io_time_weighted_seconds_total"), Some(5.0));
    assert_eq!(of_row(row, "container_fs_reads_bytes_total"), None);
}

#[test]
fn disks_are_found_by_number_or_by_name() {
    let disks = parse(DISKSTATS).good;
    assert_eq!(disk_of(&mount("253:2", "/dev/mapper/data"), &disks).unwrap()[0], 1);
    assert_eq!(disk_of(&mount("0:45", "/dev/nvme0n1"), &disks).unwrap()[0], 7);
    assert_eq!(disk_of(&mount("0:45", "pool/data"), &disks), None);
}

#[test]
fn the_root_has_one_row_per_device() {
    let disks = parse(DISKSTATS).good;
    let io = DeviceIo { requests: vec![("Read".to_owned(), 9.0)], ..DeviceIo::default() };
    let unknown = DeviceIo::default();
    let mut rows = label(ByDevice::from([((254, 0), io), ((8, 0), unknown)]), &disks);
    add_disks(&mut rows, &[&mount("254:0", "/dev/vda")], &disks);
    let devices: Vec<&str> = rows.iter().map(|row| row.device.as_str()).collect();
    assert_eq!(devices, ["8:0", "/dev/vda"]);
    assert_eq!(of_row(&rows[1], "container_fs_reads_total"), Some(100.0), "the disk knows best");
}

#[test]
fn truncated_and_malformed_lines_are_errors_and_cost_only_themselves() {
    for text in ["254 0 vda 1 2", "254 0", "x 0 vda 1 2 3 4 5 6 7 8 9 10 11"] {
        let disks = parse(&format!("{text}\n{DISKSTATS}"));
        assert!(disks.error.is_some() && disks.good.len() == 3, "{text}");
    }
    assert_eq!(parse(""), Partial::whole(Disks::new()));
}

proptest! {
    #[test]
    fn no_text_panics(text in "( *[0-9]* [0-9]* [a-z]*( [0-9]*){0,12}\n)*.*") {
        let _ = parse(&text);
    }
}
