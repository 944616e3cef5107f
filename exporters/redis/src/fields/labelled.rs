//! Fields of `INFO` of which there are several, told apart by a number in their names.

use common::error::{FirstError, ParseError};
use common::exposition::Sink;
use common::metric::{Desc, Label, Metric, gauge};

use crate::replies::info::{Line, index, malformed_line, number};

const IO_THREAD_PREFIX: &str = "used_active_time_io_thread_";
const IO_THREAD_TIME: Desc<'_> = Desc::counter(
    "redis_active_time_io_thread_seconds_total",
    "Seconds that an I/O thread was busy, by number of the thread.",
);

/// Fields with the serial numbers of certificates and whose certificates these are.
const SERIALS: [(&str, &str); 3] = [
    ("tls_ca_cert_serial", "ca"),
    ("tls_client_cert_serial", "client"),
    ("tls_server_cert_serial", "server"),
];
const CERTIFICATE: Desc<'_> = Desc::gauge(
    "redis_tls_certificate_info",
    "A certificate that the server uses and its serial number, none if there is none; always 1.",
);

const ENGINE_PREFIX: &str = "engine_";
const ENGINES: &[Metric<Memory>] = &[
    gauge("redis_scripting_engine_info", "An engine that runs scripts; always 1.", |_| Some(1.0)),
    gauge(
        "redis_scripting_engine_memory_used_bytes",
        "Bytes that the scripts of an engine use.",
        |memory| memory.used,
    ),
    gauge(
        "redis_scripting_engine_memory_overhead_bytes",
        "Bytes that an engine for scripts takes itself.",
        |memory| memory.overhead,
    ),
];

/// Samples of fields that share families, until all fields were seen.
#[derive(Debug, Default)]
pub(super) struct Labelled<'a> {
    threads: Vec<(&'a str, f64)>,
    /// Whose certificate, and its serial number.
    certificates: Vec<(&'static str, &'a str)>,
    engines: Vec<([Label<'a>; 3], Memory)>,
}

#[derive(Debug)]
struct Memory {
    used: Option<f64>,
    overhead: Option<f64>,
}

impl<'a> Labelled<'a> {
    /// Keeps a field if it is one of several; false if it is not.
    pub(super) fn take(
        &mut self,
        field: &'a str,
        text: &'a str,
        errors: &mut FirstError<ParseError>,
    ) -> bool {
        if let Some(thread) = field.strip_prefix(IO_THREAD_PREFIX) {
            let seconds = number(text).ok_or_else(|| malformed_line(field, text));
            self.threads.extend(errors.note(seconds).map(|seconds| (thread, seconds)));
        } else if let Some((_, whose)) = SERIALS.iter().find(|(name, _)| *name == field) {
            self.certificates.push((whose, text));
        } else if index(field, ENGINE_PREFIX).is_some() {
            let engine = engine(Line::new(field, text), errors);
            self.engines.extend(errors.note(engine));
        } else {
            return false;
        }
        true
    }

    pub(super) fn push(&self, sink: &mut Sink) {
        let threads =
            self.threads.iter().map(|(thread, seconds)| ([("thread", *thread)], *seconds));
        sink.samples(&IO_THREAD_TIME, threads);
        let certificates = self.certificates.iter();
        let labels = |whose, serial| [("certificate", whose), ("serial", serial)];
        sink.samples(
            &CERTIFICATE,
            certificates.map(|(whose, serial)| (labels(*whose, *serial), 1.0)),
        );
        sink.table(ENGINES, self.engines.iter().map(|(labels, memory)| (*labels, memory)));
    }
}

/// Labels and memory of the engine that a line describes.
fn engine<'a>(
    line: Line<'a>,
    errors: &mut FirstError<ParseError>,
) -> Result<([Label<'a>; 3], Memory), ParseError> {
    let name = line.text("name").ok_or_else(|| line.malformed())?;
    let memory = Memory {
        used: errors.catch(line.number("used_memory")),
        overhead: errors.catch(line.number("memory_overhead")),
    };
    let text = |part| line.text(part).unwrap_or_default();
    let labels =
        [("engine", name), ("module", text("module")), ("abi_version", text("abi_version"))];
    Ok((labels, memory))
}
