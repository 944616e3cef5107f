//! Projects of Compose, containers with the host's network, and published ranges of ports.

use tests::TemporaryFolder;
use tests::process::{command, succeed};

use crate::{IMAGE, UP, daemon, follow, run, start, value};

const SLEEPS: &str = "while :; do sleep 1; done";

const PROJECT: &str = r"version: '2.4'
services:
  web:
    image: busybox:1
    command: [/bin/sh, -c, 'while :; do sleep 1; done']
    network_mode: none
    volumes: ['data:/srv']
  worker:
    image: busybox:1
    command: [/bin/sh, -c, 'while :; do sleep 1; done']
    network_mode: none
volumes:
  data: {}
";

#[tokio::test]
#[ignore = "needs root, dockerd and docker-compose"]
async fn containers_of_a_compose_project_are_told_by_it() {
    let mut docker = daemon(&["--bridge=none"]).unwrap();
    let folder = TemporaryFolder::new("project").unwrap();
    std::fs::write(folder.path().join("docker-compose.yml"), PROJECT).unwrap();
    let compose = |words: &[&str]| {
        let mut compose = command("docker-compose");
        compose.env("DOCKER_HOST", docker.endpoint()).current_dir(folder.path());
        succeed(compose.args(["--project-name", "shop"]).args(words))
    };
    compose(&["up", "--detach"]).unwrap();
    let flags = ["--container.compose-labels", "--store_container_labels=false"];
    let exporter = follow(&docker, &flags).unwrap();
    let of = |service: &str| format!("compose_project=\"shop\",compose_service=\"{service}\"");
    let shows = |body: &str, service: &str| {
        body.lines().any(|line| {
            line.starts_with("container_memory_usage_bytes{") && line.contains(&of(service))
        })
    };
    let body =
        exporter.eventually(|body| shows(body, "web") && shows(body, "worker")).await.unwrap();
    assert!(!body.contains("container_label_"), "{body}");
    let mut volumes = body.lines().filter(|line| line.starts_with("container_volume_info{"));
    let volume = volumes.next().unwrap();
    assert!(volume.contains("volume=\"shop_data\"") && volume.contains(&of("web")), "{volume}");
    assert_eq!(volumes.next(), None);
    let labelled = follow(&docker, &[]).unwrap();
    let label = "container_label_com_docker_compose_project=\"shop\"";
    labelled.eventually(|body| body.contains(label)).await.unwrap();
    compose(&["down"]).unwrap();
    exporter.eventually(|body| !body.contains("compose_project")).await.unwrap();
    docker.end().unwrap();
}

#[tokio::test]
#[ignore = "needs root and dockerd"]
async fn the_hosts_traffic_can_be_left_out_of_containers_that_have_its_network() {
    let (mut docker, exporter) = start().unwrap();
    // What the daemon's host has in this test.
    succeed(docker.beside("ip").args(["link", "add", "uplink", "type", "bridge"])).unwrap();
    let options = ["run", "-d", "--net", "host", "--name", "near", IMAGE, "/bin/sh", "-c", SLEEPS];
    docker.run(&options).unwrap();
    run(&docker, "far", &[], SLEEPS).unwrap();
    let mode = |body: &str, name: &str, mode: &str| {
        value(body, "container_network_mode_info", name, &format!("mode=\"{mode}\"")) == Some(1.0)
    };
    let is_known = |body: &str| mode(body, "near", "host") && mode(body, "far", "none");
    let body = exporter.eventually(is_known).await.unwrap();
    let traffic = |body: &str, name: &str| {
        value(body, "container_network_receive_bytes_total", name, "interface=\"uplink\"")
    };
    assert_eq!(traffic(&body, "near"), Some(0.0), "the host's: {body}");
    assert_eq!(traffic(&body, "far"), None, "{body}");
    let hiding = follow(&docker, &["--container.hide-host-network"]).unwrap();
    let body = hiding.eventually(is_known).await.unwrap();
    assert_eq!(traffic(&body, "near"), None, "{body}");
    assert!(value(&body, "container_memory_usage_bytes", "near", "").is_some(), "{body}");
    docker.end().unwrap();
}

#[tokio::test]
#[ignore = "needs root and dockerd"]
async fn a_published_range_of_ports_is_a_range() {
    // The ports are reserved and lead nowhere: this is about what the daemon says of them.
    let options = ["--iptables=false", "--ip-masq=false", "--userland-proxy=false"];
    let mut docker = daemon(&options).unwrap();
    let exporter = follow(&docker, &["--container.max-ports=10"]).unwrap();
    exporter.eventually(|body| body.contains(UP)).await.unwrap();
    let relay = ["run", "-d", "--name", "relay", "-p", "20000-20199:30000-30199/udp", "-p"];
    let further = ["127.0.0.1:8080:80", IMAGE, "/bin/sh", "-c", SLEEPS];
    docker.run(&[&relay[..], &further].concat()).unwrap();
    let range = "container_port=\"30000-30199\",host_ip=\"0.0.0.0\",host_port=\"20000-20199\"";
    let shows_range = |body: &str| value(body, "container_port_info", "relay", range) == Some(1.0);
    let body = exporter.eventually(shows_range).await.unwrap();
    let single = "container_port=\"80\",host_ip=\"127.0.0.1\",host_port=\"8080\"";
    assert_eq!(value(&body, "container_port_info", "relay", single), Some(1.0), "{body}");
    let lines = body.lines().filter(|line| line.starts_with("container_port_info{"));
    assert!(lines.count() <= 3, "{body}");
    assert_eq!(
        value(&body, "container_network_mode_info", "relay", "mode=\"bridge\""),
        Some(1.0),
        "{body}"
    );
    docker.end().unwrap();
}
