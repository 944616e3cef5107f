//! What containerd says of layers by the CRI.

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use tests::process::{Process, command, succeed};
use tests::{TemporaryFolder, eventually};

use crate::Running;

/// A containerd with its data in a folder of its own.
fn start(folder: &Path) -> anyhow::Result<Process> {
    let shown = folder.display();
    let config = format!(
        "version = 2\nroot = \"{shown}/data\"\nstate = \"{shown}\"\n\
         [grpc]\naddress = \"{shown}/containerd.sock\"\n\
         [plugins.\"io.containerd.grpc.v1.cri\"]\nsandbox_image = \"localhost/busybox:1\"\n\
         restrict_oom_score_adj = true\nstats_collect_period = 1\n"
    );
    std::fs::write(folder.join("config.toml"), config)?;
    let mut containerd = command("setpriv");
    containerd.args(["--pdeathsig", "TERM", "containerd", "--config"]);
    let containerd =
        Process::start(containerd.arg(folder.join("config.toml")), &folder.join("log"))?;
    let version = || {
        let address = folder.join("containerd.sock");
        succeed(command("ctr").arg("--address").arg(address).arg("version"))
    };
    eventually("answer of containerd", Duration::from_mins(1), version)?;
    Ok(containerd)
}

fn pod(folder: &Path, action: &str) -> anyhow::Result<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/cri.py");
    let made = succeed(command("python3").arg(script).arg(folder).arg(action))?;
    Ok(made.trim().to_owned())
}

/// The sample of `family` of the container `id` with another name than that of its pod.
fn value(body: &str, family: &str, id: &str) -> Option<f64> {
    let start = format!("{family}{{");
    let mut lines = body.lines().filter(|line| line.starts_with(&start) && line.contains(id));
    lines.next()?.rsplit_once(' ')?.1.parse().ok()
}

#[tokio::test]
#[ignore = "needs root, containerd, python3 and curl"]
async fn layers_of_containerd_have_the_sizes_that_it_tells_by_the_cri() {
    let folder = TemporaryFolder::new("containerd").unwrap();
    let mut containerd = start(folder.path()).unwrap();
    let made = pod(folder.path(), "start");
    let id = made.unwrap_or_else(|error| panic!("{error:#}\n{}", containerd.log()));
    let arguments = [
        "-docker=".to_owned(),
        "-podman=".to_owned(),
        format!("--containerd={}/containerd.sock", folder.path().display()),
        "--fs.cri-interval=1s".to_owned(),
    ];
    let exporter = Running::start(&arguments).unwrap();
    let size = |body: &str| value(body, "container_writable_layer_size_bytes", &id);
    let is_written = |body: &str| size(body).is_some_and(|bytes| bytes >= 102_400.0);
    let body = exporter.eventually(is_written).await.unwrap();
    assert!(size(&body) < Some(300_000.0), "{body}");
    let line = body.lines().find(|line| {
        line.starts_with("container_writable_layer_size_bytes{") && line.contains(&id)
    });
    assert!(line.is_some_and(|line| line.contains("name=\"writer\"")), "{line:?}");
    // A file system that is no block device has no such family.
    let usage = value(&body, "container_fs_usage_bytes", &id);
    assert!(usage.is_none() || usage == size(&body), "{usage:?}");
    pod(folder.path(), "end").unwrap();
    containerd.stop(Signal::TERM).unwrap();
}
