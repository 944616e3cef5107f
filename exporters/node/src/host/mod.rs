//! The source of all collectors: files below the configurable roots.

mod paths;

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Mutex;

use anyhow::Context as _;
use common::error::{CollectError, ParseError, parse_number};
use common::kernel::{Budget, KernelFile, Root, is_withheld, read_text};
use common::sync::lock;

pub use paths::Paths;

/// The roots, opened once, so that each read resolves only the path below them.
#[derive(Debug)]
pub struct Host {
    proc: Root,
    /// Files below `net/` of the proc root are read as those of process 1.
    net_of_init: bool,
    /// The proc root is this process's own, so that its network is this process's too.
    net_is_own: bool,
    octets: Mutex<Option<[f64; 2]>>,
    sys: Root,
    rootfs: PathBuf,
    /// `None` if there is no such folder.
    udev_data: Option<PathBuf>,
}

impl Host {
    /// Opens the roots.
    ///
    /// # Errors
    /// The proc or sys root is no readable directory.
    pub fn open(paths: &Paths) -> anyhow::Result<Self> {
        let budget = Budget::of_process();
        let proc = Root::open(&paths.procfs, &budget).context("--path.procfs")?;
        let net_is_own = paths.procfs == Path::new("/proc");
        Ok(Self {
            net_of_init: !net_is_own && proc.has("1/net"),
            net_is_own,
            octets: Mutex::default(),
            proc,
            sys: Root::open(&paths.sysfs, &budget).context("--path.sysfs")?,
            rootfs: paths.rootfs.clone(),
            udev_data: udev_data(paths),
        })
    }

    /// In another mount of proc, such as a container's `/host/proc`, the link `net` leads to
    /// the reader's own network namespace; that of process 1 is the host's.
    fn locate<'a>(&self, path: Cow<'a, str>) -> Cow<'a, str> {
        if self.net_of_init && path.starts_with("net/") {
            Cow::Owned(format!("1/{path}"))
        } else {
            path
        }
    }

    /// To be called when a scrape starts: what was kept open is checked again before it is read.
    pub fn start_scrape(&self) {
        self.proc.start_scrape();
        self.sys.start_scrape();
    }

    /// Keeps bytes received and sent, as `net/netstat` has them, for the exporter's own metrics.
    pub fn note_octets(&self, octets: Option<[f64; 2]>) {
        if self.net_is_own {
            *lock(&self.octets) = octets;
        }
    }

    /// What was noted last, once.
    pub fn take_octets(&self) -> Option<[f64; 2]> {
        lock(&self.octets).take()
    }

    /// A file below the proc root.
    ///
    /// # Errors
    /// [`CollectError::Read`] with the full path.
    pub fn proc<'a>(
        &'a self,
        path: impl Into<Cow<'a, str>>,
    ) -> Result<KernelFile<'a>, CollectError> {
        self.proc.read(self.locate(path.into()))
    }

    /// A file below the proc root, or `None` if there is no such file.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any reason but absence.
    pub fn proc_if_present<'a>(
        &'a self,
        path: impl Into<Cow<'a, str>>,
    ) -> Result<Option<KernelFile<'a>>, CollectError> {
        self.proc.read_if_present(self.locate(path.into()))
    }

    /// As [`Self::proc_if_present`], of a table whose lines are at most `longest` bytes long.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any reason but absence.
    pub fn table_if_present<'a>(
        &'a self,
        path: &'static str,
        longest: usize,
    ) -> Result<Option<KernelFile<'a>>, CollectError> {
        self.proc.read_lines_if_present(self.locate(path.into()), longest)
    }

    /// The list of mounts at `path` below the proc root; bytes that are no UTF-8 are escaped.
    ///
    /// # Errors
    /// [`CollectError::Read`] with the full path.
    pub fn proc_mounts<'a>(&'a self, path: &'a str) -> Result<KernelFile<'a>, CollectError> {
        self.proc.read_mounts(path)
    }

    /// A file below the sys root, or `None` if there is no such file.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any reason but absence.
    pub fn sys_if_present<'a>(
        &'a self,
        path: &'a str,
    ) -> Result<Option<KernelFile<'a>>, CollectError> {
        self.sys.read_if_present(path)
    }

    /// Trimmed content of a device's attribute below the sys root, or `None` if the
    /// device does not give it, see [`is_withheld`]. The file is read once: broken drivers may
    /// answer `EAGAIN` for ever.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any other reason.
    pub fn attribute(&self, path: &str) -> Result<Option<String>, CollectError> {
        self.parsed(path, |text| Ok(text.to_owned()))
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
        parse: impl FnMut(&str) -> Result<T, ParseError>,
    ) -> Result<Option<T>, CollectError> {
        match self.sys.read_attribute(path, parse) {
            Ok(parsed) => parsed.map(Some).map_err(|error| self.malformed_sys(path, error)),
            Err(error) => match io::Error::from(error) {
                error if is_withheld(&error) => Ok(None),
                error => Err(CollectError::read(self.sys_path(path), error)),
            },
        }
    }

    /// Names in a directory below the proc root in byte order, or `None` if there is no such directory.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any reason but absence.
    pub fn list_proc(&self, path: &str) -> Result<Option<Vec<String>>, CollectError> {
        self.proc.list(&self.locate(path.into()))
    }

    /// Names in a directory below the sys root in byte order, or `None` if there is no such directory.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any reason but absence.
    pub fn list_sys(&self, path: &str) -> Result<Option<Vec<String>>, CollectError> {
        self.sys.list(path)
    }

    /// Where a symbolic link below the sys root leads to, in full and with all links
    /// resolved, or `None` if the device shows no such link.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any other reason.
    pub fn resolve_sys(&self, path: &str) -> Result<Option<PathBuf>, CollectError> {
        let path = self.sys_path(path);
        match path.canonicalize() {
            Ok(target) => Ok(Some(target)),
            Err(error) if is_withheld(&error) => Ok(None),
            Err(error) => Err(CollectError::read(path, error)),
        }
    }

    /// Full path of a file below the proc root.
    pub fn proc_path(&self, path: &str) -> PathBuf {
        self.proc.path().join(&*self.locate(path.into()))
    }

    /// Full path of a file below the sys root.
    pub fn sys_path(&self, path: &str) -> PathBuf {
        self.sys.path().join(path)
    }

    /// Turns a parser's error into one that names the file below the sys root.
    pub fn malformed_sys(&self, path: &str, error: ParseError) -> CollectError {
        CollectError::parse(&self.sys.path().join(path), error)
    }

    /// Root of the host's file systems.
    pub fn rootfs(&self) -> &Path {
        &self.rootfs
    }

    /// Whole content of a file at `path` below the host's root, or `None` if there is no such file.
    ///
    /// # Errors
    /// [`CollectError::Read`] for any reason but absence.
    pub fn read_rootfs_if_present(&self, path: &str) -> Result<Option<String>, CollectError> {
        let path = self.rootfs.join(path);
        match read_text(&path) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CollectError::read(path, error)),
        }
    }

    /// Whole content of a file of the udev database, or `None` if it cannot be read.
    ///
    /// What udev knows is an extra; without it the labels stay empty.
    pub fn read_udev(&self, name: &str) -> Option<String> {
        read_text(&self.udev_data.as_ref()?.join(name)).ok()
    }
}

/// The folder of the udev database, if there is one.
fn udev_data(paths: &Paths) -> Option<PathBuf> {
    if paths.udev_data.is_dir() {
        return Some(paths.udev_data.clone());
    }
    let path = paths.udev_data.display();
    tracing::info!(%path, "no udev database: disks have no model, serial and the like");
    None
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
        let read = |host: &Host| host.proc("net/dev").unwrap().into_text();
        assert_eq!((read(&without).as_str(), read(&with).as_str()), ("own", "host's"));
        assert_eq!(with.proc_path("net/dev"), root.join("1/net/dev"));
        assert_eq!(with.proc_path("netless"), root.join("netless"));
        let own = Host::open(&paths(Path::new("/proc"))).unwrap();
        assert_eq!(own.proc_path("net/dev"), Path::new("/proc/net/dev"));
        std::fs::remove_dir_all(root).unwrap();
    }
}
