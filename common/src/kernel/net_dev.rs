//! Traffic of network devices: `/proc/PID/net/dev`, proc_pid_net(5).
//!
//! Parsed here because the procfs crate loses all devices to one odd line.

use super::text::{lines, words};
use crate::error::{FirstError, ParseError, Partial, parse_number};

/// Counters of a device: eight of reception, then eight of transmission.
pub const COLUMNS: usize = 16;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device<'a> {
    /// Its name, which may hold colons.
    pub name: &'a str,
    /// Bytes, packets, errors, drops, FIFO, frame, compressed, multicast received; bytes, packets,
    /// errors, drops, FIFO, collisions, carrier, compressed sent.
    pub counts: [Option<u64>; COLUMNS],
}

/// The devices in order, behind two lines of headings; without these the text is no list.
pub fn parse(text: &str) -> Partial<Vec<Device<'_>>, ParseError> {
    let mut lines = lines(text);
    if lines.nth(1).is_none_or(|heading| !heading.contains("bytes")) {
        return Partial::failed(ParseError::Missing { field: "line of headings" });
    }
    let mut errors = FirstError::default();
    let devices = lines.filter(|line| !line.trim().is_empty()).filter_map(|line| {
        let device = parse_line(line, &mut errors);
        errors.note(device)
    });
    let devices = devices.collect();
    errors.beside(devices)
}

/// `  eth0: 1 2 3 …`; old kernels leave out the space behind the colon. A malformed count costs
/// only itself, a line that is too short the device.
fn parse_line<'a>(
    line: &'a str,
    errors: &mut FirstError<ParseError>,
) -> Result<Device<'a>, ParseError> {
    let (name, columns) =
        line.rsplit_once(':').ok_or_else(|| ParseError::form("no device", line))?;
    let mut device = Device { name: name.trim(), counts: [None; COLUMNS] };
    let mut columns = words(columns);
    for count in &mut device.counts {
        let column = columns.next().ok_or(ParseError::Missing { field: "count" })?;
        *count = errors.note(parse_number("count", Some(column)));
    }
    Ok(device)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Inter-|   Receive |  Transmit\n face |bytes |bytes\n";

    #[test]
    fn devices_have_sixteen_counters() {
        let text = format!(
            "{HEAD}  lo:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n eth0:1: 0 0 0 0 0 0 0 0 9 0 0 0 0 0 0 0\n"
        );
        let devices = parse(&text);
        assert_eq!(devices.error, None);
        let [lo, alias] = devices.good[..] else { panic!("{devices:?}") };
        assert_eq!((lo.name, lo.counts[0], lo.counts[15]), ("lo", Some(1), Some(16)));
        assert_eq!((alias.name, alias.counts[8]), ("eth0:1", Some(9)));
    }

    #[test]
    fn truncated_and_malformed_lines_are_errors_and_cost_only_themselves() {
        let good = "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16";
        let text = format!("{HEAD}lo: 1 x 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n{good}\n");
        let devices = parse(&text);
        assert_eq!((devices.good.len(), devices.error.is_some()), (2, true));
        assert_eq!(devices.good[0].counts[..3], [Some(1), None, Some(3)]);
        for line in ["lo", "lo: 1 2 3", "\0"] {
            let text = format!("{HEAD}{line}\n{good}\n");
            let devices = parse(&text);
            assert_eq!((devices.good.len(), devices.error.is_some()), (1, true), "{line:?}");
        }
        assert!(parse("").error.is_some() && parse("Inter-|\n").error.is_some());
        assert_eq!(parse(HEAD), Partial::whole(Vec::new()));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(rest in "([ -~\n]|\\PC){0,80}") {
            let _ = parse(&rest);
            let _ = parse(&format!("{HEAD}{rest}"));
        }
    }
}
