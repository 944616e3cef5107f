//! Traffic of network devices: `/proc/PID/net/dev`, proc_pid_net(5).
//!
//! Parsed here because the procfs crate loses all devices to one odd line.

use crate::error::{ParseError, Partial, parse_number};

/// Counters of a device: eight of reception, then eight of transmission.
pub const COLUMNS: usize = 16;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device<'a> {
    /// Its name, which may hold colons.
    pub name: &'a str,
    /// Bytes, packets, errors, drops, FIFO, frame, compressed, multicast received; bytes, packets,
    /// errors, drops, FIFO, collisions, carrier, compressed sent.
    pub counts: [u64; COLUMNS],
}

/// The devices in order, behind two lines of headings; without these the text is no list.
pub fn parse(text: &str) -> Partial<Vec<Device<'_>>, ParseError> {
    let mut lines = text.lines();
    if lines.nth(1).is_none_or(|heading| !heading.contains("bytes")) {
        let error = Some(ParseError::Missing { field: "line of headings" });
        return Partial { good: Vec::new(), error };
    }
    lines.filter(|line| !line.trim().is_empty()).map(parse_line).collect()
}

/// `  eth0: 1 2 3 …`; old kernels leave out the space behind the colon.
fn parse_line(line: &str) -> Result<Device<'_>, ParseError> {
    let (name, columns) =
        line.rsplit_once(':').ok_or_else(|| ParseError::form("no device", line))?;
    let mut device = Device { name: name.trim(), counts: [0; COLUMNS] };
    let mut columns = columns.split_ascii_whitespace();
    for count in &mut device.counts {
        *count = parse_number("count", columns.next())?;
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
        assert_eq!((lo.name, lo.counts[0], lo.counts[15]), ("lo", 1, 16));
        assert_eq!((alias.name, alias.counts[8]), ("eth0:1", 9));
    }

    #[test]
    fn truncated_and_malformed_lines_are_errors_and_cost_only_themselves() {
        let good = "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16";
        for line in ["lo", "lo: 1 2 3", "lo: x 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "\0"] {
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
