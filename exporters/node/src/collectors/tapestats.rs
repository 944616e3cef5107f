//! I/O per tape drive: `/sys/class/scsi_tape/*/stats`, Documentation/scsi/st.rst of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError};
use common::exposition::{LabelSet, Sink};
use common::filter::Pattern;
use common::metric::Desc;

use super::device_table::{self, Attribute, Device, FirstFailure};
use crate::host::Host;

const DIRECTORY: &str = "class/scsi_tape";

const TABLE: &[Attribute] = &[
    Attribute::number(
        "in_flight",
        Desc::gauge("node_tape_io_now", "Requests that a tape drive has not yet answered."),
    ),
    Attribute {
        file: "io_ns",
        desc: Desc::counter(
            "node_tape_io_time_seconds_total",
            "Time that all requests waited, tape movements included, in seconds.",
        ),
        parse: seconds,
    },
    Attribute::number(
        "other_cnt",
        Desc::counter("node_tape_io_others_total", "Requests that neither read nor wrote."),
    ),
    Attribute::number(
        "read_byte_cnt",
        Desc::counter("node_tape_read_bytes_total", "Bytes read from tape."),
    ),
    Attribute::number(
        "read_cnt",
        Desc::counter("node_tape_reads_completed_total", "Read requests sent to a tape drive."),
    ),
    Attribute {
        file: "read_ns",
        desc: Desc::counter(
            "node_tape_read_time_seconds_total",
            "Time that read requests waited, in seconds.",
        ),
        parse: seconds,
    },
    Attribute::number(
        "resid_cnt",
        Desc::counter(
            "node_tape_residual_total",
            "Reads and writes that moved fewer bytes than asked for.",
        ),
    ),
    Attribute::number(
        "write_byte_cnt",
        Desc::counter("node_tape_written_bytes_total", "Bytes written to tape."),
    ),
    Attribute::number(
        "write_cnt",
        Desc::counter("node_tape_writes_completed_total", "Write requests sent to a tape drive."),
    ),
    Attribute {
        file: "write_ns",
        desc: Desc::counter(
            "node_tape_write_time_seconds_total",
            "Time that write requests waited, in seconds.",
        ),
        parse: seconds,
    },
];

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub struct Options {
    /// Tape drives to leave out
    #[arg(
        id = "collector.tapestats.ignored-devices",
        long = "collector.tapestats.ignored-devices",
        value_name = "REGEX",
        default_value = "^$"
    )]
    pub ignored: Pattern,
}

#[derive(Debug)]
pub(super) struct Tapestats {
    ignored: Pattern,
}

impl Tapestats {
    pub(super) fn new(options: &Options) -> Self {
        Self { ignored: options.ignored.clone() }
    }
}

#[async_trait]
impl Collector<Host> for Tapestats {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let Some(names) = host.list_sys(DIRECTORY)? else {
            return Err(CollectError::NoData("no tape drives".into()));
        };
        let wanted = names.iter().filter(|name| is_drive(name) && !self.ignored.matches(name));
        let drives: Vec<Device> = wanted
            .map(|name| Device {
                path: format!("{DIRECTORY}/{name}/stats"),
                labels: LabelSet::new([("device", &**name)]),
            })
            .collect();
        let mut failures = FirstFailure::default();
        device_table::push(TABLE, &drives, host, sink, &mut failures);
        failures.into_result()
    }
}

/// True for `st0`; other names (`nst0`, `st0a`) are the same drive in other modes.
fn is_drive(name: &str) -> bool {
    let number = name.strip_prefix("st").unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn seconds(text: &str) -> Result<Option<f64>, ParseError> {
    Ok(device_table::number(text)?.map(|nanoseconds| nanoseconds * 1e-9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_drive_is_taken_once() {
        assert!(is_drive("st0") && is_drive("st12"));
        for name in ["st", "nst0", "st0a", "st0l", "sta", "0"] {
            assert!(!is_drive(name), "{name}");
        }
    }

    #[test]
    fn times_are_seconds() {
        assert_eq!(seconds("9247011087720"), Ok(Some(9_247_011_087_720.0 * 1e-9)));
        for text in ["", "-1", "soon"] {
            assert!(seconds(text).is_err(), "{text:?}");
        }
    }
}
