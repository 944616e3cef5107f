//! Descriptors that stay open from scrape to scrape.
//!
//! Measured on Linux 6.18, in µs per file: an attribute of a network device below `/sys/class`
//! takes 7.8 to open, read and close, and 0.5 to read again through a descriptor that was kept;
//! a file of a cgroup 4.7 and 0.45; `/proc/net/snmp` 19 and 11, `/proc/meminfo` 9.3 and 4.3.
//! To look whether a path still leads to the same file costs 0.7 to 4, so that is done once per
//! folder and scrape, not per file, and not at all for the folders of `/proc` that belong to no
//! process: there is one of each name, and a file of one that was removed cannot be read.
//!
//! What makes it safe: the kernel makes the text anew for a read from offset 0; it fails the
//! read of a file whose device, cgroup or module has gone (`ENODEV`, `EIO`, `ENOENT`, `ESRCH`);
//! and a path that leads to another folder leads to another inode or device. What fails is
//! opened anew by its path, so that an error is always that of the path. A descriptor holds
//! some 5 KiB in the kernel, hence the bound.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::HashMap;
use rustix::process::{Resource, getrlimit};

/// Descriptors that a process keeps at most, whatever its limit.
const MAX_KEPT: usize = 1024;

/// Of the descriptors that a process may have, one in so many is kept.
const SHARE: u64 = 4;

/// Scrapes for which a folder is remembered that none of them asked for.
const IDLE_SCRAPES: u64 = 8;

/// Scrapes for which a folder that was not there is not looked for again. A failed open costs
/// 3 µs, and most hosts lack a dozen of the folders that collectors look for.
const ABSENT_SCRAPES: u64 = 4;

/// Folders that are remembered as absent at most.
const MAX_ABSENT: usize = 256;

/// How many descriptors may be kept, shared by all roots of a process.
#[derive(Clone, Debug)]
pub struct Budget(Arc<AtomicUsize>);

impl Budget {
    /// A share of the descriptors that this process may have.
    pub fn of_process() -> Self {
        let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX) / SHARE;
        Self::new(usize::try_from(allowed).unwrap_or(MAX_KEPT).min(MAX_KEPT))
    }

    /// So many descriptors.
    pub fn new(count: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(count)))
    }

    fn take(&self) -> Option<Share> {
        let less = |left: usize| left.checked_sub(1);
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        taken.is_ok().then(|| Share(self.clone()))
    }
}

/// The right to keep one descriptor; given back when dropped.
#[derive(Debug)]
struct Share(Budget);

impl Drop for Share {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A file that is open. A read that hangs keeps it open after it was forgotten.
#[derive(Clone, Debug)]
pub(super) struct KeptFile {
    pub(super) descriptor: Arc<OwnedFd>,
    /// Bytes that the last read gave: what the next one is likely to need.
    pub(super) length: usize,
}

/// The open files of one root.
#[derive(Debug)]
pub(super) struct Kept {
    folders: HashMap<Box<str>, Folder>,
    /// Folders that were not there, with the scrape in which to look again.
    absent: HashMap<Box<str>, u64>,
    budget: Budget,
    scrape: u64,
}

#[derive(Debug)]
struct Folder {
    inode: u64,
    /// The scrape in which the path was last seen to lead to `inode`.
    checked: u64,
    files: HashMap<Box<str>, (KeptFile, Share)>,
}

/// What is known of a file.
#[derive(Debug)]
pub(super) enum Found {
    /// It is open.
    Open(KeptFile),
    /// Its folder must be looked at first; the number of the scrape.
    Unchecked(u64),
    /// It is not open.
    Unknown,
}

impl Kept {
    pub(super) fn new(budget: Budget) -> Self {
        Self { folders: HashMap::default(), absent: HashMap::default(), budget, scrape: 0 }
    }

    /// From now on every folder is looked at again before its files are read; those that have
    /// long not been asked for are closed.
    pub(super) fn start_scrape(&mut self) {
        self.scrape += 1;
        let scrape = self.scrape;
        self.folders.retain(|_, folder| folder.checked + IDLE_SCRAPES >= scrape);
        self.absent.retain(|_, due| *due > scrape);
    }

    /// Notes that `folder` is not there.
    pub(super) fn note_absent(&mut self, folder: &str) {
        if self.absent.len() < MAX_ABSENT {
            self.absent.insert(folder.into(), self.scrape + ABSENT_SCRAPES);
        }
    }

    /// True if `folder` was not there a short time ago.
    pub(super) fn is_absent(&self, folder: &str) -> bool {
        self.absent.contains_key(folder)
    }

    pub(super) fn find(&self, folder: &str, name: &str) -> Found {
        let Some(known) = self.folders.get(folder) else { return Found::Unknown };
        if known.checked != self.scrape {
            return Found::Unchecked(self.scrape);
        }
        known.files.get(name).map_or(Found::Unknown, |(file, _)| Found::Open(file.clone()))
    }

    /// Notes that `folder` was seen to be `inode`, or not to be there, in `scrape`; if that is
    /// another one than before its files are closed.
    pub(super) fn check(&mut self, folder: &str, inode: Option<u64>, scrape: u64) {
        match (self.folders.get_mut(folder), inode) {
            (Some(known), Some(inode)) if known.inode == inode => known.checked = scrape,
            (Some(_), _) => drop(self.folders.remove(folder)),
            (None, _) => {}
        }
    }

    /// Notes that `folder` was asked for in `scrape`, where its path can lead to no other one.
    pub(super) fn renew(&mut self, folder: &str, scrape: u64) {
        if let Some(known) = self.folders.get_mut(folder) {
            known.checked = scrape;
        }
    }

    /// Keeps `file` if there is room; `inode` is that of `folder`.
    pub(super) fn keep(&mut self, folder: &str, inode: u64, name: &str, file: KeptFile) {
        let Some(share) = self.budget.take() else { return };
        let scrape = self.scrape;
        if !self.folders.contains_key(folder) {
            let files = HashMap::default();
            self.folders.insert(folder.into(), Folder { inode, checked: scrape, files });
        }
        if let Some(known) = self.folders.get_mut(folder).filter(|known| known.inode == inode) {
            known.files.insert(name.into(), (file, share));
        }
    }

    /// Notes how long the file is now.
    pub(super) fn note_length(&mut self, folder: &str, name: &str, length: usize) {
        let known = self.folders.get_mut(folder).and_then(|known| known.files.get_mut(name));
        if let Some((file, _)) = known {
            file.length = length;
        }
    }

    pub(super) fn forget(&mut self, folder: &str, name: &str) {
        if let Some(known) = self.folders.get_mut(folder) {
            known.files.remove(name);
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.folders.values().map(|folder| folder.files.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> KeptFile {
        let file = std::fs::File::open("/proc/stat").unwrap();
        KeptFile { descriptor: Arc::new(file.into()), length: 0 }
    }

    fn is_open(kept: &Kept, folder: &str) -> bool {
        matches!(kept.find(folder, "mtu"), Found::Open(_))
    }

    #[test]
    fn a_folder_is_looked_at_once_per_scrape() {
        let mut kept = Kept::new(Budget::new(4));
        kept.keep("net/eth0", 7, "mtu", file());
        assert!(is_open(&kept, "net/eth0"));
        kept.start_scrape();
        let Found::Unchecked(scrape) = kept.find("net/eth0", "mtu") else {
            panic!("to be checked")
        };
        kept.check("net/eth0", Some(7), scrape);
        assert!(is_open(&kept, "net/eth0"));
    }

    #[test]
    fn a_path_that_leads_elsewhere_or_nowhere_closes_the_files() {
        for inode in [Some(8), None] {
            let mut kept = Kept::new(Budget::new(4));
            kept.keep("net/eth0", 7, "mtu", file());
            kept.start_scrape();
            kept.check("net/eth0", inode, 1);
            assert!(matches!(kept.find("net/eth0", "mtu"), Found::Unknown));
            assert_eq!(kept.count(), 0);
            kept.keep("net/eth0", 8, "mtu", file());
            assert!(is_open(&kept, "net/eth0"));
        }
    }

    #[test]
    fn a_file_of_a_folder_that_has_changed_is_not_kept() {
        let mut kept = Kept::new(Budget::new(4));
        kept.keep("net/eth0", 7, "mtu", file());
        kept.keep("net/eth0", 8, "speed", file());
        assert!(matches!(kept.find("net/eth0", "speed"), Found::Unknown));
        assert_eq!(kept.count(), 1);
    }

    #[test]
    fn a_folder_that_is_not_there_is_looked_for_again_after_some_scrapes() {
        let mut kept = Kept::new(Budget::new(4));
        kept.note_absent("class/hwmon");
        for _ in 0..ABSENT_SCRAPES {
            assert!(kept.is_absent("class/hwmon") && !kept.is_absent("class"));
            kept.start_scrape();
        }
        assert!(!kept.is_absent("class/hwmon"));
        for number in 0..2 * MAX_ABSENT {
            kept.note_absent(&number.to_string());
        }
        assert_eq!(kept.absent.len(), MAX_ABSENT);
    }

    #[test]
    fn folders_that_are_not_asked_for_are_closed() {
        let mut kept = Kept::new(Budget::new(4));
        kept.keep("net/eth0", 7, "mtu", file());
        for _ in 0..IDLE_SCRAPES {
            kept.start_scrape();
        }
        assert_eq!(kept.count(), 1);
        kept.start_scrape();
        assert_eq!(kept.count(), 0);
        kept.forget("net/eth0", "mtu");
    }
}
