//! The families about the scrapes of the server.

use std::time::Duration;

use common::exposition::Exposition;
use common::metric::Desc;
use common::scrape::CollectorFamilies;

/// The families about the collectors' runs.
pub(crate) const FAMILIES: CollectorFamilies = CollectorFamilies {
    duration: Desc::gauge(
        "mysql_exporter_collector_duration_seconds",
        "Wall time that a collector took in this scrape, including the wait for a connection.",
    ),
    success: Desc::gauge(
        "mysql_exporter_collector_success",
        "1 if a collector succeeded in this scrape or the server has no such data, 0 if it failed.",
    ),
    malformed: Desc::counter(
        "mysql_exporter_collector_malformed_total",
        "Scrapes in which part of a collector's input was malformed and left out.",
    ),
    label_prefix: "collect.",
};

const UP: Desc<'_> =
    Desc::gauge("mysql_up", "1 if the server answered the version query of this scrape, else 0.");

/// Value of the `collector` label for connecting and asking for the version.
pub(crate) const CONNECTION: &str = "connection";

/// Pushes whether the server answered, and if so how long that took.
pub(crate) fn push(is_up: bool, took: Duration, exposition: &mut Exposition) {
    let mut sink = exposition.sink();
    sink.value(&UP, if is_up { 1.0 } else { 0.0 });
    if is_up {
        let labels = [("collector", CONNECTION)];
        sink.family(&FAMILIES.duration).sample(&labels, took.as_secs_f64());
    }
    exposition.add(sink);
}
