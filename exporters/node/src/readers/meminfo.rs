//! Lines of `/proc/meminfo`, proc_meminfo(5), which the `meminfo` of NUMA nodes has too.

use common::error::{ParseError, parse_number};
use common::kernel::{split_once, words};

/// One line: `Active(anon):  123 kB`.
#[derive(Debug, PartialEq)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a str,
    /// Bytes, or pages for the fields without a unit.
    pub(crate) value: f64,
    pub(crate) is_bytes: bool,
}

impl<'a> Field<'a> {
    /// Adds the name as part of a metric's: `Active(anon)` is `Active_anon`.
    pub(crate) fn spell(&self, metric: &mut String) {
        for character in self.name.chars() {
            match character {
                '(' => metric.push('_'),
                ')' => {}
                c if c.is_ascii_alphanumeric() => metric.push(c),
                _ => metric.push('_'),
            }
        }
    }

    /// Reads a line; the kernel's kB are units of 1,024 bytes.
    pub(crate) fn parse(line: &'a str) -> Result<Self, ParseError> {
        let malformed = || ParseError::form("line without a field", line);
        let (name, rest) = split_once(line, b':').ok_or_else(malformed)?;
        let mut words = words(rest);
        let value = parse_number::<u64>("value", words.next())? as f64;
        match words.next() {
            Some("kB") => Ok(Field { name, value: value * 1024.0, is_bytes: true }),
            Some(_) => Err(ParseError::form("unknown unit", line)),
            None => Ok(Field { name, value, is_bytes: false }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_part_of_a_metrics() {
        let field = Field::parse("Active(anon):        2 kB").unwrap();
        assert_eq!(field, Field { name: "Active(anon)", value: 2048.0, is_bytes: true });
        let mut name = "node_memory_".to_owned();
        field.spell(&mut name);
        assert_eq!(name, "node_memory_Active_anon");
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_parsed_or_refused(line in "([ -~]|\\PC){0,100}") {
            let mut name = String::new();
            let _ = Field::parse(&line).map(|field| field.spell(&mut name));
        }
    }
}
