//! The live page of the container exporter, in a browser, with a real container.

use std::time::Duration;

use tests::docker::Docker;
use tests::process::{Process, command, succeed};
use tests::{TemporaryFolder, built, eventually, free_port, http, repository};

#[test]
#[ignore = "needs root, docker.io and chromium-driver"]
fn containers_can_be_watched_in_a_browser() {
    let folder = TemporaryFolder::new("page").unwrap();
    let mut docker = Docker::new(&[]).unwrap();
    docker.start().unwrap();
    docker.import("box").unwrap();
    let busy = "while :; do :; done";
    let project = "com.docker.compose.project=shop";
    let run = ["run", "--detach", "--name", "watched", "--label", project, "box", "sh", "-c", busy];
    docker.run(&run).unwrap();
    let port = free_port().unwrap();
    let mut exporter = command(built(env!("CARGO_BIN_EXE_container-exporter")));
    exporter
        .arg(format!("--docker={}", docker.endpoint()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let _exporter = Process::start(&mut exporter, &folder.path().join("log")).unwrap();
    let url = format!("http://127.0.0.1:{port}/");
    eventually("page", Duration::from_secs(20), || http::get(&url)).unwrap();
    // They stay there, to be looked at.
    let screenshots = repository().join("target");
    let said = succeed(
        command("/usr/bin/python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/page.py"))
            .arg(&url)
            .arg("watched")
            .arg(screenshots),
    )
    .unwrap();
    assert!(said.contains("page: ok"), "{said}");
    docker.end().unwrap();
}
