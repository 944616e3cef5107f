//! The families about the scrapes of the server.

use std::sync::Mutex;
use std::time::Duration;

use common::exposition::Sink;
use common::metric::Desc;

use common::sync::lock;

const UP: Desc<'_> =
    Desc::gauge("redis_up", "1 if the server could be read in this scrape, else 0.");
const LAST_ERROR: Desc<'_> = Desc::gauge(
    "redis_exporter_last_scrape_error",
    "1 if the server could not be read in this scrape, with the cause in the label err; else 0.",
);
const LAST_DURATION: Desc<'_> = Desc::gauge(
    "redis_exporter_last_scrape_duration_seconds",
    "Wall time that this scrape of the server took.",
);
const LAST_CONNECT: Desc<'_> = Desc::gauge(
    "redis_exporter_last_scrape_connect_time_seconds",
    "Time to connect and log in; almost 0 if the connection of the last scrape is used.",
);
const LAST_PING: Desc<'_> =
    Desc::gauge("redis_exporter_last_scrape_ping_time_seconds", "Time until PING was answered.");
const SCRAPES: Desc<'_> =
    Desc::counter("redis_exporter_scrapes_total", "Scrapes of the server, this one included.");
const DURATIONS: Desc<'_> = Desc::summary(
    "redis_exporter_scrape_duration_seconds",
    "Wall time of all scrapes of the server.",
);

/// Scrapes of one endpoint so far.
#[derive(Debug, Default)]
pub struct Scrapes(Mutex<Totals>);

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    started: u64,
    finished: u64,
    seconds: f64,
}

/// How this scrape went.
#[derive(Debug)]
pub(crate) struct Report {
    /// Why the server could not be read; `None` if it could.
    pub(crate) failure: Option<String>,
    pub(crate) duration: Duration,
    pub(crate) connect_time: Duration,
    pub(crate) ping_time: Option<Duration>,
}

impl Scrapes {
    /// Counts a scrape that begins.
    pub(crate) fn start(&self) {
        self.update(|totals| totals.started += 1);
    }

    /// Counts a scrape that ends, and returns the totals with it.
    pub(crate) fn finish(&self, duration: Duration) -> Totals {
        self.update(|totals| {
            totals.finished += 1;
            totals.seconds += duration.as_secs_f64();
        })
    }

    fn update(&self, change: impl FnOnce(&mut Totals)) -> Totals {
        let mut totals = lock(&self.0);
        change(&mut totals);
        *totals
    }
}

/// Pushes the families about all scrapes.
pub(crate) fn push_totals(totals: &Totals, sink: &mut Sink) {
    sink.value(&SCRAPES, totals.started as f64);
    sink.family(&DURATIONS).summary(&[], [], totals.seconds, totals.finished);
}

/// Pushes the families about the scrape of one server: to `sink` what the reference labels with
/// the server's role, to `own` the rest.
pub(crate) fn push_report(report: &Report, sink: &mut Sink, own: &mut Sink) {
    let is_up = report.failure.is_none();
    sink.value(&UP, f64::from(u8::from(is_up)));
    let error = report.failure.as_deref().unwrap_or_default();
    sink.family(&LAST_ERROR).sample(&[("err", error)], f64::from(u8::from(!is_up)));
    sink.value(&LAST_DURATION, report.duration.as_secs_f64());
    own.value(&LAST_CONNECT, report.connect_time.as_secs_f64());
    if let Some(ping_time) = report.ping_time {
        own.value(&LAST_PING, ping_time.as_secs_f64());
    }
}

/// Pushes why the servers to read could not be listed, and that there is none, if `is_down`.
pub(crate) fn push_failure(failure: &str, is_down: bool, sink: &mut Sink) {
    if is_down {
        sink.value(&UP, 0.0);
    }
    sink.family(&LAST_ERROR).sample(&[("err", failure)], 1.0);
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;

    fn text(report: Option<&Report>) -> String {
        let scrapes = Scrapes::default();
        scrapes.start();
        let totals = scrapes.finish(Duration::from_millis(1500));
        let mut own = Sink::default();
        let text = testing::exposed(|sink| {
            push_totals(&totals, sink);
            if let Some(report) = report {
                push_report(report, sink, &mut own);
            }
        });
        text + &testing::text(&own)
    }

    #[test]
    fn a_failure_is_told_with_its_cause() {
        let report = Report {
            failure: Some("connect: refused".into()),
            duration: Duration::from_secs(2),
            connect_time: Duration::from_secs(1),
            ping_time: None,
        };
        let text = text(Some(&report));
        for line in [
            "redis_up 0\n",
            "\nredis_exporter_last_scrape_error{err=\"connect: refused\"} 1\n",
            "\nredis_exporter_last_scrape_connect_time_seconds 1\n",
            "\nredis_exporter_scrapes_total 1\n",
            "\nredis_exporter_scrape_duration_seconds_sum 1.5\n",
            "\nredis_exporter_scrape_duration_seconds_count 1\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert!(!text.contains("ping_time"), "{text}");
    }

    #[test]
    fn without_a_target_only_the_totals_are_told() {
        let text = text(None);
        assert!(text.contains("redis_exporter_scrapes_total 1\n"), "{text}");
        assert!(!text.contains("redis_up") && !text.contains("last_scrape"), "{text}");
    }
}
