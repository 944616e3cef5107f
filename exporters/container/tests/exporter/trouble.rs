//! Daemons that misbehave, and runtimes without a daemon that is asked.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::TemporaryFolder;

use crate::stub::{GATEWAY, Mood, Stub, WORKER};
use crate::{Running, fixture, on_fixtures};

const UP: &str = "container_runtime_up{runtime=\"docker\"} 1\n";
const MANY: usize = 5000;

/// All samples are whole: a name, labels that end, and a number.
fn check_form(body: &str) {
    for line in body.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap_or((line, ""));
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(series.ends_with('}') || !series.contains('{'), "{line}");
    }
    assert!(body.contains("container_scrape_error 0\n"), "{body}");
}

#[tokio::test]
async fn thousands_of_containers_are_listed_at_once_and_inspected_in_time() {
    let docker = Stub::start("many", Mood::Answers).unwrap();
    let id = |number: usize| format!("{number:064x}");
    let list = (0..MANY).map(
        |number| json!({"Id": id(number), "Names": [format!("/job-{number}")], "State": "exited"}),
    );
    docker.set_answer("/containers/json", Some(json!(list.collect::<Vec<_>>()).to_string()));
    for number in 0..MANY {
        let answer = json!({"Id": id(number), "Name": format!("/job-{number}"),
            "State": {"Status": "exited", "ExitCode": 3, "FinishedAt": "2026-11-24T05:00:00Z"}});
        docker.set_answer(&format!("/containers/{}/json", id(number)), Some(answer.to_string()));
    }
    let mut arguments = on_fixtures("v2", &docker.endpoint());
    arguments.push("--fs.size-interval=0".into());
    let exporter = Running::start(&arguments).unwrap();
    let started = Instant::now();
    let body = exporter.scrape().await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(body.contains("name=\"job-4999\""), "the list gives names at once");
    let count = |body: &str| {
        body.lines().filter(|line| line.starts_with("container_last_exit_code{")).count()
    };
    let body = exporter.eventually(|body| count(body) == MANY).await.unwrap();
    check_form(&body);
}

#[tokio::test]
async fn a_container_that_vanishes_between_list_and_inspection_leaves_nothing() {
    let docker = Stub::start("vanish", Mood::Answers).unwrap();
    docker.set_answer(&format!("/containers/{WORKER}/json"), None);
    let exporter = Running::start(&on_fixtures("v2", &docker.endpoint())).unwrap();
    let body = exporter.eventually(|body| body.contains(UP)).await.unwrap();
    assert!(!body.contains("twitch-chatters-worker"), "{body}");
    assert!(body.contains("twitch-chatters-gateway"), "{body}");
    check_form(&body);
}

#[tokio::test]
async fn a_stream_of_events_that_ends_in_the_middle_or_is_nonsense_is_asked_for_again() {
    let docker = Stub::start("cut", Mood::Answers).unwrap();
    let exporter = Running::start(&on_fixtures("v2", &docker.endpoint())).unwrap();
    exporter.eventually(|body| body.contains(UP)).await.unwrap();
    for round in 0..2 {
        let asked = |docker: &Stub| {
            docker.requests().iter().filter(|line| line.contains("/events?")).count()
        };
        let before = asked(&docker);
        if round == 0 {
            docker.cut_events();
        } else {
            docker.send_text("{\"Type\": [[[");
        }
        let body = exporter.eventually(|body| asked(&docker) > before && body.contains(UP)).await;
        let body = body.unwrap();
        assert!(body.contains("twitch-chatters-gateway"), "{body}");
        check_form(&body);
    }
    // What is no news of a container that is known is harmless.
    docker.send_text("{}");
    docker.send_event("start", "no such id");
    docker.send_event("oom", &"f".repeat(100_000));
    let path = format!("/containers/{GATEWAY}/json");
    let renamed = docker.answer(&path).replace("/twitch-chatters-gateway", "/renamed");
    docker.set_answer(&path, Some(renamed));
    docker.send_event("rename", GATEWAY);
    let body = exporter.eventually(|body| body.contains("name=\"renamed\"")).await.unwrap();
    check_form(&body);
}

#[tokio::test]
async fn a_daemon_that_hangs_in_the_middle_costs_no_scrape() {
    let docker = Stub::start("middle", Mood::Answers).unwrap();
    let exporter = Running::start(&on_fixtures("v2", &docker.endpoint())).unwrap();
    exporter.eventually(|body| body.contains(UP)).await.unwrap();
    docker.set_mood(Mood::Hangs);
    docker.send_event("die", GATEWAY);
    for _ in 0..3 {
        let started = Instant::now();
        let body = exporter.scrape().await.unwrap();
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
        assert!(body.contains("twitch-chatters-gateway"), "{body}");
        check_form(&body);
    }
}

#[tokio::test]
async fn podman_is_followed_beside_docker_and_its_absence_is_no_news() {
    let podman = Stub::start("podman", Mood::Answers).unwrap();
    let mut arguments = on_fixtures("v2", "");
    arguments.push(format!("--podman={}", podman.endpoint()));
    let with_podman = Running::start(&arguments).unwrap();
    let up = "container_runtime_up{runtime=\"podman\"} 1\n";
    let body = with_podman.eventually(|body| body.contains(up)).await.unwrap();
    assert!(body.contains("name=\"twitch-chatters-gateway\""), "{body}");
    assert!(!body.contains("runtime=\"docker\""), "{body}");

    let docker = Stub::start("alone", Mood::Answers).unwrap();
    let without = Running::start(&on_fixtures("v2", &docker.endpoint())).unwrap();
    let body = without.eventually(|body| body.contains(UP)).await.unwrap();
    assert!(!body.contains("runtime=\"podman\""), "{body}");
}

#[tokio::test]
async fn a_list_with_an_unknown_word_costs_only_the_containers_of_that_status() {
    let docker = Stub::start("word", Mood::Answers).unwrap();
    let list = docker.answer("/containers/json");
    let strange = list.replacen("\"running\"", "\"stopped\"", 1);
    assert_ne!(list, strange);
    docker.set_answer("/containers/json", Some(strange.clone()));
    docker.set_answer("/containers/json?exited", Some(strange));
    docker.set_answer("/containers/json?running", Some(list));
    let exporter = Running::start(&on_fixtures("v2", &docker.endpoint())).unwrap();
    let body = exporter.eventually(|body| body.contains(UP)).await.unwrap();
    assert!(body.contains("twitch-chatters-gateway"), "{body}");
    check_form(&body);
}

#[tokio::test]
async fn cgroups_of_pods_are_named_by_files_and_monitors_are_no_containers() {
    let (web, db) = ("a".repeat(64), "b".repeat(64));
    let root = TemporaryFolder::new("pods").unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let cgroups = [
        format!("kubepods.slice/kubepods-pod7.slice/cri-containerd-{web}.scope"),
        format!("machine.slice/libpod-{db}.scope"),
        format!("machine.slice/libpod-{db}.scope/container"),
        format!("machine.slice/libpod-conmon-{db}.scope"),
        "system.slice/ssh.service".to_owned(),
    ];
    write("cgroup/cgroup.controllers", "memory\n");
    for cgroup in &cgroups {
        write(&format!("cgroup/{cgroup}/memory.current"), "4096\n");
    }
    let annotations = json!({"io.kubernetes.cri.container-name": "web",
        "io.kubernetes.cri.image-name": "nginx:1.27", "io.kubernetes.cri.sandbox-name": "shop-7"});
    write(
        &format!("run/containerd/io.containerd.runtime.v2.task/k8s.io/{web}/config.json"),
        &json!({ "annotations": annotations }).to_string(),
    );
    let storage = "var/lib/containers/storage/overlay-containers";
    write(&format!("{storage}/{db}/userdata/config.json"), "{}");
    let metadata = json!({"image-name": "redis:8"}).to_string();
    let list = json!([{"id": db, "names": ["db"], "metadata": metadata}]);
    write(&format!("{storage}/containers.json"), &list.to_string());

    let mut arguments = on_fixtures("v2", "");
    arguments.push(format!("--path.cgroup={}", root.path().join("cgroup").display()));
    arguments.push(format!("--path.rootfs={}", root.path().display()));
    arguments.push(format!("--path.procfs={}", fixture("proc")));
    let exporter = Running::start(&arguments).unwrap();
    let body = exporter.scrape().await.unwrap();
    let memory = |labels: &str| format!("container_memory_usage_bytes{{{labels}}} 4096\n");
    let pod = format!(
        "container_label_io_kubernetes_container_name=\"web\",\
         container_label_io_kubernetes_pod_name=\"shop-7\",\
         id=\"/{}\",image=\"nginx:1.27\",name=\"web\"",
        cgroups[0]
    );
    assert!(body.contains(&memory(&pod)), "{body}");
    let named = format!("id=\"/{}\",image=\"redis:8\",name=\"db\"", cgroups[1]);
    assert!(body.contains(&memory(&named)), "{body}");
    for cgroup in &cgroups[2..] {
        assert!(body.contains(&memory(&format!("id=\"/{cgroup}\""))), "{cgroup} {body}");
    }
    check_form(&body);
}
