//! Devices of a file system: its folders `dev-*`.

use common::error::FirstError;
use common::exposition::Sink;
use common::keyed::Keyed;
use common::metric::Desc;

use super::{DIRECTORY, parse, size};
use crate::host::Host;
use crate::readers::attributes::{Table, parsed_in_part};

const INFO: Desc<'_> =
    Desc::gauge("node_bcachefs_device_info", "Label and state of a device; always 1.");

const ATTRIBUTES: &[Keyed] = &[
    Keyed::gauge(
        "bucket_size",
        "node_bcachefs_device_bucket_size_bytes",
        "Size of a bucket in bytes.",
    )
    .read_by(size),
    Keyed::gauge("nbuckets", "node_bcachefs_device_buckets", "Buckets of a device."),
    Keyed::gauge(
        "durability",
        "node_bcachefs_device_durability",
        "Number of copies that data on the device counts as.",
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
pub(super) fn push(uuids: &[String], host: &Host, sink: &mut Sink, errors: &mut FirstError) {
    let mut members = Vec::new();
    for uuid in uuids {
        let names = errors.catch(host.list_sys(&format!("{DIRECTORY}/{uuid}")));
        for name in names.unwrap_or_default() {
            if let Some(device) = name.strip_prefix("dev-") {
                let path = format!("{DIRECTORY}/{uuid}/{name}");
                members.push(Member { path, device: device.to_owned(), uuid });
            }
        }
    }
    push_info(&members, host, sink, errors);
    let mut table = Table::new(ATTRIBUTES, ["device", "uuid"]);
    for Member { path, device, uuid } in &members {
        table.read(host, &format!("{path}/"), [device, uuid], errors);
    }
    table.push(sink);
    push_io_done(&members, host, sink, errors);
    push_io_errors(&members, host, sink, errors);
}

fn push_info(members: &[Member<'_>], host: &Host, sink: &mut Sink, errors: &mut FirstError) {
    let mut family = sink.family(&INFO);
    for member in members {
        let mut text = |file: &str| {
            let text = host.attribute(&format!("{}/{file}", member.path));
            errors.catch(text).unwrap_or_default()
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

fn push_io_done(members: &[Member<'_>], host: &Host, sink: &mut Sink, errors: &mut FirstError) {
    let mut family = sink.family(&IO_DONE);
    for member in members {
        let path = format!("{}/io_done", member.path);
        let done = parsed_in_part(host, &path, parse::io_done, errors);
        for io in done.unwrap_or_default() {
            let labels = [
                ("data_type", &*io.kind),
                ("device", &*member.device),
                ("operation", io.operation),
                ("uuid", member.uuid),
            ];
            family.sample(&labels, io.bytes);
        }
    }
}

fn push_io_errors(members: &[Member<'_>], host: &Host, sink: &mut Sink, errors: &mut FirstError) {
    let mut family = sink.family(&IO_ERRORS);
    for member in members {
        let path = format!("{}/io_errors", member.path);
        let counts = parsed_in_part(host, &path, parse::io_errors, errors);
        for (kind, count) in counts.unwrap_or_default() {
            let labels = [("device", &*member.device), ("type", &*kind), ("uuid", member.uuid)];
            family.sample(&labels, count);
        }
    }
}
