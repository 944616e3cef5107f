use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Method, Request};
use http_body_util::BodyExt;

use super::*;
use crate::exporter::{Refusal, ScrapeRequest};
use crate::exposition::Exposition;
use crate::metric::Desc;
use crate::scrape::Outcome;
use crate::self_metrics::OwnFamilies;

/// Answers two samples; refuses the parameter `bad`, panics at `panic`, and waits as long as
/// `wait` says, whatever the deadline.
#[derive(Default)]
struct Fake {
    collections: AtomicUsize,
}

#[async_trait]
impl Exporter for Fake {
    async fn scrape(
        &self,
        request: &ScrapeRequest,
        exposition: &mut Exposition,
    ) -> Result<Vec<Outcome>, Refusal> {
        if request.values("bad").next().is_some() {
            return Err(Refusal("bad parameter".into()));
        }
        assert!(request.values("panic").next().is_none(), "on purpose");
        if let Some(wait) = request.values("wait").next() {
            tokio::time::sleep(Duration::from_millis(wait.parse().unwrap())).await;
        }
        let left = request.deadline.saturating_duration_since(std::time::Instant::now());
        let mut sink = exposition.sink();
        sink.value(&Desc::gauge("fake_deadline_seconds", "Time left."), left.as_secs_f64());
        let count = self.collections.fetch_add(1, Ordering::Relaxed) + 1;
        sink.value(&Desc::counter("fake_collections_total", "So far."), count as f64);
        exposition.add(sink);
        Ok(Vec::new())
    }
}

fn web() -> WebArgs {
    WebArgs { max_requests: 1, ..WebArgs::default() }
}

fn app(web: &WebArgs) -> Router {
    let endpoint = |path, own| Endpoint { path, exporter: Arc::new(Fake::default()), own };
    let service = Service {
        exporter: Arc::new(Fake::default()),
        endpoints: vec![
            endpoint("/probe", OwnFamilies::Nothing),
            endpoint("/scrape", OwnFamilies::BuildInfo),
        ],
        landing: Landing { title: "Fake", description: "Fake.", links: Vec::new(), content: "" },
        build_info: BuildInfo::go_style("fake_build_info"),
        health_paths: &["/health"],
        routes: Router::new(),
        encoding: None,
    };
    router(service, web, Stopping::default())
}

async fn ask(app: &Router, request: Request<Body>) -> (StatusCode, axum::http::HeaderMap, Vec<u8>) {
    use tower_service::Service as _;
    let response = app.clone().call(request).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
}

async fn get_path(app: &Router, path: &str) -> (StatusCode, axum::http::HeaderMap, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let (status, headers, body) = ask(app, request).await;
    (status, headers, String::from_utf8(body).unwrap())
}

/// Value of the sample that counts collections.
fn collections(body: &str) -> usize {
    let line = body.lines().find_map(|line| line.strip_prefix("fake_collections_total "));
    line.unwrap().parse().unwrap()
}

fn unpacked(gzip: &[u8]) -> String {
    let mut plain = vec![0; 1 << 20];
    let size = libdeflater::Decompressor::new().gzip_decompress(gzip, &mut plain).unwrap();
    plain.truncate(size);
    String::from_utf8(plain).unwrap()
}

#[tokio::test]
async fn every_method_gets_the_metrics() {
    let app = app(&web());
    for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let request =
            Request::builder().method(method).uri("/metrics").body(Body::empty()).unwrap();
        let (status, headers, body) = ask(&app, request).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(
            headers["content-type"],
            "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
        );
        let body = String::from_utf8(body).unwrap();
        assert!(body.contains("fake_deadline_seconds ") && body.contains("fake_build_info{"));
        assert!(body.contains("promhttp_metric_handler_requests_in_flight 1\n"), "{body}");
        assert!(body.contains("process_resident_memory_bytes "), "{body}");
    }
}

#[tokio::test]
async fn paths_answer_as_the_reference_exporters_do() {
    let app = app(&web());
    for (path, status, start) in [
        ("/", 200, "<!DOCTYPE html>"),
        ("/-/healthy", 200, "ok\n"),
        ("/-/ready", 200, "ok\n"),
        ("/health", 200, "ok\n"),
        ("/metrics/", 404, "404 page not found\n"),
        ("/nothing", 404, "404 page not found\n"),
        ("/metrics?bad=1", 400, "bad parameter\n"),
    ] {
        let (got, headers, body) = get_path(&app, path).await;
        assert_eq!(got.as_u16(), status, "{path}");
        assert!(body.starts_with(start), "{path}: {body}");
        if status != 200 {
            assert_eq!(headers["x-content-type-options"], "nosniff");
        }
    }
}

#[tokio::test]
async fn errors_are_plain_and_say_nothing_of_the_server() {
    let app = app(&web());
    for path in ["/debug/pprof/", "/metrics?bad=1", "/health/", "/-/reload"] {
        let request = Request::get(path).header("Accept-Encoding", "gzip");
        let (status, headers, body) = ask(&app, request.body(Body::empty()).unwrap()).await;
        assert!(status.is_client_error() && body.ends_with(b"\n"), "{path}: {status}");
        assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        for header in ["content-encoding", "server", "vary"] {
            assert!(!headers.contains_key(header), "{path}: {header}");
        }
    }
}

#[tokio::test]
async fn metrics_may_take_the_path_of_another_page() {
    for path in ["/health", "/-/healthy", "/metrics/x", "/probe"] {
        let app = app(&WebArgs { telemetry_path: path.into(), ..web() });
        assert!(get_path(&app, path).await.2.contains("process_open_fds"), "{path}");
        assert_eq!(get_path(&app, "/-/ready").await.2, "ok\n");
        assert_eq!(get_path(&app, "/metrics").await.0.as_u16(), 404);
    }
}

#[tokio::test]
async fn metrics_at_the_root_take_every_path() {
    let app = app(&WebArgs { telemetry_path: "/".into(), ..web() });
    for path in ["/", "/metrics", "/anything"] {
        assert!(get_path(&app, path).await.2.contains("process_open_fds"), "{path}");
    }
    let (.., body) = get_path(&app, "/probe").await;
    assert!(body.contains("fake_deadline_seconds") && !body.contains("process_"), "{body}");
}

#[tokio::test]
async fn the_deadline_comes_from_the_header_less_the_offset() {
    let app = app(&web());
    for (header, most) in [
        ("3", 2.75),
        ("1.5", 1.25),
        ("0", 10.0),
        ("x", 10.0),
        ("0.1", 10.0),
        ("9223372036854775808", 86_399.75),
    ] {
        let request = Request::get("/metrics?name[]=fake_deadline_seconds")
            .header("X-Prometheus-Scrape-Timeout-Seconds", header)
            .body(Body::empty())
            .unwrap();
        let body = String::from_utf8(ask(&app, request).await.2).unwrap();
        let value: f64 = body.trim().rsplit(' ').next().unwrap().parse().unwrap();
        assert!(value <= most && value > most - 0.5, "{header}: {body}");
    }
}

#[tokio::test]
async fn a_scrape_waits_a_moment_for_others_to_end() {
    let app = app(&web());
    let slow = get_path(&app, "/metrics?wait=200");
    let other = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        get_path(&app, "/metrics").await
    };
    let ((first, ..), (second, ..)) = tokio::join!(slow, other);
    assert_eq!((first.as_u16(), second.as_u16()), (200, 200));
}

#[tokio::test]
async fn one_scrape_too_many_is_refused_and_counted() {
    let app = app(&web());
    let slow = get_path(&app, "/metrics?wait=2000");
    let refused = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        get_path(&app, "/metrics").await
    };
    let ((first, ..), (second, _, text)) = tokio::join!(slow, refused);
    assert_eq!((first.as_u16(), second.as_u16()), (200, 503));
    assert!(text.starts_with("limit of 1 concurrent scrapes"), "{text}");
    let (.., body) = get_path(&app, "/metrics").await;
    assert!(body.contains("promhttp_metric_handler_requests_total{code=\"503\"} 1\n"), "{body}");
}

#[tokio::test]
async fn fields_of_one_name_are_one_list() {
    let app = app(&web());
    for (fields, expected) in [(["br", "gzip"], true), (["gzip", "identity"], false)] {
        let mut request = Request::get("/metrics");
        for field in fields {
            request = request.header("Accept-Encoding", field);
        }
        let (_, headers, _) = ask(&app, request.body(Body::empty()).unwrap()).await;
        assert_eq!(headers.contains_key("content-encoding"), expected, "{fields:?}");
    }
}

#[tokio::test]
async fn gzip_is_used_when_asked() {
    let app = app(&web());
    let request =
        Request::get("/metrics").header("Accept-Encoding", "gzip").body(Body::empty()).unwrap();
    let (_, headers, body) = ask(&app, request).await;
    assert_eq!(headers["content-encoding"], "gzip");
    let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
    assert_eq!(length, body.len());
    let plain = unpacked(&body);
    assert!(plain.starts_with("# HELP fake_build_info"));
    assert!(body.len() * 2 < plain.len(), "{} of {} bytes", body.len(), plain.len());
}

#[tokio::test]
async fn own_metrics_can_be_left_out() {
    let app = app(&WebArgs { disable_exporter_metrics: true, ..web() });
    let (.., body) = get_path(&app, "/metrics").await;
    assert!(body.contains("fake_build_info{") && !body.contains("process_"), "{body}");
}

#[tokio::test]
async fn openmetrics_needs_both_flag_and_request() {
    let accept = "application/openmetrics-text;version=1.0.0";
    for (enabled, ending) in [(true, true), (false, false)] {
        let app = app(&WebArgs { enable_openmetrics: enabled, ..web() });
        let request =
            Request::get("/metrics").header("Accept", accept).body(Body::empty()).unwrap();
        let (_, headers, body) = ask(&app, request).await;
        assert_eq!(String::from_utf8(body).unwrap().ends_with("# EOF\n"), ending);
        let content_type = headers["content-type"].to_str().unwrap();
        assert_eq!(content_type.starts_with("application/openmetrics-text"), enabled);
    }
}

#[tokio::test]
async fn below_a_prefix_there_is_everything_and_beside_it_nothing() {
    let app = app(&WebArgs { route_prefix: "/a/b".into(), ..WebArgs::default() });
    for path in ["/a/b/", "/a/b/metrics", "/a/b/health", "/a/b/-/healthy"] {
        assert_eq!(get_path(&app, path).await.0, StatusCode::OK, "{path}");
    }
    for path in ["/", "/metrics", "/health", "/a", "/a/b/nothing"] {
        assert_eq!(get_path(&app, path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let (status, headers, _) = get_path(&app, "/a/b").await;
    assert_eq!((status.as_u16(), headers["location"].to_str().unwrap()), (307, "/a/b/"));
}

#[tokio::test]
async fn scrapes_that_come_together_share_collections() {
    let app = app(&web());
    let scrapes = (0..50).map(|_| get_path(&app, "/metrics?wait=20"));
    let answers = futures_util::future::join_all(scrapes).await;
    assert!(answers.iter().all(|(status, ..)| *status == StatusCode::OK));
    assert_eq!(collections(&answers[0].2), 1);
    assert!(answers[1..].iter().all(|(.., body)| collections(body) == 2));
    let (.., body) = get_path(&app, "/metrics").await;
    assert_eq!(collections(&body), 3);
    assert!(body.contains("promhttp_metric_handler_requests_total{code=\"200\"} 50\n"), "{body}");
}

#[tokio::test]
async fn further_endpoints_are_served_alike() {
    let app = app(&WebArgs { enable_openmetrics: true, ..web() });
    for path in ["/probe", "/scrape"] {
        let name = format!("{path}?name[]=fake_collections_total");
        let (status, headers, body) = get_path(&app, &name).await;
        assert_eq!(status, StatusCode::OK);
        let content_type = headers["content-type"].to_str().unwrap();
        assert!(content_type.starts_with("text/plain; version=0.0.4"), "{content_type}");
        assert!(body.ends_with("\nfake_collections_total 1\n"), "{body}");
        assert!(!body.contains("deadline"), "{body}");
        assert_eq!(get_path(&app, &format!("{path}?bad=1")).await.0, StatusCode::BAD_REQUEST);
        assert_eq!(get_path(&app, &format!("{path}/")).await.0, StatusCode::NOT_FOUND);
        let request = Request::post(path)
            .header("Accept", "application/openmetrics-text;version=1.0.0")
            .header("Accept-Encoding", "gzip")
            .header("X-Prometheus-Scrape-Timeout-Seconds", "3")
            .body(Body::empty())
            .unwrap();
        let (_, headers, body) = ask(&app, request).await;
        assert!(headers["content-type"].to_str().unwrap().starts_with("application/openmetrics"));
        let body = unpacked(&body);
        let left = body.lines().find_map(|line| line.strip_prefix("fake_deadline_seconds "));
        assert!((2.0..=2.75).contains(&left.unwrap().parse().unwrap()), "{body}");
        assert!(body.ends_with("# EOF\n"), "{body}");
    }
}

#[tokio::test]
async fn further_endpoints_have_those_own_metrics_that_they_ask_for() {
    let app = app(&web());
    for (path, has_build_info) in [("/probe", false), ("/scrape", true)] {
        let (.., body) = get_path(&app, path).await;
        assert_eq!(body.contains("\nfake_build_info{"), has_build_info, "{body}");
        assert!(!body.contains("process_") && !body.contains("promhttp_"), "{body}");
    }
    // Their scrapes are counted with all others.
    let (.., body) = get_path(&app, "/metrics").await;
    assert!(body.contains("promhttp_metric_handler_requests_total{code=\"200\"} 2\n"), "{body}");
}

#[tokio::test]
async fn all_endpoints_share_the_permits() {
    let app = app(&web());
    let slow = get_path(&app, "/metrics?wait=2000");
    let refused = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        get_path(&app, "/probe").await.0
    };
    assert_eq!(tokio::join!(slow, refused).1, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get_path(&app, "/probe").await.0, StatusCode::OK);
}

#[tokio::test]
async fn endpoints_do_not_share_collections() {
    let app = app(&WebArgs { max_requests: 2, ..web() });
    let pages = ["/metrics?wait=20", "/probe?wait=20"].map(|path| get_path(&app, path));
    for (status, _, body) in futures_util::future::join_all(pages).await {
        assert_eq!((status, collections(&body)), (StatusCode::OK, 1));
    }
}

#[tokio::test]
async fn a_flood_of_scrapes_is_answered_and_so_is_the_one_beside_it() {
    // Slower than a collection waits for the one before it.
    const PATH: &str = "/metrics?wait=150";
    let app = app(&WebArgs { max_requests: 8, ..web() });
    let client = || async {
        for _ in 0..4 {
            let (status, _, body) = get_path(&app, PATH).await;
            assert_eq!(status, StatusCode::OK, "{body}");
        }
    };
    let flood = futures_util::future::join_all((0..200).map(|_| client()));
    let honest = async {
        for _ in 0..4 {
            let header = ("X-Prometheus-Scrape-Timeout-Seconds", "5");
            let request = Request::get(PATH).header(header.0, header.1);
            let (status, ..) = ask(&app, request.body(Body::empty()).unwrap()).await;
            assert_eq!(status, StatusCode::OK);
        }
    };
    tokio::join!(flood, honest);
    let count = collections(&get_path(&app, "/metrics").await.2);
    assert!(count < 40, "{count} collections for 804 scrapes");
}

#[tokio::test]
async fn each_scrape_of_a_shared_collection_has_its_own_form() {
    let app = app(&WebArgs { enable_openmetrics: true, max_requests: 2, ..web() });
    let running = get_path(&app, "/metrics?wait=20");
    let scrapes = (0..12).map(|number| {
        let gzip = if number % 2 == 0 { "gzip" } else { "identity" };
        let accept = match number % 3 {
            0 => "text/plain;version=0.0.4;escaping=dots",
            1 => "text/plain",
            _ => "application/openmetrics-text;version=1.0.0",
        };
        let request = Request::get("/metrics?wait=20");
        let request = request.header("Accept", accept).header("Accept-Encoding", gzip);
        let request = request.body(Body::empty()).unwrap();
        let app = &app;
        async move { (accept, gzip, ask(app, request).await) }
    });
    let (_, answers) = tokio::join!(running, futures_util::future::join_all(scrapes));
    let mut counts = std::collections::BTreeSet::new();
    for (accept, encoding, (status, headers, body)) in answers {
        let word = (encoding == "gzip").then_some("gzip");
        let found = headers.get("content-encoding").map(|value| value.to_str().unwrap());
        assert_eq!((status, found), (StatusCode::OK, word));
        let text = if word.is_some() { unpacked(&body) } else { String::from_utf8(body).unwrap() };
        let is_openmetrics = accept.starts_with("application/openmetrics-text");
        assert_eq!(text.ends_with("# EOF\n"), is_openmetrics, "{text}");
        let content_type = headers["content-type"].to_str().unwrap();
        assert_eq!(content_type.starts_with("application/openmetrics-text"), is_openmetrics);
        assert_eq!(content_type.ends_with("escaping=dots"), accept.ends_with("escaping=dots"));
        counts.insert(collections(&text));
    }
    // One of text, which came after the first; one of OpenMetrics, and its own first.
    assert_eq!(counts.len(), 3, "{counts:?}");
}

#[tokio::test]
async fn a_panic_is_status_500_for_all_that_share_it() {
    let app = app(&web());
    let scrapes = (0..3).map(|_| get_path(&app, "/metrics?panic=1"));
    for (status, _, text) in futures_util::future::join_all(scrapes).await {
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(text, "the scrape failed, see the log\n");
    }
    let (.., body) = get_path(&app, "/metrics").await;
    assert!(body.contains("promhttp_metric_handler_requests_total{code=\"500\"} 3\n"), "{body}");
    assert!(body.contains("promhttp_metric_handler_requests_in_flight 1\n"), "{body}");
}

#[tokio::test]
async fn nobody_waits_for_an_exporter_that_ignores_its_deadline() {
    let app = app(&WebArgs { scrape_timeout: Duration::from_millis(100), ..web() });
    let started = std::time::Instant::now();
    let scrapes = (0..3).map(|_| get_path(&app, "/metrics?wait=60000"));
    for (status, _, text) in futures_util::future::join_all(scrapes).await {
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{text}");
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(get_path(&app, "/metrics").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_client_that_leaves_costs_the_others_nothing() {
    let app = app(&web());
    let first = get_path(&app, "/metrics?wait=30");
    let leaves = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        tokio::time::timeout(Duration::from_millis(5), get_path(&app, "/metrics?wait=30")).await
    };
    let stays = async {
        tokio::time::sleep(Duration::from_millis(8)).await;
        get_path(&app, "/metrics?wait=30").await
    };
    let (first, left, stayed) = tokio::join!(first, leaves, stays);
    assert!(left.is_err() && first.0 == StatusCode::OK);
    assert!(stayed.2.contains("\nfake_collections_total 2\n"), "{}", stayed.2);
    let (.., body) = get_path(&app, "/metrics").await;
    assert!(body.contains("promhttp_metric_handler_requests_in_flight 1\n"), "{body}");
}

#[tokio::test]
async fn head_has_the_headers_of_get() {
    let app = app(&web());
    for path in ["/metrics", "/probe"] {
        let request = Request::head(path).body(Body::empty()).unwrap();
        let (status, headers, _) = ask(&app, request).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        let (_, of_get, body) = get_path(&app, path).await;
        assert_eq!(headers["content-type"], of_get["content-type"]);
        // The values may differ by some digits.
        let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
        assert!(length.abs_diff(body.len()) < 100, "{length} {}", body.len());
    }
}
