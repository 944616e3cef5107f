//! The landing page of each exporter in a browser: up, down, and with errors that are hostile.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;

use tests::process::{command, succeed};
use tests::served::Served;
use tests::{program, repository};

/// What a server may say to be run as a script or shown as a picture.
const HOSTILE: &str = "-ERR <img src=x onerror='document.title=\"taken\"'><script>\"</script>\r\n";

fn look(name: &str, arguments: &[&str], verdict: &str) {
    let mut exporter = command(program(&format!("{name}-exporter")).unwrap());
    exporter.args(arguments);
    let served = Served::start(exporter, "--web.listen-address=127.0.0.1:").unwrap();
    // They stay there, to be looked at.
    let screenshots = repository().join("target").join(format!("landing-{name}-{verdict}"));
    let said = succeed(
        command("/usr/bin/python3")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("landing.py"))
            .arg(format!("{}/", served.url))
            .arg(verdict)
            .arg(screenshots),
    )
    .unwrap();
    assert!(said.contains("landing page: ok"), "{said}");
    let page = served.get("/").unwrap().body;
    assert!(!page.contains("hunter2"), "{page}");
}

/// A Redis server that answers everything with a hostile error; its port.
fn hostile_redis() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                while stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
                    // A client that has gone is no matter of the server's.
                    let _ = stream.write_all(HOSTILE.as_bytes());
                }
            });
        }
    });
    port
}

#[test]
#[ignore = "needs chromium-driver"]
fn the_state_of_a_host_can_be_seen_in_a_browser() {
    look("node", &[], "up");
}

#[test]
#[ignore = "needs chromium-driver"]
fn the_state_of_containers_can_be_seen_in_a_browser() {
    look("container", &["--docker=unix:///nonexistent"], "up");
}

#[test]
#[ignore = "needs chromium-driver"]
fn an_error_of_the_server_is_shown_as_text() {
    let address = format!("--redis.addr=redis://:hunter2@127.0.0.1:{}", hostile_redis());
    look("redis", &[&address], "down");
}

#[test]
#[ignore = "needs chromium-driver"]
fn a_server_that_is_down_can_be_seen_in_a_browser() {
    let arguments =
        ["--mysqld.address=127.0.0.1:1", "--mysqld.username=hunter2", "--config.my-cnf="];
    look("mysql", &arguments, "down");
}
