//! Flags that say where the host's files are.

use std::path::PathBuf;

/// Roots of the host's file systems.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Paths")]
pub struct Paths {
    /// Mount point of the proc file system
    #[arg(id = "path.procfs", long = "path.procfs", value_name = "DIR", default_value = "/proc")]
    pub procfs: PathBuf,
    /// Mount point of the sys file system
    #[arg(id = "path.sysfs", long = "path.sysfs", value_name = "DIR", default_value = "/sys")]
    pub sysfs: PathBuf,
    /// Root of the host's file systems
    #[arg(id = "path.rootfs", long = "path.rootfs", value_name = "DIR", default_value = "/")]
    pub rootfs: PathBuf,
    /// The udev database
    #[arg(
        id = "path.udev.data",
        long = "path.udev.data",
        value_name = "DIR",
        default_value = "/run/udev/data"
    )]
    pub udev_data: PathBuf,
}
