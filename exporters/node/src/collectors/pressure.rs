//! Pressure stall information: `/proc/pressure/*`, Documentation/accounting/psi.rst of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::kernel::{KernelFile, pressure};
use common::metric::Desc;

use crate::host::Host;

/// File, and its lines with their families. The CPU has no `full` for the whole host, interrupts no `some`.
const STALLS: &[(&str, &[(Share, Desc<'_>)])] = &[
    (
        "cpu",
        &[(
            Share::Some,
            Desc::counter(
                "node_pressure_cpu_waiting_seconds_total",
                "Time in which some tasks waited for a CPU, in seconds.",
            ),
        )],
    ),
    (
        "io",
        &[
            (
                Share::Some,
                Desc::counter(
                    "node_pressure_io_waiting_seconds_total",
                    "Time in which some tasks waited for I/O, in seconds.",
                ),
            ),
            (
                Share::Full,
                Desc::counter(
                    "node_pressure_io_stalled_seconds_total",
                    "Time in which no task could make progress because all waited for I/O, in seconds.",
                ),
            ),
        ],
    ),
    (
        "memory",
        &[
            (
                Share::Some,
                Desc::counter(
                    "node_pressure_memory_waiting_seconds_total",
                    "Time in which some tasks waited for memory, in seconds.",
                ),
            ),
            (
                Share::Full,
                Desc::counter(
                    "node_pressure_memory_stalled_seconds_total",
                    "Time in which no task could make progress because all waited for memory, in seconds.",
                ),
            ),
        ],
    ),
    (
        "irq",
        &[(
            Share::Full,
            Desc::counter(
                "node_pressure_irq_stalled_seconds_total",
                "Time in which no task could make progress because of interrupts, in seconds.",
            ),
        )],
    ),
];

/// Which tasks waited: some, or all of them.
#[derive(Clone, Copy, Debug)]
enum Share {
    Some,
    Full,
}

impl Share {
    fn of(self, pressure: &pressure::Pressure) -> Option<f64> {
        match self {
            Self::Some => pressure.some_seconds,
            Self::Full => pressure.full_seconds,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Some => "some",
            Self::Full => "full",
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Pressure;

#[async_trait]
impl Collector<Host> for Pressure {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let (mut present, mut errors) = (false, FirstError::default());
        for (resource, shares) in STALLS {
            let Some(text) = errors.catch(read(host, format!("pressure/{resource}"))) else {
                continue;
            };
            present = true;
            let pressure = errors.take(text.parse_rows(pressure::parse));
            for (share, desc) in *shares {
                match share.of(&pressure) {
                    Some(seconds) => sink.value(desc, seconds),
                    None => errors.keep(text.blame(ParseError::Missing { field: share.name() })),
                }
            }
        }
        errors.into_result()?;
        if present {
            Ok(())
        } else {
            Err(CollectError::NoData("no pressure stall information in the kernel".into()))
        }
    }
}

/// Booted with `psi=0`, the kernel has the files but refuses to read them.
fn read(host: &Host, path: String) -> Result<Option<KernelFile<'_>>, CollectError> {
    let not_supported = rustix::io::Errno::OPNOTSUPP.raw_os_error();
    match host.proc_if_present(path) {
        Err(CollectError::Read { source, .. }) if source.raw_os_error() == Some(not_supported) => {
            Ok(None)
        }
        result => result,
    }
}
