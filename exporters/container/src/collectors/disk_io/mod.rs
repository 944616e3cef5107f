//! Block I/O: of each cgroup by device, and for the root also the statistics of the
//! host's disks, `/proc/diskstats`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::metric::{Desc, Metric, counter, gauge};

use crate::cgroup::block_io::{self, ByDevice, DeviceIo, DeviceNumber, value};
use crate::inventory::mounts::{self, Mount};
use crate::inventory::{Cgroup, Inventory};

const BY_OPERATION: Desc<'static> =
    Desc::counter("container_blkio_device_usage_total", "Bytes of block I/O by operation.");

const METRICS: &[Metric<Row>] = &[
    counter("container_fs_reads_bytes_total", "Bytes read.", |row| value(&row.io.bytes, "Read")),
    counter("container_fs_writes_bytes_total", "Bytes written.", |row| {
        value(&row.io.bytes, "Write")
    }),
    counter("container_fs_reads_total", "Reads completed.", |row| {
        row.disk(0).or_else(|| value(&row.io.requests, "Read"))
    }),
    counter("container_fs_writes_total", "Writes completed.", |row| {
        row.disk(4).or_else(|| value(&row.io.requests, "Write"))
    }),
    counter("container_fs_reads_merged_total", "Reads merged with others.", |row| {
        row.disk(1).or_else(|| value(&row.io.merged, "Read"))
    }),
    counter("container_fs_writes_merged_total", "Writes merged with others.", |row| {
        row.disk(5).or_else(|| value(&row.io.merged, "Write"))
    }),
    counter("container_fs_sector_reads_total", "Sectors of 512 bytes read.", |row| {
        row.disk(2).or_else(|| sectors(&row.io, "Read"))
    }),
    counter("container_fs_sector_writes_total", "Sectors of 512 bytes written.", |row| {
        row.disk(6).or_else(|| sectors(&row.io, "Write"))
    }),
    counter("container_fs_read_seconds_total", "Total time of all reads.", |row| {
        row.disk_seconds(3).or_else(|| seconds(value(&row.io.service_nanoseconds, "Read")))
    }),
    counter("container_fs_write_seconds_total", "Total time of all writes.", |row| {
        row.disk_seconds(7).or_else(|| seconds(value(&row.io.service_nanoseconds, "Write")))
    }),
    gauge("container_fs_io_current", "Requests in progress.", |row| {
        row.disk(8).or_else(|| value(&row.io.queued, "Total"))
    }),
    counter(
        "container_fs_io_time_seconds_total",
        "Time during which I/O was in progress.",
        |row| row.disk_seconds(9).or_else(|| seconds(value(&row.io.service_nanoseconds, "Total"))),
    ),
    counter(
        "container_fs_io_time_weighted_seconds_total",
        "Time during which I/O was in progress, weighted by the requests in progress.",
        |row| row.disk_seconds(10),
    ),
    counter("container_fs_io_cost_usage_seconds_total", "Device time used, by iocost.", |row| {
        row.io.cost.usage.map(|time| time / 1e6)
    }),
    counter("container_fs_io_cost_wait_seconds_total", "Time spent waiting, by iocost.", |row| {
        row.io.cost.wait.map(|time| time / 1e6)
    }),
    counter("container_fs_io_cost_indebt_seconds_total", "Time spent in debt, by iocost.", |row| {
        row.io.cost.indebt.map(|time| time / 1e6)
    }),
    counter(
        "container_fs_io_cost_indelay_seconds_total",
        "Time for which tasks were delayed, by iocost.",
        |row| row.io.cost.indelay.map(|time| time / 1e6),
    ),
];

/// The kernel counts block I/O in sectors of 512 bytes, whatever the disk's own are.
const SECTOR_BYTES: f64 = 512.0;

/// Of a cgroup the kernel gives bytes only, all of them whole sectors.
fn sectors(io: &DeviceIo, operation: &str) -> Option<f64> {
    value(&io.bytes, operation).map(|bytes| (bytes / SECTOR_BYTES).floor())
}

fn seconds(nanoseconds: Option<f64>) -> Option<f64> {
    nanoseconds.map(|time| time / 1e9)
}

/// I/O on one device, from the cgroup's files or the disk's statistics.
#[derive(Debug)]
struct Row {
    device: String,
    number: Option<DeviceNumber>,
    io: DeviceIo,
    disk: Option<Counts>,
}

impl Row {
    fn disk(&self, column: usize) -> Option<f64> {
        self.disk?.get(column).map(|count| *count as f64)
    }

    /// From milliseconds.
    fn disk_seconds(&self, column: usize) -> Option<f64> {
        self.disk(column).map(|time| time / 1e3)
    }
}

#[derive(Debug)]
pub(super) struct DiskIo;

#[async_trait]
impl Collector<Inventory> for DiskIo {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let mut errors = FirstError::default();
        let disks = errors.take(inventory.host.parse_proc_rows("diskstats", parse));
        let disks = disks.unwrap_or_default();
        let mounts = errors.take(mounts::read(&inventory.host)).unwrap_or_default();
        let file_systems = mounts::of_host(&mounts, inventory.known.docker_root());
        let rows = errors.take(inventory.rows(|cgroup, reader| {
            let mut rows = label(block_io::read(reader), &disks);
            if cgroup.is_root() {
                add_disks(&mut rows, &file_systems, &disks);
            }
            rows
        }));
        let devices =
            flat(&rows).map(|(cgroup, row)| ((&cgroup.labels, [("device", &row.device)]), row));
        sink.table(METRICS, devices);
        push_operations(sink, &rows);
        errors.into_result()
    }
}

fn flat<'a>(
    rows: &'a [(&Cgroup, Vec<Row>)],
) -> impl Iterator<Item = (&'a Cgroup, &'a Row)> + Clone {
    rows.iter().flat_map(|(cgroup, rows)| rows.iter().map(move |row| (*cgroup, row)))
}

fn push_operations(sink: &mut Sink, rows: &[(&Cgroup, Vec<Row>)]) {
    let mut family = sink.family(&BY_OPERATION);
    for (cgroup, row) in flat(rows) {
        let Some((major, minor)) = row.number else { continue };
        let (major, minor) = (major.to_string(), minor.to_string());
        for (operation, bytes) in &row.io.bytes {
            let labels = [
                ("device", row.device.as_str()),
                ("major", &major),
                ("minor", &minor),
                ("operation", operation),
            ];
            family.sample(&(&cgroup.labels, labels), *bytes);
        }
    }
}

/// Names the devices; one that the host does not list keeps its number.
fn label(devices: ByDevice, disks: &Disks) -> Vec<Row> {
    let name = |(major, minor): DeviceNumber| match disks.get(&(major, minor)) {
        Some((name, _)) => format!("/dev/{name}"),
        None => format!("{major}:{minor}"),
    };
    let row = |(number, io)| Row { device: name(number), number: Some(number), io, disk: None };
    devices.into_iter().map(row).collect()
}

/// Adds the statistics of the disks below the host's file systems.
fn add_disks(rows: &mut Vec<Row>, file_systems: &[&Mount], disks: &Disks) {
    for mount in file_systems {
        let Some(disk) = disk_of(mount, disks) else { continue };
        match rows.iter_mut().find(|row| row.device == mount.source) {
            Some(row) => row.disk = Some(disk),
            None => rows.push(Row {
                device: mount.source.clone(),
                number: None,
                io: DeviceIo::default(),
                disk: Some(disk),
            }),
        }
    }
}

/// By number; file systems of several disks have one of their own, there the name decides.
fn disk_of(mount: &Mount, disks: &Disks) -> Option<Counts> {
    let number = mount.number.split_once(':');
    let number = number.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    let by_number = number.and_then(|number| disks.get(&number));
    let name = mount.source.strip_prefix("/dev/");
    by_number
        .or_else(|| disks.values().find(|(disk, _)| Some(disk.as_str()) == name))
        .map(|(_, counts)| *counts)
}

/// The columns behind the name, proc_diskstats(5): reads, merged, sectors, milliseconds;
/// the same of writes; in progress, milliseconds, weighted milliseconds.
type Counts = [u64; 11];

type Disks = BTreeMap<DeviceNumber, (String, Counts)>;

/// `254 0 vda 1021 3 61770 217 …`; kernels since 4.18 have further columns.
fn parse(text: &str) -> Partial<Disks, ParseError> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let disks: Partial<Vec<_>, _> = lines.map(parse_line).collect();
    disks.map(|disks| disks.into_iter().collect())
}

fn parse_line(line: &str) -> Result<(DeviceNumber, (String, Counts)), ParseError> {
    let mut fields = line.split_ascii_whitespace();
    let number = (parse_number("major", fields.next())?, parse_number("minor", fields.next())?);
    let name = fields.next().ok_or(ParseError::Missing { field: "device" })?.to_owned();
    let mut counts = [0; 11];
    for count in &mut counts {
        *count = parse_number("statistic", fields.next())?;
    }
    Ok((number, (name, counts)))
}

#[cfg(test)]
mod tests;
