//! Text files in a whole scrape, beside the other collectors.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use common::compare::Known;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tests::exposition::Exposition;
use tests::parity::differences;
use tests::process::{Process, command, output};
use tests::{TemporaryFolder, eventually, free_port, http};

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

/// Files that are good, bad, or good in part.
const MIXTURE: &[(&str, &str)] = &[
    (
        "a.prom",
        "# TYPE s summary\ns{h=\"\",t=\"x\",quantile=\"0.9\"} 0.0017\n\
         s{h=\"\",t=\"x\",quantile=\"0.5\"} 5.7e-05\ns_sum{t=\"x\",h=\"\"} 214.8\n\
         s_count{h=\"\",t=\"x\"} 185209\ns{t=\"y\",quantile=\"0.5\"} NaN\ns_count{t=\"y\"} 1\n\
         # TYPE h histogram\nh_bucket{f=\"b\",le=\"1.6384e+06\"} 1.69185e+06\n\
         h_bucket{f=\"b\",le=\"100\"} 0\nh_bucket{f=\"b\",le=\"+Inf\"} 1.691853e+06\n\
         h_sum{f=\"b\"} 6.71393432189e+11\nh_count{f=\"b\"} 1.691853e+06\nh_count 3\n",
    ),
    (
        "b.prom",
        "# TYPE e GAUGE\n  e{a=\"x\\\"y\\\\z\\n\", b=\"\u{e9}\",}\t-Inf\ne{}1\ne{a=\"\"} 2\n",
    ),
    ("c.prom", "# HELP e Else.\ne{f=\"c\"} 3\nonly_c_total .5\n"),
    ("d.prom", "# HELP e Other.\n# TYPE e gauge\ne{f=\"d\"} 4\nonly_d infinity\n"),
    ("empty.prom", ""),
    ("z1.prom", "half 1\nhalf2 3"),
    ("z2.prom", "crlf 1\r\n"),
    ("z3.prom", "stamp 1 1000\n"),
    ("z4.prom", "blank 1 \n"),
    ("z5.prom", "hexadecimal 0x1p4\n"),
    ("z6.prom", "large 1e999\n"),
    ("z7.prom", "nan +nan\n"),
    ("z8.prom", "# TYPE type info\ntype 1\n"),
    ("z9.prom", "twice{a=\"1\",a=\"2\"} 1\n"),
];

#[test]
#[ignore = "needs prometheus-node-exporter"]
fn the_peer_says_the_same_of_the_same_files() {
    let folder = TemporaryFolder::new("peer").unwrap();
    let (mut ours, log) = scrape(&folder, MIXTURE);
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    let mut peer = command("prometheus-node-exporter");
    peer.arg(format!("--web.listen-address={address}"))
        .args(["--web.disable-exporter-metrics", "--collector.disable-defaults"])
        .args(["--collector.loadavg", "--collector.textfile", "--collector.uname"])
        .arg(format!("--collector.textfile.directory={}", folder.path().display()));
    let _peer = Process::start(&mut peer, &folder.path().join("log")).unwrap();
    let answer = || http::get(&format!("http://{address}/metrics"));
    let body = eventually("an answer", Duration::from_secs(10), answer).unwrap().body;
    let mut peer = Exposition::parse(&body).unwrap();
    for metrics in [&mut ours, &mut peer] {
        metrics.0.retain(|name, _| name.starts_with("node_textfile_") || !name.contains("node_"));
        metrics.0.retain(|name, _| !name.starts_with("promhttp_"));
    }
    assert!(peer.0.len() > 6 && error(&peer), "{:?}\n{log}", peer.0.keys());
    let found = differences(&ours, [&peer, &peer], &Known::parse("").unwrap());
    assert!(found.is_empty(), "{found:#?}");
}
