//! Volumes and their sizes.

use crate::{daemon, follow, run, value};

/// The sample of `family` of a volume.
fn of_volume(body: &str, family: &str, volume: &str) -> Option<f64> {
    let start = format!("{family}{{driver=\"local\",runtime=\"docker\",volume=\"{volume}\"}} ");
    body.lines().find_map(|line| line.strip_prefix(&start)?.parse().ok())
}

#[tokio::test]
#[ignore = "needs root and dockerd"]
async fn volumes_have_the_sizes_that_docker_measures_and_the_containers_that_use_them() {
    let mut docker = daemon(&["--bridge=none"]).unwrap();
    for volume in ["data", "unused"] {
        docker.run(&["volume", "create", volume]).unwrap();
    }
    let mounts = ["-v", "data:/srv", "-v", "data:/again:ro", "-v", "/tmp:/host"];
    let script = "dd if=/dev/zero of=/srv/x bs=1k count=64; while :; do sleep 1; done";
    run(&docker, "writes", &mounts, script).unwrap();
    let exporter = follow(&docker, &["--fs.volume-interval=1s"]).unwrap();
    let size = |body: &str, volume| of_volume(body, "container_volume_size_bytes", volume);
    let body = exporter.eventually(|body| size(body, "data") == Some(65_536.0)).await.unwrap();
    assert_eq!(size(&body, "unused"), Some(0.0));
    let containers = |body: &str, volume| of_volume(body, "container_volume_containers", volume);
    assert_eq!(containers(&body, "unused"), Some(0.0));
    assert!(containers(&body, "data") > Some(0.0), "{body}");
    for place in
        ["destination=\"/srv\",read_only=\"false\"", "destination=\"/again\",read_only=\"true\""]
    {
        assert_eq!(value(&body, "container_volume_info", "writes", place), Some(1.0), "{place}");
    }
    assert!(!body.contains("destination=\"/host\""), "a folder of the host is no volume: {body}");
    docker.run(&["rm", "-f", "writes"]).unwrap();
    let body = exporter.eventually(|body| containers(body, "data") == Some(0.0)).await.unwrap();
    assert!(!body.contains("container_volume_info{"), "{body}");
    docker.end().unwrap();
}
