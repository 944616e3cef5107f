//! Operations per XFS file system: `/sys/fs/xfs/*/stats/stats`, "Runtime Stats" of the XFS wiki.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError, parse_number};
use common::exposition::Sink;
use common::metric::Desc;

use super::device_table::{self, FirstFailure};
use crate::host::Host;

const DIRECTORY: &str = "fs/xfs";

/// Line of the file, number of the field in it, family.
const TABLE: &[(&str, usize, Desc<'static>)] = &[
    field(
        "extent_alloc",
        0,
        "node_xfs_extent_allocation_extents_allocated_total",
        "Extents allocated.",
    ),
    field(
        "extent_alloc",
        1,
        "node_xfs_extent_allocation_blocks_allocated_total",
        "Blocks allocated.",
    ),
    field("extent_alloc", 2, "node_xfs_extent_allocation_extents_freed_total", "Extents freed."),
    field("extent_alloc", 3, "node_xfs_extent_allocation_blocks_freed_total", "Blocks freed."),
    field("abt", 0, "node_xfs_allocation_btree_lookups_total", "Lookups in allocation trees."),
    field("abt", 1, "node_xfs_allocation_btree_compares_total", "Compares in allocation trees."),
    field(
        "abt",
        2,
        "node_xfs_allocation_btree_records_inserted_total",
        "Records put into allocation trees.",
    ),
    field(
        "abt",
        3,
        "node_xfs_allocation_btree_records_deleted_total",
        "Records taken from allocation trees.",
    ),
    field("blk_map", 0, "node_xfs_block_mapping_reads_total", "Block mappings for reads."),
    field("blk_map", 1, "node_xfs_block_mapping_writes_total", "Block mappings for writes."),
    field("blk_map", 2, "node_xfs_block_mapping_unmaps_total", "Block mappings removed."),
    field(
        "blk_map",
        3,
        "node_xfs_block_mapping_extent_list_insertions_total",
        "Entries put into extent lists.",
    ),
    field(
        "blk_map",
        4,
        "node_xfs_block_mapping_extent_list_deletions_total",
        "Entries taken from extent lists.",
    ),
    field(
        "blk_map",
        5,
        "node_xfs_block_mapping_extent_list_lookups_total",
        "Lookups in extent lists.",
    ),
    field(
        "blk_map",
        6,
        "node_xfs_block_mapping_extent_list_compares_total",
        "Compares in extent lists.",
    ),
    field("bmbt", 0, "node_xfs_block_map_btree_lookups_total", "Lookups in block map trees."),
    field("bmbt", 1, "node_xfs_block_map_btree_compares_total", "Compares in block map trees."),
    field(
        "bmbt",
        2,
        "node_xfs_block_map_btree_records_inserted_total",
        "Records put into block map trees.",
    ),
    field(
        "bmbt",
        3,
        "node_xfs_block_map_btree_records_deleted_total",
        "Records taken from block map trees.",
    ),
    field("dir", 0, "node_xfs_directory_operation_lookup_total", "Names looked up in directories."),
    field("dir", 1, "node_xfs_directory_operation_create_total", "Directory entries created."),
    field("dir", 2, "node_xfs_directory_operation_remove_total", "Directory entries removed."),
    field("dir", 3, "node_xfs_directory_operation_getdents_total", "Listings of directories."),
    field("ig", 0, "node_xfs_inode_operation_attempts_total", "Inodes looked for in the cache."),
    field("ig", 1, "node_xfs_inode_operation_found_total", "Inodes found in the cache."),
    field("ig", 2, "node_xfs_inode_operation_recycled_total", "Inodes found but being recycled."),
    field("ig", 3, "node_xfs_inode_operation_missed_total", "Inodes not found in the cache."),
    field(
        "ig",
        4,
        "node_xfs_inode_operation_duplicates_total",
        "Inodes that another read had put into the cache.",
    ),
    field(
        "ig",
        5,
        "node_xfs_inode_operation_reclaims_total",
        "Inodes taken from the cache for others.",
    ),
    field(
        "ig",
        6,
        "node_xfs_inode_operation_attribute_changes_total",
        "Changes of inodes' attributes.",
    ),
    field("rw", 0, "node_xfs_write_calls_total", "Calls of write(2)."),
    field("rw", 1, "node_xfs_read_calls_total", "Calls of read(2)."),
    field("vnodes", 0, "node_xfs_vnode_active_total", "Vnodes that are on no free list."),
    field("vnodes", 1, "node_xfs_vnode_allocate_total", "Vnodes allocated."),
    field("vnodes", 2, "node_xfs_vnode_get_total", "Vnodes taken from a free list."),
    field("vnodes", 3, "node_xfs_vnode_hold_total", "Vnodes held."),
    field("vnodes", 4, "node_xfs_vnode_release_total", "Vnodes released."),
    field("vnodes", 5, "node_xfs_vnode_reclaim_total", "Vnodes reclaimed."),
    field("vnodes", 6, "node_xfs_vnode_remove_total", "Vnodes removed."),
];

const fn field(
    line: &'static str,
    field: usize,
    name: &'static str,
    help: &'static str,
) -> (&'static str, usize, Desc<'static>) {
    (line, field, Desc::counter(name, help))
}

#[derive(Debug)]
pub(super) struct Xfs;

#[async_trait]
impl Collector<Host> for Xfs {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut failures = FirstFailure::default();
        let mut devices = Vec::new();
        for device in host.list_sys(DIRECTORY)?.unwrap_or_default() {
            let path = format!("{DIRECTORY}/{device}/stats/stats");
            // The folders `error` and `stats` next to the devices have no such file.
            let text = device_table::read_lines(host, &path, &["extent_alloc", "rw"]);
            if let Some(Some(text)) = failures.note(text) {
                devices.push((device, path, text));
            }
        }
        for (line, field, desc) in TABLE {
            let mut family = sink.family(desc);
            for (device, path, text) in &devices {
                let value =
                    parse(text, line, *field).map_err(|error| host.malformed_sys(path, error));
                if let Some(Some(value)) = failures.note(value) {
                    family.sample(&[("device", device)], value);
                }
            }
        }
        failures.into_result()
    }
}

/// A field of a line; `None` if the kernel has no such line.
fn parse(text: &str, line: &str, field: usize) -> Result<Option<f64>, ParseError> {
    let mut lines = text.lines().map(str::split_ascii_whitespace);
    let Some(mut words) = lines.find_map(|mut words| (words.next()? == line).then_some(words))
    else {
        return Ok(None);
    };
    let value: u64 = parse_number("count", words.nth(field))?;
    Ok(Some(value as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "extent_alloc 1 2 3 4\nabt 0 0 0 0\nrw 28 4294967295\nxpc 0 36 5\n";

    #[test]
    fn fields_are_found_by_line_and_number() {
        assert_eq!(parse(TEXT, "extent_alloc", 3), Ok(Some(4.0)));
        assert_eq!(parse(TEXT, "rw", 1), Ok(Some(4_294_967_295.0)));
    }

    #[test]
    fn lines_that_a_kernel_lacks_are_absent() {
        assert_eq!(parse(TEXT, "vnodes", 0), Ok(None));
        assert_eq!(parse(TEXT, "ab", 0), Ok(None));
    }

    #[test]
    fn truncated_and_malformed_content_is_an_error() {
        assert!(parse("rw 1\n", "rw", 1).is_err());
        assert!(parse("rw x 1\n", "rw", 0).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(rw|[0-9 \n]|\\PC){0,60}") {
            let _ = parse(&text, "rw", 1);
        }
    }
}
