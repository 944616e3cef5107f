//! What containers do and how they end, as a daemon with recorded answers tells.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::stub::{GATEWAY, Mood, Stub};
use crate::{Running, on_fixtures};

const UP: &str = "container_runtime_up{runtime=\"docker\"} 1\n";

/// The value of the sample of `family` of the gateway with all `labels`.
fn value(body: &str, family: &str, labels: &[&str]) -> Option<f64> {
    let start = format!("{family}{{");
    let mut lines = body.lines().filter(|line| {
        line.starts_with(&start)
            && line.contains("name=\"twitch-chatters-gateway\"")
            && labels.iter().all(|label| line.contains(label))
    });
    let found = lines.next()?;
    assert_eq!(lines.next(), None, "only one of {family} {labels:?}");
    found.rsplit_once(' ')?.1.parse().ok()
}

fn state(body: &str) -> Vec<&'static str> {
    let states = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];
    let is_set = |state: &&'static str| {
        value(body, "container_state", &[&format!("state=\"{state}\"")]) == Some(1.0)
    };
    states.into_iter().filter(is_set).collect()
}

struct Gateway {
    docker: Stub,
    answer: Value,
}

impl Gateway {
    fn start(name: &str) -> anyhow::Result<Self> {
        let docker = Stub::start(name, Mood::Answers)?;
        let answer = serde_json::from_str(&docker.answer(&Self::path()))?;
        Ok(Self { docker, answer })
    }

    fn path() -> String {
        format!("/containers/{GATEWAY}/json")
    }

    /// Changes the state, and tells of it by an event.
    fn change(&mut self, state: &[(&str, Value)], action: &str, attributes: &str) {
        for (key, value) in state {
            self.answer["State"][*key] = value.clone();
        }
        self.docker.set_answer(&Self::path(), Some(self.answer.to_string()));
        self.docker.send_event_with(action, GATEWAY, attributes);
    }
}

#[tokio::test]
async fn a_container_that_ends_and_starts_again_keeps_its_series_and_its_exit_code() {
    let mut gateway = Gateway::start("states").unwrap();
    let exporter = Running::start(&on_fixtures("v1", &gateway.docker.endpoint())).unwrap();
    let body = exporter.eventually(|body| body.contains(UP)).await.unwrap();
    assert_eq!(state(&body), ["running"]);
    assert_eq!(value(&body, "container_last_exit_code", &[]), None);
    assert_eq!(value(&body, "container_restarts_total", &[]), Some(0.0));
    assert_eq!(value(&body, "container_oom_events_total", &[]), Some(2.0));

    // More than the kernel has counted so far.
    for _ in 0..3 {
        gateway.docker.send_event("oom", GATEWAY);
    }
    let ended = [
        ("Status", json!("exited")),
        ("Pid", json!(0)),
        ("ExitCode", json!(137)),
        ("OOMKilled", json!(true)),
        ("FinishedAt", json!("2026-11-24T05:00:00Z")),
    ];
    gateway.change(&ended, "die", r#"{"exitCode":"137"}"#);
    let body = exporter.eventually(|body| state(body) == ["exited"]).await.unwrap();
    assert_eq!(value(&body, "container_last_exit_code", &[]), Some(137.0));
    assert_eq!(value(&body, "container_finished_time_seconds", &[]), Some(1_795_496_400.0));
    assert_eq!(value(&body, "container_oom_events_total", &[]), Some(3.0));

    gateway.answer["RestartCount"] = json!(1);
    let restarted = [
        ("Status", json!("running")),
        ("Pid", json!(3456)),
        ("ExitCode", json!(0)),
        ("OOMKilled", json!(false)),
    ];
    gateway.change(&restarted, "start", "{}");
    let body = exporter.eventually(|body| state(body) == ["running"]).await.unwrap();
    assert_eq!(value(&body, "container_last_exit_code", &[]), Some(137.0), "that of the last end");
    assert_eq!(value(&body, "container_restarts_total", &[]), Some(1.0));
    assert_eq!(value(&body, "container_oom_events_total", &[]), Some(3.0));

    gateway.change(&[("Status", json!("paused"))], "pause", "{}");
    exporter.eventually(|body| state(body) == ["paused"]).await.unwrap();
}

#[tokio::test]
async fn a_stopped_container_without_a_cgroup_stays_until_it_is_removed() {
    let stopped = "0".repeat(64);
    let docker = Stub::start("stopped", Mood::Answers).unwrap();
    let path = format!("/containers/{stopped}/json");
    let mut list: Vec<Value> = serde_json::from_str(&docker.answer("/containers/json")).unwrap();
    list.push(json!({"Id": stopped, "Names": ["/backup"], "State": "exited"}));
    docker.set_answer("/containers/json", Some(json!(list).to_string()));
    let answer = json!({
        "Id": stopped, "Name": "/backup", "Config": {"Image": "backup:2"}, "RestartCount": 3,
        "State": {"Status": "exited", "ExitCode": 2, "FinishedAt": "2026-11-24T05:00:00Z"},
    });
    docker.set_answer(&path, Some(answer.to_string()));
    let mut arguments = on_fixtures("v2", &docker.endpoint());
    arguments.extend(["--docker_only", "--store_container_labels=false"].map(ToOwned::to_owned));
    let exporter = Running::start(&arguments).unwrap();
    let body = exporter.eventually(|body| body.contains(UP)).await.unwrap();
    let labels = format!("id=\"/docker/{stopped}\",image=\"backup:2\",name=\"backup\"");
    assert!(body.contains(&format!("container_last_exit_code{{{labels}}} 2\n")), "{body}");
    assert!(body.contains(&format!("container_restarts_total{{{labels}}} 3\n")), "{body}");
    assert!(body.contains(&format!("container_state{{{labels},state=\"exited\"}} 1\n")), "{body}");
    assert!(!body.contains("container_last_seen{id=\"/docker/0"), "there is no cgroup: {body}");
    docker.set_answer(&path, None);
    docker.send_event("destroy", &stopped);
    exporter.eventually(|body| !body.contains("backup")).await.unwrap();
}

#[tokio::test]
async fn starting_is_not_unhealthy_and_without_a_check_there_is_no_verdict() {
    let mut gateway = Gateway::start("health").unwrap();
    let exporter = Running::start(&on_fixtures("v2", &gateway.docker.endpoint())).unwrap();
    exporter.eventually(|body| body.contains(UP)).await.unwrap();
    let verdicts = |body: &str| {
        ["starting", "healthy", "unhealthy"].map(|status| {
            value(body, "container_health_status", &[&format!("status=\"{status}\"")])
        })
    };
    let is = |wanted: [f64; 3]| move |body: &str| verdicts(body) == wanted.map(Some);
    let health = |status: &str| [("Health", json!({"Status": status}))];
    exporter.eventually(is([0.0, 1.0, 0.0])).await.unwrap();
    gateway.change(&health("starting"), "health_status: starting", "{}");
    let body = exporter.eventually(is([1.0, 0.0, 0.0])).await.unwrap();
    assert_eq!(value(&body, "container_health_state", &[]), Some(0.0));
    gateway.change(&health("unhealthy"), "health_status: unhealthy", "{}");
    exporter.eventually(is([0.0, 0.0, 1.0])).await.unwrap();
    gateway.change(&health("none"), "update", "{}");
    exporter.eventually(|body| verdicts(body) == [None; 3]).await.unwrap();
}

#[tokio::test]
async fn ports_sizes_and_compose_labels_are_shown() {
    let mut gateway = Gateway::start("ports").unwrap();
    gateway.answer["NetworkSettings"]["Ports"] =
        json!({"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "9000/udp": null});
    gateway.change(&[], "start", "{}");
    let mut arguments = on_fixtures("v2", &gateway.docker.endpoint());
    arguments.extend(
        ["--container.compose-labels", "--store_container_labels=false", "--fs.size-interval=1h"]
            .map(ToOwned::to_owned),
    );
    let exporter = Running::start(&arguments).unwrap();
    let is_sized = |body: &str| body.contains("container_image_size_bytes{");
    let body = exporter.eventually(|body| body.contains(UP) && is_sized(body)).await.unwrap();
    let published = ["container_port=\"80\"", "host_ip=\"0.0.0.0\"", "host_port=\"8080\""];
    assert_eq!(value(&body, "container_port_info", &published), Some(1.0));
    let exposed = ["container_port=\"9000\"", "protocol=\"udp\""];
    assert_eq!(value(&body, "container_port_info", &exposed), Some(1.0));
    let compose = ["compose_project=\"app\"", "compose_service=\"gateway\""];
    assert_eq!(value(&body, "container_writable_layer_size_bytes", &compose), Some(40_960.0));
    assert!(!body.contains("container_label_"), "{body}");
}

#[tokio::test]
async fn without_sizes_nothing_asks_for_them() {
    let docker = Stub::start("sizeless", Mood::Answers).unwrap();
    let mut arguments = on_fixtures("v2", &docker.endpoint());
    arguments.push("--fs.size-interval=0".into());
    let exporter = Running::start(&arguments).unwrap();
    exporter.eventually(|body| body.contains(UP)).await.unwrap();
    let body = exporter.scrape().await.unwrap();
    assert!(!body.contains("size_bytes"), "{body}");
    assert!(docker.requests().iter().all(|line| !line.contains("size=true")));
}

#[tokio::test]
async fn volumes_are_shown_with_their_containers_and_on_request_with_their_sizes() {
    let docker = Stub::start("volumes", Mood::Answers).unwrap();
    let arguments = on_fixtures("v2", &docker.endpoint());
    let exporter = Running::start(&arguments).unwrap();
    let body = exporter.eventually(|body| body.contains(UP)).await.unwrap();
    let uploads =
        ["destination=\"/srv\"", "read_only=\"true\"", "runtime=\"docker\"", "volume=\"uploads\""];
    assert_eq!(value(&body, "container_volume_info", &uploads), Some(1.0));
    assert_eq!(series(&body, "container_volume_info").len(), 2, "no folder of the host: {body}");
    assert!(!body.contains("container_volume_size_bytes"), "{body}");
    assert!(docker.requests().iter().all(|line| !line.contains("/system/df")));

    let further = ["--fs.volume-interval=1h".to_owned(), "--container.max-volumes=2".to_owned()];
    let exporter = Running::start(&[arguments.clone(), further.to_vec()].concat()).unwrap();
    let is_measured = |body: &str| body.contains("container_volume_size_bytes{");
    let body = exporter.eventually(is_measured).await.unwrap();
    let size =
        |volume: &str| format!("{{driver=\"local\",runtime=\"docker\",volume=\"{volume}\"}}");
    for line in [
        format!("container_volume_size_bytes{} 65536\n", size("db-data")),
        format!("container_volume_containers{} 1\n", size("db-data")),
        format!("container_volume_containers{} 0\n", size("unused")),
    ] {
        assert!(body.contains(&line), "{line}{body}");
    }
    assert!(!body.contains(&size("uploads")), "no more than two: {body}");
    let asked = docker.requests().into_iter().filter(|line| line.contains("/system/df"));
    assert_eq!(asked.collect::<Vec<_>>(), ["GET /system/df?type=volume&verbose=true HTTP/1.1"]);
}

#[tokio::test]
async fn volumes_that_cannot_be_measured_cost_nothing_else() {
    let docker = Stub::start("unmeasured", Mood::Answers).unwrap();
    docker.set_answer("/system/df", None);
    let mut arguments = on_fixtures("v2", &docker.endpoint());
    arguments.push("--fs.volume-interval=1s".into());
    let exporter = Running::start(&arguments).unwrap();
    let body = exporter.eventually(|body| body.contains(UP)).await.unwrap();
    assert!(!body.contains("container_volume_size_bytes{"), "{body}");
    assert_eq!(series(&body, "container_volume_info").len(), 2, "{body}");
    docker.set_answer(
        "/system/df",
        Some(json!({"Volumes": [{"Name": "late", "UsageData": {"Size": 5}}]}).to_string()),
    );
    let is_late = |body: &str| body.contains(",volume=\"late\"} 5\n");
    exporter.eventually(is_late).await.unwrap();
}

/// The series of `family` of the gateway.
fn series(body: &str, family: &str) -> BTreeSet<String> {
    let start = format!("{family}{{");
    let lines = body.lines().filter(|line| {
        line.starts_with(&start) && line.contains("name=\"twitch-chatters-gateway\"")
    });
    lines.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

#[tokio::test]
async fn restarts_are_counted_in_one_series() {
    let own = [
        "container_restarts_total",
        "container_state",
        "container_health_status",
        "container_last_exit_code",
        "container_finished_time_seconds",
        "container_port_info",
        "container_writable_layer_size_bytes",
        "container_image_size_bytes",
    ];
    let mut gateway = Gateway::start("series").unwrap();
    gateway.answer["NetworkSettings"]["Ports"] = json!({"80/tcp": null});
    let ended = [
        ("Status", json!("exited")),
        ("ExitCode", json!(1)),
        ("FinishedAt", json!("2026-11-24T05:00:00Z")),
    ];
    gateway.change(&ended, "die", r#"{"exitCode":"1"}"#);
    let exporter = Running::start(&on_fixtures("v2", &gateway.docker.endpoint())).unwrap();
    let is_whole = |body: &str| own.iter().all(|family| !series(body, family).is_empty());
    let before = exporter.eventually(is_whole).await.unwrap();
    for restarts in 1..=2 {
        gateway.answer["RestartCount"] = json!(restarts);
        gateway.change(&[], "start", "{}");
        let is_counted = |body: &str| value(body, own[0], &[]) == Some(f64::from(restarts));
        let body = exporter.eventually(is_counted).await.unwrap();
        for family in own {
            assert_eq!(series(&body, family), series(&before, family));
        }
        let label = format!("container_label_restartcount=\"{restarts}\"");
        for family in ["container_last_seen", "container_oom_events_total"] {
            let series = series(&body, family);
            assert!(series.iter().any(|series| series.contains(&label)), "{series:?}");
        }
    }
}
