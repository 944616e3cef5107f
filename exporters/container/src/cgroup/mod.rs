//! The cgroup file systems: which version, where the hierarchies are, what is in them.
//!
//! Version 2 has one tree. Version 1 has one per controller or pair of
//! controllers, with the same relative paths in each; their union counts.

pub(crate) mod block_io;
mod files;
mod hierarchies;
mod reader;
mod walk;

pub(crate) use files::{each_pair, parse_limit, parse_value};
pub use hierarchies::{Controller, Found, Hierarchies, Version};
pub use reader::CgroupReader;
pub(crate) use reader::UNSEEN;

/// Path of the cgroup above: `/` has none.
pub(crate) fn parent(id: &str) -> Option<&str> {
    let (above, name) = id.rsplit_once('/')?;
    match (above, name) {
        ("", "") => None,
        ("", _) => Some("/"),
        _ => Some(above),
    }
}
