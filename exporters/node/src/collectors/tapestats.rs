//! I/O per tape drive: `/sys/class/scsi_tape/*/stats`, Documentation/scsi/st.rst of the kernel.

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::filter::Pattern;
use common::keyed::Keyed;

use crate::host::Host;
use crate::readers::attributes::{Table, devices, number_after};

const DIRECTORY: &str = "class/scsi_tape";

/// Multiplied, not divided, to get the reference exporter's last digit.
const NANOSECOND: f64 = 1e-9;

const ATTRIBUTES: &[Keyed] = &[
    Keyed::gauge(
        "in_flight",
        "node_tape_io_now",
        "Requests that a tape drive has not yet answered.",
    ),
    Keyed::counter(
        "io_ns",
        "node_tape_io_time_seconds_total",
        "Time that all requests waited, tape movements included, in seconds.",
    )
    .times(NANOSECOND),
    Keyed::counter(
        "other_cnt",
        "node_tape_io_others_total",
        "Requests that neither read nor wrote.",
    ),
    Keyed::counter("read_byte_cnt", "node_tape_read_bytes_total", "Bytes read from tape."),
    Keyed::counter(
        "read_cnt",
        "node_tape_reads_completed_total",
        "Read requests sent to a tape drive.",
    ),
    Keyed::counter(
        "read_ns",
        "node_tape_read_time_seconds_total",
        "Time that read requests waited, in seconds.",
    )
    .times(NANOSECOND),
    Keyed::counter(
        "resid_cnt",
        "node_tape_residual_total",
        "Reads and writes that moved fewer bytes than requested.",
    ),
    Keyed::counter("write_byte_cnt", "node_tape_written_bytes_total", "Bytes written to tape."),
    Keyed::counter(
        "write_cnt",
        "node_tape_writes_completed_total",
        "Write requests sent to a tape drive.",
    ),
    Keyed::counter(
        "write_ns",
        "node_tape_write_time_seconds_total",
        "Time that write requests waited, in seconds.",
    )
    .times(NANOSECOND),
];

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
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

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Tapestats::new(&Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Host> for Tapestats {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let (mut table, mut errors) = (Table::new(ATTRIBUTES, ["device"]), FirstError::default());
        for name in devices(host, DIRECTORY)? {
            // Other names (`nst0`, `st0a`) are the same drive in other modes.
            if number_after(&name, "st").is_some() && !self.ignored.matches(&name) {
                table.read(host, &format!("{DIRECTORY}/{name}/stats/"), [&name], &mut errors);
            }
        }
        table.push(sink);
        errors.into_result()
    }
}
