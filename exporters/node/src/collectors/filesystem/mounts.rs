//! The list of mounts, proc_pid_mountinfo(5).

use std::borrow::Cow;
use std::io::ErrorKind;

use common::error::{CollectError, ParseError};
use common::kernel::{KernelFile, mountinfo};

use crate::host::Host;

/// One mount, with the names that its labels take.
#[derive(Debug, PartialEq)]
pub(super) struct Mount<'a> {
    /// `major:minor`.
    pub(super) number: &'a str,
    pub(super) device: Cow<'a, str>,
    pub(super) point: Cow<'a, str>,
    pub(super) fs_type: &'a str,
    pub(super) is_read_only: bool,
}

impl Mount<'_> {
    /// The mount as seen from `rootfs`: that prefix goes, and nothing left is the root.
    pub(super) fn below(mut self, rootfs: &str) -> Self {
        if rootfs != "/" {
            let rootfs = rootfs.trim_end_matches('/');
            let rest = self.point.strip_prefix(rootfs);
            if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
                let rest = if rest.is_empty() { "/" } else { rest };
                self.point = Cow::Owned(rest.to_owned());
            }
        }
        self
    }
}

const MOUNTS: &str = "1/mountinfo";

/// The mounts that init sees, or where that cannot be read, those of this process.
pub(super) fn read(host: &Host) -> Result<KernelFile<'_>, CollectError> {
    let text = match host.proc(MOUNTS) {
        Err(CollectError::Read { source, .. })
            if matches!(source.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) =>
        {
            host.proc("self/mountinfo")?
        }
        result => result?,
    };
    // There is a root everywhere, so no mount at all is no list of mounts.
    let has_mounts = parse(&text).next().is_some();
    if has_mounts { Ok(text) } else { Err(text.blame(ParseError::Form("no mount".into()))) }
}

/// The mounts in order; a line that is no mount is left out, because the
/// kernel writes what drivers give it and one odd driver must not cost the rest.
pub(super) fn parse(text: &str) -> impl Iterator<Item = Mount<'_>> {
    mountinfo::parse(text).flatten().map(|mount| Mount {
        number: mount.number,
        device: name(mount.source),
        point: name(mount.point),
        fs_type: mount.fs_type,
        is_read_only: mount.has_option("ro") || mount.has_option("emergency_ro"),
    })
}

/// Only space and tab are unescaped: labels of the reference exporter keep `\012` and `\134`.
fn name(field: &str) -> Cow<'_, str> {
    mountinfo::unescape(field, " \t")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root ro,errors=continue\n";

    #[test]
    fn fields_are_found_behind_any_number_of_optional_ones() {
        let expected = Mount {
            number: "98:0",
            device: "/dev/root".into(),
            point: "/mnt 2".into(),
            fs_type: "ext3",
            is_read_only: true,
        };
        assert_eq!(parse(LINE).collect::<Vec<_>>(), [expected]);
        let bare = "1 1 0:5 / / rw - tmpfs none rw";
        assert!(!parse(bare).next().unwrap().is_read_only);
    }

    #[test]
    fn truncated_lines_are_left_out() {
        for text in ["", "36 35 98:0", "36 35 98:0 / /x rw", "- ext4", " - ", "a - b"] {
            assert_eq!(parse(text).count(), 0, "{text:?}");
        }
    }

    #[test]
    fn the_root_prefix_goes() {
        let at = |point: &'static str| Mount { point: point.into(), ..parse(LINE).next().unwrap() };
        assert_eq!(at("/host").below("/host").point, "/");
        assert_eq!(at("/host/var").below("/host/").point, "/var");
        assert_eq!(at("/hostile").below("/host").point, "/hostile");
        assert_eq!(at("/var").below("/").point, "/var");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed(text in "([ -~\n]|\\PC){0,200}") {
            let _ = parse(&text).count();
        }
    }
}
