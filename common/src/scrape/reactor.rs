//! Collectors that await their target: polled together on the reactor.

use std::time::Instant;

use futures_util::future::join_all;

use super::Run;
use super::member::Member;
use crate::error::CollectError;
use crate::exposition::Exposition;

/// Runs `chosen` concurrently; one that is not ready at `deadline` is dropped,
/// which cancels it, and so are its samples.
pub(super) async fn run<Source: ?Sized + Sync>(
    members: &[Member<Source>],
    source: &Source,
    chosen: &[usize],
    deadline: Instant,
    exposition: &Exposition,
) -> Vec<Run> {
    let sinks = &exposition.source();
    let runs = chosen.iter().map(|&index| async move {
        let started = Instant::now();
        let run = members[index].run(index, started, source, sinks.sink(index));
        tokio::time::timeout_at(deadline.into(), run).await.unwrap_or_else(|_| {
            let duration = started.elapsed();
            Run::failed(index, duration, CollectError::Timeout(duration))
        })
    });
    join_all(runs).await
}
