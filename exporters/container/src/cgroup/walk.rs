//! Visits the directories of a hierarchy.

use std::io;

use common::error::CollectError;
use common::kernel::Root;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, StatxFlags};
use rustix::io::Errno;

use crate::file::is_absence;

/// Links of a directory without subdirectories: its name and its own dot.
const LINKS_OF_LEAF: u32 = 2;

/// Visits every directory below `root` with its path and time.
pub(super) fn walk(root: &Root, visit: &mut impl FnMut(String, f64)) -> Result<(), CollectError> {
    let mut pending = vec!["/".to_owned()];
    while let Some(id) = pending.pop() {
        let failed = |error: io::Error| {
            if (is_absence(&error) || is_too_deep(&error)) && id != "/" {
                return Ok(());
            }
            Err(CollectError::read(root.path().join(id.trim_start_matches('/')), error))
        };
        match look(root, &id) {
            Ok((created_seconds, has_children)) => {
                visit(id.clone(), created_seconds);
                if has_children {
                    list_children(root, &id, &mut pending).or_else(failed)?;
                }
            }
            Err(error) => failed(error)?,
        }
    }
    Ok(())
}

/// A container that may make cgroups can nest them beyond what a path can hold;
/// that must not cost the others their metrics.
fn is_too_deep(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::NAMETOOLONG.raw_os_error())
}

/// Path of a cgroup relative to its root.
pub(super) fn relative(id: &str) -> &str {
    match id.trim_start_matches('/') {
        "" => ".",
        path => path,
    }
}

/// A directory's time, and whether it may have subdirectories. The kernel's own
/// file systems count these in the links; others may say 1 and are looked into.
fn look(root: &Root, id: &str) -> io::Result<(f64, bool)> {
    let mask = StatxFlags::NLINK | StatxFlags::MTIME;
    let stat = rustix::fs::statx(root.directory(), relative(id), AtFlags::empty(), mask)?;
    // A directory that was removed can still be asked for as long as it is open.
    if stat.stx_nlink == 0 {
        return Err(Errno::NOENT.into());
    }
    Ok((stat.stx_mtime.tv_sec as f64, stat.stx_nlink != LINKS_OF_LEAF))
}

fn list_children(root: &Root, id: &str, pending: &mut Vec<String>) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(root.directory(), relative(id), flags, Mode::empty())?;
    for entry in Dir::new(directory)? {
        let entry = entry?;
        if entry.file_type() != FileType::Directory {
            continue;
        }
        // A name that is no text could be no label either.
        let Ok(name) = entry.file_name().to_str() else { continue };
        let is_mount_unit = name.rsplit_once('.').is_some_and(|(_, suffix)| suffix == "mount");
        if name != "." && name != ".." && !is_mount_unit {
            pending.push(format!("{}/{name}", id.trim_end_matches('/')));
        }
    }
    Ok(())
}
