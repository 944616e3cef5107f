//! A directory that is kept open, and how the kernel's files below it are read.

use std::borrow::Cow;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use rustix::buffer::spare_capacity;
use rustix::fs::{AtFlags, Mode, OFlags, RawDir, Stat};
use rustix::io::Errno;

use super::kept::{Found, Kept, KeptFile};
use super::{Budget, KernelFile};
use crate::error::CollectError;
use crate::sync::lock;

/// Largest file that is read. `/proc/mountinfo` of a host with 10,000
/// containers has some 10 MB; more is no kernel's doing.
const MAX_FILE_BYTES: usize = 32 * 1024 * 1024;

/// Room for the first read of a file of which nothing is known; most files of `/proc` fit.
const FIRST_READ_BYTES: usize = 8 * 1024;

/// Room for the first read below `/proc/sys`, whose files are numbers and words: there the kernel
/// allocates as much as is asked for, and takes 3 µs for 64 KiB instead of 1.
const SYSCTL_BYTES: usize = 1024;

/// Room for the entries of a folder that one system call gives.
const FOLDER_BYTES: usize = 4 * 1024;

/// Size of a page: the most that an attribute of sysfs holds, and the least room that the kernel
/// has for the lines of a file.
const PAGE_BYTES: usize = 4 * 1024;

// From include/uapi/linux/magic.h.
const PROC_SUPER_MAGIC: u64 = 0x9fa0;
const SYSFS_MAGIC: u64 = 0x6265_6572;
const CGROUP_SUPER_MAGIC: u64 = 0x0027_e0eb;
const CGROUP2_SUPER_MAGIC: u64 = 0x6367_7270;

/// A root of the kernel's files, such as `/proc` or the hierarchy of a cgroup controller.
///
/// It may be any directory; only where it is the kernel's own do descriptors stay open.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    directory: OwnedFd,
    /// The device of the root; what another file system is mounted on is not kept open, because
    /// that would keep the mount busy. `None` to keep nothing open.
    device: Option<u64>,
    is_proc: bool,
    kept: Mutex<Kept>,
}

impl Root {
    /// Opens the directory at `path`; `budget` bounds how many files below it stay open.
    ///
    /// # Errors
    /// It is no directory that may be read.
    pub fn open(path: &Path, budget: &Budget) -> anyhow::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty())
            .with_context(|| format!("cannot open {}", path.display()))?;
        let magic = rustix::fs::fstatfs(&directory).map_or(0, |fs| fs.f_type.cast_unsigned());
        let is_proc = magic == PROC_SUPER_MAGIC;
        let is_kernels =
            is_proc || [SYSFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC].contains(&magic);
        let device = rustix::fs::fstat(&directory).ok().map(|stat| stat.st_dev);
        Ok(Self {
            path: path.to_owned(),
            directory,
            device: device.filter(|_| is_kernels),
            is_proc,
            kept: Mutex::new(Kept::new(budget.clone())),
        })
    }

    /// The directory's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open directory.
    pub fn directory(&self) -> impl AsFd + '_ {
        self.directory.as_fd()
    }

    /// To be called when a scrape starts: what was kept open is checked again before it is read.
    pub fn start_scrape(&self) {
        lock(&self.kept).start_scrape();
    }

    /// True if there is something at `path`.
    pub fn has(&self, path: &str) -> bool {
        self.stat(path).is_ok()
    }

    /// The whole file at `path`.
    ///
    /// # Errors
    /// [`CollectError::Read`] with the full path.
    pub fn read<'a>(
        &'a self,
        path: impl Into<Cow<'a, str>>,
    ) -> Result<KernelFile<'a>, CollectError> {
        self.read_lines(path, PAGE_BYTES)
    }

    /// As [`Self::read`], of a file whose lines are at most `longest` bytes long.
    ///
    /// The kernel fills a page or more line by line, so what leaves room for another line is all
    /// that there is. To ask again would make it go through its tables of sockets once more,
    /// which takes half of the time.
    ///
    /// # Errors
    /// [`CollectError::Read`] with the full path.
    pub fn read_lines<'a>(
        &'a self,
        path: impl Into<Cow<'a, str>>,
        longest: usize,
    ) -> Result<KernelFile<'a>, CollectError> {
        let path = path.into();
        let mut content = Vec::new();
        match self.read_lines_into(&path, longest, &mut content) {
            Ok(()) => Ok(KernelFile::new(&self.path, path, into_text(content))),
            Err(error) => Err(CollectError::read(self.path.join(&*path), error)),
        }
    }

    /// The whole file at `path`, or `None` if there is no such file.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any reason but absence.
    pub fn read_if_present<'a>(
        &'a self,
        path: impl Into<Cow<'a, str>>,
    ) -> Result<Option<KernelFile<'a>>, CollectError> {
        self.read_lines_if_present(path, PAGE_BYTES)
    }

    /// As [`Self::read_lines`], or `None` if there is no such file.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any reason but absence.
    pub fn read_lines_if_present<'a>(
        &'a self,
        path: impl Into<Cow<'a, str>>,
        longest: usize,
    ) -> Result<Option<KernelFile<'a>>, CollectError> {
        match self.read_lines(path, longest) {
            Ok(file) => Ok(Some(file)),
            Err(CollectError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Puts the content of the file at `path` into `content`, in place of what was there.
    ///
    /// # Errors
    /// The operating system's.
    pub fn read_into(&self, path: &str, content: &mut Vec<u8>) -> io::Result<()> {
        self.read_lines_into(path, PAGE_BYTES, content)
    }

    /// Puts the content of the file at `path`, whose lines are at most `longest` bytes long, into
    /// `content`, in place of what was there.
    ///
    /// # Errors
    /// The operating system's.
    pub fn read_lines_into(
        &self,
        path: &str,
        longest: usize,
        content: &mut Vec<u8>,
    ) -> io::Result<()> {
        content.clear();
        let read = self.with_file(path, |file, length| {
            content.clear();
            let first = match length {
                Some(length) => length + length / 4 + 64,
                None if self.is_proc && path.starts_with("sys/") => SYSCTL_BYTES,
                None => FIRST_READ_BYTES,
            };
            content.reserve(first);
            read_whole(file, longest, content)?;
            Ok(content.len())
        });
        read.map_err(too_large)
    }

    /// Trimmed content of an attribute of sysfs, of which all fits into a page. It is read once:
    /// broken drivers may answer `EAGAIN` for ever.
    ///
    /// # Errors
    /// The operating system's.
    pub fn read_attribute(&self, path: &str) -> Result<String, Errno> {
        let mut page = [MaybeUninit::uninit(); PAGE_BYTES];
        let mut text = String::new();
        self.with_file(path, |file, _| {
            let (content, _) = rustix::io::pread(file, &mut page[..], 0)?;
            String::from_utf8_lossy(content).trim().clone_into(&mut text);
            Ok(content.len())
        })?;
        Ok(text)
    }

    /// Names in the directory at `path` in byte order, or `None` if there is no such directory.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any reason but absence.
    pub fn list(&self, path: &str) -> Result<Option<Vec<String>>, CollectError> {
        match self.names(if path.is_empty() { "." } else { path }) {
            Ok(mut names) => {
                names.sort_unstable();
                Ok(Some(names))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(CollectError::read(self.path.join(path), error)),
        }
    }

    /// Through a buffer of its own: glibc's would be 32 KiB from the heap for each folder.
    fn names(&self, path: &str) -> Result<Vec<String>, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::openat(&self.directory, path, flags, Mode::empty())?;
        let mut buffer = [MaybeUninit::uninit(); FOLDER_BYTES];
        let mut entries = RawDir::new(folder, &mut buffer);
        let mut names = Vec::new();
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(String::from_utf8_lossy(name).into_owned());
            }
        }
        Ok(names)
    }

    /// Lets `read` read the file at `path` from its start, through a descriptor that was kept if
    /// there is one. `read` gets the length that the file had before, and gives the present one.
    fn with_file(
        &self,
        path: &str,
        mut read: impl FnMut(&OwnedFd, Option<usize>) -> Result<usize, Errno>,
    ) -> Result<(), Errno> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if let Some(file) = self.find(folder, name) {
            // Outside the lock: one file that hangs must not stop the others.
            let result = read(&file.descriptor, Some(file.length));
            match result {
                Ok(length) if length == file.length => return Ok(()),
                Ok(length) => {
                    lock(&self.kept).note_length(folder, name, length);
                    return Ok(());
                }
                Err(error) if is_answer(error) => return Err(error),
                // Only what the path leads to now counts.
                Err(_) => lock(&self.kept).forget(folder, name),
            }
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.directory, path, flags, Mode::empty())?;
        let result = read(&file, None);
        let is_alive = result.as_ref().map_or_else(|error| is_answer(*error), |_| true);
        if is_alive && self.is_worth_keeping(path) {
            self.keep(folder, name, file, result.unwrap_or_default());
        }
        result.map(drop)
    }

    fn find(&self, folder: &str, name: &str) -> Option<KeptFile> {
        let found = lock(&self.kept).find(folder, name);
        let found = match found {
            Found::Unchecked(scrape) => {
                let inode = self.inode(folder);
                let mut kept = lock(&self.kept);
                kept.check(folder, inode, scrape);
                kept.find(folder, name)
            }
            found => found,
        };
        match found {
            Found::Open(file) => Some(file),
            Found::Unchecked(_) | Found::Unknown => None,
        }
    }

    fn keep(&self, folder: &str, name: &str, file: OwnedFd, length: usize) {
        let is_here = rustix::fs::fstat(&file).is_ok_and(|stat| Some(stat.st_dev) == self.device);
        let Some(inode) = self.inode(folder).filter(|_| is_here) else { return };
        let file = KeptFile { descriptor: Arc::new(file), length };
        lock(&self.kept).keep(folder, inode, name, file);
    }

    /// Which directory `folder` is, unless it is on another file system than the root.
    fn inode(&self, folder: &str) -> Option<u64> {
        let stat = self.stat(if folder.is_empty() { "." } else { folder }).ok()?;
        (Some(stat.st_dev) == self.device).then_some(stat.st_ino)
    }

    fn stat(&self, path: &str) -> Result<Stat, Errno> {
        rustix::fs::statat(&self.directory, path, AtFlags::empty())
    }

    /// Files of a process are not: they would hold its namespaces, and with these its network
    /// devices and mounts. The first process lives as long as the system, but its mounts come
    /// and go.
    fn is_worth_keeping(&self, path: &str) -> bool {
        if self.device.is_none() {
            return false;
        }
        if !self.is_proc {
            return true;
        }
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        let is_process = first.starts_with(|c: char| c.is_ascii_digit())
            || ["self", "thread-self"].contains(&first);
        let is_about_mounts = ["mounts", "mountinfo", "mountstats"].contains(&first);
        (!is_process || (first == "1" && rest.starts_with("net/"))) && !is_about_mounts
    }
}

/// The text of one file anywhere, up to the size that files below a root may have.
///
/// # Errors
/// The operating system's, or that the file is too large.
pub fn read_text(path: &Path) -> io::Result<String> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    let mut content = Vec::with_capacity(FIRST_READ_BYTES);
    read_whole(&file, PAGE_BYTES, &mut content).map_err(too_large)?;
    Ok(into_text(content))
}

/// Reads from offset 0 to the end with as few system calls as can be: the kernel's files have no
/// size to ask for, and a short read is not yet their end.
fn read_whole(file: &OwnedFd, longest: usize, content: &mut Vec<u8>) -> Result<(), Errno> {
    loop {
        let offset = content.len() as u64;
        match rustix::io::pread(file, spare_capacity(content), offset) {
            Ok(0) => return Ok(()),
            Ok(_) if content.len() > MAX_FILE_BYTES => return Err(Errno::FBIG),
            Ok(_) if content.len() == content.capacity() => content.reserve(content.len()),
            Ok(count) if count + longest <= PAGE_BYTES => return Ok(()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// The error of [`read_whole`] in words.
fn too_large(error: Errno) -> io::Error {
    if error == Errno::FBIG {
        io::Error::other(format!("larger than {MAX_FILE_BYTES} bytes"))
    } else {
        error.into()
    }
}

/// True for what a driver answers of a device that is there, but has no such value at the moment:
/// a network device that is down has no speed. Of one that has gone the kernel says `ENODEV`.
fn is_answer(error: Errno) -> bool {
    matches!(error, Errno::INVAL | Errno::OPNOTSUPP | Errno::NODATA | Errno::AGAIN | Errno::BUSY)
}

/// The bytes as text; invalid UTF-8 is replaced.
fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests;
