//! The four executables as their users type them: flags, exit codes, messages, signals.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use rustix::process::Signal;
use tests::exposition::Exposition;
use tests::http;
use tests::process::{Process, command, output};
use tests::{TemporaryFolder, eventually, free_port, program};

/// Name, flags that make it listen on a port, and the exit code of its usage errors.
const PROGRAMS: [(&str, &str, i32); 4] = [
    ("node-exporter", "--web.listen-address=127.0.0.1:", 1),
    ("container-exporter", "-listen_ip=127.0.0.1 -port=", 2),
    ("redis-exporter", "-web.listen-address=127.0.0.1:", 2),
    ("mysql-exporter", "--web.listen-address=127.0.0.1:", 1),
];

struct Running {
    process: Process,
    url: String,
    _folder: TemporaryFolder,
}

fn start(name: &str, listen: &str, more: &[&str]) -> Running {
    let port = free_port().unwrap();
    let folder = TemporaryFolder::new(name).unwrap();
    let listen = format!("{listen}{port}");
    let mut program = command(program(name).unwrap());
    program.args(listen.split(' ')).args(more).current_dir(folder.path());
    let process = Process::start(&mut program, &folder.path().join("log")).unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let healthy = || http::get(&format!("{url}/-/healthy"));
    eventually("health", Duration::from_secs(10), healthy).unwrap();
    Running { process, url, _folder: folder }
}

/// Runs a program to its end: exit code, stdout, stderr.
fn run(name: &str, arguments: &[&str]) -> (i32, String, String) {
    let folder = TemporaryFolder::new(name).unwrap();
    let output =
        output(command(program(name).unwrap()).args(arguments).current_dir(folder.path())).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[test]
fn each_answers_and_stops_when_told_to() {
    for (name, listen, _) in PROGRAMS {
        let mut running = start(name, listen, &[]);
        let page = http::get(&running.url).unwrap();
        assert_eq!(page.status, 200, "{name}");
        assert!(page.body.contains("<a href=\"metrics\">"), "{name}: {}", page.body);
        let metrics = http::get(&format!("{}/metrics", running.url)).unwrap();
        assert_eq!(metrics.status, 200, "{name}: {}", metrics.body);
        let families = Exposition::parse(&metrics.body).unwrap();
        assert!(families.value("process_start_time_seconds", &[]).unwrap() > 1e9, "{name}");
        let status = running.process.stop(Signal::TERM).unwrap();
        assert!(status.success(), "{name}: {status}");
    }
}

#[test]
fn healthcheck_asks_the_running_exporter() {
    for (name, listen, _) in PROGRAMS {
        let mut running = start(name, listen, &[]);
        let port = running.url.rsplit(':').next().unwrap();
        let listen = format!("{listen}{port}");
        let arguments: Vec<&str> =
            std::iter::once("healthcheck").chain(listen.split(' ')).collect();
        // The Go dialect reads no flag behind the first word that is none.
        let arguments = [&arguments[1..], &arguments[..1]].concat();
        let (code, stdout, stderr) = run(name, &arguments);
        assert_eq!(code, 0, "{name}: {stdout}{stderr}");
        running.process.stop(Signal::INT).unwrap();
        let (code, _, stderr) = run(name, &arguments);
        assert_eq!(code, 1, "{name}");
        assert!(stderr.starts_with("unhealthy: http://127.0.0.1:"), "{name}: {stderr}");
    }
}

#[test]
fn usage_errors_are_one_line_with_the_peers_exit_code() {
    for (name, _, expected) in PROGRAMS {
        for arguments in [&["--no-such-flag"][..], &["--web.max-requests=many"], &["stray"]] {
            let (code, stdout, stderr) = run(name, arguments);
            assert_eq!(code, expected, "{name} {arguments:?}: {stderr}");
            assert_eq!(stdout, "");
            assert_eq!(stderr.lines().count(), 1, "{stderr}");
            assert!(stderr.starts_with(&format!("{name}: error: ")), "{stderr}");
        }
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    for (name, _, _) in PROGRAMS {
        let (code, help, _) = run(name, &["--help"]);
        assert_eq!(code, 0);
        assert!(help.contains("healthcheck") && help.contains("--web.telemetry-path"), "{help}");
        let width = help.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(width <= 100, "{name}: a line of {width} columns");
        let (code, version, _) = run(name, &["--version"]);
        assert_eq!(code, 0);
        assert!(version.starts_with(&format!("{name} 0.")), "{version}");
    }
}

#[test]
fn bad_settings_end_the_start_with_one_clear_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let listen_taken = format!("--web.listen-address={taken}");
    for (name, argument, reason) in [
        ("node-exporter", "--path.procfs=/nonexistent", "/nonexistent"),
        ("node-exporter", listen_taken.as_str(), taken.as_str()),
        ("node-exporter", "--web.listen-address=9100", "missing port"),
        ("node-exporter", "--collector.vmstat.fields=(", "collector.vmstat.fields"),
        ("redis-exporter", "--redis.addr=http://localhost", "--redis.addr: unknown scheme"),
        ("redis-exporter", "--redis.password-file=/nonexistent", "/nonexistent"),
        ("mysql-exporter", "--mysqld.address=localhost", "localhost"),
        ("mysql-exporter", "--config.my-cnf=/proc/1/mem", "/proc/1/mem"),
    ] {
        let (code, _, stderr) = run(name, &[argument]);
        assert!(code == 1 || code == 2, "{name} {argument}: exit code {code}");
        let line = stderr.lines().last().unwrap_or_default();
        assert!(line.contains(reason), "{name} {argument}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

#[test]
fn names_of_older_releases_are_understood_with_a_warning() {
    let old = [
        "--collector.filesystem.ignored-mount-points=.",
        "--collector.diskstats.ignored-devices=x",
    ];
    let arguments = ["scrape", "--collector.disable-defaults", "--collector.filesystem"];
    let (code, stdout, stderr) = run("node-exporter", &[&arguments[..], &old].concat());
    assert_eq!(code, 0, "{stderr}");
    assert!(!stdout.contains("node_filesystem_size_bytes"), "{stdout}");
    for now in ["collector.filesystem.mount-points-exclude", "collector.diskstats.device-exclude"] {
        assert!(stderr.contains(&format!("now={now}")), "{stderr}");
    }
    let both = [old[0], "--collector.filesystem.mount-points-exclude=x"];
    assert_eq!(run("node-exporter", &both).0, 1);
}

#[test]
fn flags_come_from_the_environment_too() {
    let port = free_port().unwrap();
    let folder = TemporaryFolder::new("environment").unwrap();
    let mut node = command(program("node-exporter").unwrap());
    node.env("NODE_EXPORTER_WEB_LISTEN_ADDRESS", format!("127.0.0.1:{port}"))
        .env("NODE_EXPORTER_COLLECTOR_CPU", "false")
        .env("NODE_EXPORTER_LOG_FORMAT", "json");
    let process = Process::start(&mut node, &folder.path().join("log")).unwrap();
    let url = format!("http://127.0.0.1:{port}/metrics");
    let answer = eventually("metrics", Duration::from_secs(10), || http::get(&url)).unwrap();
    assert!(answer.body.contains("node_load1 ") && !answer.body.contains("node_cpu_seconds"));
    let log = process.log();
    assert!(log.starts_with("{\"time\":\""), "{log}");
}

#[test]
fn node_collectors_can_be_chosen_by_the_client() {
    let running = start("node-exporter", PROGRAMS[0].1, &["--no-collector.vmstat"]);
    let metrics = |query: &str| http::get(&format!("{}/metrics?{query}", running.url)).unwrap();
    let only = metrics("collect[]=loadavg&collect[]=uname");
    assert!(only.body.contains("node_load1 ") && !only.body.contains("node_memory_"));
    assert!(!metrics("exclude[]=loadavg").body.contains("node_load1 "));
    let named = metrics("name[]=node_load1").body;
    assert_eq!(Exposition::parse(&named).unwrap().0.len(), 1, "{named}");
    for (query, reason) in [
        ("collect[]=nothing", "missing collector: nothing"),
        ("collect[]=vmstat", "disabled collector: vmstat"),
        ("collect[]=", "missing collector: "),
        ("collect[]=cpu&exclude[]=stat", "cannot be combined"),
    ] {
        let refused = metrics(query);
        assert_eq!(refused.status, 400, "{query}");
        assert!(refused.body.contains(reason), "{query}: {}", refused.body);
    }
}

#[test]
fn a_hundred_scrapes_leak_no_descriptor() {
    for (name, listen, _) in PROGRAMS {
        let running = start(name, listen, &[]);
        let scrape = || http::get(&format!("{}/metrics", running.url)).unwrap();
        scrape();
        let before = running.process.descriptors().unwrap();
        for _ in 0..100 {
            assert_eq!(scrape().status, 200);
        }
        let settled = || {
            let after = running.process.descriptors().unwrap();
            if after <= before + 1 {
                Ok(())
            } else {
                Err(format!("{before} before, {after} after"))
            }
        };
        eventually(name, Duration::from_secs(5), settled).unwrap();
    }
}

#[test]
#[ignore = "takes 35 s"]
fn an_idle_connection_survives_between_two_scrapes() {
    use std::io::{Read, Write};
    let running = start("node-exporter", PROGRAMS[0].1, &[]);
    let address = running.url.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut ask = || {
        stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = [0; 512];
        let length = stream.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    };
    assert!(ask().ends_with("ok\n"));
    // Longer than the library's own limit of 30 s.
    std::thread::sleep(Duration::from_secs(35));
    assert!(ask().ends_with("ok\n"));
}
