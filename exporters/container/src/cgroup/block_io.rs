//! Block I/O of a cgroup by device: `io.stat` of cgroup v2, `blkio.*` of v1.

use std::collections::BTreeMap;

use common::error::{FirstError, ParseError, Partial, parse_number};

use super::hierarchies::{Controller, Version};
use super::reader::CgroupReader;

/// Sets of files of version 1, by scheduler: the first one with data counts.
/// The throttling layer comes last because the schedulers see merged requests.
const V1_SETS: [(&str, &str); 4] = [
    ("blkio.bfq.", "_recursive"),
    ("blkio.", "_recursive"),
    ("blkio.throttle.", "_recursive"),
    ("blkio.throttle.", ""),
];

/// Major and minor number of a block device.
pub(crate) type DeviceNumber = (u32, u32);

/// Counters by operation, such as `Read`, `Write`, `Sync`, `Total`, in the kernel's order.
pub(crate) type Operations = Vec<(String, f64)>;

/// I/O of one cgroup on one device; what a kernel does not count is absent.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct DeviceIo {
    pub(crate) bytes: Operations,
    pub(crate) requests: Operations,
    pub(crate) merged: Operations,
    pub(crate) service_nanoseconds: Operations,
    pub(crate) queued: Operations,
    pub(crate) cost: Cost,
}

/// What the iocost controller counts, in microseconds.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Cost {
    pub(crate) usage: Option<f64>,
    pub(crate) wait: Option<f64>,
    pub(crate) indebt: Option<f64>,
    pub(crate) indelay: Option<f64>,
}

pub(crate) type ByDevice = BTreeMap<DeviceNumber, DeviceIo>;

/// Value of one operation.
pub(crate) fn value(operations: &Operations, name: &str) -> Option<f64> {
    operations.iter().find(|(operation, _)| operation == name).map(|(_, value)| *value)
}

pub(crate) fn read(reader: &mut CgroupReader<'_>) -> ByDevice {
    match reader.version() {
        Version::V1 => read_v1(reader),
        Version::V2 => {
            reader.parse_rows(Controller::Blkio, "io.stat", parse_io_stat).unwrap_or_default()
        }
    }
}

fn read_v1(reader: &mut CgroupReader<'_>) -> ByDevice {
    let mut devices = ByDevice::new();
    for (prefix, suffix) in V1_SETS {
        let mut read = |name: &str| {
            let name = format!("{prefix}{name}{suffix}");
            reader.parse_rows(Controller::Blkio, &name, parse_operations)
        };
        let bytes = read("io_service_bytes").unwrap_or_default();
        if bytes.is_empty() {
            continue;
        }
        let fields: [(Lines, FieldOf); 5] = [
            (bytes, |io| &mut io.bytes),
            (read("io_serviced").unwrap_or_default(), |io| &mut io.requests),
            (read("io_merged").unwrap_or_default(), |io| &mut io.merged),
            (read("io_service_time").unwrap_or_default(), |io| &mut io.service_nanoseconds),
            (read("io_queued").unwrap_or_default(), |io| &mut io.queued),
        ];
        for (lines, field) in fields {
            for (number, operation, value) in lines {
                field(devices.entry(number).or_default()).push((operation, value));
            }
        }
        break;
    }
    devices
}

/// Where the values of a file go.
type FieldOf = fn(&mut DeviceIo) -> &mut Operations;

type Line = (DeviceNumber, String, f64);

type Lines = Vec<Line>;

/// Lines `8:0 Read 4096`; the sum over all devices, `Total 4096`, is left out.
fn parse_operations(text: &str) -> Partial<Lines, ParseError> {
    let lines: Partial<Vec<_>, _> = text.lines().map(parse_operation).collect();
    lines.map(|lines| lines.into_iter().flatten().collect())
}

/// `None` for what is of no device that has a number.
fn parse_operation(line: &str) -> Result<Option<Line>, ParseError> {
    let mut fields = line.split_ascii_whitespace();
    let (Some(first), Some(second)) = (fields.next(), fields.next()) else {
        return Err(ParseError::form("no device and value", line));
    };
    if first == "Total" {
        return Ok(None);
    }
    let Some(device) = parse_device(first)? else { return Ok(None) };
    let value: u64 = parse_number("value", fields.next())?;
    Ok(Some((device, second.to_owned(), value as f64)))
}

/// Whose statistics follow in a line.
enum Device {
    /// No device was named yet.
    Missing,
    /// That of a device that is left out.
    LeftOut,
    Of(DeviceNumber),
}

/// Lines `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0`.
///
/// Some kernels leave the line of a device without statistics unfinished, so
/// that the next device's follows on the same line.
fn parse_io_stat(text: &str) -> Partial<ByDevice, ParseError> {
    let mut devices = ByDevice::new();
    let mut errors = FirstError::default();
    for line in text.lines() {
        let mut device = Device::Missing;
        for field in line.split_ascii_whitespace() {
            let Some((key, number)) = field.split_once('=') else {
                device = errors.catch(parse_device(field)).map_or(Device::LeftOut, Device::Of);
                continue;
            };
            match device {
                Device::Missing => errors.keep(ParseError::Missing { field: "device" }),
                Device::LeftOut => {}
                Device::Of(number_of_device) => {
                    let io = devices.entry(number_of_device).or_default();
                    errors.note(set_field(io, key, number));
                }
            }
        }
    }
    errors.beside(devices)
}

fn set_field(io: &mut DeviceIo, key: &str, number: &str) -> Result<(), ParseError> {
    let cost = match key {
        "rbytes" | "wbytes" | "rios" | "wios" => None,
        "cost.usage" => Some(&mut io.cost.usage),
        "cost.wait" => Some(&mut io.cost.wait),
        "cost.indebt" => Some(&mut io.cost.indebt),
        "cost.indelay" => Some(&mut io.cost.indelay),
        // Discards, and percentages such as cost.vrate, which no family shows.
        _ => return Ok(()),
    };
    let value = parse_number::<u64>("statistic", Some(number))? as f64;
    if let Some(cost) = cost {
        *cost = Some(value);
        return Ok(());
    }
    let operation = if key.starts_with('r') { "Read" } else { "Write" };
    let operations = if key.ends_with("bytes") { &mut io.bytes } else { &mut io.requests };
    operations.push((operation.to_owned(), value));
    Ok(())
}

/// The word of the kernel for a device that has no disk of its own: ZFS, or a path of NVMe
/// multipath. There may be several, and nothing tells them apart.
const UNKNOWN: &str = "(unknown)";

/// `None` for a device without a number.
fn parse_device(text: &str) -> Result<Option<DeviceNumber>, ParseError> {
    if text == UNKNOWN {
        return Ok(None);
    }
    let (major, minor) = text.split_once(':').ok_or_else(|| ParseError::form("no device", text))?;
    Ok(Some((parse_number("major", Some(major))?, parse_number("minor", Some(minor))?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    #[test]
    fn version_1_lists_operations() {
        let text = "254:0 Read 4096\n254:0 Write 0\n254:0 Total 4096\nTotal 4096\n";
        let lines = parse_operations(text).good;
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0], ((254, 0), "Read".to_owned(), 4096.0));
        assert_eq!(parse_operations("Total 0\n"), Partial::whole(Vec::new()));
    }

    #[test]
    fn version_2_lists_devices() {
        let text = "259:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 cost.usage=7 cost.vrate=100.00\n";
        let devices = parse_io_stat(text).good;
        let io = &devices[&(259, 0)];
        assert_eq!((value(&io.bytes, "Read"), value(&io.bytes, "Write")), (Some(1.0), Some(2.0)));
        assert_eq!((value(&io.requests, "Read"), value(&io.requests, "Total")), (Some(3.0), None));
        assert_eq!((io.cost.usage, io.cost.wait), (Some(7.0), None));
    }

    #[test]
    fn unfinished_lines_of_older_kernels_cost_nothing() {
        let devices = parse_io_stat("7:1 7:0 8:0 rbytes=1 wbytes=0 rios=1 wios=0\n8:16 \n");
        assert_eq!(devices.good.keys().collect::<Vec<_>>(), [&(8, 0)]);
        assert_eq!(devices.error, None);
    }

    #[test]
    fn devices_without_a_number_are_left_out_without_an_error() {
        let text = "(unknown) rbytes=0 wbytes=0 rios=6 wios=0 dbytes=0 dios=0\n\
                    (unknown) rbytes=512 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n\
                    259:2 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n";
        let devices = parse_io_stat(text);
        assert_eq!(devices.error, None);
        assert_eq!(devices.good.keys().collect::<Vec<_>>(), [&(259, 2)]);
        let io = &devices.good[&(259, 2)];
        assert_eq!(
            (value(&io.bytes, "Read"), value(&io.bytes, "Write")),
            (Some(4096.0), Some(8192.0))
        );
        let one = parse_io_stat("(unknown) 8:0 rbytes=1\n8:16 (unknown) rbytes=2\n").good;
        assert_eq!(one.keys().collect::<Vec<_>>(), [&(8, 0)]);
        let lines = parse_operations("(unknown) Read 1\n8:0 Read 2\nTotal 3\n");
        assert_eq!(lines, Partial::whole(vec![((8, 0), "Read".to_owned(), 2.0)]));
    }

    #[test]
    fn a_malformed_word_costs_its_own_samples() {
        let devices = parse_io_stat("sda rbytes=9\n8:0 rbytes=x wbytes=2 new\n8:16 rbytes=3\n");
        let bytes = |number, operation| value(&devices.good[&number].bytes, operation);
        assert_eq!((bytes((8, 0), "Read"), bytes((8, 0), "Write")), (None, Some(2.0)));
        assert_eq!(bytes((8, 16), "Read"), Some(3.0));
        assert_eq!(devices.error, Some(ParseError::form("no device", "sda")));
        let lines = parse_operations("8:0 Read x\nodd\n8:0 Write 2\n");
        assert_eq!(lines.good, [((8, 0), "Write".to_owned(), 2.0)]);
        assert_eq!(lines.error, Some(ParseError::number("value", "x")));
    }

    #[test]
    fn truncated_and_malformed_content_is_an_error() {
        for text in ["8:0 Read", "8 Read 1", "8:0 Read x", "x\n", "\n"] {
            assert!(parse_operations(text).error.is_some(), "{text:?}");
        }
        for text in ["rbytes=1", "8:0 rbytes=x", "8:0 rbytes=", "8:0 rby"] {
            assert!(parse_io_stat(text).error.is_some(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([0-9]*:[0-9]* [a-z.]*=?[0-9]* ?[0-9]*\n)*.*") {
            let _ = (parse_operations(&text), parse_io_stat(&text));
        }
    }
}
