//! NVMe subsystems and the ways to them: `/sys/class/nvme-subsystem`,
//! Documentation/admin-guide/nvme-multipath.rst of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::metric::{Desc, Metric, gauge};

use crate::host::Host;
use crate::readers::attributes::{devices, number_after, push_info, texts};
use crate::readers::nvme::namespace_number;

const DIRECTORY: &str = "class/nvme-subsystem";

const INFO: Desc<'_> =
    Desc::gauge("node_nvmesubsystem_info", "Information about each NVMe subsystem; always 1.");
const NAMESPACE_INFO: Desc<'_> = Desc::gauge(
    "node_nvmesubsystem_namespace_info",
    "Namespaces that each NVMe subsystem has; always 1.",
);
const PATH_STATE: Desc<'_> = Desc::gauge(
    "node_nvmesubsystem_path_state",
    "1 for the state that a controller of the subsystem is in, 0 for the others.",
);

const TEXTS: [(&str, &str); 4] =
    [("iopolicy", "iopolicy"), ("model", "model"), ("nqn", "subsysnqn"), ("serial", "serial")];

/// States of a controller; what the kernel calls otherwise is `unknown`.
const STATES: [&str; 7] = ["connecting", "dead", "deleting", "live", "new", "resetting", UNKNOWN];
const UNKNOWN: &str = "unknown";

const METRICS: &[Metric<Subsystem>] = &[
    gauge("node_nvmesubsystem_paths", "Controllers that lead to the subsystem.", |subsystem| {
        Some(subsystem.paths.len() as f64)
    }),
    gauge(
        "node_nvmesubsystem_paths_live",
        "Controllers that lead to the subsystem and are live.",
        |subsystem| Some(subsystem.paths.iter().filter(|path| path.state == "live").count() as f64),
    ),
];

#[derive(Debug)]
struct Subsystem {
    name: String,
    namespaces: Vec<String>,
    paths: Vec<Path>,
}

#[derive(Debug)]
struct Path {
    controller: String,
    transport: String,
    state: &'static str,
}

#[derive(Debug, Default)]
pub(super) struct NvmeSubsystem;

#[async_trait]
impl Collector<Host> for NvmeSubsystem {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut errors = FirstError::default();
        let (mut infos, mut subsystems) = (Vec::new(), Vec::new());
        for name in devices(host, DIRECTORY)? {
            let prefix = format!("{DIRECTORY}/{name}/");
            let Some(mut texts) = texts(host, &prefix, &TEXTS, &mut errors) else { continue };
            texts.push(("subsystem", name.clone()));
            infos.push(texts);
            subsystems.push(read(host, &prefix, name, &mut errors));
        }
        push_info(sink, &INFO, infos);
        push(&subsystems, sink);
        errors.into_result()
    }
}

fn read(host: &Host, prefix: &str, name: String, errors: &mut FirstError) -> Subsystem {
    let mut subsystem = Subsystem { name, namespaces: Vec::new(), paths: Vec::new() };
    for entry in errors.catch(host.list_sys(prefix)).unwrap_or_default() {
        if number_after(&entry, "nvme").is_some() {
            let mut text =
                |file: &str| errors.catch(host.attribute(&format!("{prefix}{entry}/{file}")));
            // A controller that has gone leaves a dangling link for a moment.
            if let (Some(state), Some(transport)) = (text("state"), text("transport")) {
                subsystem.paths.push(Path { controller: entry, transport, state: known(&state) });
            }
        } else if namespace_number(&entry).is_some() {
            subsystem.namespaces.push(entry);
        }
    }
    subsystem
}

fn known(state: &str) -> &'static str {
    STATES.into_iter().find(|known| *known == state).unwrap_or(UNKNOWN)
}

fn push(subsystems: &[Subsystem], sink: &mut Sink) {
    let namespaces = subsystems.iter().flat_map(|subsystem| {
        let namespaces = subsystem.namespaces.iter();
        namespaces.map(|name| ([("device", name), ("subsystem", &subsystem.name)], 1.0))
    });
    sink.samples(&NAMESPACE_INFO, namespaces);
    let rows = subsystems.iter().map(|subsystem| ([("subsystem", &*subsystem.name)], subsystem));
    sink.table(METRICS, rows);
    let mut family = sink.family(&PATH_STATE);
    for subsystem in subsystems {
        for path in &subsystem.paths {
            for state in STATES {
                let labels = [
                    ("controller", &*path.controller),
                    ("state", state),
                    ("subsystem", &*subsystem.name),
                    ("transport", &*path.transport),
                ];
                family.sample(&labels, f64::from(state == path.state));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::known;

    #[test]
    fn states_of_other_kernels_are_unknown() {
        assert_eq!(known("live"), "live");
        assert_eq!(known("deleting (no IO)"), "unknown");
        assert_eq!(known(""), "unknown");
    }
}
