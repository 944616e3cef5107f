//! Requests of this host as a client of NFS: `/proc/net/rpc/nfs`, nfsstat(8).

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;
use crate::readers::sunrpc::{Count, Counts, Program, Requests, V2, V3};

const FILE: &str = "net/rpc/nfs";

const COUNTS: &[Count] = &[
    ("net", 3, Desc::counter("node_nfs_connections_total", "TCP connections made to servers.")),
    ("rpc", 0, Desc::counter("node_nfs_rpcs_total", "RPCs sent to servers.")),
    ("rpc", 1, Desc::counter("node_nfs_rpc_retransmissions_total", "RPCs retransmitted.")),
    (
        "rpc",
        2,
        Desc::counter(
            "node_nfs_rpc_authentication_refreshes_total",
            "Times that credentials were renewed.",
        ),
    ),
];

const LABELLED: &[Counts] = &[(
    "net",
    Desc::counter("node_nfs_packets_total", "Packets sent and received, by transport."),
    "protocol",
    &[("udp", 1), ("tcp", 2)],
)];

const REQUESTS: Desc<'_> =
    Desc::counter("node_nfs_requests_total", "Requests sent to servers, by method.");

const METHODS: &[Requests] = &[
    Requests { line: "proc2", proto: "2", methods: V2, skipped: 0, least: 18 },
    Requests { line: "proc3", proto: "3", methods: V3, skipped: 0, least: 22 },
    Requests { line: "proc4", proto: "4", methods: V4, skipped: 0, least: 0 },
];

/// Procedures of the kernel's version 4 client in its own order (include/linux/nfs4.h).
const V4: &[&str] = &[
    "Null",
    "Read",
    "Write",
    "Commit",
    "Open",
    "OpenConfirm",
    "OpenNoattr",
    "OpenDowngrade",
    "Close",
    "Setattr",
    "FsInfo",
    "Renew",
    "SetClientID",
    "SetClientIDConfirm",
    "Lock",
    "Lockt",
    "Locku",
    "Access",
    "Getattr",
    "Lookup",
    "LookupRoot",
    "Remove",
    "Rename",
    "Link",
    "Symlink",
    "Create",
    "Pathconf",
    "StatFs",
    "ReadLink",
    "ReadDir",
    "ServerCaps",
    "DelegReturn",
    "GetACL",
    "SetACL",
    "FsLocations",
    "ReleaseLockowner",
    "Secinfo",
    "FsidPresent",
    "ExchangeID",
    "CreateSession",
    "DestroySession",
    "Sequence",
    "GetLeaseTime",
    "ReclaimComplete",
    "LayoutGet",
    "GetDeviceInfo",
    "LayoutCommit",
    "LayoutReturn",
    "SecinfoNoName",
    "TestStateID",
    "FreeStateID",
    "GetDeviceList",
    "BindConnToSession",
    "DestroyClientID",
    "Seek",
    "Allocate",
    "DeAllocate",
    "LayoutStats",
    "Clone",
];

#[derive(Debug, Default)]
pub(super) struct Nfs;

#[async_trait]
impl Collector<Host> for Nfs {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let Some(file) = host.proc_if_present(FILE)? else {
            return Err(CollectError::NoData("the host is no NFS client".into()));
        };
        let program = Program::new(&file, &["net", "rpc"])?;
        let mut errors = FirstError::default();
        program.push(COUNTS, sink, &mut errors);
        program.push_labelled(LABELLED, sink, &mut errors);
        program.push_requests(&REQUESTS, METHODS, None, sink, &mut errors);
        errors.into_result()
    }
}
