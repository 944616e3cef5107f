//! The whole output for a server that is down, compared line by line with `tests/golden/`.

mod support;

use support::start;
use tests::free_port;
use tests::golden::{self, Unsteady};

const UNSTEADY: Unsteady<'_> = Unsteady {
    values: &[
        "redis_exporter_collector_duration_seconds",
        "redis_exporter_last_scrape_connect_time_seconds",
        "redis_exporter_last_scrape_duration_seconds",
        "redis_exporter_scrape_duration_seconds",
    ],
    families: &["redis_exporter_build_info"],
};

#[tokio::test]
async fn golden_dead_server_is_down_and_nothing_else() {
    let address = format!("--redis.addr=127.0.0.1:{}", free_port().unwrap());
    let exporter = start(&[&address, "--web.disable-exporter-metrics"]);
    let text = exporter.scrape().await.unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/dead.prom");
    golden::compare(path.as_ref(), &text, UNSTEADY).unwrap();
}
