use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout};

use super::*;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Counts its collections; each takes 20 ms and answers its number.
#[derive(Clone, Default)]
struct Source(Arc<AtomicUsize>);

impl Source {
    async fn collect(self) -> usize {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        sleep(Duration::from_millis(20)).await;
        number
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A collection that does not end by itself.
async fn hang(answer: usize) -> usize {
    sleep(Duration::from_hours(1)).await;
    answer
}

#[tokio::test(start_paused = true)]
async fn scrapes_that_come_together_share_the_next_collection() {
    let (collections, source) = (Collections::default(), Source::default());
    let ask = |at: u64| {
        let (collections, source) = (&collections, source.clone());
        async move {
            sleep(Duration::from_millis(at)).await;
            collections.answer("all", TIMEOUT, || source.collect()).await
        }
    };
    let answers = join_all([0, 1, 2, 19, 21, 30, 100].map(ask)).await;
    // The first alone, three from 20 on, two from 40 on, the last alone again.
    assert_eq!(answers, [1, 2, 2, 2, 3, 3, 4].map(Some));
    assert!(lock(&collections.0).is_empty());
}

#[tokio::test(start_paused = true)]
async fn other_questions_have_their_own_collections() {
    let (collections, source) = (Collections::default(), Source::default());
    let ask = |key: &'static str| collections.answer(key, TIMEOUT, || source.clone().collect());
    let answers = tokio::join!(ask("a"), ask("b"));
    assert_eq!((answers, source.count()), ((Some(1), Some(2)), 2));
}

#[tokio::test(start_paused = true)]
async fn a_collection_that_hangs_delays_the_next_one_by_a_moment() {
    let (collections, source) = (Collections::default(), Source::default());
    let hangs = timeout(TIMEOUT, collections.answer("all", TIMEOUT, || hang(0)));
    let other = async {
        sleep(Duration::from_millis(1)).await;
        let started = Instant::now();
        let answer = collections.answer("all", TIMEOUT, || source.clone().collect()).await;
        (answer, started.elapsed() < 2 * PATIENCE)
    };
    let (hung, other) = tokio::join!(hangs, other);
    assert!(hung.is_err());
    assert_eq!(other, (Some(1), true));
    assert!(lock(&collections.0).is_empty(), "what was given up is not running");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_given_up_leaves_its_collection_to_the_others() {
    let (collections, source) = (Collections::default(), Source::default());
    let ask = || collections.answer("all", TIMEOUT, || source.clone().collect());
    let leader = async {
        sleep(Duration::from_millis(1)).await;
        timeout(Duration::from_millis(5), ask()).await
    };
    let follower = async {
        sleep(Duration::from_millis(2)).await;
        ask().await
    };
    let (first, leader, follower) = tokio::join!(ask(), leader, follower);
    assert!(leader.is_err());
    assert_eq!((first, follower), (Some(1), Some(2)));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_told_to_all_that_wait() {
    let collections = Collections::<_, u64>::default();
    let ask = |at: u64| {
        let collections = &collections;
        async move {
            sleep(Duration::from_millis(at)).await;
            let work = async move {
                sleep(Duration::from_millis(20)).await;
                assert!(at == 0, "on purpose");
                at
            };
            collections.answer("all", TIMEOUT, || work).await
        }
    };
    assert_eq!(join_all([0, 1, 2].map(ask)).await, [Some(0), None, None]);
    assert!(lock(&collections.0).is_empty());
    assert_eq!(ask(0).await, Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_is_asked_by_few_collections_at_once() {
    let collections = Collections::default();
    let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (running, most) = (Arc::new(running), Arc::new(most));
    let collect = || {
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        async move {
            most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            // It gives up when the time of its scrape has passed, as exporters do.
            let _ = timeout(TIMEOUT, hang(0)).await;
            running.fetch_sub(1, Ordering::Relaxed);
        }
    };
    let collections = &collections;
    let scrapes = (0..6000_u64).map(|number| async move {
        sleep(Duration::from_millis(10 * number)).await;
        collections.answer("all", TIMEOUT, collect).await
    });
    assert!(join_all(scrapes).await.iter().all(Option::is_some));
    let most = most.load(Ordering::Relaxed);
    assert!((5..=9).contains(&most), "{most}");
    assert!(lock(&collections.0).is_empty());
}

#[test]
fn patience_grows_with_what_is_running_up_to_a_share_of_the_time() {
    let milliseconds = |running, timeout| patience(running, timeout).as_millis();
    assert_eq!(
        [0, 1, 2, 3, 5].map(|running| milliseconds(running, TIMEOUT)),
        [100, 100, 200, 400, 1600]
    );
    for running in [6, 33, u32::MAX] {
        assert_eq!(milliseconds(running, TIMEOUT), 2500);
    }
    assert_eq!(milliseconds(1, Duration::from_millis(100)), 25);
    assert_eq!(milliseconds(u32::MAX, Duration::MAX / 2), 100 * u128::from(u32::MAX));
}

#[tokio::test(start_paused = true)]
async fn a_scrape_with_little_time_waits_for_a_part_of_it_only() {
    let collections = Collections::default();
    let little = Duration::from_millis(80);
    let late = async {
        sleep(Duration::from_millis(1)).await;
        let asked = Instant::now();
        collections.answer("all", little, || async { 1 }).await;
        asked.elapsed()
    };
    let hangs = timeout(TIMEOUT, collections.answer("all", little, || hang(0)));
    let (_, waited) = tokio::join!(hangs, late);
    assert!(waited >= little / 4 && waited < little / 2, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_collection_that_nobody_waits_for_does_not_start() {
    let (collections, source) = (Collections::default(), Source::default());
    let ask = || collections.answer("all", TIMEOUT, || source.clone().collect());
    let leaves = async {
        sleep(Duration::from_millis(1)).await;
        timeout(Duration::from_millis(5), ask()).await
    };
    let (first, left) = tokio::join!(ask(), leaves);
    assert!(first == Some(1) && left.is_err());
    sleep(PATIENCE).await;
    assert_eq!(source.count(), 1);
    assert!(lock(&collections.0).is_empty());
    assert_eq!(ask().await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_collection_whose_clients_leave_goes_on_for_a_moment() {
    let (collections, source) = (Collections::default(), Source::default());
    let ask = || collections.answer("all", TIMEOUT, || source.clone().collect());
    let leaves = async {
        sleep(Duration::from_millis(1)).await;
        timeout(Duration::from_millis(30), ask()).await
    };
    let (_, left) = tokio::join!(ask(), leaves);
    assert!(left.is_err());
    // It is running still, so that this one is the third and comes after it.
    let asked = Instant::now();
    assert_eq!(ask().await, Some(3));
    assert!(asked.elapsed() >= Duration::from_millis(25), "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_collection_that_hangs_ends_after_its_clients() {
    let collections = Collections::default();
    let ask = || timeout(Duration::from_secs(2), collections.answer("all", TIMEOUT, || hang(0)));
    let (first, second) = tokio::join!(ask(), ask());
    assert!(first.is_err() && second.is_err());
    assert_eq!(lock(&collections.0).get("all").map(|slot| slot.running), Some(1));
    sleep(LINGER * 2).await;
    assert!(lock(&collections.0).is_empty());
}
