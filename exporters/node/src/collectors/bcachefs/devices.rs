//! Devices of a file system: its folders `dev-*`.

use common::exposition::{LabelSet, Sink};
use common::metric::Desc;

use super::super::device_table::{self, Attribute, Device, FirstFailure};
use super::super::humanized;
use super::{DIRECTORY, parse};
use crate::host::Host;

const INFO: Desc<'_> =
    Desc::gauge("node_bcachefs_device_info", "Label and state of a device; always 1.");

const ATTRIBUTES: &[Attribute] = &[
    Attribute {
        file: "bucket_size",
        desc: Desc::gauge("node_bcachefs_device_bucket_size_bytes", "Size of a bucket in bytes."),
        parse: |text| humanized::bcachefs(text).map(Some),
    },
    Attribute::number(
        "nbuckets",
        Desc::gauge("node_bcachefs_device_buckets", "Buckets of a device."),
    ),
    Attribute::number(
        "durability",
        Desc::gauge("node_bcachefs_device_durability", "Copies that data on the device counts as."),
    ),
];

const IO_DONE: Desc<'_> = Desc::counter(
    "node_bcachefs_device_io_done_bytes_total",
    "Bytes read and written, by kind of data.",
);

const IO_ERRORS: Desc<'_> = Desc::counter(
    "node_bcachefs_device_io_errors_total",
    "Errors of a device since the file system was made, by kind.",
);

/// A device by the name of its folder, and its file system.
struct Member<'a> {
    path: String,
    device: String,
    uuid: &'a str,
}

/// Pushes the families of the devices of all file systems.
pub(super) fn push(uuids: &[String], host: &Host, sink: &mut Sink, failures: &mut FirstFailure) {
    let mut members = Vec::new();
    for uuid in uuids {
        let names = failures.note(host.list_sys(&format!("{DIRECTORY}/{uuid}"))).flatten();
        for name in names.unwrap_or_default() {
            if let Some(device) = name.strip_prefix("dev-") {
                let path = format!("{DIRECTORY}/{uuid}/{name}");
                members.push(Member { path, device: device.to_owned(), uuid });
            }
        }
    }
    push_info(&members, host, sink, failures);
    let devices = members.iter().map(|member| Device {
        path: member.path.clone(),
        labels: LabelSet::new([("device", &*member.device), ("uuid", member.uuid)]),
    });
    device_table::push(ATTRIBUTES, &devices.collect::<Vec<_>>(), host, sink, failures);
    push_io(&members, host, sink, failures);
}

fn push_info(members: &[Member<'_>], host: &Host, sink: &mut Sink, failures: &mut FirstFailure) {
    let mut family = sink.family(&INFO);
    for member in members {
        let mut text = |file: &str| {
            let text = host.attribute(&format!("{}/{file}", member.path));
            failures.note(text).flatten().unwrap_or_default()
        };
        let (label, state) = (text("label"), text("state"));
        let labels = [
            ("device", &*member.device),
            ("label", &*label),
            ("state", parse::chosen(&state)),
            ("uuid", member.uuid),
        ];
        family.sample(&labels, 1.0);
    }
}

fn push_io(members: &[Member<'_>], host: &Host, sink: &mut Sink, failures: &mut FirstFailure) {
    let mut family = sink.family(&IO_DONE);
    for member in members {
        let done = device_table::read(host, &format!("{}/io_done", member.path), parse::io_done);
        for io in failures.note(done).flatten().unwrap_or_default() {
            let labels = [
                ("data_type", &*io.kind),
                ("device", &*member.device),
                ("operation", io.operation),
                ("uuid", member.uuid),
            ];
            family.sample(&labels, io.bytes);
        }
    }
    drop(family);
    let mut family = sink.family(&IO_ERRORS);
    for member in members {
        let path = format!("{}/io_errors", member.path);
        let errors = device_table::read(host, &path, parse::io_errors);
        for (kind, count) in failures.note(errors).flatten().unwrap_or_default() {
            let labels = [("device", &*member.device), ("type", &*kind), ("uuid", member.uuid)];
            family.sample(&labels, count);
        }
    }
}
