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
