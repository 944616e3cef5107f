//! File systems, disks, interfaces and sensors, a row each.

use common::view::units::{bytes, known, number, percent};
use common::view::{Column, Reading, Sample, Table};

use super::MOST;

const FILE_SYSTEMS: &[Column] = &[
    Column::text("FILE SYSTEM"),
    Column::text("TYPE"),
    Column::number("SIZE"),
    Column::number("USED"),
    Column::number("AVAILABLE"),
    Column::number("USED %"),
    Column::number("INODES %"),
];

/// The fullest first. Bind mounts and the like repeat a device: it is shown where it is first.
pub(super) fn file_systems(reading: &Reading<'_>) -> Table {
    let mut rows: Vec<(f64, [String; 7])> = Vec::new();
    let mut seen: Vec<[&str; 2]> = Vec::new();
    for size in reading.samples("node_filesystem_size_bytes", &[]) {
        let identity = [size.label("device"), size.label("fstype")];
        let is_device = identity[0].starts_with('/');
        if size.value <= 0.0 || (is_device && seen.contains(&identity)) {
            continue;
        }
        seen.push(identity);
        let labels = ["device", "fstype", "mountpoint"].map(|label| (label, size.label(label)));
        let value = |family| reading.value(family, &labels);
        let free = value("node_filesystem_free_bytes");
        let used = free.map(|free| (size.value - free).max(0.0));
        let available = value("node_filesystem_avail_bytes");
        // As df(1) counts: of what those who are not root may use.
        let share = used.zip(available).map(|(used, available)| used / (used + available));
        let inodes = value("node_filesystem_files").filter(|files| *files > 0.0);
        let inodes = inodes.zip(value("node_filesystem_files_free"));
        let is_readonly = value("node_filesystem_readonly") == Some(1.0);
        rows.push((
            share.unwrap_or(0.0),
            [
                size.label("mountpoint").to_owned(),
                format!("{}{}", size.label("fstype"), if is_readonly { " ro" } else { "" }),
                bytes(size.value),
                known(used, bytes),
                known(available, bytes),
                known(share, percent),
                known(inodes.map(|(files, free)| (files - free) / files), percent),
            ],
        ));
    }
    table(FILE_SYSTEMS, rows, "file systems")
}

const DISKS: &[Column] = &[
    Column::text("DISK"),
    Column::number("READ/s"),
    Column::number("WRITTEN/s"),
    Column::number("READS/s"),
    Column::number("WRITES/s"),
    Column::number("BUSY %"),
];

/// The busiest first.
pub(super) fn disks(reading: &Reading<'_>) -> Table {
    let rows = reading.samples("node_disk_reads_completed_total", &[]).map(|reads| {
        let device = [("device", reads.label("device"))];
        let rate = |family| reading.sum_rate(family, &device);
        let busy = rate("node_disk_io_time_seconds_total");
        let cells = [
            reads.label("device").to_owned(),
            known(rate("node_disk_read_bytes_total"), bytes),
            known(rate("node_disk_written_bytes_total"), bytes),
            known(reading.rate(reads), number),
            known(rate("node_disk_writes_completed_total"), number),
            known(busy, percent),
        ];
        (busy.unwrap_or(0.0), cells)
    });
    table(DISKS, rows.collect(), "disks")
}

const NETWORKS: &[Column] = &[
    Column::text("INTERFACE"),
    Column::text("STATE"),
    Column::number("RECEIVED/s"),
    Column::number("SENT/s"),
    Column::number("ERRORS/s"),
    Column::number("DROPPED/s"),
];

/// Those with most traffic first.
pub(super) fn networks(reading: &Reading<'_>) -> Table {
    let rows = reading.samples("node_network_receive_bytes_total", &[]).map(|received| {
        let device = [("device", received.label("device"))];
        let rate = |family| reading.sum_rate(family, &device);
        let both = |one, other| Some(rate(one)? + rate(other)?);
        let receiving = reading.rate(received);
        let sending = rate("node_network_transmit_bytes_total");
        let state = reading.samples("node_network_info", &device).next();
        let state = state.map_or("", |info| info.label("operstate"));
        let cells = [
            received.label("device").to_owned(),
            state.to_owned(),
            known(receiving, bytes),
            known(sending, bytes),
            known(
                both("node_network_receive_errs_total", "node_network_transmit_errs_total"),
                number,
            ),
            known(
                both("node_network_receive_drop_total", "node_network_transmit_drop_total"),
                number,
            ),
        ];
        (receiving.unwrap_or(0.0) + sending.unwrap_or(0.0), cells)
    });
    table(NETWORKS, rows.collect(), "interfaces")
}

const TEMPERATURES: &[Column] =
    &[Column::text("SENSOR"), Column::number("CELSIUS"), Column::number("CRITICAL")];

/// The hottest first; zones of the firmware only where there is no chip.
pub(super) fn temperatures(reading: &Reading<'_>) -> Table {
    let mut rows: Vec<(f64, [String; 3])> = Vec::new();
    for sample in reading.samples("node_hwmon_temp_celsius", &[]) {
        let labels = ["chip", "sensor"].map(|label| (label, sample.label(label)));
        let critical = reading.value("node_hwmon_temp_crit_celsius", &labels);
        let cells = [sensor(reading, sample), number(sample.value), known(critical, number)];
        rows.push((sample.value, cells));
    }
    if rows.is_empty() {
        for sample in reading.samples("node_thermal_zone_temp", &[]) {
            let name = format!("{} {}", sample.label("type"), sample.label("zone"));
            rows.push((sample.value, [name, number(sample.value), known(None, number)]));
        }
    }
    table(TEMPERATURES, rows, "sensors")
}

/// The names that the driver gives, else those of the kernel.
fn sensor(reading: &Reading<'_>, sample: &Sample) -> String {
    let (chip, sensor) = (sample.label("chip"), sample.label("sensor"));
    let name = reading.samples("node_hwmon_chip_names", &[("chip", chip)]).next();
    let labels = [("chip", chip), ("sensor", sensor)];
    let label = reading.samples("node_hwmon_sensor_label", &labels).next();
    let label = label.map_or(sensor, |label| label.label("label"));
    format!("{} {label}", name.map_or(chip, |name| name.label("chip_name")))
}

/// The rows with the largest numbers first, and no more than fit.
fn table<const N: usize>(
    columns: &'static [Column],
    mut rows: Vec<(f64, [String; N])>,
    what: &str,
) -> Table {
    rows.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.cmp(y)));
    let mut table = Table::new(columns);
    for (_, cells) in rows {
        table.row(cells);
    }
    table.keep(MOST, what);
    table
}
