use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::*;
use crate::collector::Collector;
use crate::error::ParseError;
use crate::exposition::{Format, Pool};
use async_trait::async_trait;

const FAMILIES: CollectorFamilies = CollectorFamilies {
    duration: Desc::gauge("t_duration_seconds", "Duration."),
    success: Desc::gauge("t_success", "Success."),
    malformed: Desc::counter("t_malformed_total", "Malformed."),
    label_prefix: "",
};

/// Pushes a sample, then does what the closure says.
struct Act<F>(&'static str, F);

#[async_trait]
impl<F: Fn() -> Result<(), CollectError> + Send + Sync> Collector<()> for Act<F> {
    async fn collect(&self, (): &(), sink: &mut Sink) -> Result<(), CollectError> {
        sink.value(&Desc::gauge(self.0, "A sample."), 1.0);
        (self.1)()
    }
}

/// Never ready.
struct Pending;

#[async_trait]
impl Collector<()> for Pending {
    async fn collect(&self, (): &(), _: &mut Sink) -> Result<(), CollectError> {
        std::future::pending().await
    }
}

fn named(name: &'static str, collector: impl Collector<()> + 'static) -> Named<()> {
    Named { name, since: &[], collector: Box::new(collector) }
}

fn act(
    name: &'static str,
    act: impl Fn() -> Result<(), CollectError> + Send + Sync + 'static,
) -> Named<()> {
    named(name, Act(name, act))
}

async fn scrape(collectors: &Collectors<()>, milliseconds: u64) -> String {
    let mut exposition = Exposition::new(Format::Text, Pool::default());
    let deadline = Instant::now() + Duration::from_millis(milliseconds);
    collectors.run(Arc::new(()), |_| true, deadline, &mut exposition).await;
    let (body, _) = exposition.assemble(&[]);
    String::from_utf8(body.as_ref().to_vec()).unwrap()
}

fn success(name: &str, value: u8) -> String {
    format!("t_success{{collector=\"{name}\"}} {value}\n")
}

#[tokio::test]
async fn a_panic_costs_only_its_own_collector() {
    for placement in [Placement::Blocking, Placement::Reactor] {
        let collectors = Collectors::new(
            placement,
            FAMILIES,
            [act("bad", || panic!("on purpose")), act("good", || Ok(()))],
        );
        let body = scrape(&collectors, 5_000).await;
        assert!(body.contains(&success("bad", 0)) && body.contains(&success("good", 1)), "{body}");
        assert!(body.contains("good 1\n") && !body.contains("\nbad 1"), "{body}");
    }
}

#[tokio::test]
async fn samples_before_an_error_stay() {
    let fails = || Err(CollectError::NoData("none".into()));
    let collectors = Collectors::new(Placement::Blocking, FAMILIES, [act("part", fails)]);
    let body = scrape(&collectors, 5_000).await;
    assert!(body.contains(&success("part", 0)) && body.contains("part 1\n"), "{body}");
}

#[tokio::test]
async fn absence_is_success_where_the_exporter_says_so() {
    let absent = || Err(CollectError::NoData("none".into()));
    let broken = || Err(CollectError::query("SHOW X", &"refused"));
    let collectors =
        Collectors::new(Placement::Reactor, FAMILIES, [act("a", absent), act("b", broken)])
            .with_absence_as_success();
    let body = scrape(&collectors, 5_000).await;
    assert!(body.contains(&success("a", 1)) && body.contains(&success("b", 0)), "{body}");
}

#[tokio::test]
async fn a_hang_costs_only_its_own_collector_and_one_thread() {
    let (release, gate) = mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let entered = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&entered);
    let collectors = Collectors::new(
        Placement::Blocking,
        FAMILIES,
        [
            act("hangs", move || {
                count.fetch_add(1, Ordering::Relaxed);
                let _ = gate.lock().unwrap().recv();
                Ok(())
            }),
            act("good", || Ok(())),
        ],
    );
    for _ in 0..3 {
        let body = scrape(&collectors, 100).await;
        assert!(body.contains(&success("hangs", 0)), "{body}");
        assert!(body.contains(&success("good", 1)), "{body}");
    }
    assert_eq!(entered.load(Ordering::Relaxed), 1, "a stuck collector is not started again");
    release.send(()).unwrap();
    // Dropping the sender lets every later run through as well.
    drop(release);
    let recovered =
        async { while !scrape(&collectors, 100).await.contains(&success("hangs", 1)) {} };
    tokio::time::timeout(Duration::from_secs(5), recovered).await.expect("runs again");
}

#[tokio::test]
async fn an_awaiting_collector_is_cancelled_at_the_deadline() {
    let collectors = Collectors::new(
        Placement::Reactor,
        FAMILIES,
        [named("waits", Pending), act("good", || Ok(()))],
    );
    let body = scrape(&collectors, 50).await;
    assert!(body.contains(&success("waits", 0)) && body.contains(&success("good", 1)), "{body}");
}

#[tokio::test]
async fn no_collectors_leave_no_families() {
    let collectors = Collectors::new(Placement::Blocking, FAMILIES, []);
    assert_eq!(scrape(&collectors, 1_000).await, "");
}

#[tokio::test]
async fn malformed_content_beside_samples_is_counted_and_no_failure() {
    let odd = || Err(CollectError::parse("/proc/x".as_ref(), ParseError::Form("odd".into())));
    for placement in [Placement::Blocking, Placement::Reactor] {
        let collectors = Collectors::new(
            placement,
            FAMILIES,
            [act("part", odd), named("nothing", Malformed), act("good", || Ok(()))],
        );
        for count in 1..3 {
            let body = scrape(&collectors, 5_000).await;
            assert!(body.contains(&success("part", 1)) && body.contains("part 1\n"), "{body}");
            assert!(body.contains(&success("nothing", 0)), "{body}");
            for name in ["part", "nothing"] {
                let malformed = format!("t_malformed_total{{collector=\"{name}\"}} {count}\n");
                assert!(body.contains(&malformed), "{body}");
            }
            assert!(!body.contains("t_malformed_total{collector=\"good\"}"), "{body}");
        }
    }
}

/// Has nothing but malformed content.
struct Malformed;

#[async_trait]
impl Collector<()> for Malformed {
    async fn collect(&self, (): &(), _: &mut Sink) -> Result<(), CollectError> {
        Err(CollectError::parse("/proc/y".as_ref(), ParseError::Form("odd".into())))
    }
}

#[tokio::test]
async fn what_the_release_lacks_is_no_data_and_not_asked() {
    const SINCE: &[Release] = &[Release { product: "Server", number: (2, 0, 0) }];
    for (major, expected) in [(1, false), (2, true)] {
        let new = Named { since: SINCE, ..act("new", || Ok(())) };
        let release = match major {
            1 => |(): &()| Release { product: "Server", number: (1, 9, 9) },
            _ => |(): &()| Release { product: "Server", number: (2, 0, 0) },
        };
        let collectors = Collectors::new(Placement::Reactor, FAMILIES, [new]).with_release(release);
        let mut exposition = Exposition::new(Format::Text, Pool::default());
        let deadline = Instant::now() + Duration::from_secs(5);
        let run = collectors.run(Arc::new(()), |_| true, deadline, &mut exposition);
        let outcome = run.await.remove(0);
        assert_eq!(outcome.result.is_ok(), expected);
        if let Err(error) = outcome.result {
            assert_eq!(error.to_string(), "no data: needs Server 2.0.0 or later");
        }
        let (body, _) = exposition.assemble(&[]);
        assert_eq!(String::from_utf8_lossy(body.as_ref()).contains("\nnew 1"), expected);
    }
}
