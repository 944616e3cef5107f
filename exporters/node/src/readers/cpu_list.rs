//! Lists of CPUs such as `1,3-5`, Documentation/admin-guide/cputopology.rst of the kernel.

use common::error::{ParseError, parse_number};

/// The numbers of the CPUs in a list, which may be empty.
pub(crate) fn parse(text: &str) -> Result<Vec<String>, ParseError> {
    let mut cpus = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let first: u16 = parse_number("number of a CPU", Some(first))?;
        let last: u16 = parse_number("number of a CPU", Some(last))?;
        cpus.extend((first..=last).map(|cpu| cpu.to_string()));
    }
    Ok(cpus)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn lists_and_ranges_are_spelled_out() {
        assert_eq!(parse("1,3-5,9").unwrap(), ["1", "3", "4", "5", "9"]);
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_number_is_an_error() {
        for text in ["x", "1-", "1,,x", "1-2-3", "65536"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([0-9,-]|\\PC){0,20}") {
            let _ = parse(&text);
        }
    }
}
