//! Files and lines of bcache with their families.

use common::metric::Desc;

use super::super::device_table::Attribute;
use super::super::humanized;

/// Attributes of a set of caches.
pub(super) const SET: &[Attribute] = &[
    size(
        "average_key_size",
        Desc::gauge(
            "node_bcache_average_key_size_sectors",
            "Mean extent of a key of the tree, in sectors.",
        ),
    ),
    size(
        "btree_cache_size",
        Desc::gauge(
            "node_bcache_btree_cache_size_bytes",
            "Memory that caches nodes of the tree, in bytes.",
        ),
    ),
    size(
        "cache_available_percent",
        Desc::gauge(
            "node_bcache_cache_available_percent",
            "Share of the cache without dirty data, in percent.",
        ),
    ),
    size(
        "congested",
        Desc::gauge("node_bcache_congested", "How much the caching device is congested."),
    ),
    size(
        "root_usage_percent",
        Desc::gauge(
            "node_bcache_root_usage_percent",
            "Share of the tree's root that is in use, in percent.",
        ),
    ),
    size(
        "tree_depth",
        Desc::gauge("node_bcache_tree_depth", "Levels of the tree, not counting the first."),
    ),
    size(
        "internal/active_journal_entries",
        Desc::gauge(
            "node_bcache_active_journal_entries",
            "Journal entries that are newer than the index.",
        ),
    ),
    size("internal/btree_nodes", Desc::gauge("node_bcache_btree_nodes", "Nodes of the tree.")),
    Attribute {
        file: "internal/btree_read_average_duration_us",
        desc: Desc::gauge(
            "node_bcache_btree_read_average_duration_seconds",
            "Mean time of a read of the tree; 1000 times too small, as in node_exporter.",
        ),
        // The kernel counts microseconds: wrong, but the reference exporter's value.
        parse: |text| Ok(Some(humanized::bcache(text)? * 1e-9)),
    },
    size(
        "internal/cache_read_races",
        Desc::counter(
            "node_bcache_cache_read_races_total",
            "Reads from the cache whose bucket was reused meanwhile.",
        ),
    ),
];

/// Attributes of a backing device.
pub(super) const BACKING: &[Attribute] = &[
    size(
        "dirty_data",
        Desc::gauge(
            "node_bcache_dirty_data_bytes",
            "Data in the cache that the backing device lacks, in bytes.",
        ),
    ),
    size(
        "stats_total/bypassed",
        Desc::counter("node_bcache_bypassed_bytes_total", "Bytes read and written past the cache."),
    ),
    size(
        "stats_total/cache_hits",
        Desc::counter("node_bcache_cache_hits_total", "Requests that the cache answered."),
    ),
    size(
        "stats_total/cache_misses",
        Desc::counter(
            "node_bcache_cache_misses_total",
            "Requests that the cache could not answer.",
        ),
    ),
    size(
        "stats_total/cache_bypass_hits",
        Desc::counter(
            "node_bcache_cache_bypass_hits_total",
            "Requests meant to go past the cache that it held all the same.",
        ),
    ),
    size(
        "stats_total/cache_bypass_misses",
        Desc::counter(
            "node_bcache_cache_bypass_misses_total",
            "Requests meant to go past the cache that it did not hold.",
        ),
    ),
    size(
        "stats_total/cache_miss_collisions",
        Desc::counter(
            "node_bcache_cache_miss_collisions_total",
            "Data not put into the cache because a write came first.",
        ),
    ),
    Attribute {
        file: "stats_total/cache_readaheads",
        desc: Desc::counter(
            "node_bcache_cache_readaheads_total",
            "Times that data was read ahead into the cache.",
        ),
        // Kernels from 5.13 on never read ahead.
        parse: |text| Ok(Some(humanized::bcache(text)?).filter(|count| *count != 0.0)),
    },
];

/// Attributes of a caching device.
pub(super) const CACHE: &[Attribute] = &[
    size(
        "io_errors",
        Desc::gauge("node_bcache_io_errors", "Recent errors of a caching device; they decay."),
    ),
    size(
        "metadata_written",
        Desc::counter(
            "node_bcache_metadata_written_bytes_total",
            "Bytes written that were no data.",
        ),
    ),
    size(
        "written",
        Desc::counter("node_bcache_written_bytes_total", "Bytes of data written to the cache."),
    ),
];

/// Lines of a backing device's `writeback_rate_debug`.
pub(super) const WRITEBACK: &[(&str, Desc<'static>)] = &[
    (
        "target",
        Desc::gauge(
            "node_bcache_dirty_target_bytes",
            "Dirty data that writeback aims at, in bytes.",
        ),
    ),
    ("rate", Desc::gauge("node_bcache_writeback_rate", "Speed of writeback in bytes per second.")),
    (
        "proportional",
        Desc::gauge(
            "node_bcache_writeback_rate_proportional_term",
            "Part of the speed that follows from the distance to the target.",
        ),
    ),
    (
        "integral",
        Desc::gauge(
            "node_bcache_writeback_rate_integral_term",
            "Part of the speed that follows from how long the target was missed.",
        ),
    ),
    (
        "change",
        Desc::gauge("node_bcache_writeback_change", "Last change of the speed of writeback."),
    ),
];

/// Lines of a caching device's `priority_stats`.
pub(super) const PRIORITY: &[(&str, Desc<'static>)] = &[
    (
        "Unused",
        Desc::gauge(
            "node_bcache_priority_stats_unused_percent",
            "Share of the cache that holds nothing, in percent.",
        ),
    ),
    (
        "Metadata",
        Desc::gauge(
            "node_bcache_priority_stats_metadata_percent",
            "Share of the cache that metadata takes, in percent.",
        ),
    ),
];

const fn size(file: &'static str, desc: Desc<'static>) -> Attribute {
    Attribute { file, desc, parse: |text| humanized::bcache(text).map(Some) }
}
