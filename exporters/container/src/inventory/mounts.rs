//! The host's mounts, proc_pid_mountinfo(5), and the disks below them, `/proc/diskstats`.

use std::path::Path;

use common::error::{ParseError, Partial};
use common::kernel::mountinfo;

use crate::host::Host;

/// Types of file systems that keep their data on this host's own disks.
const DISK_TYPES: &[&str] = &[
    "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fat", "fuseblk", "hfs",
    "hfsplus", "iso9660", "jfs", "msdos", "ntfs", "ntfs3", "reiserfs", "squashfs", "udf", "vfat",
    "xfs", "zfs",
];

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// `major:minor` of the file system.
    pub(crate) number: String,
    /// Where it is mounted, as the host's first process sees it.
    pub(crate) point: String,
    /// Type, such as `ext4`.
    pub(crate) fs_type: String,
    /// What is mounted, such as `/dev/sda1`.
    pub(crate) source: String,
}

impl Mount {
    /// True if the data is on a disk of this host: neither in memory, nor
    /// stacked on another file system, nor behind a network that may hang.
    pub(crate) fn is_on_disk(&self) -> bool {
        DISK_TYPES.contains(&self.fs_type.as_str())
    }
}

/// All mounts of the host, in the kernel's order; `None` if its process 1 cannot be seen.
pub(crate) fn read(host: &Host) -> Partial<Option<Vec<Mount>>> {
    host.parse_proc_rows("1/mountinfo", parse)
}

/// The file systems on disks that are the host's own: each once, where it was mounted first,
/// and none that is mounted inside the runtime's data folder.
pub(crate) fn of_host<'a>(mounts: &'a [Mount], data_folder: Option<&Path>) -> Vec<&'a Mount> {
    let mut chosen: Vec<&Mount> = Vec::new();
    for mount in mounts {
        let point = Path::new(&mount.point);
        let is_inside =
            data_folder.is_some_and(|folder| point != folder && point.starts_with(folder));
        let is_known = chosen.iter().any(|known| known.source == mount.source);
        if mount.is_on_disk() && !is_inside && !is_known {
            chosen.push(mount);
        }
    }
    chosen
}

/// The mount that `path` is on: the one with the longest mount point, the last of equal ones.
pub(crate) fn holding<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    let holders = mounts.iter().filter(|mount| path.starts_with(&mount.point));
    holders.max_by_key(|mount| mount.point.len())
}

/// `36 35 98:0 /root /point rw,noatime shared:1 - ext3 /dev/root rw,errors=continue`
fn parse(text: &str) -> Partial<Vec<Mount>, ParseError> {
    mountinfo::parse(text)
        .map(|mount| {
            let mount = mount?;
            Ok(Mount {
                number: mount.number.to_owned(),
                point: name(mount.point),
                fs_type: mount.fs_type.to_owned(),
                source: name(mount.source),
            })
        })
        .collect()
}

/// A name as it is, without the kernel's escapes.
fn name(field: &str) -> String {
    mountinfo::unescape(field, " \t\n\\").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    const MOUNTINFO: &str = "\
        27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n\
        28 27 0:25 / /run rw shared:5 - tmpfs tmpfs rw\n\
        29 27 8:1 / /mnt/my\\040disk rw shared:1 master:2 - xfs /dev/sda1 rw\n\
        30 27 8:1 /sub /srv rw - xfs /dev/sda1 rw\n\
        31 27 0:44 / /nfs rw - nfs4 server:/x rw\n";

    #[test]
    fn mounts_are_read() {
        let mounts = parse(MOUNTINFO).good;
        assert_eq!(mounts.len(), 5);
        let disk = &mounts[2];
        assert_eq!((disk.number.as_str(), disk.point.as_str()), ("8:1", "/mnt/my disk"));
        let on_disk: Vec<bool> = mounts.iter().map(Mount::is_on_disk).collect();
        assert_eq!(on_disk, [true, false, true, true, false]);
    }

    #[test]
    fn a_path_is_on_the_innermost_mount() {
        let mounts = parse(MOUNTINFO).good;
        let holder = |path: &str| holding(&mounts, Path::new(path)).unwrap().point.as_str();
        assert_eq!(holder("/srv/docker/overlay2"), "/srv");
        assert_eq!(holder("/srv2"), "/");
        assert_eq!(holding(&mounts[1..2], Path::new("/srv")), None);
    }

    #[test]
    fn the_hosts_own_disks_are_listed_once() {
        let mounts = parse(MOUNTINFO).good;
        let points = |folder: Option<&str>| -> Vec<&str> {
            let mounts = of_host(&mounts, folder.map(Path::new));
            mounts.into_iter().map(|mount| mount.point.as_str()).collect()
        };
        assert_eq!(points(None), ["/", "/mnt/my disk"]);
        assert_eq!(points(Some("/mnt")), ["/", "/srv"]);
        assert_eq!(points(Some("/mnt/my disk")), ["/", "/mnt/my disk"]);
    }

    #[test]
    fn truncated_and_malformed_lines_are_errors_and_cost_only_themselves() {
        for line in ["x", "27 1 254:0 / / rw", "27 1 - ext4 /dev/vda rw", "27 1 8:0 / / rw - ext4"]
        {
            let mounts = parse(&format!("{line}\n{MOUNTINFO}"));
            assert!(mounts.error.is_some() && mounts.good.len() == 5, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(.*\n)*") {
            let _ = parse(&text);
        }
    }
}
