//! The host's mounts, proc_pid_mountinfo(5), and the disks below them, `/proc/diskstats`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use common::error::{FirstError, ParseError, Partial};
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
    pub(crate) point: PathBuf,
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

/// The mounts of the host that are reached by their mount points, in the kernel's order; `None` if
/// its process 1 cannot be seen.
pub(crate) fn read(host: &Host) -> Partial<Option<Vec<Mount>>> {
    match host.mounts() {
        Ok(Some(file)) => file.parse_rows(parse).map(Some),
        Ok(None) => Partial::whole(None),
        Err(error) => Partial { good: None, error: Some(error) },
    }
}

/// The file systems on disks that are the host's own: each once, where it was mounted first,
/// and none that is mounted inside the runtime's data folder.
pub(crate) fn of_host<'a>(mounts: &'a [Mount], data_folder: Option<&Path>) -> Vec<&'a Mount> {
    let mut chosen: Vec<&Mount> = Vec::new();
    for mount in mounts {
        let point = mount.point.as_path();
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
    holders.max_by_key(|mount| mount.point.as_os_str().len())
}

/// `36 35 98:0 /root /point rw,noatime shared:1 - ext3 /dev/root rw,errors=continue`
fn parse(text: &str) -> Partial<Vec<Mount>, ParseError> {
    let mut errors = FirstError::default();
    let all = mountinfo::parse(text).filter_map(|mount| errors.note(mount));
    let all: Vec<mountinfo::Mount<'_>> = all.collect();
    let tree = mountinfo::Tree::new(&all);
    let reached = all.iter().enumerate().filter(|(index, _)| tree.is_reached(*index));
    let mounts = reached.map(|(_, mount)| Mount {
        number: mount.number.to_owned(),
        point: OsString::from_vec(mountinfo::unescape(mount.point).into_owned()).into(),
        fs_type: mount.fs_type.to_owned(),
        source: mountinfo::unescape_text(mount.source).into_owned(),
    });
    let mounts = mounts.collect();
    errors.beside(mounts)
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
        assert_eq!(
            (disk.number.as_str(), disk.point.as_path()),
            ("8:1", Path::new("/mnt/my disk"))
        );
        let on_disk: Vec<bool> = mounts.iter().map(Mount::is_on_disk).collect();
        assert_eq!(on_disk, [true, false, true, true, false]);
    }

    #[test]
    fn a_path_is_on_the_innermost_mount() {
        let mounts = parse(MOUNTINFO).good;
        let holder =
            |path: &str| holding(&mounts, Path::new(path)).unwrap().point.to_str().unwrap();
        assert_eq!(holder("/srv/docker/overlay2"), "/srv");
        assert_eq!(holder("/srv2"), "/");
        assert_eq!(holding(&mounts[1..2], Path::new("/srv")), None);
    }

    #[test]
    fn the_hosts_own_disks_are_listed_once() {
        let mounts = parse(MOUNTINFO).good;
        let points = |folder: Option<&str>| -> Vec<&str> {
            let mounts = of_host(&mounts, folder.map(Path::new));
            mounts.into_iter().map(|mount| mount.point.to_str().unwrap()).collect()
        };
        assert_eq!(points(None), ["/", "/mnt/my disk"]);
        assert_eq!(points(Some("/mnt")), ["/", "/srv"]);
        assert_eq!(points(Some("/mnt/my disk")), ["/", "/mnt/my disk"]);
    }

    #[test]
    fn a_hidden_mount_holds_nothing_and_names_may_have_any_byte() {
        let text = format!(
            "{MOUNTINFO}32 27 8:5 / /srv rw - ext4 /dev/sdc rw\n\
             33 32 8:6 / /srv/x\\134x2d\\351 rw - ext4 /dev/sd\\043 rw\n"
        );
        let mounts = parse(&text);
        assert_eq!(mounts.error, None);
        let mounts = mounts.good;
        assert_eq!(holding(&mounts, Path::new("/srv/docker")).unwrap().source, "/dev/sdc");
        assert_eq!(mounts.iter().filter(|mount| mount.point == Path::new("/srv")).count(), 1);
        let odd = mounts.last().unwrap();
        assert_eq!(odd.point.as_os_str().as_encoded_bytes(), b"/srv/x\\x2d\xe9");
        assert_eq!(odd.source, "/dev/sd#");
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
