//! The whole output for a server that is down, compared line by line with `tests/golden/`.

mod support;

use support::Exporter;
use tests::free_port;
use tests::golden::{self, Unsteady};

const UNSTEADY: Unsteady<'_> = Unsteady {
    values: &["mysql_exporter_collector_duration_seconds"],
    families: &["mysqld_exporter_build_info"],
};

#[tokio::test]
async fn golden_dead_server_is_down_and_nothing_else() {
    let port = free_port().unwrap();
    let client = format!("user=nobody\npassword=x\nhost=127.0.0.1\nport={port}");
    let exporter = Exporter::with_option_file(&client, &["--web.disable-exporter-metrics"]);
    let text = exporter.scrape(10.0).await.0;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/dead.prom");
    golden::compare(path.as_ref(), &text, UNSTEADY).unwrap();
}
