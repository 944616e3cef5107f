//! The source of all collectors: files below the configurable roots.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use common::error::{CollectError, ParseError};
use rustix::fs::{CWD, Mode, OFlags};

use crate::args::Paths;

/// Largest file that is read. `/proc/mountinfo` of a host with 10,000
/// containers has some 10 MB; more is no kernel's doing.
const MAX_FILE_BYTES: usize = 32 * 1024 * 1024;

/// Room for the first read; most files of `/proc` fit.
const FIRST_READ_BYTES: usize = 8 * 1024;

/// The roots, opened once, so that each read resolves only the path below them.
#[derive(Debug)]
pub struct Host {
    proc: Root,
    sys: Root,
    rootfs: PathBuf,
    udev_data: PathBuf,
}

#[derive(Debug)]
struct Root {
    path: PathBuf,
    directory: OwnedFd,
}

impl Host {
    /// Opens the roots.
    ///
    /// # Errors
    /// The proc or sys root is no readable directory.
    pub fn open(paths: &Paths) -> anyhow::Result<Self> {
        Ok(Self {
            proc: Root::open(&paths.procfs).context("--path.procfs")?,
            sys: Root::open(&paths.sysfs).context("--path.sysfs")?,
            rootfs: paths.rootfs.clone(),
            udev_data: paths.udev_data.clone(),
        })
    }

    /// Whole content of a file below the proc root; invalid UTF-8 is replaced.
    ///
    /// # Errors
    /// [`CollectError::Read`] with the full path.
    pub fn read_proc(&self, path: &str) -> Result<String, CollectError> {
        self.proc.read(path)
    }

    /// Content of a file below the proc root, or `None` if there is no such file.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any reason but absence.
    pub fn read_proc_if_present(&self, path: &str) -> Result<Option<String>, CollectError> {
        if_present(self.proc.read(path))
    }

    /// Trimmed content of an attribute below the sys root, or `None` if there is no such file.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any reason but absence.
    pub fn read_sys_if_present(&self, path: &str) -> Result<Option<String>, CollectError> {
        let content = if_present(self.sys.read(path))?;
        Ok(content.map(|content| content.trim().to_owned()))
    }

    /// Names in a directory below the sys root in byte order; empty if there is no such directory.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any reason but absence.
    pub fn list_sys(&self, path: &str) -> Result<Vec<String>, CollectError> {
        let path = self.sys.path.join(path);
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(CollectError::read(path, error)),
        };
        let mut names = entries
            .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<String>>>()
            .map_err(|error| CollectError::read(path, error))?;
        names.sort_unstable();
        Ok(names)
    }

    /// Turns a parser's error into one that names the file below the proc root.
    pub fn malformed_proc(&self, path: &str, error: ParseError) -> CollectError {
        CollectError::parse(&self.proc.path.join(path), error)
    }

    /// Root of the host's file systems.
    pub fn rootfs(&self) -> &Path {
        &self.rootfs
    }

    /// Folder of the udev database.
    pub fn udev_data(&self) -> &Path {
        &self.udev_data
    }

    /// Whole content of a file at `path` below the host's root, or `None` if there is no such file.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any reason but absence.
    pub fn read_rootfs_if_present(&self, path: &str) -> Result<Option<String>, CollectError> {
        let path = self.rootfs.join(path);
        if_present(
            read_file(CWD, path.as_os_str()).map_err(|error| CollectError::read(path, error)),
        )
    }

    /// Whole content of a file of the udev database, or `None` if it cannot be read.
    ///
    /// What udev knows is an extra; without it the labels stay empty.
    pub fn read_udev(&self, name: &str) -> Option<String> {
        read_file(CWD, self.udev_data.join(name).as_os_str()).ok()
    }
}

impl Root {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty())
            .with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Self { path: path.to_owned(), directory })
    }

    fn read(&self, path: &str) -> Result<String, CollectError> {
        read_file(&self.directory, OsStr::new(path))
            .map_err(|error| CollectError::read(self.path.join(path), error))
    }
}

fn if_present(read: Result<String, CollectError>) -> Result<Option<String>, CollectError> {
    match read {
        Ok(content) => Ok(Some(content)),
        Err(CollectError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Reads to the end with as few system calls as can be: kernel files have no
/// size to ask for, and are made anew by each read.
fn read_file(directory: impl std::os::fd::AsFd, path: &OsStr) -> io::Result<String> {
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
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(String::from_utf8(content)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}
