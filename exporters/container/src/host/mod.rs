//! Files of the host outside its cgroups.

pub(crate) mod meminfo;
mod paths;

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::Context as _;
use common::error::{CollectError, ParseError, Partial};
use common::kernel::{Budget, KernelFile, Root};
use rustix::fs::{Dir, Mode, OFlags};

use crate::file;

pub use paths::PathArgs;

/// Files below the proc root that stay open: few are read that are no process's.
const KEPT: usize = 16;

/// Name of a symbolic link, and where it points to.
pub type Link = (String, String);

/// The roots below which the host's files are.
#[derive(Debug)]
pub struct Host {
    proc: Root,
    /// Processes below the proc root have other numbers than for this process.
    numbers_differ: bool,
    sys: PathBuf,
    rootfs: PathBuf,
    kernel_release: String,
}

impl Host {
    /// Opens the roots.
    ///
    /// # Errors
    /// The proc root is no readable directory.
    pub fn open(paths: &PathArgs) -> anyhow::Result<Self> {
        let proc = Root::open(&paths.procfs(), &Budget::new(KEPT)).context("--path.procfs")?;
        let own_number = rustix::fs::readlinkat(proc.directory(), "self", Vec::new()).ok();
        let is_own = |number: CString| number.to_bytes() == process::id().to_string().as_bytes();
        // A kernel does not change while this process runs.
        let kernel_release = read_trimmed(&proc.path().join("sys/kernel/osrelease"));
        let running = || rustix::system::uname().release().to_string_lossy().into_owned();
        Ok(Self {
            kernel_release: kernel_release.unwrap_or_else(running),
            proc,
            numbers_differ: own_number.is_some_and(|number| !is_own(number)),
            sys: paths.sysfs.clone(),
            rootfs: paths.rootfs(),
        })
    }

    /// Reads and parses a file below the proc root; `None` if it is not there.
    ///
    /// # Errors
    /// Any other reason why it cannot be read, and what `parse` says, with the full path.
    pub fn parse_proc<T>(
        &self,
        path: &str,
        parse: impl FnOnce(&str) -> Result<T, ParseError>,
    ) -> Result<Option<T>, CollectError> {
        file::parse(&self.proc, path, &mut Vec::new(), parse)
    }

    /// Reads and parses a file of rows below the proc root; `None` if it is not there. The
    /// error has the full path.
    pub fn parse_proc_rows<T>(
        &self,
        path: &str,
        parse: impl FnOnce(&str) -> Partial<T, ParseError>,
    ) -> Partial<Option<T>> {
        file::parse_rows(&self.proc, path, &mut Vec::new(), parse)
    }

    /// The list of mounts of the host's first process; `None` if it cannot be seen.
    ///
    /// # Errors
    /// Any other reason why it cannot be read.
    pub(crate) fn mounts(&self) -> Result<Option<KernelFile<'_>>, CollectError> {
        match self.proc.read_mounts("1/mountinfo") {
            Ok(file) => Ok(Some(file)),
            Err(CollectError::Read { source, .. }) if file::is_absence(&source) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// To be called when a scrape starts: what was kept open is checked again before it is read.
    pub(crate) fn start_scrape(&self) {
        self.proc.start_scrape();
    }

    /// True if the kernel numbers processes for this one in another way than below the
    /// proc root: the exporter is in a process namespace of its own.
    pub(crate) fn numbers_differ(&self) -> bool {
        self.numbers_differ
    }

    /// The root of the proc file system.
    pub(crate) fn proc(&self) -> &Root {
        &self.proc
    }

    /// The links in a folder below the proc root, with where they point to; `None` if it is not
    /// there.
    ///
    /// # Errors
    /// Any other reason why it cannot be read.
    pub fn links(&self, path: &str) -> Result<Option<Vec<Link>>, CollectError> {
        match read_links(self.proc.directory(), path) {
            Ok(targets) => Ok(Some(targets)),
            Err(error) if file::is_absence(&error) => Ok(None),
            Err(error) => Err(CollectError::read(self.proc.path().join(path), error)),
        }
    }

    /// Names in a folder below the sys root, in order; none if it is not there.
    ///
    /// # Errors
    /// Any other reason why it cannot be read.
    pub fn list_sys(&self, path: &str) -> Result<Vec<String>, CollectError> {
        let path = self.sys.join(path);
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if file::is_absence(&error) => return Ok(Vec::new()),
            Err(error) => return Err(CollectError::read(path, error)),
        };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Reads and parses an attribute below the sys root, trimmed; `None` if it cannot be read.
    ///
    /// # Errors
    /// What `parse` says, with the full path.
    pub fn parse_sys<T>(
        &self,
        path: &str,
        parse: impl FnOnce(&str) -> Result<T, ParseError>,
    ) -> Result<Option<T>, CollectError> {
        let parsed = self.read_sys(path).map(|text| parse(&text)).transpose();
        parsed.map_err(|error| self.malformed_sys(path, error))
    }

    /// As [`Self::parse_sys`], for a file of which a malformed part costs itself alone.
    pub fn parse_sys_rows<T>(
        &self,
        path: &str,
        parse: impl FnOnce(&str) -> Partial<T, ParseError>,
    ) -> Partial<Option<T>> {
        match self.read_sys(path) {
            Some(text) => parse(&text).map(Some).map_error(|error| self.malformed_sys(path, error)),
            None => Partial::whole(None),
        }
    }

    /// A complaint about what is at `path` below the sys root.
    pub fn malformed_sys(&self, path: &str, error: ParseError) -> CollectError {
        CollectError::parse(&self.sys.join(path), error)
    }

    /// Trimmed content of an attribute below the sys root, or `None` where it cannot be read.
    pub fn read_sys(&self, path: &str) -> Option<String> {
        read_trimmed(&self.sys.join(path))
    }

    /// Trimmed content of the first of the host's `paths` that can be read; those below `/proc` are
    /// below the proc root.
    pub fn read_first(&self, paths: &[&str]) -> Option<String> {
        paths.iter().find_map(|path| match path.strip_prefix("/proc/") {
            Some(path) => read_trimmed(&self.proc.path().join(path)),
            None => read_trimmed(&self.below_rootfs(path)),
        })
    }

    /// Trimmed content of the first of `paths` that can be read, which the user has named: first
    /// below the host's root and then as given.
    pub fn read_given(&self, paths: &[String]) -> Option<String> {
        paths.iter().find_map(|path| {
            read_trimmed(&self.below_rootfs(path)).or_else(|| read_trimmed(Path::new(path)))
        })
    }

    /// Release of the host's kernel.
    pub fn kernel_release(&self) -> &str {
        &self.kernel_release
    }

    /// Where the host's `path` is to be found.
    pub fn below_rootfs(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.rootfs.join(path.strip_prefix("/").unwrap_or(path))
    }
}

/// Links that vanish meanwhile are none.
fn read_links(root: impl AsFd, path: &str) -> io::Result<Vec<Link>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(root, path, flags, Mode::empty())?;
    let mut targets = Vec::new();
    for entry in Dir::read_from(&directory)? {
        let entry = entry?;
        if let Ok(target) = rustix::fs::readlinkat(&directory, entry.file_name(), Vec::new()) {
            let text = |text: &CStr| text.to_string_lossy().into_owned();
            targets.push((text(entry.file_name()), text(&target)));
        }
    }
    Ok(targets)
}

fn read_trimmed(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|content| content.trim().to_owned())
}
