//! Collectors that block: one worker thread takes them in turn, and another
//! one joins only when it stalls.
//!
//! Reading a healthy `/proc` takes some microseconds a file, less than waking
//! a thread for it, so one worker does the whole scrape. A collector that
//! hangs costs the others [`STALL`], the next one twice as much and so on: what
//! is merely slow, such as a host of a thousand containers, gains nothing from
//! more threads than there are processors. It occupies one thread until it returns;
//! while it does, later scrapes leave it out, so that stuck threads never
//! outnumber the collectors times the scrapes allowed at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::Run;
use super::member::Member;
use crate::error::CollectError;
use crate::exposition::{Exposition, SinkSource};
use crate::sync::lock;

/// How long the first worker may go without finishing a collector before another one joins.
const STALL: Duration = Duration::from_millis(25);

/// What the workers of one scrape share: the collectors that are still to run.
struct WorkQueue<Source: ?Sized + Sync + 'static> {
    members: Arc<[Member<Source>]>,
    source: Arc<Source>,
    chosen: Vec<usize>,
    next: AtomicUsize,
    sinks: SinkSource,
    results: Mutex<Results>,
    all_done: Notify,
}

struct Results {
    runs: Vec<Run>,
    /// Start of each run that has not ended, by member.
    started: Vec<(usize, Instant)>,
    /// The deadline has passed: what finishes now is too late.
    is_closed: bool,
}

impl Results {
    fn for_runs(count: usize) -> Self {
        Self { runs: Vec::with_capacity(count), started: Vec::new(), is_closed: false }
    }
}

pub(super) async fn run<Source: ?Sized + Send + Sync + 'static>(
    members: &Arc<[Member<Source>]>,
    source: Arc<Source>,
    mut chosen: Vec<usize>,
    deadline: Instant,
    exposition: &Exposition,
) -> Vec<Run> {
    let stuck: Vec<usize> = chosen.extract_if(.., |index| members[*index].is_stuck()).collect();
    let queue = Arc::new(WorkQueue {
        members: Arc::clone(members),
        source,
        next: AtomicUsize::new(0),
        sinks: exposition.source(),
        results: Mutex::new(Results::for_runs(chosen.len())),
        chosen,
        all_done: Notify::new(),
    });
    queue.supervise(deadline).await;
    let mut runs = queue.close(deadline);
    runs.extend(
        stuck.into_iter().map(|member| Run::failed(member, Duration::ZERO, CollectError::Stuck)),
    );
    runs
}

impl<Source: ?Sized + Send + Sync + 'static> WorkQueue<Source> {
    /// Keeps a worker going until all collectors are done or the deadline has come.
    async fn supervise(self: &Arc<Self>, deadline: Instant) {
        if self.chosen.is_empty() {
            return;
        }
        self.add_worker();
        let (mut finished_before, mut patience) = (0, STALL);
        while Instant::now() < deadline {
            let wait = patience.min(deadline.saturating_duration_since(Instant::now()));
            if tokio::time::timeout(wait, self.all_done.notified()).await.is_ok() {
                return;
            }
            let finished = self.lock().runs.len();
            if finished == finished_before {
                self.add_worker();
                patience *= 2;
            }
            finished_before = finished;
        }
    }

    fn add_worker(self: &Arc<Self>) {
        if self.next.load(Ordering::Relaxed) < self.chosen.len() {
            let queue = Arc::clone(self);
            let runtime = Handle::current();
            // Entered once: to do so for each collector took 2 % of the time of a scrape.
            tokio::task::spawn_blocking(move || runtime.block_on(queue.work()));
        }
    }

    /// A worker: takes the next collector until none is left.
    async fn work(&self) {
        while let Some(&index) = self.chosen.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let member = &self.members[index];
            let started = Instant::now();
            {
                let mut results = self.lock();
                if results.is_closed {
                    return;
                }
                results.started.push((index, started));
            }
            let sink = self.sinks.sink(index);
            let run = member.run(index, started, &self.source, sink).await;
            let mut results = self.lock();
            if results.is_closed {
                member.is_stuck.store(false, Ordering::Relaxed);
                return;
            }
            results.started.retain(|(started, _)| *started != index);
            results.runs.push(run);
            if results.runs.len() == self.chosen.len() {
                self.all_done.notify_one();
            }
        }
    }

    /// Ends the scrape: what has not finished has failed, and is stuck if it has started.
    fn close(&self, deadline: Instant) -> Vec<Run> {
        let mut results = self.lock();
        results.is_closed = true;
        let mut runs = std::mem::take(&mut results.runs);
        for (index, started) in results.started.drain(..) {
            self.members[index].is_stuck.store(true, Ordering::Relaxed);
            let duration = deadline.saturating_duration_since(started);
            runs.push(Run::failed(index, duration, CollectError::Timeout(duration)));
        }
        if runs.len() == self.chosen.len() {
            return runs;
        }
        for &index in &self.chosen {
            if !runs.iter().any(|run| run.member == index) {
                let never_started = CollectError::Timeout(Duration::ZERO);
                runs.push(Run::failed(index, Duration::ZERO, never_started));
            }
        }
        runs
    }

    fn lock(&self) -> MutexGuard<'_, Results> {
        lock(&self.results)
    }
}
