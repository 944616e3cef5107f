//! The golden files of all exporters in the eyes of Prometheus.

use tests::{golden, promtool, repository};

#[test]
#[ignore = "needs promtool"]
fn golden_files_pass_promtool() {
    let mut checked = 0;
    for exporter in ["container", "mysql", "node", "redis"] {
        let folder = repository().join("exporters").join(exporter);
        let folders = match exporter {
            "container" => vec![folder.join("fixtures/v1"), folder.join("fixtures/v2")],
            _ => vec![folder.join("tests/golden")],
        };
        for entry in folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()) {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "prom") {
                let complaints = promtool::complaints(&golden::read(&path).unwrap()).unwrap();
                assert!(complaints.is_empty(), "{}: {complaints:#?}", path.display());
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 37, "golden files");
}
