//! The hierarchies, and the cgroups in them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use common::error::CollectError;
use common::kernel::{Budget, Root, mountinfo};

use super::walk::walk;

/// The version of the interface, which decides names and units of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// One hierarchy per controller.
    V1,
    /// One unified hierarchy.
    V2,
}

const CONTROLLERS: usize = 8;
const WALKED: usize = 4;

/// A controller of version 1 that has a hierarchy; version 2 has all in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controller {
    /// Weights and quotas of CPU time.
    Cpu,
    /// Accounting of CPU time.
    Cpuacct,
    /// Memory.
    Memory,
    /// Block devices.
    Blkio,
    /// Numbers of processes.
    Pids,
    /// CPUs and memory nodes to run on.
    Cpuset,
    /// Huge pages.
    Hugetlb,
    /// None: the tree of version 2 that many systems mount beside those of version 1.
    Unified,
}

impl Controller {
    /// The first [`WALKED`] are those in which cgroups are looked for.
    const ALL: [Self; CONTROLLERS] = [
        Self::Cpu,
        Self::Cpuacct,
        Self::Memory,
        Self::Blkio,
        Self::Pids,
        Self::Cpuset,
        Self::Hugetlb,
        Self::Unified,
    ];

    /// Name in mount options and folder names of version 1.
    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cpuacct => "cpuacct",
            Self::Memory => "memory",
            Self::Blkio => "blkio",
            Self::Pids => "pids",
            Self::Cpuset => "cpuset",
            Self::Hugetlb => "hugetlb",
            Self::Unified => "unified",
        }
    }
}

/// A cgroup that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Unix time of its oldest directory.
    pub created_seconds: f64,
    /// Bit n is set if the cgroup is in the nth hierarchy, or may be.
    pub(super) roots: u8,
}

/// The mounted hierarchies.
#[derive(Debug)]
pub struct Hierarchies {
    version: Version,
    /// Bounds the files that stay open in all hierarchies.
    budget: Budget,
    pub(super) roots: Vec<Root>,
    /// Index into `roots` of each controller's hierarchy, in the order of [`Controller::ALL`].
    root_of: [Option<usize>; CONTROLLERS],
}

impl Hierarchies {
    /// Finds the hierarchies below `path`; failing that, those of version 1 in `mountinfo`.
    ///
    /// # Errors
    /// There are none.
    pub fn open(path: &Path, mountinfo: &str) -> anyhow::Result<Self> {
        let budget = Budget::of_process();
        if path.join("cgroup.controllers").exists() {
            if path.join("cgroup.type").exists() {
                tracing::warn!(
                    path = %path.display(),
                    "this is no cgroup root: only the cgroup of the exporter itself is visible"
                );
            }
            let roots = vec![Root::open(path, &budget)?];
            let root_of = [Some(0); CONTROLLERS];
            return Ok(Self { version: Version::V2, budget, roots, root_of });
        }
        let root_of = [None; CONTROLLERS];
        let mut hierarchies = Self { version: Version::V1, budget, roots: Vec::new(), root_of };
        let below = Controller::ALL.map(|controller| folder_of(path, controller.name()));
        let mounted = || Controller::ALL.map(|name| mount_of(mountinfo, name));
        let paths = if below[..WALKED].iter().any(Option::is_some) { below } else { mounted() };
        for (index, path) in paths.into_iter().enumerate() {
            if let Some(path) = path {
                hierarchies.root_of[index] = Some(hierarchies.add(&path)?);
            }
        }
        if hierarchies.walked().next().is_none() {
            anyhow::bail!("no cgroup file system at {}", path.display());
        }
        Ok(hierarchies)
    }

    /// To be called when a scrape starts: what was kept open is checked again before it is read.
    pub(crate) fn start_scrape(&self) {
        for root in &self.roots {
            root.start_scrape();
        }
    }

    /// The version of the interface.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Every cgroup by its path, `/` for the root; systemd's mount units are left out.
    ///
    /// # Errors
    /// A hierarchy cannot be read.
    pub fn list(&self) -> Result<BTreeMap<String, Found>, CollectError> {
        let mut found = BTreeMap::new();
        // In the others each file shows for itself whether it is there.
        let others = self.walked().fold(u8::MAX, |others, index| others & !(1 << index));
        for index in self.walked() {
            walk(&self.roots[index], &mut |id, created_seconds| {
                let entry = found.entry(id).or_insert(Found { created_seconds, roots: others });
                entry.created_seconds = entry.created_seconds.min(created_seconds);
                entry.roots |= 1 << index;
            })?;
        }
        Ok(found)
    }

    /// Controllers mounted together share a root, which is walked once.
    fn add(&mut self, path: &Path) -> anyhow::Result<usize> {
        let path = path.canonicalize().with_context(|| format!("{}", path.display()))?;
        if let Some(index) = self.roots.iter().position(|root| root.path() == path) {
            return Ok(index);
        }
        self.roots.push(Root::open(&path, &self.budget)?);
        Ok(self.roots.len() - 1)
    }

    /// Indices into `roots` of the hierarchies in which cgroups are looked for.
    fn walked(&self) -> impl Iterator<Item = usize> {
        (0..self.roots.len()).filter(|index| self.root_of[..WALKED].contains(&Some(*index)))
    }

    /// Index into `roots` of the hierarchy of `controller`.
    pub(super) fn index_of(&self, controller: Controller) -> Option<usize> {
        let position = Controller::ALL.iter().position(|known| *known == controller)?;
        self.root_of[position]
    }
}

/// The folder of a controller: `cpu`, or one like `cpu,cpuacct`.
fn folder_of(path: &Path, controller: &str) -> Option<PathBuf> {
    let own = path.join(controller);
    if own.is_dir() {
        return Some(own);
    }
    let mut entries = std::fs::read_dir(path).ok()?.flatten();
    entries.find_map(|entry| {
        let is_shared = entry.file_name().to_str()?.split(',').any(|name| name == controller);
        (is_shared && entry.path().is_dir()).then(|| entry.path())
    })
}

/// Mount point of a controller's hierarchy:
/// `32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu`.
fn mount_of(mountinfo: &str, controller: Controller) -> Option<PathBuf> {
    mountinfo.lines().find_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut fields = file_system.split(' ');
        let is_it = match fields.next()? {
            "cgroup" => fields.nth(1)?.split(',').any(|option| option == controller.name()),
            "cgroup2" => controller == Controller::Unified,
            _ => false,
        };
        let point = is_it.then(|| mount.split(' ').nth(4))??;
        Some(OsString::from_vec(mountinfo::unescape(point).into_owned()).into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &str = "\
        22 27 0:21 / /proc rw,relatime - proc proc rw\n\
        32 31 0:29 / /cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
        35 31 0:32 / /cgroup/memory rw - cgroup cgroup rw,memory\n\
        41 31 0:38 / /cgroup/unified rw - cgroup2 cgroup2 rw,memory\n";

    #[test]
    fn mounts_are_found_by_their_options() {
        let find = |controller| mount_of(MOUNTINFO, controller);
        assert_eq!(find(Controller::Cpuacct), Some("/cgroup/cpu".into()));
        assert_eq!(find(Controller::Memory), Some("/cgroup/memory".into()));
        assert_eq!(find(Controller::Unified), Some("/cgroup/unified".into()));
        assert_eq!(find(Controller::Blkio), None);
        let odd = "32 31 0:29 / /cg\\040roup/c\\134pu rw - cgroup cgroup rw,cpu\n";
        assert_eq!(mount_of(odd, Controller::Cpu), Some("/cg roup/c\\pu".into()));
        assert_eq!(mount_of("truncated /", Controller::Cpu), None);
    }

    #[test]
    fn nothing_mounted_is_an_error() {
        let error = Hierarchies::open(Path::new("/nonexistent"), "").unwrap_err();
        assert_eq!(error.to_string(), "no cgroup file system at /nonexistent");
    }
}
