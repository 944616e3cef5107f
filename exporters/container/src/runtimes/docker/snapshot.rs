//! What is known of a daemon and its containers at one moment.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::volumes::Volume;
use crate::runtimes::container::Container;

/// The software that makes the containers and answers the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// Docker.
    #[default]
    Docker,
    /// Podman, which has Docker's API.
    Podman,
}

impl Engine {
    /// Value of the label `runtime`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

/// State of the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// The first attempt has not come to an end.
    #[default]
    Unknown,
    /// There is no daemon, and no flag says that there should be one.
    Absent,
    /// The daemon answers.
    Up,
    /// The daemon does not answer; what is known is from before.
    Down,
}

/// What is known of a daemon and its containers at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Whose they are.
    pub engine: Engine,
    /// State of the connection.
    pub state: State,
    /// Containers by id: all that the daemon lists, whether they run or not.
    pub containers: HashMap<String, Arc<Container>>,
    /// Sizes by container id, as of the last time that the daemon was asked.
    pub sizes: Arc<HashMap<String, Size>>,
    /// Volumes in order of their names, as of the last time that the daemon was asked.
    pub volumes: Arc<Vec<Volume>>,
    /// The daemon's data folder.
    pub root: Option<PathBuf>,
    /// The daemon's version.
    pub version: Option<String>,
}

/// Space that a container takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Bytes in the writable layer.
    pub layer_bytes: u64,
    /// Bytes in the image's layers, where the daemon reports them.
    pub image_bytes: Option<u64>,
}
