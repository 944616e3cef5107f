//! Families of the figures of each export.

use common::exposition::Sink;
use common::metric::Desc;

use super::Export;

/// Times are cut to the integers that a 64-bit float holds, as in the reference
/// exporter: some kernels let them go below zero.
const FLOAT_INTEGERS: u64 = 1 << 53;

const AGE: Desc<'_> =
    Desc::counter("node_mountstats_nfs_age_seconds_total", "Time since the mount, in seconds.");

/// Columns of the `bytes:` line in order.
const BYTES: &[Desc<'_>] = &[
    Desc::counter("node_mountstats_nfs_read_bytes_total", "Bytes read by read(2)."),
    Desc::counter("node_mountstats_nfs_write_bytes_total", "Bytes written by write(2)."),
    Desc::counter("node_mountstats_nfs_direct_read_bytes_total", "Bytes read with O_DIRECT."),
    Desc::counter("node_mountstats_nfs_direct_write_bytes_total", "Bytes written with O_DIRECT."),
    Desc::counter("node_mountstats_nfs_total_read_bytes_total", "Bytes read from the server."),
    Desc::counter("node_mountstats_nfs_total_write_bytes_total", "Bytes written to the server."),
    Desc::counter("node_mountstats_nfs_read_pages_total", "Pages read from the server."),
    Desc::counter("node_mountstats_nfs_write_pages_total", "Pages written to the server."),
];

/// Number of the column in the `events:` line (include/linux/nfs_iostat.h), and family; one is not exposed.
const EVENTS: &[(usize, Desc<'_>)] = &[
    event(0, "node_mountstats_nfs_event_inode_revalidate_total", "Inodes checked for changes."),
    event(1, "node_mountstats_nfs_event_dnode_revalidate_total", "Names checked for changes."),
    event(2, "node_mountstats_nfs_event_data_invalidate_total", "Cached data invalidated."),
    event(
        3,
        "node_mountstats_nfs_event_attribute_invalidate_total",
        "Cached attributes invalidated.",
    ),
    event(4, "node_mountstats_nfs_event_vfs_open_total", "Files and directories opened."),
    event(5, "node_mountstats_nfs_event_vfs_lookup_total", "Names looked up."),
    event(6, "node_mountstats_nfs_event_vfs_access_total", "Permissions checked."),
    event(7, "node_mountstats_nfs_event_vfs_update_page_total", "Pages updated."),
    event(8, "node_mountstats_nfs_event_vfs_read_page_total", "Single pages read."),
    event(9, "node_mountstats_nfs_event_vfs_read_pages_total", "Groups of pages read."),
    event(10, "node_mountstats_nfs_event_vfs_write_page_total", "Single pages written."),
    event(11, "node_mountstats_nfs_event_vfs_write_pages_total", "Groups of pages written."),
    event(12, "node_mountstats_nfs_event_vfs_getdents_total", "Listings of directories."),
    event(13, "node_mountstats_nfs_event_vfs_setattr_total", "Attributes set."),
    event(14, "node_mountstats_nfs_event_vfs_flush_total", "Files flushed."),
    event(15, "node_mountstats_nfs_event_vfs_fsync_total", "Calls of fsync(2)."),
    event(16, "node_mountstats_nfs_event_vfs_lock_total", "Lock requests."),
    event(17, "node_mountstats_nfs_event_vfs_file_release_total", "Files released."),
    event(19, "node_mountstats_nfs_event_truncation_total", "Files truncated."),
    event(
        20,
        "node_mountstats_nfs_event_write_extension_total",
        "Writes beyond the end of a file.",
    ),
    event(
        21,
        "node_mountstats_nfs_event_silly_rename_total",
        "Files removed while they were open.",
    ),
    event(
        22,
        "node_mountstats_nfs_event_short_read_total",
        "Reads that returned less than requested.",
    ),
    event(
        23,
        "node_mountstats_nfs_event_short_write_total",
        "Writes that wrote less than requested.",
    ),
    event(
        24,
        "node_mountstats_nfs_event_jukebox_delay_total",
        "Waits for files to come from offline storage.",
    ),
    event(
        25,
        "node_mountstats_nfs_event_pnfs_read_total",
        "Reads that bypassed the metadata server (pNFS).",
    ),
    event(
        26,
        "node_mountstats_nfs_event_pnfs_write_total",
        "Writes that bypassed the metadata server (pNFS).",
    ),
];

/// Number of the column with the time since the last request.
const IDLE_TIME: usize = 4;

/// Number of the column in a line of TCP, and family.
const TRANSPORT: &[(usize, Desc<'_>)] = &[
    (1, Desc::counter("node_mountstats_nfs_transport_bind_total", "Local ports bound.")),
    (
        2,
        Desc::counter(
            "node_mountstats_nfs_transport_connect_total",
            "Connections made to the server.",
        ),
    ),
    (
        IDLE_TIME,
        Desc::gauge(
            "node_mountstats_nfs_transport_idle_time_seconds",
            "Time without requests, in seconds.",
        ),
    ),
    (5, Desc::counter("node_mountstats_nfs_transport_sends_total", "Requests sent.")),
    (6, Desc::counter("node_mountstats_nfs_transport_receives_total", "Replies received.")),
    (
        7,
        Desc::counter(
            "node_mountstats_nfs_transport_bad_transaction_ids_total",
            "Replies to no known request.",
        ),
    ),
    (
        9,
        Desc::counter(
            "node_mountstats_nfs_transport_backlog_queue_total",
            "Length of the backlog queue, summed over requests.",
        ),
    ),
    (
        10,
        Desc::gauge(
            "node_mountstats_nfs_transport_maximum_rpc_slots",
            "Most requests in flight at once.",
        ),
    ),
    (
        11,
        Desc::counter(
            "node_mountstats_nfs_transport_sending_queue_total",
            "Length of the sending queue, summed over requests.",
        ),
    ),
    (
        12,
        Desc::counter(
            "node_mountstats_nfs_transport_pending_queue_total",
            "Length of the queue for replies, summed over requests.",
        ),
    ),
];

/// Number of the column and family.
const OPERATION: &[(usize, Desc<'_>)] = &[
    (0, Desc::counter("node_mountstats_nfs_operations_requests_total", "Requests by operation.")),
    (
        1,
        Desc::counter(
            "node_mountstats_nfs_operations_transmissions_total",
            "Requests sent, repeats included.",
        ),
    ),
    (
        2,
        Desc::counter(
            "node_mountstats_nfs_operations_major_timeouts_total",
            "Requests that timed out.",
        ),
    ),
    (3, Desc::counter("node_mountstats_nfs_operations_sent_bytes_total", "Bytes of requests.")),
    (4, Desc::counter("node_mountstats_nfs_operations_received_bytes_total", "Bytes of replies.")),
];

/// Number of a column of milliseconds and family.
const OPERATION_TIMES: &[(usize, Desc<'_>)] = &[
    (
        5,
        Desc::counter(
            "node_mountstats_nfs_operations_queue_time_seconds_total",
            "Time that requests waited to be sent, in seconds.",
        ),
    ),
    (
        6,
        Desc::counter(
            "node_mountstats_nfs_operations_response_time_seconds_total",
            "Time from sending to the reply, in seconds.",
        ),
    ),
    (
        7,
        Desc::counter(
            "node_mountstats_nfs_operations_request_time_seconds_total",
            "Time from the start of requests to their end, in seconds.",
        ),
    ),
];

const fn event(column: usize, name: &'static str, help: &'static str) -> (usize, Desc<'static>) {
    (column, Desc::counter(name, help))
}

/// Pushes the figures of exports that differ in their labels.
pub(super) fn push(exports: &[Export<'_>], sink: &mut Sink) {
    push_column(&AGE, exports, |export| export.mount.age_seconds, sink);
    for (column, desc) in BYTES.iter().enumerate() {
        push_column(desc, exports, |export| export.mount.bytes.get(column).copied(), sink);
    }
    for (column, desc) in EVENTS {
        push_column(desc, exports, |export| export.mount.events.get(*column).copied(), sink);
    }
    push_transports(exports, sink);
    for (column, desc) in OPERATION {
        push_operations(desc, *column, exports, sink, |count| count as f64);
    }
    for (column, desc) in OPERATION_TIMES {
        let seconds = |milliseconds| (milliseconds % FLOAT_INTEGERS) as f64 / 1000.0;
        push_operations(desc, *column, exports, sink, seconds);
    }
}

fn push_column(
    desc: &Desc<'_>,
    exports: &[Export<'_>],
    column: impl Fn(&Export<'_>) -> Option<u64>,
    sink: &mut Sink,
) {
    let samples = exports.iter().filter_map(|export| {
        let count = column(export)?;
        let labels = [
            ("export", &*export.device),
            ("mountaddr", export.address),
            ("protocol", export.protocol),
        ];
        Some((labels, count as f64))
    });
    sink.samples(desc, samples);
}

fn push_transports(exports: &[Export<'_>], sink: &mut Sink) {
    for (column, desc) in TRANSPORT {
        let mut family = sink.family(desc);
        for export in exports {
            for (number, transport) in export.mount.transports.iter().enumerate() {
                if let Some(count) = transport.column(*column) {
                    let labels = [
                        ("export", &*export.device),
                        ("mountaddr", export.address),
                        ("protocol", export.protocol),
                        ("transport", &number.to_string()),
                    ];
                    let is_time = *column == IDLE_TIME;
                    let count = if is_time { count % FLOAT_INTEGERS } else { count };
                    family.sample(&labels, count as f64);
                }
            }
        }
    }
}

fn push_operations(
    desc: &Desc<'_>,
    column: usize,
    exports: &[Export<'_>],
    sink: &mut Sink,
    unit: impl Fn(u64) -> f64,
) {
    let mut family = sink.family(desc);
    for export in exports {
        for (operation, columns) in &export.mount.operations {
            if let Some(count) = columns.get(column) {
                let labels = [
                    ("export", &*export.device),
                    ("mountaddr", export.address),
                    ("operation", operation),
                    ("protocol", export.protocol),
                ];
                family.sample(&labels, unit(*count));
            }
        }
    }
}
