//! Which containers are shown, and of which network.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::exposition::Exposition;

use crate::stub::{GATEWAY, Mood, Stub};
use crate::{Running, on_fixtures};

/// One scrape with `flags`; the gateway has the host's network if `is_host`.
async fn scrape(name: &str, flags: &[&str], is_host: bool) -> anyhow::Result<Exposition> {
    let docker = Stub::start(name, Mood::Answers)?;
    let path = format!("/containers/{GATEWAY}/json");
    let mut inspection: Value = serde_json::from_str(&docker.answer(&path))?;
    if is_host {
        inspection["HostConfig"]["NetworkMode"] = json!("host");
    }
    docker.set_answer(&path, Some(inspection.to_string()));
    let mut arguments = on_fixtures("v2", &docker.endpoint());
    arguments.extend(flags.iter().map(ToString::to_string));
    let exporter = Running::start(&arguments)?;
    let up = "container_runtime_up{runtime=\"docker\"} 1";
    Exposition::parse(&exporter.eventually(|body| body.contains(up)).await?)
}

/// The names that samples of families that start with `prefix` have.
fn names(metrics: &Exposition, prefix: &str) -> BTreeSet<String> {
    let samples = metrics.samples().filter(|(name, _, _)| name.starts_with(prefix));
    samples.filter_map(|(_, labels, _)| labels.get("name").cloned()).collect()
}

#[tokio::test]
async fn containers_are_left_out_by_name_image_and_label_and_only_they() {
    let worker = BTreeSet::from(["twitch-chatters-worker".to_owned()]);
    for (number, flag) in [
        "--container.name-exclude=gateway",
        "--container.name-include=worker$",
        "--container.image-exclude=^registry",
        "--container.label-exclude=^com.docker.compose.service=gateway$",
    ]
    .into_iter()
    .enumerate()
    {
        let metrics = scrape(&format!("choice-{number}"), &[flag], false).await.unwrap();
        assert_eq!(names(&metrics, "container_"), worker, "{flag}");
        let is_left = metrics
            .samples()
            .any(|(_, labels, _)| labels.get("id").is_some_and(|id| id.contains(GATEWAY)));
        assert!(!is_left, "{flag}: its cgroup is not shown as one of no container");
        assert!(metrics.value("container_memory_usage_bytes", &[("id", "/")]).is_ok(), "{flag}");
    }
    let metrics = scrape("choice-docker", &["--container.name-include=nothing"], false).await;
    assert_eq!(names(&metrics.unwrap(), "container_"), BTreeSet::new());
}

#[tokio::test]
async fn the_network_of_the_host_is_shown_with_a_container_unless_it_is_to_be_hidden() {
    let family = "container_network_receive_bytes_total";
    let is_of_gateway = |metrics: &Exposition, family: &str| {
        names(metrics, family).contains("twitch-chatters-gateway")
    };
    let shown = scrape("network-shown", &[], true).await.unwrap();
    assert!(is_of_gateway(&shown, family), "as in cAdvisor");
    let hidden = scrape("network-hidden", &["--container.hide-host-network"], true).await.unwrap();
    assert!(!is_of_gateway(&hidden, family));
    let own = scrape("network-own", &["--container.hide-host-network"], false).await.unwrap();
    assert!(is_of_gateway(&own, family), "a network of its own is shown");
    for metrics in [&shown, &hidden] {
        let samples =
            metrics.samples().filter(|(name, _, _)| name == "container_network_mode_info");
        let of_gateway = samples.filter(|(_, labels, _)| labels["name"].ends_with("gateway"));
        let modes: Vec<&str> = of_gateway.map(|(_, labels, _)| &*labels["mode"]).collect();
        assert_eq!(modes, ["host"]);
    }
}
