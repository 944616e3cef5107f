//! The list of mounts, proc_pid_mountinfo(5).

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use common::error::{CollectError, ParseError};
use common::kernel::{KernelFile, mountinfo};

use crate::host::Host;

/// One mount, with the names that its labels take.
#[derive(Debug, PartialEq)]
pub(super) struct Mount<'a> {
    /// `major:minor`.
    pub(super) number: &'a str,
    pub(super) device: Cow<'a, str>,
    /// The mount point; bytes that are no UTF-8 are replaced.
    pub(super) point: Cow<'a, str>,
    /// The mount point as the kernel knows it.
    path: Cow<'a, [u8]>,
    pub(super) fs_type: &'a str,
    entry: mountinfo::Mount<'a>,
}

impl<'a> Mount<'a> {
    fn new(mount: &mountinfo::Mount<'a>) -> Self {
        let path = mountinfo::unescape(mount.point);
        Mount {
            number: mount.number,
            device: mountinfo::unescape_text(mount.source),
            point: mountinfo::unescape_text(mount.point),
            path,
            fs_type: mount.fs_type,
            entry: *mount,
        }
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.entry.has_option("ro") || self.entry.has_option("emergency_ro")
    }

    /// The mount as seen from `rootfs`: that prefix goes, and nothing left is the root.
    pub(super) fn below(mut self, rootfs: &Path) -> Self {
        let rootfs = rootfs.as_os_str().as_bytes();
        let rootfs = rootfs.strip_suffix(b"/").unwrap_or(rootfs);
        let rest = self.path.strip_prefix(rootfs).filter(|_| !rootfs.is_empty());
        if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with(b"/")) {
            let rest = if rest.is_empty() { b"/" } else { rest };
            self.point = Cow::Owned(String::from_utf8_lossy(rest).into_owned());
            self.path = Cow::Owned(rest.to_vec());
        }
        self
    }

    /// Where it is to be found below `rootfs`.
    pub(super) fn place(&self, rootfs: &Path) -> PathBuf {
        let slashes = self.path.iter().take_while(|byte| **byte == b'/').count();
        rootfs.join(OsStr::from_bytes(self.path.get(slashes..).unwrap_or_default()))
    }
}

const MOUNTS: &str = "1/mountinfo";

/// The mounts that init sees, or where that cannot be read, those of this process.
pub(super) fn read(host: &Host) -> Result<KernelFile<'_>, CollectError> {
    let text = match host.proc_mounts(MOUNTS) {
        Err(CollectError::Read { source, .. })
            if matches!(source.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) =>
        {
            host.proc_mounts("self/mountinfo")?
        }
        result => result?,
    };
    // There is a root everywhere, so no mount at all is no list of mounts.
    let has_mounts = mountinfo::parse(&text).flatten().next().is_some();
    if has_mounts { Ok(text) } else { Err(text.blame(ParseError::Form("no mount".into()))) }
}

/// Those of the mounts of a type that `has_type` accepts, as seen from `rootfs`, that are reached by
/// their mount points and that `is_wanted` accepts, in order; a line that is no mount is left out,
/// because the kernel writes what drivers give it and one odd driver must not cost the rest.
pub(super) fn choose<'a>(
    text: &'a str,
    rootfs: &Path,
    has_type: impl Fn(&str) -> bool,
    mut is_wanted: impl FnMut(&Mount<'a>) -> bool,
) -> Vec<Mount<'a>> {
    let all: Vec<mountinfo::Mount<'a>> = mountinfo::parse(text).flatten().collect();
    let tree = mountinfo::Tree::new(&all);
    // The type first: most mounts are the kernel's own.
    let mounts = all.iter().enumerate().filter(|(_, mount)| has_type(mount.fs_type));
    let mounts = mounts.map(|(index, mount)| (index, Mount::new(mount).below(rootfs)));
    let wanted = mounts.filter(|(index, mount)| is_wanted(mount) && tree.is_reached(*index));
    wanted.map(|(_, mount)| mount).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Vec<Mount<'_>> {
        choose(text, Path::new("/"), |_| true, |_| true)
    }

    const LINE: &str =
        "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root ro,errors=continue\n";

    #[test]
    fn fields_are_found_behind_any_number_of_optional_ones() {
        let expected = Mount {
            number: "98:0",
            device: "/dev/root".into(),
            point: "/mnt 2".into(),
            path: b"/mnt 2".into(),
            fs_type: "ext3",
            entry: mountinfo::Mount::parse(LINE.trim_end()).unwrap(),
        };
        assert!(expected.is_read_only());
        assert_eq!(parse(LINE), [expected]);
        let bare = "1 1 0:5 / / rw - tmpfs none rw";
        assert!(!parse(bare)[0].is_read_only());
    }

    #[test]
    fn truncated_lines_are_left_out() {
        for text in ["", "36 35 98:0", "36 35 98:0 / /x rw", "- ext4", " - ", "a - b"] {
            assert_eq!(parse(text).len(), 0, "{text:?}");
        }
    }

    #[test]
    fn the_root_prefix_goes() {
        let below = |point: &str, rootfs: &str| {
            let line = format!("36 35 98:0 / {point} rw - ext3 /dev/root rw");
            let mount = parse(&line).remove(0).below(Path::new(rootfs));
            assert_eq!(mount.path, mount.point.as_bytes());
            mount.point.into_owned()
        };
        assert_eq!(below("/host", "/host"), "/");
        assert_eq!(below("/host/var", "/host/"), "/var");
        assert_eq!(below("/hostile", "/host"), "/hostile");
        assert_eq!(below("/var", "/"), "/var");
    }

    #[test]
    fn names_may_have_any_byte() {
        let text = "1 0 8:1 / /mnt/disk\\134x2done rw - ext4 /dev/sdb\\0431 rw\n\
                    2 0 8:2 / /caf\\351\\012 rw - ext4 /dev/sdc rw\n";
        let [done, latin] = &parse(text)[..] else { panic!() };
        assert_eq!((&*done.point, &*done.device), ("/mnt/disk\\x2done", "/dev/sdb#1"));
        let root = Path::new("/root");
        assert_eq!(done.place(root), Path::new("/root/mnt/disk\\x2done"));
        assert_eq!(latin.point, "/caf\u{fffd}\n");
        assert_eq!(latin.place(root).as_os_str().as_bytes(), b"/root/caf\xe9\n");
    }

    #[test]
    fn a_read_only_bind_mount_upon_itself_is_read_only() {
        let text = "65 44 0:39 / /store rw,relatime - tmpfs tmpfs rw\n\
                    66 65 0:39 / /store ro,relatime - tmpfs tmpfs rw\n";
        let [store] = &parse(text)[..] else { panic!() };
        assert!(store.is_read_only());
        // And the other way round: what was mounted last is another file system.
        let text =
            "65 44 0:39 / /store ro - tmpfs tmpfs rw\n67 65 8:1 / /store rw - xfs /dev/a rw\n";
        let [store] = &parse(text)[..] else { panic!() };
        assert_eq!((store.fs_type, store.is_read_only()), ("xfs", false));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed(text in "([ -~\n]|\\PC){0,200}") {
            let _ = parse(&text);
        }
    }
}
