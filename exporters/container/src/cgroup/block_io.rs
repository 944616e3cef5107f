//! Block I/O of a cgroup by device: `io.stat` of cgroup v2, `blkio.*` of v1.

use std::collections::BTreeMap;

use common::error::{ParseError, parse_number};

use super::{CgroupReader, Controller, Version};

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

/// I/O of one cgroup on one device; what a kernel does not tell is absent.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct DeviceIo {
    pub(crate) bytes: Operations,
    pub(crate) requests: Operations,
    pub(crate) merged: Operations,
    pub(crate) service_nanoseconds: Operations,
    pub(crate) queued: Operations,
    pub(crate) cost: Cost,
}

/// What the iocost controller tells, in microseconds.
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
            reader.parse(Controller::Blkio, "io.stat", parse_io_stat).unwrap_or_default()
        }
    }
}

fn read_v1(reader: &mut CgroupReader<'_>) -> ByDevice {
    let mut devices = ByDevice::new();
    for (prefix, suffix) in V1_SETS {
        let mut read = |name: &str| {
            let name = format!("{prefix}{name}{suffix}");
            reader.parse(Controller::Blkio, &name, parse_operations)
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

type Lines = Vec<(DeviceNumber, String, f64)>;

/// Lines `8:0 Read 4096`; the sum over all devices, `Total 4096`, is left out.
fn parse_operations(text: &str) -> Result<Lines, ParseError> {
    let mut lines = Lines::new();
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace();
        let (Some(first), Some(second)) = (fields.next(), fields.next()) else {
            return Err(ParseError::Form(format!("no device and value: {line:?}")));
        };
        if first == "Total" {
            continue;
        }
        let value: u64 = parse_number("value", fields.next())?;
        lines.push((parse_device(first)?, second.to_owned(), value as f64));
    }
    Ok(lines)
}

/// Lines `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0`.
///
/// Some kernels leave the line of a device without statistics unfinished, so
/// that the next device's follows on the same line.
fn parse_io_stat(text: &str) -> Result<ByDevice, ParseError> {
    let mut devices = ByDevice::new();
    for line in text.lines() {
        let mut device = None;
        for field in line.split_ascii_whitespace() {
            let Some((key, number)) = field.split_once('=') else {
                device = Some(parse_device(field)?);
                continue;
            };
            let device = device.ok_or(ParseError::Missing { field: "device" })?;
            set_field(devices.entry(device).or_default(), key, number)?;
        }
    }
    Ok(devices)
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

fn parse_device(text: &str) -> Result<DeviceNumber, ParseError> {
    let (major, minor) =
        text.split_once(':').ok_or_else(|| ParseError::Form(format!("no device: {text:?}")))?;
    Ok((parse_number("major", Some(major))?, parse_number("minor", Some(minor))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    #[test]
    fn version_1_lists_operations() {
        let text = "254:0 Read 4096\n254:0 Write 0\n254:0 Total 4096\nTotal 4096\n";
        let lines = parse_operations(text).unwrap();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0], ((254, 0), "Read".to_owned(), 4096.0));
        assert_eq!(parse_operations("Total 0\n"), Ok(Vec::new()));
    }

    #[test]
    fn version_2_lists_devices() {
        let text = "259:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 cost.usage=7 cost.vrate=100.00\n";
        let devices = parse_io_stat(text).unwrap();
        let io = &devices[&(259, 0)];
        assert_eq!((value(&io.bytes, "Read"), value(&io.bytes, "Write")), (Some(1.0), Some(2.0)));
        assert_eq!((value(&io.requests, "Read"), value(&io.requests, "Total")), (Some(3.0), None));
        assert_eq!((io.cost.usage, io.cost.wait), (Some(7.0), None));
    }

    #[test]
    fn unfinished_lines_of_older_kernels_cost_nothing() {
        let devices =
            parse_io_stat("7:1 7:0 8:0 rbytes=1 wbytes=0 rios=1 wios=0\n8:16 \n").unwrap();
        assert_eq!(devices.keys().collect::<Vec<_>>(), [&(8, 0)]);
    }

    #[test]
    fn truncated_and_malformed_content_is_an_error() {
        for text in ["8:0 Read", "8 Read 1", "8:0 Read x", "x\n", "\n"] {
            assert!(parse_operations(text).is_err(), "{text:?}");
        }
        for text in ["rbytes=1", "8:0 rbytes=x", "8:0 rbytes=", "8:0 rby"] {
            assert!(parse_io_stat(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([0-9]*:[0-9]* [a-z.]*=?[0-9]* ?[0-9]*\n)*.*") {
            let _ = (parse_operations(&text), parse_io_stat(&text));
        }
    }
}
