//! What the tests of the exporter have in common.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "part of the tests")]

pub(crate) mod stub;

use std::time::{Duration, Instant};

use common::check::Report;
use common::commands::{Program as _, parse};
use redis_exporter::RedisExporter;
use tests::redis::Redis;

/// The exporter without a socket.
pub(crate) type Running = tests::exporter::Running<RedisExporter>;

/// Makes every collector ask its questions, but those for which the stubs have no answers.
pub(crate) const EVERY_COLLECTOR: &[&str] = &[
    "-check-keys=*",
    "-check-single-streams=s",
    "-count-keys=k*",
    "-check-key-groups=^(k)",
    "-export-client-list",
    "-include-config-metrics",
    "-include-modules-metrics",
    "-include-search-indexes-metrics",
    "-is-tile38",
    "-ping-on-connect",
];

/// Starts an exporter with these flags.
pub(crate) fn start(flags: &[&str]) -> Running {
    Running::start(flags).unwrap()
}

/// Starts an exporter of `server`.
pub(crate) fn of(server: &Redis, flags: &[&str]) -> Running {
    let address = format!("-redis.addr=redis://127.0.0.1:{}", server.port);
    start(&[&[address.as_str()], flags].concat())
}

/// What the command `check` prints with these flags.
pub(crate) async fn check(flags: &[&str]) -> Report {
    let arguments = std::iter::once("redis-exporter").chain(flags.iter().copied());
    let matches = parse::<RedisExporter>(arguments.map(Into::into)).unwrap();
    let check = RedisExporter::CHECK.unwrap()(&matches).unwrap();
    check.check(Instant::now() + Duration::from_secs(10)).await.unwrap()
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
