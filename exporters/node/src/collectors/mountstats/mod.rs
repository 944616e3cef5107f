//! Requests per NFS mount: `/proc/self/mountstats`, mountstats(8).
//!
//! Parsed here because the procfs crate leaves the lines of transports out.

mod families;
mod parse;

use std::borrow::Cow;
use std::collections::HashSet;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::kernel::mountinfo::unescape_text;
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
    /// The export's name without escapes.
    device: Cow<'a, str>,
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
        let device = unescape_text(mount.device);
        Some(Self { mount, device, protocol, address })
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
                ("export", &*export.device),
                ("mountaddr", export.address),
                ("mountpoint", &unescape_text(export.mount.point)),
                ("protocol", export.protocol),
            ];
            family.sample(&labels, 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_escapes() {
        let text = "device srv:/my\\040export\\043 mounted on /mnt/a\\134b with fstype nfs4 statvers=1.1\n\
                    \tage:\t7\n\txprt:\ttcp 1 2 3\n";
        let mounts = parse::mounts(text);
        let mountinfo =
            "30 27 0:50 / /mnt/a\\134b rw - nfs4 srv:/my\\040export\\043 rw,addr=192.0.2.1\n";
        let addresses: Vec<_> = parse::addresses(mountinfo).collect();
        let exports: Vec<_> =
            mounts.good.into_iter().filter_map(|mount| Export::new(mount, &addresses)).collect();
        let mut sink = Sink::default();
        push_mount_points(&exports, &mut sink);
        families::push(&exports, &mut sink);
        let samples = common::testing::samples(&sink);
        let expected = "node_mountstats_nfs_mountpoint_info{export=\"srv:/my export#\",\
            mountaddr=\"192.0.2.1\",mountpoint=\"/mnt/a\\\\b\",protocol=\"tcp\"} 1";
        assert_eq!(samples[0], expected);
        assert!(samples.len() > 1 && !samples.iter().any(|sample| sample.contains("040")));
    }
}
