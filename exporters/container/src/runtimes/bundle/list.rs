//! `containers.json` of containers/storage: a list of all containers, in whose
//! `metadata` Podman and CRI-O keep, as JSON in a string, what is their own.

use common::error::ParseError;
use serde::Deserialize;

use crate::runtimes::container::unix_seconds;

/// What the list says of a container.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Listed {
    pub(super) name: Option<String>,
    pub(super) image: Option<String>,
    pub(super) created_seconds: Option<f64>,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    metadata: String,
    created: Option<String>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(rename = "image-name")]
    image: Option<String>,
}

/// The line about the container with this id, if there is one.
///
/// # Errors
/// The file is no such JSON.
pub(super) fn parse(text: &[u8], id: &str) -> Result<Option<Listed>, ParseError> {
    let lines: Vec<Line> =
        serde_json::from_slice(text).map_err(|error| ParseError::Form(error.to_string()))?;
    let Some(line) = lines.into_iter().find(|line| line.id == id) else { return Ok(None) };
    let metadata: Metadata = match line.metadata.as_str() {
        "" => Metadata::default(),
        json => serde_json::from_str(json)
            .map_err(|error| ParseError::Form(format!("metadata: {error}")))?,
    };
    Ok(Some(Listed {
        name: line.names.into_iter().next(),
        image: metadata.image.filter(|image| !image.is_empty()),
        created_seconds: line.created.as_deref().and_then(unix_seconds),
    }))
}
