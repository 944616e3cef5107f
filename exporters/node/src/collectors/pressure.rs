//! Pressure stall information: `/proc/pressure/*`, Documentation/accounting/psi.rst of the kernel.
//!
//! Parsed here because the procfs crate demands both lines of every file and
//! does not know `irq`.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, parse_number};
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;

/// File, and its lines with their families. The CPU has no `full` for the whole host, interrupts no `some`.
const STALLS: &[(&str, &[(&str, Desc<'_>)])] = &[
    (
        "cpu",
        &[(
            "some",
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
                "some",
                Desc::counter(
                    "node_pressure_io_waiting_seconds_total",
                    "Time in which some tasks waited for I/O, in seconds.",
                ),
            ),
            (
                "full",
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
                "some",
                Desc::counter(
                    "node_pressure_memory_waiting_seconds_total",
                    "Time in which some tasks waited for memory, in seconds.",
                ),
            ),
            (
                "full",
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
            "full",
            Desc::counter(
                "node_pressure_irq_stalled_seconds_total",
                "Time in which no task could make progress because of interrupts, in seconds.",
            ),
        )],
    ),
];

#[derive(Debug, Default)]
pub(super) struct Pressure;

#[async_trait]
impl Collector<Host> for Pressure {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let (mut present, mut errors) = (false, FirstError::default());
        for (resource, shares) in STALLS {
            let path = format!("pressure/{resource}");
            let Some(text) = errors.catch(read(host, &path)) else { continue };
            present = true;
            for (share, desc) in *shares {
                let seconds = parse(&text, share);
                let seconds = seconds.map_err(|error| host.malformed_proc(&path, error));
                if let Some(seconds) = errors.note(seconds) {
                    sink.value(desc, seconds);
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
fn read(host: &Host, path: &str) -> Result<Option<String>, CollectError> {
    let not_supported = rustix::io::Errno::OPNOTSUPP.raw_os_error();
    match host.read_proc_if_present(path) {
        Err(CollectError::Read { source, .. }) if source.raw_os_error() == Some(not_supported) => {
            Ok(None)
        }
        result => result,
    }
}

/// Seconds of the line that starts with `share`, whose `total` counts microseconds.
fn parse(text: &str, share: &str) -> Result<f64, ParseError> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(share))
        .ok_or_else(|| ParseError::Form(format!("no line {share:?}")))?;
    let total = line.split(' ').find_map(|field| field.strip_prefix("total="));
    let microseconds: u64 = parse_number("total", total)?;
    Ok(microseconds as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IO: &str = "some avg10=0.10 avg60=2.00 avg300=3.85 total=15000000\n\
                      full avg10=0.20 avg60=3.00 avg300=4.95 total=25500000\n";

    #[test]
    fn totals_are_seconds() {
        assert_eq!(parse(IO, "some"), Ok(15.0));
        assert_eq!(parse(IO, "full"), Ok(25.5));
    }

    #[test]
    fn truncated_and_malformed_content_is_an_error() {
        for text in ["", "some", "some avg10=0.10 total=x", "full total=1", "some total="] {
            assert!(parse(text, "some").is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "((some|full) |total=|[0-9 \n]|\\PC){0,60}") {
            let _ = (parse(&text, "some"), parse(&text, "full"));
        }
    }
}
