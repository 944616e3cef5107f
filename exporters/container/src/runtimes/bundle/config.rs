//! `config.json` of an OCI bundle, of which only annotations and environment count.

use std::collections::HashMap;

use common::error::ParseError;
use serde::Deserialize;

use crate::runtimes::container::{Container, unix_seconds};
use crate::runtimes::labels::Labelling;

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    annotations: HashMap<String, String>,
    #[serde(default)]
    process: Process,
    #[serde(default)]
    linux: Linux,
}

#[derive(Default, Deserialize)]
struct Linux {
    /// Those that the container has of its own, or joins.
    #[serde(default)]
    namespaces: Vec<Namespace>,
}

#[derive(Deserialize)]
struct Namespace {
    #[serde(default, rename = "type")]
    kind: String,
}

#[derive(Deserialize, Default)]
struct Process {
    #[serde(default)]
    env: Vec<String>,
}

/// Annotations that hold a container's name: of CRI-O, nerdctl, and the CRI
/// plugin of containerd, there for the containers and for the pod's own one.
const NAMES: [&str; 4] = [
    "io.kubernetes.cri-o.Name",
    "nerdctl/name",
    "io.kubernetes.cri.container-name",
    "io.kubernetes.cri.sandbox-name",
];

const IMAGES: [&str; 2] = ["io.kubernetes.cri-o.ImageName", "io.kubernetes.cri.image-name"];

/// The labels that Kubernetes gives its containers, and the annotations from
/// which they can be derived.
const LABELS: [(&str, &str); 9] = [
    ("io.cri-containerd.kind", "io.kubernetes.cri.container-type"),
    ("io.kubernetes.container.name", "io.kubernetes.container.name"),
    ("io.kubernetes.container.name", "io.kubernetes.cri.container-name"),
    ("io.kubernetes.pod.name", "io.kubernetes.pod.name"),
    ("io.kubernetes.pod.name", "io.kubernetes.cri.sandbox-name"),
    ("io.kubernetes.pod.namespace", "io.kubernetes.pod.namespace"),
    ("io.kubernetes.pod.namespace", "io.kubernetes.cri.sandbox-namespace"),
    ("io.kubernetes.pod.uid", "io.kubernetes.pod.uid"),
    ("io.kubernetes.pod.uid", "io.kubernetes.cri.sandbox-uid"),
];

/// The annotation in which CRI-O keeps all labels, as JSON.
const CRIO_LABELS: &str = "io.kubernetes.cri-o.Labels";

/// Those that say whether it is the pod's own container, which has the network.
const TYPES: [&str; 2] = ["io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri.container-type"];

/// A container without process and times of its files; its name is `id` if it has none.
///
/// # Errors
/// The file is no such JSON.
pub(super) fn parse(text: &[u8], id: &str, labelling: &Labelling) -> Result<Container, ParseError> {
    let config: Config =
        serde_json::from_slice(text).map_err(|error| ParseError::Form(error.to_string()))?;
    let annotation = |key: &str| config.annotations.get(key).filter(|value| !value.is_empty());
    let first = |keys: &[&str]| keys.iter().find_map(|key| annotation(key)).cloned();
    let is_crio = annotation(NAMES[0]).is_some();
    let restarts = annotation("io.kubernetes.container.restartCount");
    let restarts = restarts.and_then(|count| count.parse().ok());
    let labels = labels(&config.annotations)?;
    let is_own = |namespace: &Namespace| namespace.kind == "network";
    let has_host_network =
        !config.linux.namespaces.is_empty() && !config.linux.namespaces.iter().any(is_own);
    Ok(Container {
        network_mode: if has_host_network { "host".to_owned() } else { String::new() },
        is_unwanted: !labelling.wants(&labels),
        runtime: if is_crio { "crio" } else { "" },
        name: first(&NAMES).unwrap_or_else(|| id.to_owned()),
        image: first(&IMAGES).unwrap_or_default(),
        labels: labelling.render(&labels, &config.process.env, restarts.unwrap_or(0)),
        created_seconds: annotation("io.kubernetes.cri-o.Created")
            .and_then(|created| unix_seconds(created)),
        restarts,
        has_foreign_network: TYPES
            .iter()
            .any(|key| annotation(key).is_some_and(|kind| kind == "container")),
        ..Container::default()
    })
}

fn labels(annotations: &HashMap<String, String>) -> Result<HashMap<String, String>, ParseError> {
    let mut labels: HashMap<String, String> = match annotations.get(CRIO_LABELS) {
        Some(json) => serde_json::from_str(json)
            .map_err(|error| ParseError::Form(format!("{CRIO_LABELS}: {error}")))?,
        None => HashMap::new(),
    };
    for (label, annotation) in LABELS {
        if let Some(value) = annotations.get(annotation) {
            labels.entry(label.to_owned()).or_insert_with(|| value.clone());
        }
    }
    Ok(labels)
}
