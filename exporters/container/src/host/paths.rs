//! Flags of the places where the host's files are.

use std::path::{Path, PathBuf};

/// Where a container that monitors its host is expected to find the host's root.
const MOUNTED_ROOT: &str = "/rootfs";

/// Where the host's files are.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Paths")]
#[group(skip)]
pub struct PathArgs {
    /// Root of the host's file systems (default: /rootfs if it is there, else /)
    #[arg(id = "path.rootfs", long = "path.rootfs", value_name = "DIR")]
    pub rootfs: Option<PathBuf>,
    /// Mount point of the proc file system (default: proc below the root)
    #[arg(id = "path.procfs", long = "path.procfs", value_name = "DIR")]
    pub procfs: Option<PathBuf>,
    /// Mount point of the sys file system
    #[arg(id = "path.sysfs", long = "path.sysfs", value_name = "DIR", default_value = "/sys")]
    pub sysfs: PathBuf,
    /// Mount point of the cgroup file system, or the folder that holds the v1 hierarchies
    #[arg(
        id = "path.cgroup",
        long = "path.cgroup",
        value_name = "DIR",
        default_value = "/sys/fs/cgroup"
    )]
    pub cgroup: PathBuf,
}

impl PathArgs {
    /// Root of the host's file systems.
    pub fn rootfs(&self) -> PathBuf {
        let is_mounted = || Path::new(MOUNTED_ROOT).join("proc/self").exists();
        match &self.rootfs {
            Some(path) => path.clone(),
            None if is_mounted() => MOUNTED_ROOT.into(),
            None => "/".into(),
        }
    }

    /// Mount point of the host's proc file system.
    pub fn procfs(&self) -> PathBuf {
        self.procfs.clone().unwrap_or_else(|| self.rootfs().join("proc"))
    }
}
