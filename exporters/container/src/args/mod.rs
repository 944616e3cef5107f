//! Flags, named as cAdvisor names them; those of our own have a dot in their name.

mod groups;
mod scope;
mod unused;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::collectors::CpuLoadArgs;

pub use groups::{Groups, is_group};
pub use scope::ScopeArgs;
pub use unused::UNUSED;

use crate::runtimes::RuntimeArgs;

/// Where a container that monitors its host is expected to find the host's root.
const MOUNTED_ROOT: &str = "/rootfs";

/// All flags but those that every exporter has and those without effect.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Where the exporter listens.
    #[command(flatten)]
    pub listen: ListenArgs,
    /// Where the container runtimes are.
    #[command(flatten)]
    pub runtimes: RuntimeArgs,
    /// What is taken from them.
    #[command(flatten)]
    pub docker: DockerArgs,
    /// Which cgroups are shown.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Which families are exposed.
    #[command(flatten)]
    pub chosen: GroupArgs,
    /// Options of the collector `cpuLoad`.
    #[command(flatten)]
    pub cpu_load: CpuLoadArgs,
    /// Where the host's files are.
    #[command(flatten)]
    pub path: PathArgs,
}

/// Address of the metrics.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Web")]
pub struct ListenArgs {
    /// IP address to listen on (default: all)
    #[arg(id = "listen_ip", long = "listen_ip", value_name = "IP", default_value = "")]
    pub listen_ip: ListenIp,
    /// Port to listen on
    #[arg(id = "port", long = "port", value_name = "PORT", default_value_t = 8080)]
    pub port: u16,
}

impl ListenArgs {
    /// The two flags as one address; no IP stands for all of them.
    pub fn address(&self) -> String {
        match self.listen_ip.0 {
            None => format!(":{}", self.port),
            Some(IpAddr::V4(ip)) => format!("{ip}:{}", self.port),
            Some(IpAddr::V6(ip)) => format!("[{ip}]:{}", self.port),
        }
    }
}

/// An IP address, or none.
#[derive(Clone, Copy, Debug)]
pub struct ListenIp(Option<IpAddr>);

impl FromStr for ListenIp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |text: &str| text.parse().map_err(|_| "expected an IP address".to_owned());
        (!text.is_empty()).then(|| parse(text)).transpose().map(Self)
    }
}

/// What is taken from the container runtimes.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Containers")]
pub struct DockerArgs {
    /// Docker's data folder, where the daemon does not tell
    #[arg(
        id = "docker_root",
        long = "docker_root",
        value_name = "DIR",
        default_value = "/var/lib/docker"
    )]
    pub root: PathBuf,
    /// Turn every container label into a Prometheus label
    #[arg(id = "store_container_labels", long = "store_container_labels", default_value = "true")]
    pub store_labels: bool,
    /// Container labels to keep all the same when --store_container_labels=false
    #[arg(
        id = "whitelisted_container_labels",
        long = "whitelisted_container_labels",
        value_name = "NAMES",
        default_value = ""
    )]
    pub whitelisted_labels: CommaList,
    /// Prefixes of environment variables to turn into labels
    #[arg(
        id = "env_metadata_whitelist",
        long = "env_metadata_whitelist",
        value_name = "PREFIXES",
        default_value = ""
    )]
    pub env_whitelist: CommaList,
}

/// Words between commas; blanks around them and empty ones do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommaList(pub Vec<String>);

impl FromStr for CommaList {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        Ok(Self(words.map(ToOwned::to_owned).collect()))
    }
}

/// The two flags that choose groups of families.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Metrics")]
pub struct GroupArgs {
    /// Groups to leave out, separated by commas; the list replaces the default, which leaves out
    /// advtcp, cpu_topology, cpuset, hugetlb, memory_numa, process, referenced_memory, resctrl,
    /// sched, tcp and udp
    #[arg(
        id = "disable_metrics",
        long = "disable_metrics",
        value_name = "GROUPS",
        hide_default_value = true,
        default_value = groups::OFF_BY_DEFAULT
    )]
    pub disable: Groups,
    /// Groups to expose and no others; beats --disable_metrics unless empty
    #[arg(
        id = "enable_metrics",
        long = "enable_metrics",
        value_name = "GROUPS",
        default_value = ""
    )]
    pub enable: Groups,
}

impl GroupArgs {
    /// True if the families of `group` are asked for.
    pub fn includes(&self, group: &str) -> bool {
        if self.enable.is_empty() {
            !self.disable.contains(group)
        } else {
            self.enable.contains(group)
        }
    }
}

/// Where the host's files are.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Paths")]
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
    /// Files that may hold the machine's id; the first readable one counts
    #[arg(
        id = "machine_id_file",
        long = "machine_id_file",
        value_name = "FILES",
        default_value = "/etc/machine-id,/var/lib/dbus/machine-id"
    )]
    pub machine_id: CommaList,
    /// Files that may hold the id of this boot; the first readable one counts
    #[arg(
        id = "boot_id_file",
        long = "boot_id_file",
        value_name = "FILES",
        default_value = "/proc/sys/kernel/random/boot_id"
    )]
    pub boot_id: CommaList,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_hold_ip_and_port() {
        let address = |ip: &str| ListenArgs { listen_ip: ip.parse().unwrap(), port: 1 }.address();
        assert_eq!(address(""), ":1");
        assert_eq!(address("127.0.0.1"), "127.0.0.1:1");
        assert_eq!(address("::1"), "[::1]:1");
        assert!("localhost".parse::<ListenIp>().is_err());
    }

    #[test]
    fn lists_are_trimmed() {
        let list: CommaList = " a, b ,,c".parse().unwrap();
        assert_eq!(list.0, ["a", "b", "c"]);
        assert_eq!("".parse(), Ok(CommaList::default()));
    }
}
