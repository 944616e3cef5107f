//! Which files of a folder a program opens: those that its parsers read.

use std::collections::{BTreeSet, HashMap};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

/// A folder that is watched, with all below it.
#[derive(Debug)]
pub struct Opened {
    inotify: OwnedFd,
    folders: HashMap<i32, PathBuf>,
}

impl Opened {
    /// Begins to watch.
    ///
    /// # Errors
    /// A folder cannot be read or watched.
    pub fn watch(root: &Path) -> anyhow::Result<Self> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let mut watched = Self { inotify, folders: HashMap::new() };
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            let number = inotify::add_watch(&watched.inotify, &folder, WatchFlags::OPEN)?;
            for entry in std::fs::read_dir(&folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                }
            }
            watched.folders.insert(number, folder);
        }
        watched.files()?;
        Ok(watched)
    }

    /// The files that were opened since this was asked for last, in order.
    ///
    /// # Errors
    /// They were so many that the kernel has lost some.
    pub fn files(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.inotify, &mut buffer);
        let mut files = BTreeSet::new();
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return Ok(files.into_iter().collect()),
                Err(error) => return Err(error.into()),
            };
            ensure!(!event.events().contains(ReadFlags::QUEUE_OVERFLOW), "events were lost");
            if event.events().contains(ReadFlags::ISDIR) {
                continue;
            }
            let (folder, name) = (self.folders.get(&event.wd()), event.file_name());
            if let (Some(folder), Some(name)) = (folder, name) {
                files.insert(folder.join(std::ffi::OsStr::from_bytes(name.to_bytes())));
            }
        }
    }
}
