//! statfs(2) on mounts that may never answer.
//!
//! Each call is made on a thread that can be given up. A mount whose call is
//! still out is left alone until that call returns, so that a dead server
//! holds one thread per mount, however many scrapes come.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::sync::lock;

use super::Answer;

/// Error text of a mount that did not answer in time, as the reference exporter has it.
pub(super) const STUCK: &str = "mountpoint timeout";

/// Calls that are out.
#[derive(Debug)]
pub(super) struct Remote {
    timeout: Duration,
    workers: usize,
    pending: Mutex<HashSet<PathBuf>>,
}

/// Mounts still to be asked in this scrape, with their positions.
type Queue = Mutex<VecDeque<(usize, PathBuf)>>;

impl Remote {
    pub(super) fn new(timeout: Duration, workers: usize) -> Self {
        Self { timeout, workers, pending: Mutex::default() }
    }

    /// Asks each of `paths`; those without an answer after the timeout are [`STUCK`].
    pub(super) fn ask(self: &Arc<Self>, paths: Vec<PathBuf>) -> Vec<Answer> {
        let mut answers: Vec<Answer> = paths.iter().map(|_| Err(STUCK.to_owned())).collect();
        let queue: VecDeque<(usize, PathBuf)> = {
            let pending = lock(&self.pending);
            paths.into_iter().enumerate().filter(|(_, path)| !pending.contains(path)).collect()
        };
        let mut open = queue.len();
        let workers = self.workers.min(open);
        let queue = Arc::new(Mutex::new(queue));
        let (sender, receiver) = channel();
        for _ in 0..workers {
            let (remote, queue, sender) = (Arc::clone(self), Arc::clone(&queue), sender.clone());
            let worker = std::thread::Builder::new().name("statfs".into());
            if worker.spawn(move || remote.work(&queue, &sender)).is_err() {
                tracing::debug!("cannot start a thread for statfs");
            }
        }
        drop(sender);
        let deadline = Instant::now() + self.timeout;
        while open > 0 {
            let patience = deadline.saturating_duration_since(Instant::now());
            match receiver.recv_timeout(patience) {
                Ok((index, answer)) => {
                    if let Some(slot) = answers.get_mut(index) {
                        *slot = answer;
                    }
                    open -= 1;
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        // Workers that are still out find nothing more to do when they come back.
        lock(&queue).clear();
        answers
    }

    fn work(&self, queue: &Queue, answers: &Sender<(usize, Answer)>) {
        loop {
            let next = lock(queue).pop_front();
            let Some((index, path)) = next else { return };
            if !lock(&self.pending).insert(path.clone()) {
                // Another scrape has just started to query the same mount.
                continue;
            }
            let answer = statfs(&path);
            lock(&self.pending).remove(&path);
            // The scrape may have given up meanwhile.
            if answers.send((index, answer)).is_err() {
                return;
            }
        }
    }
}

/// One call; an error is the C library's text, starting in lower case.
pub(super) fn statfs(path: &Path) -> Answer {
    rustix::fs::statfs(path).map_err(|errno| {
        let text = std::io::Error::from(errno).to_string();
        let text = text.split(" (os error").next().unwrap_or_default();
        let mut characters = text.chars();
        characters
            .next()
            .map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_back_in_order() {
        let remote = Arc::new(Remote::new(Duration::from_secs(5), 2));
        let paths = ["/", "/nonexistent", "/proc"].map(PathBuf::from).to_vec();
        let answers = remote.ask(paths);
        assert!(answers[0].is_ok() && answers[2].is_ok());
        assert_eq!(answers[1].as_ref().unwrap_err(), "no such file or directory");
        assert!(lock(&remote.pending).is_empty());
    }

    #[test]
    fn a_mount_whose_call_is_out_is_not_asked_again() {
        let remote = Arc::new(Remote::new(Duration::from_secs(5), 2));
        lock(&remote.pending).insert("/".into());
        let answers = remote.ask(vec!["/".into(), "/proc".into()]);
        assert_eq!(answers[0].as_ref().unwrap_err(), STUCK);
        assert!(answers[1].is_ok());
    }
}
