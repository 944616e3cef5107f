//! Containers of runtimes that are not asked, by the files that they keep.
//!
//! - containerd: `<state>/io.containerd.runtime.v2.task/<namespace>/<id>/config.json`
//!   and `init.pid` beside it, where `<state>` is the folder of its socket;
//! - CRI-O and Podman: `<storage>/overlay-containers/<id>/userdata/config.json` and
//!   `pidfile` beside it, and the list `<storage>/overlay-containers/containers.json`.
//!
//! `config.json` is the specification that the low-level runtime is started with,
//! OCI runtime-spec config.md; names and images are in its annotations.

mod config;
mod list;

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::UNIX_EPOCH;

use common::failures::FailureLog;
use common::sync::lock;

use crate::runtimes::args::RuntimeArgs;
use crate::runtimes::container::Container;
use crate::runtimes::labels::Labelling;

/// Folder of containerd's state for the containers that run.
const TASKS: &str = "io.containerd.runtime.v2.task";

/// Namespace of the containers that Docker makes, of which Docker knows more.
const DOCKERS: &str = "moby";

/// Longer files are none of these.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Where to look for files, and what was found before.
#[derive(Debug)]
pub struct Bundles {
    /// Folder of the namespaces of containerd.
    tasks: Option<PathBuf>,
    namespace: String,
    storage: Vec<PathBuf>,
    labelling: Labelling,
    /// Files are written once, before the cgroup is made: what was read stays
    /// true for as long as the cgroup is there.
    known: Mutex<HashMap<String, Arc<Container>>>,
    reading: FailureLog,
}

/// A file as it was found, with its Unix time.
struct Found {
    text: Vec<u8>,
    written_seconds: Option<f64>,
}

impl Bundles {
    /// Files of the host whose root is at `rootfs`.
    pub fn new(args: &RuntimeArgs, rootfs: &Path, labelling: Labelling) -> Self {
        let below = |path: &Path| rootfs.join(path.strip_prefix("/").unwrap_or(path));
        let state = Path::new(&args.containerd).parent();
        let storage = args.storage.0.iter();
        Self {
            tasks: state.map(|state| below(state).join(TASKS)),
            namespace: args.containerd_namespace.clone(),
            storage: storage
                .map(|path| below(Path::new(path)).join("overlay-containers"))
                .collect(),
            labelling,
            known: Mutex::default(),
            reading: FailureLog::default(),
        }
    }

    /// The container with this id; reads files if it has not been found before.
    pub fn find(&self, id: &str) -> Option<Arc<Container>> {
        if let Some(known) = self.lock().get(id) {
            return Some(Arc::clone(known));
        }
        let found = self.read(id).unwrap_or_else(|error| {
            let error = format!("{error:#}");
            if self.reading.failed(&error) {
                tracing::warn!(id, error, "files of a container cannot be read");
            }
            None
        })?;
        self.reading.recovered();
        let found = Arc::new(found);
        self.lock().insert(id.to_owned(), Arc::clone(&found));
        Some(found)
    }

    /// Forgets the containers that are not there any longer.
    pub fn keep_only(&self, is_there: impl Fn(&str) -> bool) {
        self.lock().retain(|id, _| is_there(id));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Container>>> {
        lock(&self.known)
    }

    fn read(&self, id: &str) -> anyhow::Result<Option<Container>> {
        if let Some(found) = self.read_task(id)? {
            return Ok(Some(found));
        }
        self.read_storage(id)
    }

    fn read_task(&self, id: &str) -> anyhow::Result<Option<Container>> {
        for namespace in self.namespaces() {
            let folder = namespace.join(id);
            let path = folder.join("config.json");
            let Some(found) = read(&path)? else { continue };
            let container = config::parse(&found.text, id, &self.labelling)
                .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
            return Ok(Some(Container {
                runtime: "containerd",
                pid: read_pid(&folder.join("init.pid"))?,
                created_seconds: container.created_seconds.or(found.written_seconds),
                started_seconds: found.written_seconds,
                ..container
            }));
        }
        Ok(None)
    }

    /// The one that was asked for, or all but Docker's.
    fn namespaces(&self) -> Vec<PathBuf> {
        let Some(tasks) = &self.tasks else { return Vec::new() };
        if !self.namespace.is_empty() {
            return vec![tasks.join(&self.namespace)];
        }
        // Without containerd there are none.
        let entries = std::fs::read_dir(tasks).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> =
            entries.map(|entry| entry.path()).filter(|path| !path.ends_with(DOCKERS)).collect();
        found.sort_unstable();
        found
    }

    fn read_storage(&self, id: &str) -> anyhow::Result<Option<Container>> {
        for storage in &self.storage {
            let folder = storage.join(id).join("userdata");
            let path = folder.join("config.json");
            let Some(found) = read(&path)? else { continue };
            let container = config::parse(&found.text, id, &self.labelling)
                .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
            let listed = self.read_lists(id)?.unwrap_or_default();
            let name = listed.name.filter(|_| container.name == id);
            return Ok(Some(Container {
                runtime: if container.runtime.is_empty() { "podman" } else { container.runtime },
                name: name.unwrap_or(container.name),
                image: if container.image.is_empty() {
                    listed.image.unwrap_or_default()
                } else {
                    container.image
                },
                pid: read_pid(&folder.join("pidfile"))?,
                created_seconds: container
                    .created_seconds
                    .or(listed.created_seconds)
                    .or(found.written_seconds),
                started_seconds: found.written_seconds,
                ..container
            }));
        }
        Ok(None)
    }

    /// What the lists of the storage say; they are in any of its folders.
    fn read_lists(&self, id: &str) -> anyhow::Result<Option<list::Listed>> {
        for storage in &self.storage {
            for name in ["containers.json", "volatile-containers.json"] {
                let path = storage.join(name);
                let Some(found) = read(&path)? else { continue };
                let listed = list::parse(&found.text, id)
                    .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
                if listed.is_some() {
                    return Ok(listed);
                }
            }
        }
        Ok(None)
    }
}

/// A file, or `None` if it is not there.
fn read(path: &Path) -> anyhow::Result<Option<Found>> {
    let failed = |error: std::io::Error| anyhow::anyhow!("{}: {error}", path.display());
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if crate::file::is_absence(&error) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let written = file.metadata().and_then(|metadata| metadata.modified()).map_err(failed)?;
    let written = written.duration_since(UNIX_EPOCH).ok().map(|time| time.as_secs() as f64);
    let mut text = Vec::new();
    file.take(MAX_FILE_BYTES).read_to_end(&mut text).map_err(failed)?;
    Ok(Some(Found { text, written_seconds: written }))
}

fn read_pid(path: &Path) -> anyhow::Result<Option<i64>> {
    let Some(found) = read(path)? else { return Ok(None) };
    let text = String::from_utf8_lossy(&found.text);
    let pid = text.trim().parse().map_err(|_| anyhow::anyhow!("{}: no number", path.display()))?;
    Ok(Some(pid).filter(|pid| *pid > 0))
}

#[cfg(test)]
mod tests;
