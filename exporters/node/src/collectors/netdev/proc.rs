//! `/proc/net/dev`, in which the kernel has summed up the finer counters already.

use common::error::{ParseError, parse_number};

use super::Device;
use super::counters::{Counters, Field};

/// What each of the 16 columns counts.
const COLUMNS: [Field; 16] = [
    Field::RxBytes,
    Field::RxPackets,
    Field::RxErrors,
    Field::RxDropped,
    Field::RxFifo,
    Field::RxFrame,
    Field::RxCompressed,
    Field::Multicast,
    Field::TxBytes,
    Field::TxPackets,
    Field::TxErrors,
    Field::TxDropped,
    Field::TxFifo,
    Field::Collisions,
    Field::TxCarrier,
    Field::TxCompressed,
];

/// The devices in order, behind two lines of headings.
pub(super) fn parse(text: &str) -> Result<Vec<Device>, ParseError> {
    let mut lines = text.lines();
    if lines.nth(1).is_none_or(|heading| !heading.contains("bytes")) {
        return Err(ParseError::Form("no headings".into()));
    }
    lines.filter(|line| !line.trim().is_empty()).map(parse_line).collect()
}

/// `  eth0: 1 2 3 …`; old kernels leave out the space behind the colon.
fn parse_line(line: &str) -> Result<Device, ParseError> {
    let malformed = || ParseError::Form(format!("no device: {line:?}"));
    let (name, columns) = line.rsplit_once(':').ok_or_else(malformed)?;
    let mut counters = Counters::default();
    let mut columns = columns.split_ascii_whitespace();
    for field in COLUMNS {
        counters.0[field as usize] = Some(parse_number("count", columns.next())?);
    }
    Ok(Device { name: name.trim().to_owned(), counters, ..Device::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Inter-|   Receive |  Transmit\n face |bytes |bytes\n";

    #[test]
    fn columns_become_counters() {
        let text = format!(
            "{HEAD}  lo:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n eth0:1: 0 0 0 0 0 0 0 0 9 0 0 0 0 0 0 0\n"
        );
        let devices = parse(&text).unwrap();
        assert_eq!(devices[0].name, "lo");
        assert_eq!(devices[0].counters.get(Field::RxBytes), Some(1.0));
        assert_eq!(devices[0].counters.sum(&[Field::TxCarrier, Field::TxWindow]), Some(15.0));
        assert_eq!(devices[0].counters.get(Field::RxNoHandler), None);
        assert_eq!(devices[1].name, "eth0:1");
    }

    #[test]
    fn truncated_and_malformed_lines_are_errors() {
        for line in ["lo", "lo: 1 2 3", "lo: x 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "\0"] {
            assert!(parse(&format!("{HEAD}{line}\n")).is_err(), "{line:?}");
        }
        assert!(parse("").is_err() && parse("Inter-|\n").is_err());
        assert_eq!(parse(HEAD).unwrap(), []);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(rest in "([ -~\n]|\\PC){0,80}") {
            let _ = parse(&rest);
            let _ = parse(&format!("{HEAD}{rest}"));
        }
    }
}
