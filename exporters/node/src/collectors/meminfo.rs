//! Memory by use: `/proc/meminfo`, proc_meminfo(5).
//!
//! Parsed here because the procfs crate fails on a kernel that lacks one of
//! its mandatory fields and drops those that it does not know.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::fields::{Field as Family, Fields};
use common::kernel::lines;
use common::metric::Kind;

use crate::host::Host;
use crate::readers::meminfo::Field;

#[derive(Debug, Default)]
pub(super) struct Meminfo {
    families: Fields,
}

#[async_trait]
impl Collector<Host> for Meminfo {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host.proc("meminfo")?;
        let mut errors = FirstError::default();
        let mut families = self.families.start();
        let mut is_empty = true;
        for field in parse(&text) {
            is_empty = false;
            let Some(field) = errors.note(field) else { continue };
            let unit = if field.is_bytes { "_bytes" } else { "" };
            if let Some(family) = families.get([field.name, unit], || Some(family(&field, unit))) {
                sink.value(&family.desc(Kind::Gauge), field.value);
            }
        }
        if is_empty {
            errors.keep(ParseError::Form("no field".into()));
        }
        errors.into_result().map_err(|error| text.blame(error))
    }
}

fn family(field: &Field<'_>, unit: &str) -> Family {
    let mut name = "node_memory_".to_owned();
    field.spell(&mut name);
    name.push_str(unit);
    Family::new(&name, &format!("Field {} of /proc/meminfo.", field.name))
}

/// Each line that is not empty, as a field or as what is wrong with it.
fn parse(text: &str) -> impl Iterator<Item = Result<Field<'_>, ParseError>> {
    let lines = lines(text).filter(|line| !line.trim_start().is_empty());
    lines.map(Field::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kilobytes_become_bytes_and_pages_stay() {
        let text =
            "MemTotal:       16042172 kB\nActive(anon):        2 kB\nHugePages_Total:       3\n";
        let fields: Result<Vec<_>, _> = parse(text).collect();
        assert_eq!(
            fields.unwrap(),
            [
                Field { name: "MemTotal", value: 16_427_184_128.0, is_bytes: true },
                Field { name: "Active(anon)", value: 2048.0, is_bytes: true },
                Field { name: "HugePages_Total", value: 3.0, is_bytes: false },
            ]
        );
    }

    #[test]
    fn malformed_lines_are_errors_and_cost_only_themselves() {
        for line in ["MemTotal", "MemTotal:", "MemTotal: x kB", "MemTotal: 1 MB", "\0\u{fffd}"] {
            let text = format!("{line}\nMemFree: 1 kB\n");
            let fields: Vec<bool> = parse(&text).map(|field| field.is_ok()).collect();
            assert_eq!(fields, [false, true], "{line:?}");
        }
        assert_eq!(parse("\n").count(), 0);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~\n]|\\PC){0,200}") {
            let _ = parse(&text).count();
        }
    }
}
