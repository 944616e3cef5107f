//! A FUSE mount whose server never answers. Needs root.

use std::ffi::CString;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A mount that hangs everybody who asks it, until it is dropped.
#[derive(Debug)]
pub struct SilentMount {
    point: PathBuf,
    /// The server's end: requests queue up here and nobody reads them.
    _server: OwnedFd,
}

impl SilentMount {
    /// Mounts at `point`, an empty folder.
    ///
    /// # Errors
    /// The kernel has no FUSE, or the caller is not root.
    pub fn new(point: &Path) -> anyhow::Result<Self> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let server = rustix::fs::open("/dev/fuse", flags, Mode::empty()).context("/dev/fuse")?;
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", server.as_raw_fd());
        let options = CString::new(options)?;
        mount("silent", point, "fuse.silent", MountFlags::empty(), options.as_c_str())
            .context("mount of fuse.silent")?;
        Ok(Self { point: point.to_owned(), _server: server })
    }
}

impl Drop for SilentMount {
    fn drop(&mut self) {
        // Detached first, so that nobody new asks; whoever waits is released
        // with an error when the server's end is closed.
        let _ = unmount(&self.point, UnmountFlags::DETACH);
    }
}
