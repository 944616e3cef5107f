//! Sizes of writable layers from containerd and CRI-O, by the interface that Kubernetes has with
//! them: `ListContainerStats` of the CRI. The runtime's own figures; nothing is walked here.

mod client;
mod message;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use common::failures::FailureLog;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// What a container has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Bytes in its writable layer.
    pub bytes: u64,
    /// Where the file system is mounted that has it, as the runtime says.
    pub file_system: String,
}

/// By the id of the container.
pub type Layers = HashMap<String, Written>;

/// The task that asks the runtimes; it ends with this value.
#[derive(Debug)]
pub struct Cri {
    layers: watch::Receiver<Arc<Layers>>,
    task: JoinHandle<()>,
}

impl Cri {
    /// Starts to ask those runtimes whose sockets are there, once in an interval.
    pub fn start(sockets: Vec<PathBuf>, interval: Duration) -> Self {
        let (sender, layers) = watch::channel(Arc::default());
        Self { layers, task: tokio::spawn(follow(sockets, interval, sender)) }
    }

    /// The sizes of the last answers.
    pub fn layers(&self) -> Arc<Layers> {
        Arc::clone(&self.layers.borrow())
    }
}

impl Drop for Cri {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(sockets: Vec<PathBuf>, interval: Duration, sender: watch::Sender<Arc<Layers>>) {
    let mut ticks = tokio::time::interval(interval.max(Duration::from_secs(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut runtimes: Vec<Runtime> = sockets.into_iter().map(Runtime::new).collect();
    loop {
        ticks.tick().await;
        for runtime in &mut runtimes {
            runtime.ask().await;
        }
        let all = runtimes.iter().flat_map(|runtime| &runtime.layers);
        let all = all.map(|(id, written)| (id.clone(), written.clone())).collect();
        sender.send_replace(Arc::new(all));
    }
}

/// A runtime and its last answer.
struct Runtime {
    socket: PathBuf,
    layers: Layers,
    failures: FailureLog,
}

impl Runtime {
    fn new(socket: PathBuf) -> Self {
        Self { socket, layers: Layers::new(), failures: FailureLog::default() }
    }

    /// Old sizes are better than none, so a failure leaves them.
    async fn ask(&mut self) {
        if !self.socket.exists() {
            tracing::debug!(socket = %self.socket.display(), "there is no such runtime");
            return;
        }
        let error = match read(&self.socket, &mut self.layers).await {
            Ok(()) => {
                if self.failures.recovered() {
                    tracing::info!(socket = %self.socket.display(), "sizes are known again");
                }
                return;
            }
            Err(error) => format!("{error:#}"),
        };
        if self.failures.failed(&error) {
            let socket = self.socket.display();
            tracing::warn!(%socket, error, "the runtime does not tell the sizes of layers");
        }
    }
}

/// Takes over what is whole; the first error of the rest is the outcome.
async fn read(socket: &Path, layers: &mut Layers) -> anyhow::Result<()> {
    let answer = client::container_stats(socket).await?;
    let found = message::parse(&answer);
    *layers = found.good.into_iter().collect();
    found.error.map_or(Ok(()), |error| Err(error.into()))
}

#[cfg(test)]
mod tests;
