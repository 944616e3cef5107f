//! The fields of a zone that are exposed.

use common::metric::Desc;

/// Word at the start of the line, and family. Figures of a whole node stand in its first zone.
pub(super) const FIELDS: &[(&str, Desc<'static>)] = &[
    ("nr_free_pages", Desc::gauge("node_zoneinfo_nr_free_pages", "Free pages.")),
    (
        "min",
        Desc::gauge(
            "node_zoneinfo_min_pages",
            "Free pages below which only the kernel's own needs are served.",
        ),
    ),
    ("low", Desc::gauge("node_zoneinfo_low_pages", "Free pages below which reclaim starts.")),
    ("high", Desc::gauge("node_zoneinfo_high_pages", "Free pages at which reclaim ends.")),
    (
        "scanned",
        Desc::gauge("node_zoneinfo_scanned_pages", "Pages scanned since the last reclaim."),
    ),
    (
        "spanned",
        Desc::gauge("node_zoneinfo_spanned_pages", "Pages that the zone spans, holes included."),
    ),
    (
        "present",
        Desc::gauge("node_zoneinfo_present_pages", "Pages that the zone spans, holes excluded."),
    ),
    ("managed", Desc::gauge("node_zoneinfo_managed_pages", "Pages that the zone hands out.")),
    (
        "nr_active_anon",
        Desc::gauge(
            "node_zoneinfo_nr_active_anon_pages",
            "Pages of no file that were used of late.",
        ),
    ),
    (
        "nr_inactive_anon",
        Desc::gauge(
            "node_zoneinfo_nr_inactive_anon_pages",
            "Pages of no file that were not used of late.",
        ),
    ),
    (
        "nr_isolated_anon",
        Desc::gauge(
            "node_zoneinfo_nr_isolated_anon_pages",
            "Pages of no file that are off the lists for a while.",
        ),
    ),
    ("nr_anon_pages", Desc::gauge("node_zoneinfo_nr_anon_pages", "Mapped pages of no file.")),
    (
        "nr_anon_transparent_hugepages",
        Desc::gauge(
            "node_zoneinfo_nr_anon_transparent_hugepages",
            "Transparent huge pages of no file.",
        ),
    ),
    (
        "nr_active_file",
        Desc::gauge("node_zoneinfo_nr_active_file_pages", "Pages of files that were used of late."),
    ),
    (
        "nr_inactive_file",
        Desc::gauge(
            "node_zoneinfo_nr_inactive_file_pages",
            "Pages of files that were not used of late.",
        ),
    ),
    (
        "nr_isolated_file",
        Desc::gauge(
            "node_zoneinfo_nr_isolated_file_pages",
            "Pages of files that are off the lists for a while.",
        ),
    ),
    ("nr_file_pages", Desc::gauge("node_zoneinfo_nr_file_pages", "Pages of files.")),
    (
        "nr_slab_reclaimable",
        Desc::gauge(
            "node_zoneinfo_nr_slab_reclaimable_pages",
            "Pages of slabs that can be reclaimed.",
        ),
    ),
    (
        "nr_slab_unreclaimable",
        Desc::gauge(
            "node_zoneinfo_nr_slab_unreclaimable_pages",
            "Pages of slabs that cannot be reclaimed.",
        ),
    ),
    (
        "nr_mlock_stack",
        Desc::gauge("node_zoneinfo_nr_mlock_stack_pages", "Locked pages taken off the lists."),
    ),
    ("nr_kernel_stack", Desc::gauge("node_zoneinfo_nr_kernel_stacks", "Stacks of the kernel.")),
    (
        "nr_mapped",
        Desc::gauge("node_zoneinfo_nr_mapped_pages", "Pages of files that processes have mapped."),
    ),
    ("nr_dirty", Desc::gauge("node_zoneinfo_nr_dirty_pages", "Pages to be written.")),
    ("nr_writeback", Desc::gauge("node_zoneinfo_nr_writeback_pages", "Pages being written.")),
    (
        "nr_unevictable",
        Desc::gauge("node_zoneinfo_nr_unevictable_pages", "Pages that cannot be reclaimed."),
    ),
    ("nr_shmem", Desc::gauge("node_zoneinfo_nr_shmem_pages", "Pages of shared memory and tmpfs.")),
    ("nr_dirtied", Desc::counter("node_zoneinfo_nr_dirtied_total", "Pages made dirty since boot.")),
    ("nr_written", Desc::counter("node_zoneinfo_nr_written_total", "Pages written since boot.")),
    (
        "numa_hit",
        Desc::counter(
            "node_zoneinfo_numa_hit_total",
            "Pages allocated on the node that was wanted.",
        ),
    ),
    (
        "numa_miss",
        Desc::counter(
            "node_zoneinfo_numa_miss_total",
            "Pages allocated here though another node was wanted.",
        ),
    ),
    (
        "numa_foreign",
        Desc::counter(
            "node_zoneinfo_numa_foreign_total",
            "Pages wanted here but allocated on another node.",
        ),
    ),
    (
        "numa_interleave",
        Desc::counter(
            "node_zoneinfo_numa_interleave_total",
            "Pages that interleaving placed here as wanted.",
        ),
    ),
    (
        "numa_local",
        Desc::counter(
            "node_zoneinfo_numa_local_total",
            "Pages allocated by a process on this node.",
        ),
    ),
    (
        "numa_other",
        Desc::counter(
            "node_zoneinfo_numa_other_total",
            "Pages allocated by a process on another node.",
        ),
    ),
];
