//! Files and lines of bcache with their families.

use common::error::ParseError;
use common::keyed::Keyed;

use crate::readers::size_units;

/// Attributes of a set of caches.
pub(super) const SET: &[Keyed] = &[
    Keyed::gauge(
        "average_key_size",
        "node_bcache_average_key_size_sectors",
        "Mean extent of a key of the tree, in sectors.",
    )
    .read_by(size),
    Keyed::gauge(
        "btree_cache_size",
        "node_bcache_btree_cache_size_bytes",
        "Memory that caches nodes of the tree, in bytes.",
    )
    .read_by(size),
    Keyed::gauge(
        "cache_available_percent",
        "node_bcache_cache_available_percent",
        "Share of the cache without dirty data, in percent.",
    )
    .read_by(size),
    Keyed::gauge("congested", "node_bcache_congested", "How much the caching device is congested.")
        .read_by(size),
    Keyed::gauge(
        "root_usage_percent",
        "node_bcache_root_usage_percent",
        "Share of the tree's root that is in use, in percent.",
    )
    .read_by(size),
    Keyed::gauge(
        "tree_depth",
        "node_bcache_tree_depth",
        "Levels of the tree, not counting the first.",
    )
    .read_by(size),
    Keyed::gauge(
        "internal/active_journal_entries",
        "node_bcache_active_journal_entries",
        "Journal entries that are newer than the index.",
    )
    .read_by(size),
    Keyed::gauge("internal/btree_nodes", "node_bcache_btree_nodes", "Nodes of the tree.")
        .read_by(size),
    // The kernel counts microseconds: wrong, but the reference exporter's value.
    Keyed::gauge(
        "internal/btree_read_average_duration_us",
        "node_bcache_btree_read_average_duration_seconds",
        "Mean time of a read of the tree; 1000 times too small, as in node_exporter.",
    )
    .read_by(size)
    .times(1e-9),
    Keyed::counter(
        "internal/cache_read_races",
        "node_bcache_cache_read_races_total",
        "Reads from the cache whose bucket was reused meanwhile.",
    )
    .read_by(size),
];

/// Attributes of a backing device.
pub(super) const BACKING: &[Keyed] = &[
    Keyed::gauge(
        "dirty_data",
        "node_bcache_dirty_data_bytes",
        "Data in the cache that the backing device lacks, in bytes.",
    )
    .read_by(size),
    Keyed::counter(
        "stats_total/bypassed",
        "node_bcache_bypassed_bytes_total",
        "Bytes read and written that bypassed the cache.",
    )
    .read_by(size),
    Keyed::counter(
        "stats_total/cache_hits",
        "node_bcache_cache_hits_total",
        "Requests that the cache answered.",
    )
    .read_by(size),
    Keyed::counter(
        "stats_total/cache_misses",
        "node_bcache_cache_misses_total",
        "Requests that the cache could not answer.",
    )
    .read_by(size),
    Keyed::counter(
        "stats_total/cache_bypass_hits",
        "node_bcache_cache_bypass_hits_total",
        "Requests meant to bypass the cache that were found in it.",
    )
    .read_by(size),
    Keyed::counter(
        "stats_total/cache_bypass_misses",
        "node_bcache_cache_bypass_misses_total",
        "Requests meant to bypass the cache that were not in it.",
    )
    .read_by(size),
    Keyed::counter(
        "stats_total/cache_miss_collisions",
        "node_bcache_cache_miss_collisions_total",
        "Data not put into the cache because a write came first.",
    )
    .read_by(size),
    Keyed::counter(
        "stats_total/cache_readaheads",
        "node_bcache_cache_readaheads_total",
        "Times that data was read ahead into the cache.",
    )
    .read_by(size_unless_zero),
];

/// Attributes of a caching device.
pub(super) const CACHE: &[Keyed] = &[
    Keyed::gauge(
        "io_errors",
        "node_bcache_io_errors",
        "Recent errors of a caching device; the count decays.",
    )
    .read_by(size),
    Keyed::counter(
        "metadata_written",
        "node_bcache_metadata_written_bytes_total",
        "Bytes of metadata written.",
    )
    .read_by(size),
    Keyed::counter(
        "written",
        "node_bcache_written_bytes_total",
        "Bytes of data written to the cache.",
    )
    .read_by(size),
];

/// Lines of a backing device's `writeback_rate_debug`.
pub(super) const WRITEBACK: &[Keyed] = &[
    Keyed::gauge(
        "target",
        "node_bcache_dirty_target_bytes",
        "Dirty data that writeback aims at, in bytes.",
    )
    .read_by(rate_or_share),
    Keyed::gauge("rate", "node_bcache_writeback_rate", "Speed of writeback in bytes per second.")
        .read_by(rate_or_share),
    Keyed::gauge(
        "proportional",
        "node_bcache_writeback_rate_proportional_term",
        "Part of the speed that follows from the distance to the target.",
    )
    .read_by(rate_or_share),
    Keyed::gauge(
        "integral",
        "node_bcache_writeback_rate_integral_term",
        "Part of the speed that follows from how long the target was missed.",
    )
    .read_by(rate_or_share),
    Keyed::gauge(
        "change",
        "node_bcache_writeback_change",
        "Last change of the speed of writeback.",
    )
    .read_by(rate_or_share),
];

/// Lines of a caching device's `priority_stats`.
pub(super) const PRIORITY: &[Keyed] = &[
    Keyed::gauge(
        "Unused",
        "node_bcache_priority_stats_unused_percent",
        "Share of the cache that holds nothing, in percent.",
    )
    .read_by(rate_or_share),
    Keyed::gauge(
        "Metadata",
        "node_bcache_priority_stats_metadata_percent",
        "Share of the cache that metadata takes, in percent.",
    )
    .read_by(rate_or_share),
];

fn size(text: &str) -> Result<Option<f64>, ParseError> {
    size_units::bcache(text).map(Some)
}

/// Kernels from 5.13 on never read ahead.
fn size_unless_zero(text: &str) -> Result<Option<f64>, ParseError> {
    Ok(size(text)?.filter(|size| *size != 0.0))
}

/// `1.1M/sec` or `99%`.
fn rate_or_share(text: &str) -> Result<Option<f64>, ParseError> {
    size(text.trim_end_matches("/sec").trim_end_matches('%'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_shares_are_read_without_their_unit() {
        assert_eq!(rate_or_share("1.1M/sec"), Ok(Some(1_150_976.0)));
        assert_eq!(rate_or_share("-427.5k"), Ok(Some(-437_748.0)));
        assert_eq!(rate_or_share("99%"), Ok(Some(99.0)));
        for text in ["", "fast", "1.1Q/sec"] {
            assert!(rate_or_share(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_count_that_newer_kernels_never_touch_is_absent() {
        assert_eq!((size_unless_zero("0"), size_unless_zero("2")), (Ok(None), Ok(Some(2.0))));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([0-9.kM%/sec-]|\\PC){0,20}") {
            let _ = (rate_or_share(&text), size_unless_zero(&text));
        }
    }
}
