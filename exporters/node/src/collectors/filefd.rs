//! File descriptors of the whole host: `/proc/sys/fs/file-nr`, proc_sys_fs(5).

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError, parse_number};
use common::exposition::Sink;
use common::metric::{Metric, gauge};

use crate::host::Host;

const FILE: &str = "sys/fs/file-nr";

const METRICS: &[Metric<Files>] = &[
    gauge("node_filefd_allocated", "File descriptors in use on the host.", |files| {
        Some(files.allocated)
    }),
    gauge("node_filefd_maximum", "File descriptors that the host allows.", |files| {
        Some(files.maximum)
    }),
];

/// Counts of open files.
#[derive(Debug, PartialEq)]
struct Files {
    allocated: f64,
    maximum: f64,
}

#[derive(Debug, Default)]
pub(super) struct FileDescriptors;

#[async_trait]
impl Collector<Host> for FileDescriptors {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host.proc(FILE)?;
        let files = text.parse(parse)?;
        sink.row(METRICS, &files);
        Ok(())
    }
}

/// The second of the three columns has been zero since Linux 2.6.
fn parse(text: &str) -> Result<Files, ParseError> {
    let mut fields = text.split_ascii_whitespace();
    let allocated = parse_number("allocated file descriptors", fields.next())?;
    let maximum = parse_number("maximum of file descriptors", fields.nth(1))?;
    Ok(Files { allocated, maximum })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_first_and_last_column() {
        assert_eq!(
            parse("1024\t0\t1631329\n").unwrap(),
            Files { allocated: 1024.0, maximum: 1_631_329.0 }
        );
    }

    #[test]
    fn truncated_content_is_an_error() {
        for text in ["", "1024", "1024\t0", "a\t0\tb"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([0-9]{0,22}\t|\\PC){0,8}") {
            let _ = parse(&text);
        }
    }
}
