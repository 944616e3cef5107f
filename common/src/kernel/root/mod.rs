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
use super::{Budget, KernelFile, mountinfo};
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

/// Memory for the text of a file that is kept at most: as much as all but very few files need.
const MOST_SPARE_BYTES: usize = 64 * 1024;

/// Files of `/proc` that the kernel writes in one go, and not line by line, from the callers of
/// `single_open` in fs/proc and net: all of the text is there before the first byte is read.
const WRITTEN_AT_ONCE: [&str; 9] = [
    "loadavg",
    "meminfo",
    "net/netstat",
    "net/snmp",
    "net/snmp6",
    "net/sockstat",
    "net/sockstat6",
    "stat",
    "uptime",
];

/// Folders of `/proc` that have no other files.
const FOLDERS_WRITTEN_AT_ONCE: [&str; 2] = ["pressure/", "sys/"];

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
    kind: Kind,
    kept: Mutex<Kept>,
    /// Memory for the text of the next file. That of the last one is still in the processor's
    /// cache, and to allocate and free it for each file was 4 % of the instructions of a scrape.
    spare: Mutex<Vec<u8>>,
}

/// Whose files they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Proc,
    Sysfs,
    Cgroup,
    /// Not the kernel's.
    Other,
}

impl Kind {
    fn of(directory: &OwnedFd) -> Self {
        let magic =
            rustix::fs::fstatfs(directory).map_or(0, |fs| u64::try_from(fs.f_type).unwrap_or(0));
        match magic {
            PROC_SUPER_MAGIC => Self::Proc,
            SYSFS_MAGIC => Self::Sysfs,
            CGROUP_SUPER_MAGIC | CGROUP2_SUPER_MAGIC => Self::Cgroup,
            _ => Self::Other,
        }
    }
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
        let kind = Kind::of(&directory);
        let device = rustix::fs::fstat(&directory).ok().map(|stat| stat.st_dev);
        Ok(Self {
            path: path.to_owned(),
            directory,
            device: device.filter(|_| kind != Kind::Other),
            kind,
            kept: Mutex::new(Kept::new(budget.clone())),
            spare: Mutex::default(),
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
        match self.text(&path, longest) {
            Ok(text) => Ok(KernelFile::new(self, path, text)),
            Err(error) => Err(CollectError::read(self.path.join(&*path), error)),
        }
    }

    fn text(&self, path: &str, longest: usize) -> io::Result<String> {
        // Below `/proc/sys` the size of the buffer counts, see [`SYSCTL_BYTES`].
        let mut content =
            if self.is_sysctl(path) { Vec::new() } else { std::mem::take(&mut *lock(&self.spare)) };
        match self.read_lines_into(path, longest, &mut content) {
            Ok(()) => Ok(into_text(content)),
            Err(error) => {
                self.put_back(content);
                Err(error)
            }
        }
    }

    /// The list of mounts at `path`, in which bytes that are no UTF-8 are escaped, not replaced.
    ///
    /// # Errors
    /// [`CollectError::Read`] with the full path.
    pub fn read_mounts<'a>(
        &'a self,
        path: impl Into<Cow<'a, str>>,
    ) -> Result<KernelFile<'a>, CollectError> {
        let path = path.into();
        let mut content = std::mem::take(&mut *lock(&self.spare));
        match self.read_into(&path, &mut content) {
            Ok(()) => Ok(KernelFile::new(self, path, mountinfo::to_text(content))),
            Err(error) => {
                self.put_back(content);
                Err(CollectError::read(self.path.join(&*path), error))
            }
        }
    }

    /// Takes memory that a file's text does not need any more.
    pub(super) fn put_back(&self, memory: Vec<u8>) {
        let mut spare = lock(&self.spare);
        if memory.capacity() > spare.capacity() && memory.capacity() <= MOST_SPARE_BYTES {
            *spare = memory;
        }
    }

    fn is_sysctl(&self, path: &str) -> bool {
        self.kind == Kind::Proc && path.starts_with("sys/")
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
        let path = path.into();
        match self.text(&path, longest) {
            Ok(text) => Ok(Some(KernelFile::new(self, path, text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CollectError::read(self.path.join(&*path), error)),
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
                None if self.is_sysctl(path) => SYSCTL_BYTES,
                None => FIRST_READ_BYTES,
            };
            content.reserve(first);
            let is_at_once = self.kind == Kind::Proc && is_written_at_once(path);
            let is_end = |count: usize| is_at_once || count + longest <= PAGE_BYTES;
            read_whole(file, is_end, content)?;
            Ok(((), content.len()))
        });
        read.map_err(too_large)
    }

    /// What `parse` makes of the trimmed content of an attribute of sysfs, of which all fits into
    /// a page. It is read once: broken drivers may answer `EAGAIN` for ever.
    ///
    /// # Errors
    /// The operating system's.
    pub fn read_attribute<T>(
        &self,
        path: &str,
        mut parse: impl FnMut(&str) -> T,
    ) -> Result<T, Errno> {
        let mut page = [MaybeUninit::uninit(); PAGE_BYTES];
        self.with_file(path, |file, _| {
            let (content, _) = rustix::io::pread(file, &mut page[..], 0)?;
            // Nearly always valid, and then found to be so four times as fast.
            let made = match std::str::from_utf8(content) {
                Ok(text) => parse(text.trim()),
                Err(_) => parse(String::from_utf8_lossy(content).trim()),
            };
            Ok((made, content.len()))
        })
    }

    /// Names in the directory at `path` in byte order, or `None` if there is no such directory. One
    /// of the kernel's that was not there a few scrapes ago is not looked for at once.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any reason but absence.
    pub fn list(&self, path: &str) -> Result<Option<Vec<String>>, CollectError> {
        if lock(&self.kept).is_absent(path) {
            return Ok(None);
        }
        match self.names(if path.is_empty() { "." } else { path }) {
            Ok(mut names) => {
                names.sort_unstable();
                Ok(Some(names))
            }
            Err(Errno::NOENT) => {
                self.note_absent(path);
                Ok(None)
            }
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
                names.push(into_text(name.to_vec()));
            }
        }
        Ok(names)
    }

    /// Lets `read` read the file at `path` from its start, through a descriptor that was kept if
    /// there is one. `read` gets the length that the file had before, and gives the present one
    /// beside what it makes of the content.
    fn with_file<T>(
        &self,
        path: &str,
        mut read: impl FnMut(&OwnedFd, Option<usize>) -> Result<(T, usize), Errno>,
    ) -> Result<T, Errno> {
        let (folder, name) = split_path(path);
        if let Some(file) = self.find(folder, name) {
            // Outside the lock: one file that hangs must not stop the others.
            let result = read(&file.descriptor, Some(file.length));
            match result {
                Ok((made, length)) => {
                    // There is room for a quarter more than the last time.
                    if length > file.length || length < file.length / 2 {
                        lock(&self.kept).note_length(folder, name, length);
                    }
                    return Ok(made);
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
            let length = result.as_ref().map_or(0, |(_, length)| *length);
            self.keep(folder, name, file, length);
        }
        result.map(|(made, _)| made)
    }

    /// Not of the folders of processes and cgroups, because they come and go.
    fn note_absent(&self, folder: &str) {
        let is_lasting = match self.kind {
            Kind::Proc => !is_of_process(folder),
            Kind::Sysfs => true,
            Kind::Cgroup | Kind::Other => false,
        };
        if is_lasting {
            lock(&self.kept).note_absent(folder);
        }
    }

    fn find(&self, folder: &str, name: &str) -> Option<KeptFile> {
        let found = lock(&self.kept).find(folder, name);
        let found = match found {
            Found::Unchecked(scrape) => {
                let is_fixed = self.kind == Kind::Proc && !is_of_process(folder);
                let inode = if is_fixed { None } else { Some(self.inode(folder)) };
                let mut kept = lock(&self.kept);
                match inode {
                    Some(inode) => kept.check(folder, inode, scrape),
                    None => kept.renew(folder, scrape),
                }
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
        if self.kind != Kind::Proc {
            return true;
        }
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        let is_about_mounts = ["mounts", "mountinfo", "mountstats"].contains(&first);
        (!is_of_process(path) || (first == "1" && rest.starts_with("net/"))) && !is_about_mounts
    }
}

fn is_written_at_once(path: &str) -> bool {
    let path = path.strip_prefix("1/").unwrap_or(path);
    WRITTEN_AT_ONCE.contains(&path)
        || FOLDERS_WRITTEN_AT_ONCE.iter().any(|folder| path.starts_with(folder))
}

/// Folder and name of a file. Names are short: `rsplit_once` takes four times the instructions.
fn split_path(path: &str) -> (&str, &str) {
    let slash = path.bytes().rposition(|byte| byte == b'/');
    slash.map_or(("", path), |slash| (&path[..slash], &path[slash + 1..]))
}

/// True for the folder of a process in `/proc` and what is below it.
fn is_of_process(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    first.starts_with(|c: char| c.is_ascii_digit()) || ["self", "thread-self"].contains(&first)
}

/// The text of one file anywhere, up to the size that files below a root may have.
///
/// # Errors
/// The operating system's, or that the file is too large.
pub fn read_text(path: &Path) -> io::Result<String> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    let mut content = Vec::with_capacity(FIRST_READ_BYTES);
    read_whole(&file, |_| false, &mut content).map_err(too_large)?;
    Ok(into_text(content))
}

/// Reads from offset 0 to the end with as few system calls as can be: the kernel's files have no
/// size to ask for, and a read that leaves room is not yet their end unless `is_end` says so of
/// the number of bytes that it gave.
fn read_whole(
    file: &OwnedFd,
    is_end: impl Fn(usize) -> bool,
    content: &mut Vec<u8>,
) -> Result<(), Errno> {
    loop {
        let offset = content.len() as u64;
        match rustix::io::pread(file, spare_capacity(content), offset) {
            Ok(0) => return Ok(()),
            Ok(_) if content.len() > MAX_FILE_BYTES => return Err(Errno::FBIG),
            Ok(_) if content.len() == content.capacity() => content.reserve(content.len()),
            Ok(count) if is_end(count) => return Ok(()),
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
