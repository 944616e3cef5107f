//! Requests per NFS mount: `/proc/self/mountstats`, mountstats(8).
//!
//! Parsed here because the procfs crate leaves the lines of transports out.

mod families;
mod parse;

use std::collections::HashSet;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;
use parse::Mount;

const FILE: &str = "self/mountstats";
const MOUNTS: &str = "self/mountinfo";

const MOUNTPOINT_INFO: Desc<'_> =
    Desc::gauge("node_mountstats_nfs_mountpoint_info", "Mount point of an NFS export; always 1.");

/// A mount with the values of the labels that name it.
#[derive(Debug)]
struct Export<'a> {
    mount: Mount<'a>,
    protocol: &'a str,
    address: &'a str,
}

impl<'a> Export<'a> {
    /// `None` for a mount without a transport.
    fn new(mount: Mount<'a>, addresses: &[(&str, &str, &'a str)]) -> Option<Self> {
        let protocol = mount.transports.first()?.protocol;
        let is_mount = |(point, device, _): &&(&str, &str, _)| {
            *point == mount.point && *device == mount.device
        };
        let address = addresses.iter().find(is_mount).map_or("", |(_, _, address)| *address);
        Some(Self { mount, protocol, address })
    }

    fn key(&self) -> (&'a str, &'a str, &'a str) {
        (self.mount.device, self.protocol, self.address)
    }
}

#[derive(Debug, Default)]
pub(super) struct Mountstats;

#[async_trait]
impl Collector<Host> for Mountstats {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host.proc(FILE)?;
        let mountinfo = host.proc_if_present(MOUNTS)?;
        let mut errors = FirstError::default();
        let addresses: Vec<_> =
            parse::addresses(mountinfo.as_deref().unwrap_or_default()).collect();
        let mounts = text.parse_rows(parse::mounts);
        let mut exports: Vec<Export<'_>> = errors
            .take(mounts)
            .into_iter()
            .filter_map(|mount| Export::new(mount, &addresses))
            .collect();
        push_mount_points(&exports, sink);
        // All mounts of one export show the same figures, so that the first is enough.
        let mut seen = HashSet::new();
        exports.retain(|export| seen.insert(export.key()));
        families::push(&exports, sink);
        errors.into_result()
    }
}

fn push_mount_points(exports: &[Export<'_>], sink: &mut Sink) {
    let mut seen = HashSet::new();
    let mut family = sink.family(&MOUNTPOINT_INFO);
    for export in exports {
        if seen.insert((export.key(), export.mount.point)) {
            let labels = [
                ("export", export.mount.device),
                ("mountaddr", export.address),
                ("mountpoint", export.mount.point),
                ("protocol", export.protocol),
            ];
            family.sample(&labels, 1.0);
        }
    }
}
