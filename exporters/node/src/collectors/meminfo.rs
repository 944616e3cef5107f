//! Memory by use: `/proc/meminfo`, proc_meminfo(5).
//!
//! Parsed here because the procfs crate fails on a kernel that lacks one of
//! its mandatory fields and drops those that it does not know.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError, parse_number};
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;

#[derive(Debug)]
pub(super) struct Meminfo;

#[async_trait]
impl Collector<Host> for Meminfo {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host.read_proc("meminfo")?;
        if text.trim().is_empty() {
            let empty = ParseError::Form("no field".into());
            return Err(host.malformed_proc("meminfo", empty));
        }
        let (mut name, mut help) = (String::new(), String::new());
        for field in parse(&text) {
            let field = field.map_err(|error| host.malformed_proc("meminfo", error))?;
            field.spell(&mut name, &mut help);
            sink.value(&Desc::gauge(&name, &help), field.value);
        }
        Ok(())
    }
}

/// One line: `Active(anon):  123 kB`.
#[derive(Debug, PartialEq)]
struct Field<'a> {
    name: &'a str,
    /// Bytes, or pages for the fields without a unit.
    value: f64,
    is_bytes: bool,
}

impl Field<'_> {
    /// Writes metric name and help: `Active(anon)` becomes `node_memory_Active_anon_bytes`.
    fn spell(&self, name: &mut String, help: &mut String) {
        name.clear();
        name.push_str("node_memory_");
        for character in self.name.chars() {
            match character {
                '(' => name.push('_'),
                ')' => {}
                c if c.is_ascii_alphanumeric() => name.push(c),
                _ => name.push('_'),
            }
        }
        if self.is_bytes {
            name.push_str("_bytes");
        }
        help.clear();
        help.push_str("Field ");
        help.push_str(self.name);
        help.push_str(" of /proc/meminfo.");
    }
}

/// The fields in order; the kernel's kB are units of 1,024 bytes.
fn parse(text: &str) -> impl Iterator<Item = Result<Field<'_>, ParseError>> {
    text.lines().filter(|line| !line.trim().is_empty()).map(|line| {
        let malformed = || ParseError::Form(format!("line without a field: {line:?}"));
        let (name, rest) = line.split_once(':').ok_or_else(malformed)?;
        let mut words = rest.split_ascii_whitespace();
        let value: f64 = parse_number("value", words.next())?;
        match words.next() {
            Some("kB") => Ok(Field { name, value: value * 1024.0, is_bytes: true }),
            Some(unit) => Err(ParseError::Form(format!("{name} has the unknown unit {unit:?}"))),
            None => Ok(Field { name, value, is_bytes: false }),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kilobytes_become_bytes_and_pages_stay() {
        let text =
            "MemTotal:       16042172 kB\nActive(anon):        2 kB\nHugePages_Total:       3\n";
        let fields: Vec<_> = parse(text).map(Result::unwrap).collect();
        assert_eq!(
            fields,
            [
                Field { name: "MemTotal", value: 16_427_184_128.0, is_bytes: true },
                Field { name: "Active(anon)", value: 2048.0, is_bytes: true },
                Field { name: "HugePages_Total", value: 3.0, is_bytes: false },
            ]
        );
        let (mut name, mut help) = (String::new(), String::new());
        fields[1].spell(&mut name, &mut help);
        assert_eq!(name, "node_memory_Active_anon_bytes");
        fields[2].spell(&mut name, &mut help);
        assert_eq!(name, "node_memory_HugePages_Total");
    }

    #[test]
    fn malformed_lines_are_errors() {
        for text in ["MemTotal", "MemTotal:", "MemTotal: x kB", "MemTotal: 1 MB", "\0\u{fffd}"] {
            assert!(parse(text).any(|field| field.is_err()), "{text:?}");
        }
        assert_eq!(parse("").count(), 0);
    }
}
