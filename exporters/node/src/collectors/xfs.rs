//! Operations per XFS file system: `/sys/fs/xfs/*/stats/stats`, "Runtime Stats" of the XFS wiki.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, parse_number};
use common::exposition::Sink;
use common::keyed::Keyed;

use crate::host::Host;
use crate::readers::attributes::Table;

const DIRECTORY: &str = "fs/xfs";

/// Line of the file with the number of the field in it, and family.
const FIELDS: &[Keyed] = &[
    Keyed::counter(
        "extent_alloc",
        "node_xfs_extent_allocation_extents_allocated_total",
        "Extents allocated.",
    )
    .read_by(field::<0>),
    Keyed::counter(
        "extent_alloc",
        "node_xfs_extent_allocation_blocks_allocated_total",
        "Blocks allocated.",
    )
    .read_by(field::<1>),
    Keyed::counter(
        "extent_alloc",
        "node_xfs_extent_allocation_extents_freed_total",
        "Extents freed.",
    )
    .read_by(field::<2>),
    Keyed::counter(
        "extent_alloc",
        "node_xfs_extent_allocation_blocks_freed_total",
        "Blocks freed.",
    )
    .read_by(field::<3>),
    Keyed::counter(
        "abt",
        "node_xfs_allocation_btree_lookups_total",
        "Lookups in allocation trees.",
    )
    .read_by(field::<0>),
    Keyed::counter(
        "abt",
        "node_xfs_allocation_btree_compares_total",
        "Compares in allocation trees.",
    )
    .read_by(field::<1>),
    Keyed::counter(
        "abt",
        "node_xfs_allocation_btree_records_inserted_total",
        "Records put into allocation trees.",
    )
    .read_by(field::<2>),
    Keyed::counter(
        "abt",
        "node_xfs_allocation_btree_records_deleted_total",
        "Records taken from allocation trees.",
    )
    .read_by(field::<3>),
    Keyed::counter("blk_map", "node_xfs_block_mapping_reads_total", "Block mappings for reads.")
        .read_by(field::<0>),
    Keyed::counter("blk_map", "node_xfs_block_mapping_writes_total", "Block mappings for writes.")
        .read_by(field::<1>),
    Keyed::counter("blk_map", "node_xfs_block_mapping_unmaps_total", "Block mappings removed.")
        .read_by(field::<2>),
    Keyed::counter(
        "blk_map",
        "node_xfs_block_mapping_extent_list_insertions_total",
        "Entries put into extent lists.",
    )
    .read_by(field::<3>),
    Keyed::counter(
        "blk_map",
        "node_xfs_block_mapping_extent_list_deletions_total",
        "Entries taken from extent lists.",
    )
    .read_by(field::<4>),
    Keyed::counter(
        "blk_map",
        "node_xfs_block_mapping_extent_list_lookups_total",
        "Lookups in extent lists.",
    )
    .read_by(field::<5>),
    Keyed::counter(
        "blk_map",
        "node_xfs_block_mapping_extent_list_compares_total",
        "Compares in extent lists.",
    )
    .read_by(field::<6>),
    Keyed::counter("bmbt", "node_xfs_block_map_btree_lookups_total", "Lookups in block map trees.")
        .read_by(field::<0>),
    Keyed::counter(
        "bmbt",
        "node_xfs_block_map_btree_compares_total",
        "Compares in block map trees.",
    )
    .read_by(field::<1>),
    Keyed::counter(
        "bmbt",
        "node_xfs_block_map_btree_records_inserted_total",
        "Records put into block map trees.",
    )
    .read_by(field::<2>),
    Keyed::counter(
        "bmbt",
        "node_xfs_block_map_btree_records_deleted_total",
        "Records taken from block map trees.",
    )
    .read_by(field::<3>),
    Keyed::counter(
        "dir",
        "node_xfs_directory_operation_lookup_total",
        "Names looked up in directories.",
    )
    .read_by(field::<0>),
    Keyed::counter(
        "dir",
        "node_xfs_directory_operation_create_total",
        "Directory entries created.",
    )
    .read_by(field::<1>),
    Keyed::counter(
        "dir",
        "node_xfs_directory_operation_remove_total",
        "Directory entries removed.",
    )
    .read_by(field::<2>),
    Keyed::counter(
        "dir",
        "node_xfs_directory_operation_getdents_total",
        "Listings of directories.",
    )
    .read_by(field::<3>),
    Keyed::counter(
        "ig",
        "node_xfs_inode_operation_attempts_total",
        "Inodes looked for in the cache.",
    )
    .read_by(field::<0>),
    Keyed::counter("ig", "node_xfs_inode_operation_found_total", "Inodes found in the cache.")
        .read_by(field::<1>),
    Keyed::counter(
        "ig",
        "node_xfs_inode_operation_recycled_total",
        "Inodes found but being recycled.",
    )
    .read_by(field::<2>),
    Keyed::counter("ig", "node_xfs_inode_operation_missed_total", "Inodes not found in the cache.")
        .read_by(field::<3>),
    Keyed::counter(
        "ig",
        "node_xfs_inode_operation_duplicates_total",
        "Inodes that another lookup had put into the cache.",
    )
    .read_by(field::<4>),
    Keyed::counter(
        "ig",
        "node_xfs_inode_operation_reclaims_total",
        "Inodes reclaimed from the cache for reuse.",
    )
    .read_by(field::<5>),
    Keyed::counter(
        "ig",
        "node_xfs_inode_operation_attribute_changes_total",
        "Changes of inodes' attributes.",
    )
    .read_by(field::<6>),
    Keyed::counter("rw", "node_xfs_write_calls_total", "Calls of write(2).").read_by(field::<0>),
    Keyed::counter("rw", "node_xfs_read_calls_total", "Calls of read(2).").read_by(field::<1>),
    Keyed::counter("vnodes", "node_xfs_vnode_active_total", "Vnodes that are on no free list.")
        .read_by(field::<0>),
    Keyed::counter("vnodes", "node_xfs_vnode_allocate_total", "Vnodes allocated.")
        .read_by(field::<1>),
    Keyed::counter("vnodes", "node_xfs_vnode_get_total", "Vnodes taken from a free list.")
        .read_by(field::<2>),
    Keyed::counter("vnodes", "node_xfs_vnode_hold_total", "Vnodes held.").read_by(field::<3>),
    Keyed::counter("vnodes", "node_xfs_vnode_release_total", "Vnodes released.")
        .read_by(field::<4>),
    Keyed::counter("vnodes", "node_xfs_vnode_reclaim_total", "Vnodes reclaimed.")
        .read_by(field::<5>),
    Keyed::counter("vnodes", "node_xfs_vnode_remove_total", "Vnodes removed.").read_by(field::<6>),
];

#[derive(Debug, Default)]
pub(super) struct Xfs;

#[async_trait]
impl Collector<Host> for Xfs {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let (mut table, mut errors) = (Table::new(FIELDS, ["device"]), FirstError::default());
        for device in host.list_sys(DIRECTORY)?.unwrap_or_default() {
            // The folders `error` and `stats` next to the devices have no such file.
            let path = format!("{DIRECTORY}/{device}/stats/stats");
            table.read_lines(host, &path, [&device], &mut errors);
        }
        table.push(sink);
        errors.into_result()
    }
}

fn field<const NUMBER: usize>(line: &str) -> Result<Option<f64>, ParseError> {
    let count: u64 = parse_number("count", line.split_ascii_whitespace().nth(NUMBER))?;
    Ok(Some(count as f64))
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn fields_are_found_by_number() {
        assert_eq!(field::<0>("28 4294967295"), Ok(Some(28.0)));
        assert_eq!(field::<1>("28 4294967295"), Ok(Some(4_294_967_295.0)));
    }

    #[test]
    fn truncated_and_malformed_lines_are_errors() {
        for line in ["", "1", "1 x", "1 -1"] {
            assert!(field::<1>(line).is_err(), "{line:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([0-9 \n]|\\PC){0,60}") {
            let _ = field::<1>(&text);
        }
    }
}
