//! Block caches: `/sys/fs/bcache`, Documentation/admin-guide/bcache.rst of the kernel.

mod tables;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError};
use common::exposition::{LabelSet, Sink};
use common::metric::Desc;

use super::device_table::{self, Device, FirstFailure};
use super::humanized;
use crate::host::Host;
use tables::{BACKING, CACHE, PRIORITY, SET, WRITEBACK};

const DIRECTORY: &str = "fs/bcache";

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub struct Options {
    /// Also read how caches are used; the kernel looks through all buckets for it
    #[arg(id = "collector.bcache.priorityStats", long = "collector.bcache.priorityStats")]
    pub priority_stats: bool,
}

#[derive(Debug)]
pub(super) struct Bcache {
    priority_stats: bool,
}

impl Bcache {
    pub(super) fn new(options: &Options) -> Self {
        Self { priority_stats: options.priority_stats }
    }
}

#[async_trait]
impl Collector<Host> for Bcache {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let names = host.list_sys(DIRECTORY)?.unwrap_or_default();
        let (mut sets, mut backing, mut caches) = (Vec::new(), Vec::new(), Vec::new());
        let mut failures = FirstFailure::default();
        for uuid in names.iter().filter(|name| name.contains('-')) {
            let path = format!("{DIRECTORY}/{uuid}");
            for name in failures.note(host.list_sys(&path)).flatten().unwrap_or_default() {
                let path = format!("{path}/{name}");
                if is_numbered(&name, "bdev") {
                    let labels = LabelSet::new([("backing_device", &*name), ("uuid", uuid)]);
                    backing.push(Device { path, labels });
                } else if is_numbered(&name, "cache") {
                    let labels = LabelSet::new([("cache_device", &*name), ("uuid", uuid)]);
                    caches.push(Device { path, labels });
                }
            }
            sets.push(Device { path, labels: LabelSet::new([("uuid", &**uuid)]) });
        }
        for (table, devices) in [(SET, &sets), (BACKING, &backing), (CACHE, &caches)] {
            device_table::push(table, devices, host, sink, &mut failures);
        }
        push_lines("writeback_rate_debug", WRITEBACK, &backing, host, sink, &mut failures);
        if self.priority_stats {
            push_lines("priority_stats", PRIORITY, &caches, host, sink, &mut failures);
        }
        failures.into_result()
    }
}

/// True for `bdev0`, but not for `bdev` or, for caches, `cache_available_percent`.
fn is_numbered(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Pushes lines of one file, which is read once for each device, so that they are of one moment.
fn push_lines(
    file: &str,
    lines: &[(&str, Desc<'static>)],
    devices: &[Device],
    host: &Host,
    sink: &mut Sink,
    failures: &mut FirstFailure,
) {
    let keys: Vec<&str> = lines.iter().map(|(key, _)| *key).collect();
    let read =
        |device: &Device| device_table::read_lines(host, &format!("{}/{file}", device.path), &keys);
    let texts: Vec<_> =
        devices.iter().map(|device| failures.note(read(device)).flatten()).collect();
    for (key, desc) in lines {
        let mut family = sink.family(desc);
        for (device, text) in devices.iter().zip(&texts) {
            let value = parse_line(text.as_deref().unwrap_or_default(), key);
            let path = || format!("{}/{file}", device.path);
            let value = value.map_err(|error| host.malformed_sys(&path(), error));
            if let Some(Some(value)) = failures.note(value) {
                family.sample_with(&device.labels, &[], value);
            }
        }
    }
}

/// Value of the line that starts with `key` and a colon; `None` if there is no such line.
fn parse_line(text: &str, key: &str) -> Result<Option<f64>, ParseError> {
    let value = |line: &'_ str| line.strip_prefix(key)?.strip_prefix(':').map(str::to_owned);
    let Some(value) = text.lines().find_map(value) else { return Ok(None) };
    let value = value.trim().trim_end_matches("/sec").trim_end_matches('%');
    humanized::bcache(value).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBUG: &str = "rate:\t\t1.1M/sec\ndirty:\t\t20.4G\ntarget:\t\t20.4G\n\
        proportional:\t-427.5k\nintegral:\t790.0k\nchange:\t\t321.5k/sec\nnext io:\t17ms\n";

    #[test]
    fn lines_are_found_by_their_key() {
        assert_eq!(parse_line(DEBUG, "rate"), Ok(Some(1_150_976.0)));
        assert_eq!(parse_line(DEBUG, "integral"), Ok(Some(808_960.0)));
        assert_eq!(parse_line(DEBUG, "proportional"), Ok(Some(-437_748.0)));
        assert_eq!(parse_line("Unused:\t\t99%\nClean:  0%\n", "Unused"), Ok(Some(99.0)));
    }

    #[test]
    fn older_kernels_lack_lines_and_malformed_ones_are_errors() {
        assert_eq!(parse_line("", "rate"), Ok(None));
        assert_eq!(parse_line("rate_limit: 1\n", "rate"), Ok(None));
        for text in ["rate:", "rate: fast", "rate: 1.1Q/sec"] {
            assert!(parse_line(text, "rate").is_err(), "{text:?}");
        }
    }

    #[test]
    fn devices_are_numbered() {
        assert!(is_numbered("bdev0", "bdev") && is_numbered("cache12", "cache"));
        assert!(!is_numbered("cache_available_percent", "cache") && !is_numbered("bdev", "bdev"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(rate|:|[ -~\n]|\\PC){0,60}") {
            let _ = parse_line(&text, "rate");
        }
    }
}
