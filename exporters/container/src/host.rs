//! Files of the host outside its cgroups.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use common::error::{CollectError, ParseError};
use rustix::fs::{Mode, OFlags};

use crate::args::PathArgs;
use crate::file;

/// The roots below which the host's files are.
#[derive(Debug)]
pub struct Host {
    proc: Root,
    sys: PathBuf,
    rootfs: PathBuf,
    /// Data folder of the runtime, where the daemon does not tell.
    docker_root: PathBuf,
}

/// A directory, opened once, so that each read resolves only the path below it.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) path: PathBuf,
    pub(crate) directory: OwnedFd,
}

impl Root {
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty())
            .with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Self { path: path.to_owned(), directory })
    }
}

impl Host {
    /// Opens the roots.
    ///
    /// # Errors
    /// The proc root is no readable directory.
    pub fn open(paths: &PathArgs, docker_root: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            proc: Root::open(&paths.procfs()).context("--path.procfs")?,
            sys: paths.sysfs.clone(),
            rootfs: paths.rootfs(),
            docker_root: docker_root.to_owned(),
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
        let mut content = Vec::new();
        match file::read_into(&self.proc.directory, path, &mut content) {
            Ok(()) => {}
            Err(error) if file::is_absence(&error) => return Ok(None),
            Err(error) => return Err(CollectError::read(self.proc.path.join(path), error)),
        }
        parse(&String::from_utf8_lossy(&content))
            .map(Some)
            .map_err(|error| CollectError::parse(&self.proc.path.join(path), error))
    }

    /// Trimmed content of an attribute below the sys root, or `None` where it cannot be read.
    pub fn read_sys(&self, path: &str) -> Option<String> {
        read_trimmed(&self.sys.join(path))
    }

    /// Trimmed content of the first of `paths` that can be read, first below the
    /// host's root and then as it stands.
    pub fn read_first(&self, paths: &[String]) -> Option<String> {
        paths.iter().find_map(|path| {
            read_trimmed(&self.below_rootfs(path)).or_else(|| read_trimmed(Path::new(path)))
        })
    }

    /// Where the host's `path` is to be found.
    pub fn below_rootfs(&self, path: &str) -> PathBuf {
        self.rootfs.join(path.trim_start_matches('/'))
    }

    /// Data folder of the runtime, where the daemon does not tell.
    pub fn docker_root(&self) -> &Path {
        &self.docker_root
    }
}

fn read_trimmed(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|content| content.trim().to_owned())
}
