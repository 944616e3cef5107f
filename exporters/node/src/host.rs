//! The source of all collectors: files below the configurable roots.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context as _;
use common::error::{CollectError, ParseError, parse_number};
use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::args::Paths;

/// Largest file that is read. `/proc/mountinfo` of a host with 10,000
/// containers has some 10 MB; more is no kernel's doing.
const MAX_FILE_BYTES: usize = 32 * 1024 * 1024;

/// Room for the first read; most files of `/proc` fit.
const FIRST_READ_BYTES: usize = 8 * 1024;

/// Size of a page, the most that an attribute of sysfs can hold.
const ATTRIBUTE_BYTES: usize = 4 * 1024;

/// The roots, opened once, so that each read resolves only the path below them.
#[derive(Debug)]
pub struct Host {
    proc: Root,
    /// Files below `net/` of the proc root are read as those of process 1.
    net_of_init: bool,
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
        let proc = Root::open(&paths.procfs).context("--path.procfs")?;
        Ok(Self {
            net_of_init: paths.procfs != Path::new("/proc") && proc.has("1/net"),
            proc,
            sys: Root::open(&paths.sysfs).context("--path.sysfs")?,
            rootfs: paths.rootfs.clone(),
            udev_data: paths.udev_data.clone(),
        })
    }

    /// In another mount of proc, such as a container's `/host/proc`, the link `net` leads to
    /// the reader's own network namespace; that of process 1 is the host's.
    fn locate<'a>(&self, path: &'a str) -> Cow<'a, str> {
        if self.net_of_init && path.starts_with("net/") {
            Cow::Owned(format!("1/{path}"))
        } else {
            Cow::Borrowed(path)
        }
    }

    /// Whole content of a file below the proc root; invalid UTF-8 is replaced.
    ///
    /// # Errors
    /// [`CollectError::Read`] with the full path.
    pub fn read_proc(&self, path: &str) -> Result<String, CollectError> {
        self.proc.read(&self.locate(path))
    }

    /// Content of a file below the proc root, or `None` if there is no such file.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any reason but absence.
    pub fn read_proc_if_present(&self, path: &str) -> Result<Option<String>, CollectError> {
        if_present(self.proc.read(&self.locate(path)))
    }

    /// Trimmed content of a file below the sys root, or `None` if there is no such file.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any reason but absence.
    pub fn read_sys_if_present(&self, path: &str) -> Result<Option<String>, CollectError> {
        let content = if_present(self.sys.read(path))?;
        Ok(content.map(|content| content.trim().to_owned()))
    }

    /// Trimmed content of a device's attribute below the sys root, or `None` if the
    /// device does not give it: no such file, no permission, not supported, or the
    /// device has gone. The file is read once: broken drivers may answer `EAGAIN` for ever.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any other reason.
    pub fn attribute(&self, path: &str) -> Result<Option<String>, CollectError> {
        match self.sys.read_once(path) {
            Ok(content) => Ok(Some(content.trim().to_owned())),
            Err(error) if is_withheld(error) => Ok(None),
            Err(error) => Err(CollectError::read(self.sys.path.join(path), error)),
        }
    }

    /// A number that a device's attribute holds, or `None` where [`Self::attribute`] gives that.
    ///
    /// # Errors
    /// As [`Self::attribute`], and [`CollectError::Parse`] if the content is no such number.
    pub fn number<T: FromStr>(&self, path: &str) -> Result<Option<T>, CollectError> {
        self.parsed(path, |text| parse_number("value", Some(text)))
    }

    /// What `parse` makes of a device's attribute, or `None` where [`Self::attribute`] gives that.
    ///
    /// # Errors
    /// As [`Self::attribute`], and [`CollectError::Parse`] with what `parse` complains of.
    pub fn parsed<T>(
        &self,
        path: &str,
        parse: impl FnOnce(&str) -> Result<T, ParseError>,
    ) -> Result<Option<T>, CollectError> {
        let Some(text) = self.attribute(path)? else { return Ok(None) };
        parse(&text).map(Some).map_err(|error| self.malformed_sys(path, error))
    }

    /// Names in a directory below the proc root in byte order, or `None` if there is no such directory.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any reason but absence.
    pub fn list_proc(&self, path: &str) -> Result<Option<Vec<String>>, CollectError> {
        self.proc.list(&self.locate(path))
    }

    /// Names in a directory below the sys root in byte order, or `None` if there is no such directory.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any reason but absence.
    pub fn list_sys(&self, path: &str) -> Result<Option<Vec<String>>, CollectError> {
        self.sys.list(path)
    }

    /// Where a symbolic link below the sys root leads to, in full and with all links
    /// resolved, or `None` if there is no such link.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any reason but absence.
    pub fn resolve_sys(&self, path: &str) -> Result<Option<PathBuf>, CollectError> {
        let path = self.sys.path.join(path);
        match path.canonicalize() {
            Ok(target) => Ok(Some(target)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CollectError::read(path, error)),
        }
    }

    /// Full path of a file below the proc root.
    pub fn proc_path(&self, path: &str) -> PathBuf {
        self.proc.path.join(&*self.locate(path))
    }

    /// Full path of a file below the sys root.
    pub fn sys_path(&self, path: &str) -> PathBuf {
        self.sys.path.join(path)
    }

    /// Turns a parser's error into one that names the file below the proc root.
    pub fn malformed_proc(&self, path: &str, error: ParseError) -> CollectError {
        CollectError::parse(&self.proc.path.join(&*self.locate(path)), error)
    }

    /// Turns a parser's error into one that names the file below the sys root.
    pub fn malformed_sys(&self, path: &str, error: ParseError) -> CollectError {
        CollectError::parse(&self.sys.path.join(path), error)
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

#[cfg(test)]
impl Host {
    /// One of the trees in `fixtures`.
    pub(crate) fn fixture(tree: &str) -> Self {
        let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(tree);
        let [procfs, sysfs, rootfs, udev_data] =
            ["proc", "sys", "root", "udev"].map(|name| tree.join(name));
        Self::open(&Paths { procfs, sysfs, rootfs, udev_data }).unwrap()
    }
}

impl Root {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty())
            .with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Self { path: path.to_owned(), directory })
    }

    fn has(&self, path: &str) -> bool {
        rustix::fs::accessat(&self.directory, path, Access::EXISTS, AtFlags::empty()).is_ok()
    }

    fn read(&self, path: &str) -> Result<String, CollectError> {
        read_file(&self.directory, OsStr::new(path))
            .map_err(|error| CollectError::read(self.path.join(path), error))
    }

    /// One read of at most a page, which is all that an attribute of sysfs can hold.
    fn read_once(&self, path: &str) -> Result<String, Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.directory, path, flags, Mode::empty())?;
        let mut content = Vec::with_capacity(ATTRIBUTE_BYTES);
        rustix::io::read(&file, rustix::buffer::spare_capacity(&mut content))?;
        Ok(into_text(content))
    }

    fn list(&self, path: &str) -> Result<Option<Vec<String>>, CollectError> {
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

/// True for the errors by which a device tells that it has no such attribute to show.
fn is_withheld(error: Errno) -> bool {
    matches!(
        error,
        Errno::NOENT
            | Errno::ACCESS
            | Errno::PERM
            | Errno::OPNOTSUPP
            | Errno::INVAL
            | Errno::NODEV
            | Errno::NXIO
            | Errno::NOTDIR
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_another_mount_of_proc_the_network_is_that_of_process_1() {
        let root = std::env::temp_dir().join(format!("node-host-{}", std::process::id()));
        std::fs::create_dir_all(root.join("net")).unwrap();
        std::fs::write(root.join("net/dev"), "own").unwrap();
        let paths = |procfs: &Path| Paths {
            procfs: procfs.into(),
            sysfs: "/sys".into(),
            rootfs: "/".into(),
            udev_data: "/run/udev/data".into(),
        };
        let without = Host::open(&paths(&root)).unwrap();
        std::fs::create_dir_all(root.join("1/net")).unwrap();
        std::fs::write(root.join("1/net/dev"), "host's").unwrap();
        let with = Host::open(&paths(&root)).unwrap();
        let read = |host: &Host| host.read_proc("net/dev").unwrap();
        assert_eq!((read(&without).as_str(), read(&with).as_str()), ("own", "host's"));
        assert_eq!(with.proc_path("net/dev"), root.join("1/net/dev"));
        assert_eq!(with.proc_path("netless"), root.join("netless"));
        let own = Host::open(&paths(Path::new("/proc"))).unwrap();
        assert_eq!(own.proc_path("net/dev"), Path::new("/proc/net/dev"));
        std::fs::remove_dir_all(root).unwrap();
    }
}
