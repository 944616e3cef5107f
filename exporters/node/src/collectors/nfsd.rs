//! Requests to this host as a server of NFS: `/proc/net/rpc/nfsd`, nfsstat(8).

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;
use crate::readers::sunrpc::{Count, Counts, Program, Requests, V2, V3};

const FILE: &str = "net/rpc/nfsd";

const COUNTS: &[Count] = &[
    (
        "rc",
        0,
        Desc::counter(
            "node_nfsd_reply_cache_hits_total",
            "Repeated requests answered from the reply cache.",
        ),
    ),
    (
        "rc",
        1,
        Desc::counter(
            "node_nfsd_reply_cache_misses_total",
            "Non-idempotent requests that were not in the reply cache.",
        ),
    ),
    (
        "rc",
        2,
        Desc::counter(
            "node_nfsd_reply_cache_nocache_total",
            "Idempotent requests, which are not cached.",
        ),
    ),
    ("fh", 0, Desc::counter("node_nfsd_file_handles_stale_total", "File handles that were stale.")),
    ("io", 0, Desc::counter("node_nfsd_disk_bytes_read_total", "Bytes that clients have read.")),
    (
        "io",
        1,
        Desc::counter("node_nfsd_disk_bytes_written_total", "Bytes that clients have written."),
    ),
    ("th", 0, Desc::gauge("node_nfsd_server_threads", "Threads of the server.")),
    (
        "ra",
        0,
        Desc::gauge(
            "node_nfsd_read_ahead_cache_size_blocks",
            "Size of the read-ahead cache in blocks.",
        ),
    ),
    (
        "ra",
        11,
        Desc::counter(
            "node_nfsd_read_ahead_cache_not_found_total",
            "Reads not found in the read-ahead cache.",
        ),
    ),
    ("net", 3, Desc::counter("node_nfsd_connections_total", "TCP connections of clients.")),
    ("rpc", 0, Desc::counter("node_nfsd_server_rpcs_total", "RPCs received.")),
];

const LABELLED: &[Counts] = &[
    (
        "net",
        Desc::counter("node_nfsd_packets_total", "Packets of requests, by transport."),
        "proto",
        &[("udp", 1), ("tcp", 2)],
    ),
    (
        "rpc",
        Desc::counter("node_nfsd_rpc_errors_total", "RPCs refused, by reason."),
        "error",
        &[("fmt", 2), ("auth", 3), ("cInt", 4)],
    ),
];

const REQUESTS: Desc<'_> =
    Desc::counter("node_nfsd_requests_total", "Requests of clients, by method.");

const METHODS: &[Requests] = &[
    Requests { line: "proc2", proto: "2", methods: V2, skipped: 1, least: 18 },
    Requests { line: "proc3", proto: "3", methods: V3, skipped: 1, least: 22 },
    Requests { line: "proc4ops", proto: "4", methods: V4_OPERATIONS, skipped: 3, least: 39 },
];

/// Line of how often a delegation's owner was asked for attributes (Linux 6.6).
const WRITE_DELEGATION: (&str, &str) = ("wdeleg_getattr", "WdelegGetattr");

/// Operations of NFS version 4 in the order of their numbers, RFC 7530; the first three are none.
const V4_OPERATIONS: &[&str] = &[
    "",
    "",
    "",
    "Access",
    "Close",
    "Commit",
    "Create",
    "DelegPurge",
    "DelegReturn",
    "GetAttr",
    "GetFH",
    "Link",
    "Lock",
    "Lockt",
    "Locku",
    "Lookup",
    "LookupRoot",
    "Nverify",
    "Open",
    "OpenAttr",
    "OpenConfirm",
    "OpenDgrd",
    "PutFH",
    "",
    "",
    "Read",
    "ReadDir",
    "ReadLink",
    "Remove",
    "Rename",
    "Renew",
    "RestoreFH",
    "SaveFH",
    "SecInfo",
    "SetAttr",
    "SetClientID",
    "SetClientIDConfirm",
    "Verify",
    "Write",
    "RelLockOwner",
];

#[derive(Debug, Default)]
pub(super) struct Nfsd;

#[async_trait]
impl Collector<Host> for Nfsd {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let Some(file) = host.proc_if_present(FILE)? else {
            return Err(CollectError::NoData("the host is no NFS server".into()));
        };
        let program = Program::new(&file, &["rc", "net", "rpc"])?;
        let mut errors = FirstError::default();
        program.push(COUNTS, sink, &mut errors);
        program.push_labelled(LABELLED, sink, &mut errors);
        let extra = Some(WRITE_DELEGATION);
        program.push_requests(&REQUESTS, METHODS, extra, sink, &mut errors);
        errors.into_result()
    }
}
