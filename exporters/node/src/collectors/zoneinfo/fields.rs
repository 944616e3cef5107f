//! The fields of a zone that are exposed.

use common::keyed::Keyed;

/// Keys are words at the start of a line. Figures of a whole node are in its first zone.
pub(super) const FIELDS: &[Keyed] = &[
    Keyed::gauge("nr_free_pages", "node_zoneinfo_nr_free_pages", "Free pages."),
    Keyed::gauge(
        "min",
        "node_zoneinfo_min_pages",
        "Free pages below which only the kernel's own needs are served.",
    ),
    Keyed::gauge("low", "node_zoneinfo_low_pages", "Free pages below which reclaim starts."),
    Keyed::gauge("high", "node_zoneinfo_high_pages", "Free pages at which reclaim ends."),
    Keyed::gauge("scanned", "node_zoneinfo_scanned_pages", "Pages scanned since the last reclaim."),
    Keyed::gauge(
        "spanned",
        "node_zoneinfo_spanned_pages",
        "Pages that the zone spans, holes included.",
    ),
    Keyed::gauge(
        "present",
        "node_zoneinfo_present_pages",
        "Pages that the zone spans, holes excluded.",
    ),
    Keyed::gauge("managed", "node_zoneinfo_managed_pages", "Pages managed by the page allocator."),
    Keyed::gauge(
        "nr_active_anon",
        "node_zoneinfo_nr_active_anon_pages",
        "Anonymous pages that were used recently.",
    ),
    Keyed::gauge(
        "nr_inactive_anon",
        "node_zoneinfo_nr_inactive_anon_pages",
        "Anonymous pages that were not used recently.",
    ),
    Keyed::gauge(
        "nr_isolated_anon",
        "node_zoneinfo_nr_isolated_anon_pages",
        "Anonymous pages temporarily isolated from the LRU lists.",
    ),
    Keyed::gauge("nr_anon_pages", "node_zoneinfo_nr_anon_pages", "Mapped anonymous pages."),
    Keyed::gauge(
        "nr_anon_transparent_hugepages",
        "node_zoneinfo_nr_anon_transparent_hugepages",
        "Anonymous transparent huge pages.",
    ),
    Keyed::gauge(
        "nr_active_file",
        "node_zoneinfo_nr_active_file_pages",
        "File pages that were used recently.",
    ),
    Keyed::gauge(
        "nr_inactive_file",
        "node_zoneinfo_nr_inactive_file_pages",
        "File pages that were not used recently.",
    ),
    Keyed::gauge(
        "nr_isolated_file",
        "node_zoneinfo_nr_isolated_file_pages",
        "File pages temporarily isolated from the LRU lists.",
    ),
    Keyed::gauge("nr_file_pages", "node_zoneinfo_nr_file_pages", "File pages."),
    Keyed::gauge(
        "nr_slab_reclaimable",
        "node_zoneinfo_nr_slab_reclaimable_pages",
        "Pages of slabs that can be reclaimed.",
    ),
    Keyed::gauge(
        "nr_slab_unreclaimable",
        "node_zoneinfo_nr_slab_unreclaimable_pages",
        "Pages of slabs that cannot be reclaimed.",
    ),
    Keyed::gauge(
        "nr_mlock_stack",
        "node_zoneinfo_nr_mlock_stack_pages",
        "Locked pages taken off the LRU lists.",
    ),
    Keyed::gauge("nr_kernel_stack", "node_zoneinfo_nr_kernel_stacks", "Stacks of the kernel."),
    Keyed::gauge("nr_mapped", "node_zoneinfo_nr_mapped_pages", "File pages mapped by processes."),
    Keyed::gauge("nr_dirty", "node_zoneinfo_nr_dirty_pages", "Pages to be written."),
    Keyed::gauge("nr_writeback", "node_zoneinfo_nr_writeback_pages", "Pages being written."),
    Keyed::gauge(
        "nr_unevictable",
        "node_zoneinfo_nr_unevictable_pages",
        "Pages that cannot be reclaimed.",
    ),
    Keyed::gauge("nr_shmem", "node_zoneinfo_nr_shmem_pages", "Pages of shared memory and tmpfs."),
    Keyed::counter("nr_dirtied", "node_zoneinfo_nr_dirtied_total", "Pages made dirty since boot."),
    Keyed::counter("nr_written", "node_zoneinfo_nr_written_total", "Pages written since boot."),
    Keyed::counter(
        "numa_hit",
        "node_zoneinfo_numa_hit_total",
        "Pages allocated on the node that was wanted.",
    ),
    Keyed::counter(
        "numa_miss",
        "node_zoneinfo_numa_miss_total",
        "Pages allocated here though another node was wanted.",
    ),
    Keyed::counter(
        "numa_foreign",
        "node_zoneinfo_numa_foreign_total",
        "Pages wanted here but allocated on another node.",
    ),
    Keyed::counter(
        "numa_interleave",
        "node_zoneinfo_numa_interleave_total",
        "Pages that interleaving placed here as wanted.",
    ),
    Keyed::counter(
        "numa_local",
        "node_zoneinfo_numa_local_total",
        "Pages allocated by a process on this node.",
    ),
    Keyed::counter(
        "numa_other",
        "node_zoneinfo_numa_other_total",
        "Pages allocated by a process on another node.",
    ),
];
