//! Command lines as users of cAdvisor write them.

use clap::ArgMatches;
use common::cli::unused;
use common::commands::{Program, parse};
use container_exporter::ContainerExporter;
use container_exporter::args::UNUSED;

use crate::stub::{Mood, Stub};
use crate::{Running, on_fixtures};

fn matches(arguments: &[&str]) -> Result<ArgMatches, clap::Error> {
    let arguments = std::iter::once("test").chain(arguments.iter().copied());
    parse::<ContainerExporter>(arguments.map(Into::into))
}

#[test]
fn address_and_path_have_the_names_of_the_reference() {
    let found = matches(&["-port", "9999", "--listen_ip=127.0.0.1", "-prometheus_endpoint=/m"]);
    let found = found.unwrap();
    assert_eq!(ContainerExporter::default_address(&found), "127.0.0.1:9999");
    assert_eq!(found.get_one::<String>("web.telemetry-path").unwrap(), "/m");
    assert_eq!(ContainerExporter::default_address(&matches(&[]).unwrap()), ":8080");
}

fn unused_flags(matches: &ArgMatches) -> Vec<String> {
    let given = unused::given(matches, UNUSED, ContainerExporter::DIALECT);
    let mut flags: Vec<String> = given.into_iter().map(|(flag, _)| flag).collect();
    flags.sort_unstable();
    flags
}

#[test]
fn flags_without_effect_are_accepted_and_named() {
    let arguments = [
        "-logtostderr",
        "-v=4",
        "--housekeeping_interval",
        "10s",
        "-allow_dynamic_housekeeping=false",
        "-storage_driver_password=hunter2",
        "-docker_only",
    ];
    let found = matches(&arguments).unwrap();
    let expected = [
        "--allow_dynamic_housekeeping",
        "--housekeeping_interval",
        "--logtostderr",
        "--storage_driver_password",
        "--v",
    ];
    assert_eq!(unused_flags(&found), expected);
    assert!(found.get_flag("docker_only") && found.get_flag("store_container_labels"));
}

#[test]
fn every_flag_of_a_usual_command_line_is_understood() {
    let arguments = [
        "-port",
        "8081",
        "--housekeeping_interval=30s",
        "--docker_only=true",
        "--store_container_labels=false",
        "--whitelisted_container_labels=com.docker.compose.project, com.docker.compose.service",
        "-env_metadata_whitelist=APP_",
        "--raw_cgroup_prefix_whitelist=/system.slice",
        "--disable_root_cgroup_stats",
        "--disable_metrics=disk,network,tcp,udp,percpu,sched,process",
        "-url_base_prefix=/cadvisor/",
        "-enable_load_reader=true",
        "-http_auth_file=web.htpasswd",
        "-profiling",
        "-container_hints",
        "hints.json",
    ];
    let found = matches(&arguments).unwrap();
    assert_eq!(found.get_one::<String>("web.route-prefix").unwrap(), "/cadvisor");
    assert!(found.get_flag("docker_only") && !found.get_flag("store_container_labels"));
    assert_eq!(
        unused_flags(&found),
        ["--container_hints", "--housekeeping_interval", "--http_auth_file", "--profiling"]
    );
}

#[test]
fn unknown_groups_flags_and_endpoints_are_usage_errors() {
    for argument in ["-disable_metrics=diskio", "-enable_metrics=x", "-nothing", "-docker=here"] {
        let error = matches(&[argument]).unwrap_err();
        assert!(error.use_stderr(), "{argument}");
    }
    assert_eq!(ContainerExporter::DIALECT.usage_exit_code(), 2);
}

/// Status, and where to go instead.
async fn get(exporter: &Running, path: &str) -> anyhow::Result<(u16, String)> {
    let answer = exporter.get(path, &[]).await?;
    Ok((answer.status, answer.header("location").to_owned()))
}

#[tokio::test]
async fn pages_of_the_reference_lead_to_the_landing_page() {
    let plain = Running::start(&on_fixtures("v2", "")).unwrap();
    for path in ["/containers", "/containers/", "/containers/docker/x", "/docker", "/docker/x"] {
        assert_eq!(get(&plain, path).await.unwrap(), (307, "/".to_owned()), "{path}");
    }
    assert_eq!(get(&plain, "/healthz").await.unwrap().0, 200);
}

#[tokio::test]
async fn a_prefix_stands_before_every_path() {
    let mut arguments = on_fixtures("v2", "");
    arguments.push("-url_base_prefix=/cadvisor".to_owned());
    let below = Running::start(&arguments).unwrap();
    for path in ["/cadvisor/", "/cadvisor/metrics", "/cadvisor/healthz"] {
        assert_eq!(get(&below, path).await.unwrap().0, 200, "{path}");
    }
    assert_eq!(get(&below, "/cadvisor/containers/").await.unwrap(), (307, "/cadvisor/".to_owned()));
    assert_eq!(get(&below, "/metrics").await.unwrap().0, 404);
}

#[tokio::test]
async fn the_type_parameter_chooses_containers() {
    let docker = Stub::start("type", Mood::Answers).unwrap();
    let exporter = Running::start(&on_fixtures("v2", &docker.endpoint())).unwrap();
    exporter.eventually(|body| body.contains(",name=\"")).await.unwrap();
    let (all, chosen) =
        (exporter.scrape().await.unwrap(), exporter.scrape_with("/metrics?type=docker", &[]));
    let chosen = chosen.await.unwrap();
    let is_of_root = |body: &str| body.contains("container_memory_usage_bytes{id=\"/\"}");
    assert!(is_of_root(&all) && !is_of_root(&chosen), "{chosen}");
    assert!(chosen.contains("name=\"twitch-chatters-gateway\""), "{chosen}");
    assert_eq!(get(&exporter, "/metrics?type=lxc").await.unwrap().0, 400);
}
