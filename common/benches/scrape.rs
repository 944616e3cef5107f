//! What the web side costs: whole requests through the router, without a socket.

#![allow(clippy::unwrap_used, reason = "a benchmark that fails has nothing to measure")]

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use common::exporter::{Exporter, Refusal, ScrapeRequest};
use common::exposition::Exposition;
use common::metric::Desc;
use common::scrape::Outcome;
use common::self_metrics::BuildInfo;
use common::web::{Landing, Service, Stopping, WebArgs, router};
use futures_util::future::join_all;
use http_body_util::BodyExt as _;
use tower_service::Service as _;

#[global_allocator]
static ALLOCATIONS: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

/// Answers so many families of ten series each, after it has let other tasks run once.
struct Fake(usize);

#[async_trait]
impl Exporter for Fake {
    async fn scrape(
        &self,
        _: &ScrapeRequest,
        exposition: &mut Exposition,
    ) -> Result<Vec<Outcome>, Refusal> {
        tokio::task::yield_now().await;
        let mut sink = exposition.sink();
        for index in 0..self.0 {
            let name = format!("bench_family_{index}_total");
            let mut family = sink.family(&Desc::counter(&name, "A family of the benchmark."));
            for device in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] {
                family.sample(&[("device", device)], index as f64 * 1.1);
            }
        }
        exposition.add(sink);
        Ok(Vec::new())
    }
}

fn app(families: usize) -> Router {
    let service = Service {
        exporter: Arc::new(Fake(families)),
        endpoints: Vec::new(),
        landing: Landing { title: "Fake", description: "Fake.", links: Vec::new(), content: "" },
        build_info: BuildInfo::go_style("fake_build_info"),
        health_paths: &[],
        routes: Router::new(),
        encoding: None,
    };
    // Without the own metrics, whose files cost more than what is measured here.
    let web = WebArgs { disable_exporter_metrics: true, max_requests: 0, ..WebArgs::default() };
    router(service, &web, Stopping::default())
}

async fn get(app: &Router, encoding: &str) -> usize {
    let request = Request::get("/metrics").header("Accept-Encoding", encoding);
    let request = request.body(Body::empty()).unwrap();
    let response = app.clone().call(request).await.unwrap();
    response.into_body().collect().await.unwrap().to_bytes().len()
}

fn together(bencher: divan::Bencher<'_, '_>, families: usize, clients: usize, encoding: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let app = app(families);
    bencher.bench_local(|| {
        runtime.block_on(async {
            let sizes = join_all((0..clients).map(|_| get(&app, encoding))).await;
            sizes.into_iter().sum::<usize>()
        })
    });
}

#[divan::bench(args = [1, 150])]
fn one(bencher: divan::Bencher<'_, '_>, families: usize) {
    together(bencher, families, 1, "identity");
}

#[divan::bench(args = [1, 150])]
fn one_as_gzip(bencher: divan::Bencher<'_, '_>, families: usize) {
    together(bencher, families, 1, "gzip");
}

#[divan::bench(args = [1, 150])]
fn fifty_at_once(bencher: divan::Bencher<'_, '_>, families: usize) {
    together(bencher, families, 50, "gzip");
}
