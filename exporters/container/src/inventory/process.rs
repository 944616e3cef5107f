//! The init process of a container, which shows its namespaces and its limits.

use super::{Cgroup, Inventory};
use crate::cgroup::CgroupReader;
use crate::runtimes::container::Container;

/// Id of the init process of a container, or of the host for the root.
pub(crate) fn init_process(
    inventory: &Inventory,
    cgroup: &Cgroup,
    reader: &mut CgroupReader<'_>,
) -> Option<i64> {
    if cgroup.is_root() {
        return Some(1);
    }
    let container = cgroup.container.as_deref()?;
    let pid = container.pid?;
    if inventory.known.is_current(container) {
        return Some(pid);
    }
    // While no runtime reports ended containers, the number may have become another process's.
    let id = cgroup.id.rsplit('/').next()?;
    let is_own = reader.proc(&format!("{pid}/cgroup"), |text| Ok(text.contains(id)));
    (is_own == Some(true)).then_some(pid)
}

/// The init process, unless its network is another container's, which reports it, or the host's, if
/// that is not to be shown.
pub(crate) fn network_process(
    inventory: &Inventory,
    cgroup: &Cgroup,
    reader: &mut CgroupReader<'_>,
) -> Option<i64> {
    let container = cgroup.container.as_deref();
    let is_hidden = |container: &Container| {
        container.has_foreign_network
            || (inventory.hides_host_network && container.has_host_network())
    };
    if container.is_some_and(is_hidden) {
        return None;
    }
    init_process(inventory, cgroup, reader)
}
