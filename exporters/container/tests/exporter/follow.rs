//! How the exporter follows a daemon that changes, fails and returns.

use std::time::{Duration, Instant};

use crate::stub::{GATEWAY, Mood, Stub, WORKER, is_harmless, path_of};
use crate::{Running, on_fixtures};

const UP: &str = "container_runtime_up{runtime=\"docker\"} 1\n";
const DOWN: &str = "container_runtime_up{runtime=\"docker\"} 0\n";

fn is_named(body: &str, name: &str) -> bool {
    body.lines().any(|line| {
        line.starts_with("container_memory_usage_bytes")
            && line.contains(&format!("name=\"{name}\""))
    })
}

#[tokio::test]
async fn a_proxy_that_lets_only_harmless_questions_pass_is_enough() {
    let docker = Stub::start("get", Mood::Guards).unwrap();
    let mut arguments = on_fixtures("v1", &docker.endpoint());
    arguments.push("--fs.size-interval=1s".into());
    let exporter = Running::start(&arguments).unwrap();
    let has_sizes = |body: &str| body.contains("container_writable_layer_size_bytes{");
    exporter.eventually(|body| body.contains(UP) && has_sizes(body)).await.unwrap();
    docker.send_event("rename", GATEWAY);
    docker.cut_events();
    let asked = docker.requests().len();
    let asks_again =
        |_: &str| docker.requests()[asked..].iter().any(|line| line.contains("/events"));
    exporter.eventually(asks_again).await.unwrap();
    for line in docker.requests() {
        assert!(is_harmless(&line, &path_of(&line)), "{line}");
    }
}

#[tokio::test]
async fn a_proxy_that_keeps_the_daemons_facts_for_itself_costs_no_name() {
    let docker = Stub::start("info", Mood::Guards).unwrap();
    docker.set_answer("/info", None);
    let exporter = Running::start(&on_fixtures("v1", &docker.endpoint())).unwrap();
    let body = exporter.eventually(|body| body.contains(UP)).await.unwrap();
    assert!(is_named(&body, "twitch-chatters-gateway"), "{body}");
}

#[tokio::test]
async fn events_are_asked_for_first_and_scrapes_ask_nothing() {
    let docker = Stub::start("order", Mood::Answers).unwrap();
    let mut arguments = on_fixtures("v1", &docker.endpoint());
    arguments.push("--fs.size-interval=0".into());
    let exporter = Running::start(&arguments).unwrap();
    exporter.eventually(|body| body.contains(UP)).await.unwrap();
    let before = docker.requests();
    for _ in 0..10 {
        exporter.scrape().await.unwrap();
    }
    let requests = docker.requests();
    let position = |part: &str| requests.iter().position(|line| line.contains(part)).unwrap();
    assert!(position("/events?since=") < position("/containers/json"), "{requests:#?}");
    assert_eq!(requests.len(), before.len(), "{requests:#?}");
}

#[tokio::test]
async fn renames_starts_and_ends_are_seen_at_once() {
    let docker = Stub::start("events", Mood::Answers).unwrap();
    let worker = format!("/containers/{WORKER}/json");
    let gateway = format!("/containers/{GATEWAY}/json");
    let (list, answer) = (docker.answer("/containers/json"), docker.answer(&worker));
    let only_gateway: Vec<serde_json::Value> = serde_json::from_str(&list).unwrap();
    let only_gateway: Vec<_> =
        only_gateway.into_iter().filter(|found| found["Id"] == GATEWAY).collect();
    docker.set_answer("/containers/json", Some(serde_json::to_string(&only_gateway).unwrap()));
    docker.set_answer(&worker, None);
    let exporter = Running::start(&on_fixtures("v2", &docker.endpoint())).unwrap();
    let body = exporter.eventually(|body| body.contains(UP)).await.unwrap();
    assert!(is_named(&body, "twitch-chatters-gateway"), "{body}");
    assert!(!is_named(&body, "twitch-chatters-worker"), "{body}");

    docker.set_answer(&worker, Some(answer));
    docker.send_event("start", WORKER);
    exporter.eventually(|body| is_named(body, "twitch-chatters-worker")).await.unwrap();

    let renamed = docker.answer(&gateway).replace("/twitch-chatters-gateway", "/renamed");
    docker.set_answer(&gateway, Some(renamed));
    docker.send_event("rename", GATEWAY);
    exporter.eventually(|body| is_named(body, "renamed")).await.unwrap();

    let sick = docker.answer(&gateway).replace("\"healthy\"", "\"unhealthy\"");
    docker.set_answer(&gateway, Some(sick));
    docker.send_event("health_status: unhealthy", GATEWAY);
    let is_sick = |body: &str| {
        body.lines().any(|line| {
            line.starts_with("container_health_state{")
                && line.contains("renamed")
                && line.ends_with(" 0")
        })
    };
    exporter.eventually(is_sick).await.unwrap();

    let has_network = |body: &str| {
        body.lines().any(|line| {
            line.starts_with("container_network_receive_bytes_total") && line.contains("renamed")
        })
    };
    assert!(has_network(&exporter.scrape().await.unwrap()));
    let ended = docker.answer(&gateway).replace("\"Pid\": 3456", "\"Pid\": 0");
    docker.set_answer(&gateway, Some(ended));
    docker.send_event("die", GATEWAY);
    exporter.eventually(|body| is_named(body, "renamed") && !has_network(body)).await.unwrap();
    docker.set_answer(&gateway, None);
    docker.send_event("destroy", GATEWAY);
    exporter.eventually(|body| !is_named(body, "renamed")).await.unwrap();
}

#[tokio::test]
async fn names_outlive_the_daemon_and_it_may_return() {
    let docker = Stub::start("restart", Mood::Answers).unwrap();
    let endpoint = docker.endpoint();
    let exporter = Running::start(&on_fixtures("v1", &endpoint)).unwrap();
    exporter.eventually(|body| body.contains(UP)).await.unwrap();
    drop(docker);
    let body = exporter.eventually(|body| body.contains(DOWN)).await.unwrap();
    assert!(is_named(&body, "twitch-chatters-gateway"), "{body}");
    // The process is still the container's, as its cgroup file tells.
    assert!(body.contains("container_network_receive_bytes_total{container_label"), "{body}");
    let _docker = Stub::start("restart", Mood::Answers).unwrap();
    exporter.eventually(|body| body.contains(UP)).await.unwrap();
}

#[tokio::test]
async fn a_daemon_that_starts_late_or_babbles_is_tried_again() {
    let docker = Stub::start("late", Mood::Babbles).unwrap();
    let exporter = Running::start(&on_fixtures("v1", &docker.endpoint())).unwrap();
    let body = exporter.eventually(|body| body.contains(DOWN)).await.unwrap();
    assert!(body.contains("container_memory_usage_bytes{id=\"/\"}"), "{body}");
    docker.set_mood(Mood::Answers);
    let body = exporter.eventually(|body| body.contains(UP)).await.unwrap();
    assert!(is_named(&body, "twitch-chatters-gateway"), "{body}");
}

#[tokio::test]
async fn a_daemon_that_hangs_costs_names_and_not_the_scrape() {
    let docker = Stub::start("hang", Mood::Hangs).unwrap();
    let exporter = Running::start(&on_fixtures("v2", &docker.endpoint())).unwrap();
    let started = Instant::now();
    let body = exporter.scrape().await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert!(body.contains(DOWN) && body.contains("container_memory_usage_bytes{id="), "{body}");
}

#[tokio::test]
async fn a_container_that_cannot_be_inspected_keeps_the_name_of_the_list() {
    let docker = Stub::start("inspect", Mood::Answers).unwrap();
    let gateway = format!("/containers/{GATEWAY}/json");
    docker.set_answer(&gateway, Some("{\"State\": 7}".into()));
    let exporter = Running::start(&on_fixtures("v1", &docker.endpoint())).unwrap();
    let body = exporter.eventually(|body| body.contains(UP)).await.unwrap();
    assert!(is_named(&body, "twitch-chatters-gateway"), "{body}");
    assert!(is_named(&body, "twitch-chatters-worker"), "{body}");
}

#[tokio::test]
async fn without_docker_there_are_cgroups_and_no_verdict() {
    let exporter = Running::start(&on_fixtures("v2", "")).unwrap();
    let body = exporter.scrape().await.unwrap();
    assert!(!body.contains("container_runtime_up"), "{body}");
    assert!(body.contains("id=\"/system.slice/ssh.service\""), "{body}");
}
