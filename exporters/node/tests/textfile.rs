//! Text files in a whole scrape, beside the other collectors.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tests::TemporaryFolder;
use tests::exposition::Exposition;
use tests::process::{command, output};

/// One scrape of a folder with the files `(name, content)`.
fn scrape(folder: &TemporaryFolder, files: &[(&str, &str)]) -> (Exposition, String) {
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let mut program = command(env!("CARGO_BIN_EXE_node-exporter"));
    program
        .args(["scrape", "--web.disable-exporter-metrics", "--collector.disable-defaults"])
        .args(["--collector.loadavg", "--collector.textfile", "--collector.uname"])
        .arg(format!("--collector.textfile.directory={}", folder.path().display()));
    let output = output(&mut program).unwrap();
    assert!(output.status.success(), "the collector always succeeds");
    let text = String::from_utf8(output.stdout).unwrap();
    let metrics = Exposition::parse(&text).map_err(|error| format!("{error:#}\n{text}"));
    (metrics.unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn error(metrics: &Exposition) -> bool {
    metrics.value("node_textfile_scrape_error", &[]).unwrap() > 0.5
}

#[test]
fn good_files_are_merged_and_have_their_times() {
    let folder = TemporaryFolder::new("good").unwrap();
    let (metrics, log) = scrape(
        &folder,
        &[
            ("a.prom", "# HELP x_total X.\n# TYPE x_total counter\nx_total{f=\"a\"} 1\n"),
            ("b.prom", "# HELP x_total X.\n# TYPE x_total counter\nx_total{f=\"b\"} 2e3\n"),
            ("empty.prom", ""),
            ("c.prom.tmp", "half"),
        ],
    );
    assert!(!error(&metrics), "{log}");
    assert_eq!(metrics.0["x_total"].samples.len(), 2);
    assert_eq!(metrics.0["node_textfile_mtime_seconds"].samples.len(), 3);
    let path = folder.path().join("a.prom").display().to_string();
    assert!(metrics.value("node_textfile_mtime_seconds", &[("file", &path)]).unwrap() > 1e9);
}

#[test]
fn what_is_no_good_file_is_told_and_costs_the_others_nothing() {
    let folder = TemporaryFolder::new("bad").unwrap();
    std::fs::create_dir(folder.path().join("d.prom")).unwrap();
    let pipe = folder.path().join("pipe.prom");
    mknodat(CWD, pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let huge = std::fs::File::create(folder.path().join("huge.prom")).unwrap();
    huge.set_len(1 << 40).unwrap();
    let (metrics, log) = scrape(
        &folder,
        &[
            ("binary.prom", "\x7fELF\0\u{1}\n"),
            ("good.prom", "x 1\n"),
            ("half.prom", "y 1\nz{a=\"b"),
            ("stamp.prom", "s 1 1700000000000\n"),
        ],
    );
    assert!(error(&metrics));
    assert!(metrics.value("x", &[]).is_ok());
    for absent in ["y", "z", "s"] {
        assert!(!metrics.0.contains_key(absent), "{absent}");
    }
    assert_eq!(metrics.0["node_textfile_mtime_seconds"].samples.len(), 1);
    for name in ["binary", "d", "half", "huge", "pipe", "stamp"] {
        assert!(log.contains(&format!("/{name}.prom: ")), "{name}: {log}");
    }
}

#[test]
fn families_of_other_collectors_stand_and_the_clash_is_told() {
    let folder = TemporaryFolder::new("clash").unwrap();
    let (metrics, log) = scrape(
        &folder,
        &[(
            "a.prom",
            "node_load1{x=\"1\"} 5\nnode_uname_info 7\nnode_exporter_build_info 7\n\
             node_textfile_mtime_seconds 7\nnode_textfile_scrape_error 7\nmine 1\n",
        )],
    );
    assert!(error(&metrics), "{log}");
    assert_eq!(metrics.0["node_load1"].samples.len(), 1);
    for family in ["node_uname_info", "node_exporter_build_info", "node_textfile_mtime_seconds"] {
        let samples = &metrics.0[family].samples;
        assert!(samples.len() == 1 && (samples[0].2 - 7.0).abs() > 0.5, "{family}: {samples:?}");
    }
    assert!(metrics.value("mine", &[]).is_ok());
    assert!(log.contains("duplicate or conflicting series dropped"), "{log}");
}

#[test]
fn types_that_differ_between_files_cost_the_later_one_without_an_error() {
    let folder = TemporaryFolder::new("types").unwrap();
    let (metrics, log) = scrape(
        &folder,
        &[
            ("a.prom", "# HELP x X.\n# TYPE x gauge\nx{f=\"a\"} 1\n"),
            ("b.prom", "# HELP x X.\n# TYPE x counter\nx{f=\"b\"} 1\n"),
            ("c.prom", "# HELP x X.\n# TYPE x gauge\nx{f=\"a\"} 2\nx{f=\"c\"} 3\n"),
        ],
    );
    assert!(!error(&metrics), "{log}");
    let values: Vec<f64> = metrics.0["x"].samples.iter().map(|sample| sample.2).collect();
    assert_eq!(values, [1.0, 3.0]);
    assert!(log.contains("2 duplicate or conflicting series dropped"), "{log}");
}
