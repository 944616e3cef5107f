//! The program as its users type it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use node_exporter::NodeExporter;
use tests::exporter::Running;
use tests::http;
use tests::process::Process;
use tests::program::Program;
use tests::{TemporaryFolder, eventually, free_port};

const PROGRAM: Program = Program {
    name: "node-exporter",
    path: env!("CARGO_BIN_EXE_node-exporter"),
    listen: "--web.listen-address=127.0.0.1:",
    usage_exit_code: 1,
};

#[test]
fn it_answers_and_stops_when_told_to() {
    PROGRAM.answers_and_stops().unwrap();
}

#[test]
fn healthcheck_asks_the_running_exporter() {
    PROGRAM.is_asked_by_its_healthcheck().unwrap();
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    PROGRAM.serves_without_a_log().unwrap();
}

#[test]
fn answers_are_packed_as_those_of_the_replaced_exporter() {
    PROGRAM.packs_what_it_answers(false).unwrap();
}

#[test]
fn silent_connections_shut_nobody_out() {
    PROGRAM.serves_among_silent_connections().unwrap();
}

#[test]
fn what_is_not_needed_is_given_up_and_nothing_is_missing() {
    PROGRAM.gives_up_rights().unwrap();
}

#[test]
fn it_listens_on_every_address_of_the_flags() {
    PROGRAM.listens_on_every_address().unwrap();
}

#[test]
fn it_takes_over_the_sockets_of_systemd() {
    PROGRAM.takes_over_sockets().unwrap();
}

#[test]
fn it_tells_the_service_manager_how_it_fares() {
    PROGRAM.tells_the_service_manager().unwrap();
}

#[test]
fn usage_errors_are_one_line_with_the_peers_exit_code() {
    PROGRAM.refuses_wrong_usage().unwrap();
}

#[test]
fn help_and_version_go_to_stdout() {
    PROGRAM.prints_help_and_version().unwrap();
}

#[test]
fn a_hundred_scrapes_leak_no_descriptor() {
    PROGRAM.leaks_no_descriptor().unwrap();
}

#[test]
fn bad_settings_end_the_start_with_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (argument, reason) in [
        ("--path.procfs=/nonexistent", "/nonexistent"),
        (format!("--web.listen-address={taken}").as_str(), taken.as_str()),
        ("--web.listen-address=9100", "missing port"),
        ("--collector.vmstat.fields=(", "collector.vmstat.fields"),
    ] {
        PROGRAM.refuses_to_start(argument, reason).unwrap();
    }
}

#[test]
fn names_of_older_releases_are_understood_with_a_warning() {
    let old = [
        "--collector.filesystem.ignored-mount-points=.",
        "--collector.diskstats.ignored-devices=x",
    ];
    let arguments = ["scrape", "--collector.disable-defaults", "--collector.filesystem"];
    let ended = PROGRAM.run(&[&arguments[..], &old].concat()).unwrap();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(!ended.stdout.contains("node_filesystem_size_bytes"), "{ended:?}");
    for now in ["collector.filesystem.mount-points-exclude", "collector.diskstats.device-exclude"] {
        assert!(ended.stderr.contains(&format!("now={now}")), "{ended:?}");
    }
    let both = [old[0], "--collector.filesystem.mount-points-exclude=x"];
    assert_eq!(PROGRAM.run(&both).unwrap().code, 1);
}

/// What needs nothing but a running kernel.
const FEW: [&str; 4] =
    ["--collector.disable-defaults", "--collector.loadavg", "--collector.stat", "--collector.cpu"];

#[test]
fn people_can_read_what_the_metrics_say() {
    let run = |arguments: &[&str]| PROGRAM.run(&[arguments, &FEW].concat()).unwrap();
    let table = run(&["scrape", "--format=table"]);
    assert_eq!(table.code, 0, "{table:?}");
    assert!(table.stdout.starts_with("Load "), "{table:?}");
    let cpu = table.stdout.lines().find(|line| line.starts_with("CPU ")).unwrap();
    assert!(cpu.contains(" % busy (user "), "{cpu}");
    assert!(table.stderr.starts_with("\n3 collectors, 0 failed, "), "{table:?}");
    let list = run(&["scrape", "--format=list"]);
    assert!(list.stdout.starts_with("METRIC "), "{list:?}");
    let boot = list.stdout.lines().find(|line| line.starts_with("node_boot_time_seconds")).unwrap();
    assert!(boot.trim_end().ends_with('Z'), "{boot}");
    let metrics = run(&["scrape", "--format=openmetrics"]);
    assert!(metrics.stdout.ends_with("# EOF\n"), "{metrics:?}");
    assert_eq!(
        run(&["scrape", "--format=text"]).stdout.lines().next(),
        run(&["scrape"]).stdout.lines().next()
    );
    let rounds = run(&["top", "--count=2", "--interval=100ms"]);
    assert_eq!(rounds.code, 0, "{rounds:?}");
    assert_eq!(rounds.stdout.matches("node-exporter at ").count(), 2, "{rounds:?}");
    assert!(!rounds.stdout.contains('\u{1b}') && rounds.stderr.is_empty(), "{rounds:?}");
}

#[test]
fn a_table_tells_what_failed() {
    let folder = TemporaryFolder::new("failing").unwrap();
    let procfs = format!("--path.procfs={}", folder.path().display());
    for command in [&["scrape", "--format=table"][..], &["top"]] {
        let ended = PROGRAM.run(&[command, &[&procfs], &FEW].concat()).unwrap();
        let said = ended.stdout.clone() + &ended.stderr;
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(said.contains("loadavg") && said.contains("FAILED: "), "{ended:?}");
    }
    for (wrong, reason) in [
        (&["--format=table"][..], "--format is for the command scrape"),
        (&["scrape", "--format=xml"], "invalid value 'xml'"),
        (&["top", "--interval=0"], "expected 100ms to 24h"),
    ] {
        let ended = PROGRAM.run(wrong).unwrap();
        assert!(ended.code == 1 && ended.stderr.contains(reason), "{ended:?}");
    }
}

#[test]
fn on_a_terminal_there_is_one_screen_and_nothing_that_it_should_not_obey() {
    let folder = TemporaryFolder::new("hostile").unwrap();
    let hostile = "hostile{x=\"\u{1b}]0;taken\u{7}\u{9b}2J\"} 1\n";
    std::fs::write(folder.path().join("hostile.prom"), hostile).unwrap();
    let textfile = format!("--collector.textfile.directory={}", folder.path().display());
    let arguments = format!("{} --collector.textfile {textfile}", FEW.join(" "));
    for format in ["text", "list"] {
        let scrape = format!("scrape --format={format} {arguments}");
        let shown = PROGRAM.run_on_terminal(&scrape, 20).unwrap();
        assert!(shown.stdout.contains(r"\u{1b}]0;taken\u{7}\u{9b}2J"), "{shown:?}");
        assert!(!shown.stdout.contains(['\u{1b}', '\u{7}', '\u{9b}']), "{shown:?}");
    }
    let top = PROGRAM.run_on_terminal(&format!("top --interval=300ms {arguments}"), 4).unwrap();
    // More than one round, each from the top left, without end until the interruption.
    let rounds: Vec<&str> = top.stdout.split("\u{1b}[H").skip(1).collect();
    assert!(rounds.len() > 1, "{top:?}");
    let whole = rounds
        .iter()
        .all(|round| round.starts_with("node-exporter at ") && round.matches('\n').count() < 25);
    assert!(whole && top.stdout.contains("Ctrl-C to end"), "{top:?}");
    // Of timeout(1): what it ran was interrupted.
    assert_eq!(top.code, 124, "{top:?}");
}

#[test]
fn flags_come_from_the_environment_too() {
    let port = free_port().unwrap();
    let folder = TemporaryFolder::new("environment").unwrap();
    let mut node = PROGRAM.command();
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

#[tokio::test]
async fn collectors_can_be_chosen_by_the_client() {
    let exporter = Running::<NodeExporter>::start(&["--no-collector.vmstat"]).unwrap();
    let metrics = async |query: &str| {
        let path = format!("/metrics?{query}");
        exporter.get(&path.replace("[]", "%5B%5D"), &[]).await.unwrap()
    };
    let only = metrics("collect[]=loadavg&collect[]=uname").await;
    assert!(only.body.contains("node_load1 ") && !only.body.contains("node_memory_"));
    assert!(!metrics("exclude[]=loadavg").await.body.contains("node_load1 "));
    let named = metrics("name[]=node_load1").await;
    assert_eq!(named.exposition().unwrap().0.len(), 1, "{named:?}");
    for (query, reason) in [
        ("collect[]=nothing", "missing collector: nothing"),
        ("collect[]=vmstat", "disabled collector: vmstat"),
        ("collect[]=", "missing collector: "),
        ("collect[]=cpu&exclude[]=stat", "cannot be combined"),
    ] {
        let refused = metrics(query).await;
        assert_eq!(refused.status, 400, "{query}");
        assert!(refused.body.contains(reason), "{query}: {}", refused.body);
    }
}

#[test]
#[ignore = "takes 35 s"]
fn an_idle_connection_survives_between_two_scrapes() {
    let served = PROGRAM.serve(&[]).unwrap();
    let mut stream = TcpStream::connect(served.url.trim_start_matches("http://")).unwrap();
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

#[test]
fn a_request_has_one_host() {
    let served = PROGRAM.serve(&[]).unwrap();
    let address = served.url.trim_start_matches("http://");
    for (fields, status) in [
        ("Host: x\r\n", "HTTP/1.1 200 OK\r\n"),
        ("", "HTTP/1.1 400 Bad Request\r\n"),
        ("Host: x\r\nhost: y\r\n", "HTTP/1.1 400 Bad Request\r\n"),
    ] {
        let mut stream = TcpStream::connect(address).unwrap();
        let request = format!("GET /-/healthy HTTP/1.1\r\n{fields}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(status), "{fields:?}: {answer}");
    }
}
