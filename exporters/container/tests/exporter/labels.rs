//! Container labels that Prometheus could not take as they are.

use std::collections::BTreeSet;

use tests::exposition::{Exposition, Labels};

use crate::stub::{GATEWAY, Mood, Stub};
use crate::{Running, on_fixtures};

/// The gateway's labels, those that Docker knows replaced by `raw`.
async fn labels_of_gateway(name: &str, raw: serde_json::Value) -> anyhow::Result<Labels> {
    let docker = Stub::start(name, Mood::Answers)?;
    let path = format!("/containers/{GATEWAY}/json");
    let mut inspection: serde_json::Value = serde_json::from_str(&docker.answer(&path))?;
    inspection["Config"]["Labels"] = raw;
    docker.set_answer(&path, Some(inspection.to_string()));
    let exporter = Running::start(&on_fixtures("v2", &docker.endpoint()))?;
    let body = exporter.eventually(|body| body.contains("twitch-chatters-gateway")).await?;
    let families = Exposition::parse(&body)?;
    let samples = &families.0["container_memory_usage_bytes"].samples;
    let is_gateway = |labels: &&Labels| labels.get("image").is_some_and(|i| i.contains("gateway"));
    let mut found = samples.iter().map(|(_, labels, _)| labels).filter(is_gateway);
    let labels = found.next().cloned().unwrap_or_default();
    assert_eq!(found.count(), 0, "{body}");
    Ok(labels)
}

#[tokio::test]
async fn values_of_any_text_come_out_as_they_are() {
    let text = "a \"quoted\" \\ path\nand {a=\"line\"} 1, é, 日本";
    let raw = serde_json::json!({ "text": text, "empty": "" });
    let labels = labels_of_gateway("labels-text", raw).await.unwrap();
    assert_eq!(labels["container_label_text"], text);
    assert!(!labels.contains_key("container_label_empty"), "empty is as good as absent");
}

#[tokio::test]
async fn names_of_any_text_become_legal_ones() {
    let raw = serde_json::json!({
        "com.example/a-b": "1", "9": "2", "": "3", "é": "4", "a\"b\n{": "5", "name": "6", "id": "7",
    });
    let labels = labels_of_gateway("labels-names", raw).await.unwrap();
    let names: BTreeSet<&str> = labels.keys().map(String::as_str).collect();
    for name in ["com_example_a_b", "9", "", "_", "a_b__", "name", "id"] {
        assert!(names.contains(format!("container_label_{name}").as_str()), "{name}: {names:?}");
    }
    assert_eq!(labels["name"], "twitch-chatters-gateway");
    assert!(labels["id"].contains(GATEWAY));
}

#[tokio::test]
async fn of_names_that_become_equal_the_same_one_wins_each_time() {
    let raw = serde_json::json!({ "a_b": "3", "a.b": "2", "a-b": "1" });
    for round in 0..5 {
        let labels = labels_of_gateway(&format!("labels-{round}"), raw.clone()).await.unwrap();
        assert_eq!(labels["container_label_a_b"], "1");
    }
}
