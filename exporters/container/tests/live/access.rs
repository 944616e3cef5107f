//! Daemons that not everybody may ask.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tests::TemporaryFolder;
use tests::docker::Docker;
use tests::process::{Process, command, copy_program, output, succeed};

use crate::{IMAGE, is_state, run, start, value};

const PROGRAM: &str = env!("CARGO_BIN_EXE_container-exporter");

/// Whoever may use the socket's group needs no other right.
const NOBODY: u32 = 65_534;
const SOCKET_GROUP: u32 = 41_999;

#[tokio::test]
#[ignore = "needs root and dockerd"]
async fn a_user_of_the_sockets_group_sees_the_containers() {
    let (mut docker, _) = start().unwrap();
    run(&docker, "waits", &[], "while :; do sleep 1; done").unwrap();
    let endpoint = docker.endpoint();
    let socket = endpoint.trim_start_matches("unix://");
    std::os::unix::fs::chown(socket, None, Some(SOCKET_GROUP)).unwrap();
    let folder = TemporaryFolder::new("nobody").unwrap();
    let program = copy_program(Path::new(PROGRAM), folder.path()).unwrap();
    let is_seen = async |group: u32| -> anyhow::Result<bool> {
        let port = tests::free_port()?;
        let mut exporter = command(&program);
        exporter.arg(format!("-docker={endpoint}")).arg(format!("-port={port}"));
        exporter.arg("-listen_ip=127.0.0.1").uid(NOBODY).gid(group);
        let process = Process::start(&mut exporter, &folder.path().join("log"))?;
        let body = tests::eventually("an answer", Duration::from_secs(20), || {
            tests::http::get(&format!("http://127.0.0.1:{port}/metrics")).and_then(|answer| {
                ensure!(answer.body.contains("container_runtime_up{"), "{}", answer.body);
                Ok(answer.body)
            })
        });
        let body = body.with_context(|| process.log())?;
        Ok(is_state(&body, "waits", "running")
            && value(&body, "container_memory_usage_bytes", "waits", "").is_some())
    };
    assert!(is_seen(SOCKET_GROUP).await.unwrap());
    assert!(!is_seen(NOBODY).await.unwrap(), "others do not");
    docker.end().unwrap();
}

/// Makes an authority, and certificates of it for both sides.
fn certify(folder: &Path) -> anyhow::Result<()> {
    let openssl = |words: &str| {
        succeed(command("openssl").current_dir(folder).args(words.split_whitespace())).map(drop)
    };
    openssl(
        "req -x509 -newkey rsa:2048 -nodes -keyout ca-key.pem -out ca.pem -days 2 -subj /CN=ca",
    )?;
    for (name, extension) in [
        ("server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n"),
        ("client", "extendedKeyUsage=clientAuth\n"),
    ] {
        std::fs::write(folder.join(format!("{name}.ext")), extension)?;
        openssl(&format!(
            "req -newkey rsa:2048 -nodes -keyout {name}-key.pem -out {name}.csr -subj /CN={name}"
        ))?;
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 \
             -extfile {name}.ext -out {name}.pem"
        ))?;
    }
    Ok(())
}

#[test]
#[ignore = "needs root, dockerd and openssl"]
fn a_daemon_behind_tls_is_followed_by_who_has_the_certificate() {
    let folder = TemporaryFolder::new("certificates").unwrap();
    certify(folder.path()).unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    // The daemon is alone in its network.
    let endpoint = "tcp://127.0.0.1:2376";
    let options = [
        "--bridge=none".to_owned(),
        format!("--host={endpoint}"),
        "--tlsverify".to_owned(),
        format!("--tlscacert={}", file("ca.pem")),
        format!("--tlscert={}", file("server.pem")),
        format!("--tlskey={}", file("server-key.pem")),
    ];
    let mut docker = Docker::new(&options.each_ref().map(String::as_str)).unwrap();
    docker.start().unwrap();
    docker.import(IMAGE).unwrap();
    run(&docker, "waits", &[], "while :; do sleep 1; done").unwrap();
    let scrape_with = |key: &str| {
        let mut exporter = docker.beside(PROGRAM);
        exporter
            .args([&format!("-docker={endpoint}"), "-docker-tls"])
            .arg(format!("-docker-tls-ca={}", file("ca.pem")))
            .arg(format!("-docker-tls-cert={}", file("client.pem")))
            .arg(format!("-docker-tls-key={}", file(key)))
            .arg("scrape");
        String::from_utf8(output(&mut exporter).unwrap().stdout).unwrap()
    };
    let body = scrape_with("client-key.pem");
    assert!(is_state(&body, "waits", "running"), "{body}");
    let body = scrape_with("server-key.pem");
    assert!(body.contains("container_runtime_up{runtime=\"docker\"} 0\n"), "{body}");
    assert!(!body.contains("waits"), "{body}");
    docker.end().unwrap();
}

#[tokio::test]
#[ignore = "needs root and dockerd"]
async fn a_container_without_rights_sees_the_others() {
    let (mut docker, _) = start().unwrap();
    run(&docker, "waits", &[], "while :; do sleep 1; done").unwrap();
    let endpoint = docker.endpoint();
    let socket = endpoint.trim_start_matches("unix://");
    std::os::unix::fs::chown(socket, None, Some(SOCKET_GROUP)).unwrap();
    let folder = TemporaryFolder::new("confined").unwrap();
    copy_program(Path::new(PROGRAM), folder.path()).unwrap();
    let user = format!("{NOBODY}:{SOCKET_GROUP}");
    let mounts = [
        format!("{socket}:/var/run/docker.sock:ro"),
        format!("{}:/program:ro", folder.path().display()),
        // The image holds no C library.
        "/:/libraries:ro".to_owned(),
        "/proc:/host/proc:ro".to_owned(),
        "/sys/fs/cgroup:/sys/fs/cgroup:ro".to_owned(),
    ];
    let mut words = vec!["run", "--rm", "--net=none", "--cap-drop=ALL", "--user", &user];
    words.extend(["--cgroupns=private", "--read-only"]);
    words.extend(mounts.iter().flat_map(|mount| ["-v", mount]));
    let loader = std::fs::canonicalize("/lib64/ld-linux-x86-64.so.2").unwrap();
    let loader = format!("/libraries{}", loader.display());
    let library_path = Path::new(&loader).parent().unwrap().display().to_string();
    words.extend([IMAGE, &loader, "--library-path", &library_path]);
    words.extend(["/program/container-exporter", "--path.procfs=/host/proc", "scrape"]);
    let body = docker.run(&words).unwrap();
    assert!(is_state(&body, "waits", "running"), "{body}");
    let memory = value(&body, "container_memory_usage_bytes", "waits", "");
    assert!(memory.is_some_and(|bytes| bytes > 0.0), "{body}");
    assert!(body.contains("container_memory_usage_bytes{id=\"/\"}"), "{body}");
    docker.end().unwrap();
}
