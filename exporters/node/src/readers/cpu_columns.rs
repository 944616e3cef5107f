//! Files with a column for each CPU: `/proc/interrupts` and `/proc/softirqs`, proc_interrupts(5).

use common::error::ParseError;

use super::attributes::number_after;

/// The CPUs' labels, and of each row the name and the text behind the colon.
///
/// A CPU's label is the number in its heading: `/proc/interrupts` has no column for CPUs that are
/// offline, and those behind them would take their numbers.
pub(crate) fn parse(
    text: &str,
) -> Result<(Vec<String>, impl Iterator<Item = (&str, &str)>), ParseError> {
    let mut lines = text.lines();
    let heading = lines.next().unwrap_or_default().split_ascii_whitespace();
    let mut cpus = Vec::new();
    for column in heading {
        let Some(number) = number_after(column, "CPU") else {
            return Err(ParseError::form("heading of no CPU", column));
        };
        cpus.push(number.to_owned());
    }
    if cpus.is_empty() {
        return Err(ParseError::Form("no heading".into()));
    }
    Ok((cpus, lines.filter_map(|line| line.split_once(':')).map(|(name, row)| (name.trim(), row))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_are_labelled_by_their_headings() {
        let (cpus, rows) = parse("     CPU0       CPU2\n  1:  7  8 x:y\nno row\nIPI0:9\n").unwrap();
        assert_eq!(cpus, ["0", "2"]);
        assert_eq!(rows.collect::<Vec<_>>(), [("1", "  7  8 x:y"), ("IPI0", "9")]);
    }

    #[test]
    fn a_file_without_heading_is_refused() {
        for text in ["", "\n", "  1: 2 3\n", "CPU0 CP\n", "CPU\n", "CPU0 CPUx\n"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(CPU[0-9]{0,3} |[a-z]{0,3}: [0-9 ]{0,9}\n|\\PC){0,9}") {
            let _ = parse(&text).map(|(_, rows)| rows.count());
        }
    }
}
