//! Space: of the host's file systems by statvfs(3), of writable layers by what the runtime says.

use std::path::Path;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::kernel::block_bytes;
use common::metric::{Metric, gauge};
use rustix::fs::StatVfs;

use crate::inventory::mounts::{self, Mount};
use crate::inventory::{Cgroup, Inventory};

const METRICS: &[Metric<Space>] = &[
    gauge("container_fs_limit_bytes", "Size of the file system.", |space| Some(space.size_bytes)),
    gauge(
        "container_fs_usage_bytes",
        "Bytes in use: in the file system, or of a container in its writable layer.",
        |space| space.used_bytes,
    ),
    gauge("container_fs_inodes_total", "Inodes of the file system.", |space| space.inodes),
    gauge("container_fs_inodes_free", "Free inodes of the file system.", |space| {
        space.inodes.and(Some(space.free_inodes))
    }),
];

/// A file system as a container or the host sees it.
#[derive(Clone, Debug, PartialEq)]
struct Space {
    size_bytes: f64,
    used_bytes: Option<f64>,
    /// `None` where inodes are made as needed.
    inodes: Option<f64>,
    free_inodes: f64,
}

impl Space {
    fn new(stat: &StatVfs) -> Self {
        let block = block_bytes(stat.f_frsize as f64, stat.f_bsize as f64);
        Self {
            size_bytes: stat.f_blocks as f64 * block,
            used_bytes: Some(stat.f_blocks.saturating_sub(stat.f_bfree) as f64 * block),
            inodes: (stat.f_files > 0).then_some(stat.f_files as f64),
            free_inodes: stat.f_ffree as f64,
        }
    }
}

#[derive(Debug)]
pub(super) struct Disk;

#[async_trait]
impl Collector<Inventory> for Disk {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let mut errors = FirstError::default();
        let Some(mounts) = errors.take(mounts::read(&inventory.host)) else {
            errors.keep(CollectError::NoData("no process 1 with a list of mounts".into()));
            return errors.into_result();
        };
        let mut measured = Measured { inventory, known: Vec::new() };
        let mut rows: Vec<(&Cgroup, &Mount, Space)> = Vec::new();
        for cgroup in &inventory.cgroups {
            for mount in file_systems_of(cgroup, inventory, &mounts) {
                if let Some(space) = errors.catch(measured.space(mount)) {
                    rows.push((cgroup, mount, of_container(space, cgroup, inventory)));
                }
            }
        }
        let spaces = rows
            .iter()
            .map(|(cgroup, mount, space)| ((&cgroup.labels, [("device", &mount.source)]), space));
        sink.table(METRICS, spaces);
        errors.into_result()
    }
}

/// The host's file systems for the root; for a container the one that holds its writable layer.
fn file_systems_of<'a>(
    cgroup: &Cgroup,
    inventory: &Inventory,
    mounts: &'a [Mount],
) -> Vec<&'a Mount> {
    if cgroup.is_root() {
        return mounts::of_host(mounts, inventory.known.docker_root());
    }
    let Some(container) = &cgroup.container else { return Vec::new() };
    let of_cri = || inventory.known.file_system(cgroup.container_id()?);
    let layer = container.layer.as_deref().map(Path::new).or_else(of_cri);
    let layer = layer.or_else(|| inventory.known.docker_root());
    // Behind a network a daemon may keep its data too, but there statvfs may hang.
    layer
        .and_then(|layer| mounts::holding(mounts, layer))
        .filter(|mount| mount.is_on_disk())
        .into_iter()
        .collect()
}

/// What a container uses is its layer alone, and unknown until the runtime has measured it.
fn of_container(space: Space, cgroup: &Cgroup, inventory: &Inventory) -> Space {
    if cgroup.is_root() {
        return space;
    }
    let size = cgroup.container_id().and_then(|id| inventory.known.size(id));
    Space { used_bytes: size.map(|size| size.layer_bytes as f64), ..space }
}

/// Asks each file system once per scrape.
struct Measured<'a> {
    inventory: &'a Inventory,
    known: Vec<(&'a Path, Option<Space>)>,
}

impl<'a> Measured<'a> {
    fn space(&mut self, mount: &'a Mount) -> Result<Option<Space>, CollectError> {
        if let Some((_, space)) = self.known.iter().find(|(point, _)| *point == mount.point) {
            return Ok(space.clone());
        }
        let space = measure(self.inventory, mount)?;
        self.known.push((&mount.point, space.clone()));
        Ok(space)
    }
}

/// `None` if the mount cannot be seen from here.
fn measure(inventory: &Inventory, mount: &Mount) -> Result<Option<Space>, CollectError> {
    let path = inventory.host.below_rootfs(&mount.point);
    // Without the host's root this path may lead to another file system of the same name.
    match rustix::fs::stat(&path) {
        Ok(stat) if is_device(stat.st_dev, &mount.number) => {}
        Ok(_) | Err(_) => return Ok(None),
    }
    let stat = rustix::fs::statvfs(&path).map_err(|error| CollectError::read(path, error))?;
    Ok((stat.f_blocks > 0).then(|| Space::new(&stat)))
}

/// Subvolumes have numbers of their own, all with major 0: these are believed.
fn is_device(device: u64, number: &str) -> bool {
    number.starts_with("0:")
        || number == format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(f_files: u64) -> StatVfs {
        StatVfs {
            f_bsize: 4096,
            f_frsize: 1024,
            f_blocks: 100,
            f_bfree: 60,
            f_bavail: 50,
            f_files,
            f_ffree: 7,
            f_favail: 7,
            f_fsid: 0,
            f_flag: rustix::fs::StatVfsMountFlags::empty(),
            f_namemax: 255,
        }
    }

    #[test]
    fn used_is_size_less_free() {
        let space = Space::new(&stat(10));
        assert_eq!((space.size_bytes, space.used_bytes), (102_400.0, Some(40_960.0)));
        assert_eq!((space.inodes, space.free_inodes), (Some(10.0), 7.0));
    }

    #[test]
    fn file_systems_without_a_table_of_inodes_have_none() {
        let space = Space::new(&stat(0));
        let values: Vec<_> = METRICS.iter().map(|metric| (metric.value)(&space)).collect();
        assert_eq!(values, [Some(102_400.0), Some(40_960.0), None, None]);
    }

    #[test]
    fn devices_are_compared_unless_they_are_anonymous() {
        let device = rustix::fs::makedev(8, 1);
        assert!(is_device(device, "8:1") && is_device(device, "0:44"));
        assert!(!is_device(device, "8:2") && !is_device(device, ""));
    }
}
