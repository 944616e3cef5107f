//! Blocks of `/proc/self/mountstats`, one for each mount; those of other file systems are one line.

use common::error::{FirstError, ParseError, Partial, parse_number};

/// An NFS mount; the columns of its lines are in the order of the kernel.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Mount<'a> {
    /// The export, `server:/path`.
    pub(super) device: &'a str,
    pub(super) point: &'a str,
    pub(super) age_seconds: Option<u64>,
    pub(super) bytes: Vec<u64>,
    pub(super) events: Vec<u64>,
    pub(super) transports: Vec<Transport<'a>>,
    pub(super) operations: Vec<(&'a str, Vec<u64>)>,
}

/// A connection to the server.
#[derive(Debug, PartialEq)]
pub(super) struct Transport<'a> {
    pub(super) protocol: &'a str,
    columns: Vec<u64>,
}

impl Transport<'_> {
    /// A column by its number in a line of TCP: UDP has no connections, columns
    /// 2 to 4, and RDMA has others from number 10 on.
    pub(super) fn column(&self, number: usize) -> Option<u64> {
        let number = match (self.protocol, number) {
            ("udp", 2..=4) | ("rdma", 10..) => return None,
            ("udp", 5..) => number - 3,
            _ => number,
        };
        self.columns.get(number).copied()
    }
}

/// The NFS mounts in order, each without those of its lines that are malformed.
pub(super) fn mounts(text: &str) -> Partial<Vec<Mount<'_>>, ParseError> {
    let (mut mounts, mut errors) = (Vec::new(), FirstError::default());
    let (mut has_mounts, mut in_nfs, mut in_operations) = (false, false, false);
    for line in text.lines() {
        if line.starts_with("device ") || line.starts_with("no device ") {
            (has_mounts, in_operations) = (true, false);
            let mount = start(line);
            in_nfs = mount.is_some();
            mounts.extend(mount);
        } else if in_nfs && line.trim_start().starts_with("per-op statistics") {
            in_operations = true;
        } else if in_nfs && let Some(mount) = mounts.last_mut() {
            let read = if in_operations { operation(mount, line) } else { fields(mount, line) };
            errors.note(read);
        }
    }
    if !has_mounts {
        errors.keep(ParseError::Form("no mount".into()));
    }
    errors.beside(mounts)
}

/// `device server:/path mounted on /point with fstype nfs4 statvers=1.1`
fn start(line: &str) -> Option<Mount<'_>> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    match words[..] {
        ["device", device, "mounted", "on", point, "with", "fstype", "nfs" | "nfs4", _, ..] => {
            Some(Mount { device, point, ..Mount::default() })
        }
        _ => None,
    }
}

fn fields<'a>(mount: &mut Mount<'a>, line: &'a str) -> Result<(), ParseError> {
    let mut words = line.split_ascii_whitespace();
    match words.next() {
        Some("age:") => mount.age_seconds = Some(parse_number("age", words.next())?),
        Some("bytes:") => mount.bytes = numbers("bytes", words)?,
        Some("events:") => mount.events = numbers("event", words)?,
        Some("xprt:") => {
            let protocol = words.next().ok_or(ParseError::Missing { field: "transport" })?;
            let columns = numbers("transport", words);
            // A malformed transport keeps its place, which is its number.
            let (columns, result) = match columns {
                Ok(columns) => (columns, Ok(())),
                Err(error) => (Vec::new(), Err(error)),
            };
            mount.transports.push(Transport { protocol, columns });
            return result;
        }
        _ => {}
    }
    Ok(())
}

/// `        READ: 1298 1298 0 207680 160 6 3520 3530 0`; the last number came with Linux 5.3.
fn operation<'a>(mount: &mut Mount<'a>, line: &'a str) -> Result<(), ParseError> {
    let Some((name, columns)) = line.split_once(':') else { return Ok(()) };
    let columns = numbers("operation", columns.split_ascii_whitespace())?;
    if columns.len() < 8 {
        return Err(ParseError::Missing { field: "operation" });
    }
    mount.operations.push((name.trim(), columns));
    Ok(())
}

fn numbers<'a>(
    field: &'static str,
    words: impl Iterator<Item = &'a str>,
) -> Result<Vec<u64>, ParseError> {
    words.map(|word| parse_number(field, Some(word))).collect()
}

/// Mount point, device and the server's address of the NFS mounts in proc_pid_mountinfo(5).
pub(super) fn addresses(mountinfo: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    mountinfo.lines().filter_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?;
        let mut words = file_system.split(' ');
        let (fs_type, device, options) = (words.next()?, words.next()?, words.next()?);
        let address = options.split(',').find_map(|option| option.strip_prefix("addr="));
        fs_type.starts_with("nfs").then_some((point, device, address.unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "device rootfs mounted on / with fstype rootfs\n\
        no device mounted on /proc with fstype proc\n\
        device srv:/a mounted on /mnt/a with fstype nfs4 statvers=1.1\n\
        \topts:\trw,vers=4.0\n\tage:\t13968\n\tevents:\t52 226 0\n\
        \tbytes:\t1207640230 0 0 0 1210214218 0 295483 0\n\
        \tRPC iostats version: 1.0  p/v: 100003/4 (nfs)\n\
        \txprt:\ttcp 832 0 1 0 11 6428 6428 0 12154 0 24 26 5726\n\
        \txprt:\tudp 832 0 6428 6428 0 12154 7 24 26 5726\n\
        \tper-op statistics\n\
        \t        NULL: 0 0 0 0 0 0 0 0\n\
        \t        READ: 1298 1298 0 207680 1210292152 6 79386 79407 2\n\n\
        device /dev/sda1 mounted on /boot with fstype ext4\n";

    #[test]
    fn nfs_mounts_are_read_and_others_passed_over() {
        let mounts = mounts(TEXT);
        assert_eq!(mounts.error, None);
        let [mount] = &mounts.good[..] else { panic!("{mounts:?}") };
        assert_eq!((mount.device, mount.point), ("srv:/a", "/mnt/a"));
        assert_eq!(mount.age_seconds, Some(13968));
        assert_eq!((mount.bytes.len(), mount.events.len()), (8, 3));
        assert_eq!(mount.operations[1].0, "READ");
        assert_eq!(mount.operations[1].1.get(8), Some(&2));
    }

    #[test]
    fn columns_of_transports_are_those_of_tcp() {
        let mounts = mounts(TEXT).good;
        let [tcp, udp] = &mounts[0].transports[..] else { panic!() };
        assert_eq!((tcp.column(4), tcp.column(9), tcp.column(12)), (Some(11), Some(0), Some(5726)));
        assert_eq!((udp.column(2), udp.column(4)), (None, None));
        assert_eq!(
            (udp.column(5), udp.column(9), udp.column(12)),
            (Some(6428), Some(7), Some(5726))
        );
        let rdma = Transport { protocol: "rdma", columns: (0..28).collect() };
        assert_eq!((rdma.column(9), rdma.column(10)), (Some(9), None));
    }

    #[test]
    fn a_malformed_line_of_a_mount_costs_only_itself() {
        let text = "device s:/a mounted on /a with fstype nfs statvers=1.1\n\tage:\tx\n\
            \txprt:\ttcp 1 x\n\txprt:\ttcp 2\n\tevents:\t7\n\
            device s:/b mounted on /b with fstype nfs statvers=1.1\n\tage:\t2\n\
            \tper-op statistics\n\t READ: 1 2\n\t NULL: 1 2 3 4 5 6 7 8\n";
        let mounts = mounts(text);
        let error = ParseError::Number { field: "age", text: "x".into() };
        assert_eq!(mounts.error, Some(error));
        let [first, second] = &mounts.good[..] else { panic!("{mounts:?}") };
        assert_eq!((first.age_seconds, &first.events[..]), (None, &[7][..]));
        let transports: Vec<_> = first.transports.iter().map(|xprt| xprt.column(0)).collect();
        assert_eq!(transports, [None, Some(2)]);
        assert_eq!((second.age_seconds, second.operations.len()), (Some(2), 1));
    }

    #[test]
    fn truncated_content_is_no_mount_or_an_error() {
        assert!(mounts("").error.is_some());
        assert!(mounts("\tage:\t1\n").error.is_some());
        assert_eq!(mounts("device s:/a mounted on\n"), Partial::whole(vec![]));
    }

    #[test]
    fn addresses_come_from_the_options_of_the_file_system() {
        let text = "30 27 0:50 / /mnt/a rw,relatime - nfs4 srv:/a rw,vers=4.2,addr=192.0.2.1\n\
            31 27 0:51 / /mnt/b rw shared:1 - nfs srv:/b rw,mountaddr=192.0.2.9\n\
            27 1 8:1 / / rw - ext4 /dev/sda1 rw,addr=x\nshort\n";
        let expected = [("/mnt/a", "srv:/a", "192.0.2.1"), ("/mnt/b", "srv:/b", "")];
        assert_eq!(addresses(text).collect::<Vec<_>>(), expected);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(device a mounted on b with fstype nfs statvers=1.1\n|xprt: |per-op statistics\n|[0-9: \n]|\\PC){0,40}") {
            let _ = mounts(&text);
            let _ = addresses(&text).count();
        }
    }
}
