//! Lists of CPUs such as `1,3-5`, Documentation/admin-guide/cputopology.rst of the kernel.

use std::ops::RangeInclusive;

use common::error::{ParseError, Partial, parse_number};

/// The numbers of the CPUs in a list, which may be empty.
pub(crate) fn parse(text: &str) -> Partial<Vec<String>, ParseError> {
    let ranges = text.split(',').filter(|range| !range.is_empty()).map(parse_range);
    let ranges: Partial<Vec<_>, _> = ranges.collect();
    ranges.map(|ranges| ranges.into_iter().flatten().map(|cpu| cpu.to_string()).collect())
}

fn parse_range(range: &str) -> Result<RangeInclusive<u16>, ParseError> {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let number = |text| parse_number("number of a CPU", Some(text));
    Ok(number(first)?..=number(last)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_are_spelled_out() {
        let cpus = ["1", "3", "4", "5", "9"].map(str::to_owned);
        assert_eq!(parse("1,3-5,9"), Partial::whole(cpus.into()));
        assert_eq!(parse(""), Partial::whole(Vec::new()));
    }

    #[test]
    fn what_is_no_number_costs_only_itself() {
        for range in ["x", "1-", ",x", "1-2-3", "65536"] {
            let cpus = parse(&format!("{range},7"));
            assert!(cpus.error.is_some(), "{range:?}");
            assert_eq!(cpus.good, ["7"], "{range:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([0-9,-]|\\PC){0,20}") {
            let _ = parse(&text);
        }
    }
}
