//! An exporter behind its router, without a port, and what it logged.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "part of the tests")]

use std::cell::RefCell;
use std::ffi::OsString;
use std::io;
use std::sync::{Arc, Mutex, Once, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use common::commands::{self, Program as _};
use common::web::WebArgs;
use common::web::{self, Stopping};
use http_body_util::BodyExt as _;
use redis_exporter::RedisExporter;
use tests::redis::Redis;
use tower_service::Service as _;

/// A running exporter.
pub(crate) struct Running(Router);

impl Running {
    /// Starts an exporter as the command line `flags` does.
    pub(crate) fn new(flags: &[&str]) -> Self {
        let arguments = std::iter::once("redis-exporter").chain(flags.iter().copied());
        let matches =
            commands::parse::<RedisExporter>(arguments.map(OsString::from)).expect("valid flags");
        let service = RedisExporter::start(&matches).expect("valid settings");
        let web = <WebArgs as clap::FromArgMatches>::from_arg_matches(&matches).expect("web flags");
        Self(web::router(service, &web, Stopping::default()))
    }

    /// Starts an exporter of `server`.
    pub(crate) fn of(server: &Redis, flags: &[&str]) -> Self {
        let address = format!("-redis.addr=redis://127.0.0.1:{}", server.port);
        Self::new(&[&[address.as_str()], flags].concat())
    }

    /// The metrics, which always come with status 200.
    pub(crate) async fn scrape(&self) -> String {
        self.scrape_within("10").await
    }

    /// The metrics for a Prometheus that waits for `seconds`.
    pub(crate) async fn scrape_within(&self, seconds: &str) -> String {
        let (status, body) = self.get("/metrics", seconds).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    /// Status and body of a path.
    pub(crate) async fn get(&self, path: &str, seconds: &str) -> (StatusCode, String) {
        let request = Request::get(path)
            .header("X-Prometheus-Scrape-Timeout-Seconds", seconds)
            .body(Body::empty())
            .expect("a request");
        let Ok(response) = self.0.clone().call(request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a whole body").to_bytes();
        (parts.status, String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Asserts that `body` has the sample line `line`.
#[track_caller]
pub(crate) fn assert_line(body: &str, line: &str) {
    assert!(body.lines().any(|found| found == line), "no line {line}\n{body}");
}

/// Value of the series `series`.
#[track_caller]
pub(crate) fn value(body: &str, series: &str) -> f64 {
    let found = body.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no series {series}\n{body}")).parse().expect("a number")
}

/// Log lines of this thread, from debug on, while the value lives.
pub(crate) struct Log(Lines);

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

thread_local! {
    static CAPTURED: RefCell<Lines> = RefCell::default();
}

impl Log {
    pub(crate) fn capture() -> Self {
        // One for all threads: those that come and go with each test would race for
        // which events are wanted.
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(tracing::Level::DEBUG)
                .with_writer(|| CAPTURED.with_borrow(Lines::clone))
                .with_ansi(false)
                .without_time()
                .finish();
            tracing::subscriber::set_global_default(subscriber).expect("the only subscriber");
        });
        let lines = Lines::default();
        CAPTURED.set(lines.clone());
        Self(lines)
    }

    /// Everything logged so far.
    pub(crate) fn text(&self) -> String {
        let lines = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&lines).into_owned()
    }

    /// How many lines of info or above hold `text`.
    pub(crate) fn count(&self, text: &str) -> usize {
        let lines = self.text();
        lines.lines().filter(|line| !line.starts_with("DEBUG") && line.contains(text)).count()
    }
}
