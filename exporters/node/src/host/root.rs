//! A directory that is kept open, and how the kernel's files below it are read.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use common::error::CollectError;
use rustix::fs::{Access, AtFlags, Mode, OFlags};
use rustix::io::Errno;

/// Largest file that is read. `/proc/mountinfo` of a host with 10,000
/// containers has some 10 MB; more is no kernel's doing.
const MAX_FILE_BYTES: usize = 32 * 1024 * 1024;

/// Room for the first read; most files of `/proc` fit.
const FIRST_READ_BYTES: usize = 8 * 1024;

/// Size of a page, the most that an attribute of sysfs can hold.
const ATTRIBUTE_BYTES: usize = 4 * 1024;

#[derive(Debug)]
pub(super) struct Root {
    pub(super) path: PathBuf,
    pub(super) directory: OwnedFd,
}

impl Root {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty())
            .with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Self { path: path.to_owned(), directory })
    }

    pub(super) fn has(&self, path: &str) -> bool {
        rustix::fs::accessat(&self.directory, path, Access::EXISTS, AtFlags::empty()).is_ok()
    }

    pub(super) fn read(&self, path: &str) -> Result<String, CollectError> {
        read_file(&self.directory, OsStr::new(path))
            .map_err(|error| CollectError::read(self.path.join(path), error))
    }

    /// One read of at most a page, which is all that an attribute of sysfs can hold.
    pub(super) fn read_once(&self, path: &str) -> Result<String, Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.directory, path, flags, Mode::empty())?;
        let mut content = Vec::with_capacity(ATTRIBUTE_BYTES);
        rustix::io::read(&file, rustix::buffer::spare_capacity(&mut content))?;
        Ok(into_text(content))
    }

    pub(super) fn list(&self, path: &str) -> Result<Option<Vec<String>>, CollectError> {
        let path = self.path.join(path);
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CollectError::read(path, error)),
        };
        let mut names = entries
            .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<String>>>()
            .map_err(|error| CollectError::read(path, error))?;
        names.sort_unstable();
        Ok(Some(names))
    }
}

/// Reads to the end with as few system calls as can be: kernel files have no
/// size to ask for, and are made anew by each read.
pub(super) fn read_file(directory: impl std::os::fd::AsFd, path: &OsStr) -> io::Result<String> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, path, flags, Mode::empty())?;
    let mut content = Vec::with_capacity(FIRST_READ_BYTES);
    loop {
        match rustix::io::read(&file, rustix::buffer::spare_capacity(&mut content)) {
            Ok(0) => break,
            Ok(_) if content.len() > MAX_FILE_BYTES => {
                return Err(io::Error::other(format!("larger than {MAX_FILE_BYTES} bytes")));
            }
            Ok(_) if content.len() == content.capacity() => content.reserve(content.len()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(into_text(content))
}

/// The bytes as text; invalid UTF-8 is replaced.
fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
