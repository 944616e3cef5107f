//! I/O per disk: `/proc/diskstats`, Documentation/admin-guide/iostats.rst of the kernel,
//! with what udev knows of the disk.
//!
//! Parsed here because one short line makes the procfs crate fail for all disks.

mod udev;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::filter::{Filter, Pattern};
use common::kernel::{lines, words};
use common::metric::{Desc, Metric, counter, gauge};

use crate::host::Host;
use crate::readers::SECTOR_BYTES;
use udev::Udev;

/// Partitions, loop, RAM and floppy disks.
const DEFAULT_EXCLUDE: &str = r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$";

const METRICS: &[Metric<Counts>] = &[
    counter("node_disk_reads_completed_total", "Reads completed.", |c| c.get(0)),
    counter("node_disk_reads_merged_total", "Reads merged into others.", |c| c.get(1)),
    counter("node_disk_read_bytes_total", "Bytes read.", |c| c.bytes(2)),
    counter("node_disk_read_time_seconds_total", "Time spent by all reads, in seconds.", |c| {
        c.seconds(3)
    }),
    counter("node_disk_writes_completed_total", "Writes completed.", |c| c.get(4)),
    counter("node_disk_writes_merged_total", "Writes merged into others.", |c| c.get(5)),
    counter("node_disk_written_bytes_total", "Bytes written.", |c| c.bytes(6)),
    counter("node_disk_write_time_seconds_total", "Time spent by all writes, in seconds.", |c| {
        c.seconds(7)
    }),
    gauge("node_disk_io_now", "Requests in progress.", |c| c.get(8)),
    counter(
        "node_disk_io_time_seconds_total",
        "Time with requests in progress, in seconds.",
        |c| c.seconds(9),
    ),
    counter(
        "node_disk_io_time_weighted_seconds_total",
        "Time with requests in progress times their number, in seconds.",
        |c| c.seconds(10),
    ),
    counter("node_disk_discards_completed_total", "Discards completed.", |c| c.get(11)),
    counter("node_disk_discards_merged_total", "Discards merged into others.", |c| c.get(12)),
    counter("node_disk_discarded_sectors_total", "Sectors of 512 bytes discarded.", |c| c.get(13)),
    counter(
        "node_disk_discard_time_seconds_total",
        "Time spent by all discards, in seconds.",
        |c| c.seconds(14),
    ),
    counter("node_disk_flush_requests_total", "Flushes completed.", |c| c.get(15)),
    counter(
        "node_disk_flush_requests_time_seconds_total",
        "Time spent by all flushes, in seconds.",
        |c| c.seconds(16),
    ),
];

const INFO: Desc<'_> = Desc::gauge("node_disk_info", "Information about each disk; always 1.");

/// Columns behind the device's name: 11, with discards 15, with flushes 17. A malformed one is `None`.
#[derive(Debug, Default, PartialEq)]
struct Counts(Vec<Option<u64>>);

impl Counts {
    fn get(&self, column: usize) -> Option<f64> {
        self.0.get(column).copied().flatten().map(|count| count as f64)
    }

    fn bytes(&self, column: usize) -> Option<f64> {
        self.get(column).map(|sectors| sectors * SECTOR_BYTES)
    }

    /// Multiplied, not divided, to get the reference exporter's last digit.
    fn seconds(&self, column: usize) -> Option<f64> {
        self.get(column).map(|milliseconds| milliseconds * 0.001)
    }
}

#[derive(Debug, PartialEq)]
struct Disk<'a> {
    major: &'a str,
    minor: &'a str,
    name: &'a str,
    counts: Counts,
}

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Disks to leave out (default: partitions, loop and RAM disks)
    #[arg(
        id = "collector.diskstats.device-exclude",
        long = "collector.diskstats.device-exclude",
        alias = "collector.diskstats.ignored-devices",
        value_name = "REGEX"
    )]
    pub exclude: Option<Pattern>,
    /// Disks to expose, instead of leaving some out
    #[arg(
        id = "collector.diskstats.device-include",
        long = "collector.diskstats.device-include",
        value_name = "REGEX"
    )]
    pub include: Option<Pattern>,
}

#[derive(Debug)]
pub(super) struct Diskstats {
    devices: Filter,
}

impl Diskstats {
    fn new(options: &Options) -> anyhow::Result<Self> {
        let (include, exclude) = (options.include.as_ref(), options.exclude.as_ref());
        let devices =
            Filter::exclusive("collector.diskstats.device", include, exclude, DEFAULT_EXCLUDE)?;
        Ok(Self { devices })
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Diskstats::new(&Options::from_arg_matches(matches)?)?))
}

#[async_trait]
impl Collector<Host> for Diskstats {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host.proc("diskstats")?;
        let mut errors = FirstError::default();
        let disks = text.parse_rows(|text| parse(text, |name| self.devices.accepts(name)));
        let disks = errors.take(disks);
        sink.table(METRICS, disks.iter().map(|disk| ([("device", disk.name)], &disk.counts)));
        let udev: Vec<Udev> = disks
            .iter()
            .map(|disk| {
                let text = host.read_udev(&format!("b{}:{}", disk.major, disk.minor));
                Udev::new(text.unwrap_or_default())
            })
            .collect();
        push_info(host, &disks, &udev, sink, &mut errors);
        udev::push(&disks, &udev, sink);
        errors.into_result()
    }
}

fn push_info(
    host: &Host,
    disks: &[Disk<'_>],
    udev: &[Udev],
    sink: &mut Sink,
    errors: &mut FirstError,
) {
    let mut family = sink.family(&INFO);
    for (disk, udev) in disks.iter().zip(udev) {
        // A slash in a device's name is an exclamation mark in sysfs.
        let path = format!("block/{}/queue/rotational", disk.name.replace('/', "!"));
        let is_rotational = errors.catch(host.attribute(&path)).is_some_and(|text| text == "1");
        family.sample(
            &[
                ("device", disk.name),
                ("major", disk.major),
                ("minor", disk.minor),
                ("model", udev.get("ID_MODEL")),
                ("path", udev.get("ID_PATH")),
                ("revision", udev.get("ID_REVISION")),
                ("rotational", if is_rotational { "1" } else { "0" }),
                ("serial", udev.serial()),
                ("wwn", udev.get("ID_WWN")),
            ],
            1.0,
        );
    }
}

/// Counts of a disk, of which old kernels have fewer.
const COUNTS: usize = 17;

/// The wanted disks in order; a line with fewer than 14 columns (partitions before Linux 2.6.25) is
/// left out.
fn parse(text: &str, is_wanted: impl Fn(&str) -> bool) -> Partial<Vec<Disk<'_>>, ParseError> {
    let mut errors = FirstError::default();
    let disks = lines(text).filter_map(|line| {
        let mut columns = words(line);
        let (major, minor, name) = (columns.next()?, columns.next()?, columns.next()?);
        // Of loop devices and partitions there are many, each with 17 counts.
        if !is_wanted(name) {
            return None;
        }
        let counts = parse_counts(columns, &mut errors)?;
        Some(Disk { major, minor, name, counts })
    });
    let disks = disks.collect();
    errors.beside(disks)
}

fn parse_counts<'a>(
    columns: impl Iterator<Item = &'a str>,
    errors: &mut FirstError<ParseError>,
) -> Option<Counts> {
    let mut counts: Vec<Option<u64>> = Vec::with_capacity(COUNTS);
    counts.extend(columns.map(|column| errors.note(parse_number("count", Some(column)))));
    let is_whole = counts.len() >= 11;
    is_whole.then_some(Counts(counts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_grow_with_the_kernel() {
        let text = "   8  0 sda 25354637 34367663 1003346126 18492372 28444756 11134226 505697032 \
                    63877960 0 9653880 82621804\n\
                    259  0 nvme0n1 1 2 4 3000 5 6 8 7 8 9 10 11 12 13 14 15 16\n   8 1 sda1 1 2 3 4\n";
        let disks = parse(text, |_| true);
        assert_eq!(disks.error, None);
        let [sda, nvme] = &disks.good[..] else { panic!() };
        assert_eq!((sda.major, sda.minor, sda.name), ("8", "0", "sda"));
        assert_eq!(sda.counts.bytes(2), Some(1_003_346_126.0 * 512.0));
        assert_eq!(sda.counts.get(11), None);
        assert_eq!(nvme.counts.seconds(3), Some(3.0));
        assert_eq!(nvme.counts.seconds(16), Some(0.016));
    }

    #[test]
    fn a_malformed_count_costs_only_itself_and_short_lines_are_none() {
        let disks = parse("8 0 sda 1 x 3\n8 16 sdb 1 x 3 4 5 6 7 8 9 10 11\n8 0\n\n", |_| true);
        let [sdb] = &disks.good[..] else { panic!() };
        assert_eq!((sdb.name, sdb.counts.get(1), sdb.counts.get(10)), ("sdb", None, Some(11.0)));
        assert!(disks.error.is_some());
        assert_eq!(parse("", |_| true).error, None);
    }

    #[test]
    fn the_default_leaves_partitions_out() {
        let none = Options { exclude: None, include: None };
        let devices = Diskstats::new(&none).unwrap().devices;
        for (name, expected) in [
            ("sda", true),
            ("sda1", false),
            ("nvme0n1", true),
            ("nvme0n1p2", false),
            ("loop3", false),
        ] {
            assert_eq!(devices.accepts(name), expected, "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(8 0 sda( [0-9]{0,22}){0,20}\n|\\PC{0,40}\n){0,6}") {
            let _ = parse(&text, |_| true);
        }
    }
}
