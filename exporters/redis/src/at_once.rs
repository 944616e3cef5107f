//! Work for many servers at the same time, within a bound.

use futures_util::future::join_all;
use tokio::sync::Semaphore;

/// Does all of `work`, `limit` pieces at once; what they give, in their order. A piece begins,
/// and its clock with it, when there is room for it.
pub async fn at_once<T>(
    limit: usize,
    work: impl IntoIterator<Item = impl Future<Output = T>>,
) -> Vec<T> {
    let permits = &Semaphore::new(limit.max(1));
    let work = work.into_iter().map(|piece| async move {
        let _permit = permits.acquire().await;
        piece.await
    });
    join_all(work).await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn no_more_than_the_limit_run_and_all_are_done_in_order() {
        let (running, most) = (&Cell::new(0), &Cell::new(0));
        let work = (0..10).map(|number| async move {
            running.set(running.get() + 1);
            most.set(most.get().max(running.get()));
            tokio::task::yield_now().await;
            running.set(running.get() - 1);
            number
        });
        assert_eq!(at_once(3, work).await, (0..10).collect::<Vec<_>>());
        assert_eq!(most.get(), 3);
    }
}
