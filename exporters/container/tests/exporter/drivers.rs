//! The two cgroup drivers put containers at different paths, and that is all.

use std::path::Path;

use crate::cgroups::{Copy, copy_tree};
use crate::stub::{GATEWAY, Mood, Stub, WORKER};
use crate::{Running, fixture, on_fixtures};

/// Lines of a scrape without those of this exporter itself and of the moment, in order.
async fn lines(name: &str, version: &str, cgroups: &Path) -> anyhow::Result<Vec<String>> {
    let docker = Stub::start(name, Mood::Answers)?;
    let mut arguments = on_fixtures(version, &docker.endpoint());
    arguments.push(format!("--path.cgroup={}", cgroups.display()));
    let further = ["--docker_only", "-fs.size-interval=0", "-disable_metrics=app"];
    arguments.extend(further.map(ToOwned::to_owned));
    let exporter = Running::start(&arguments)?;
    let body = exporter.eventually(|body| body.contains(",name=\"")).await?;
    let is_of_a_container = |line: &&str| line.contains("name=\"") && !line.contains("last_seen");
    let mut lines: Vec<String> =
        body.lines().filter(is_of_a_container).map(ToOwned::to_owned).collect();
    lines.sort_unstable();
    Ok(lines)
}

fn below_docker(id: &str) -> String {
    format!("docker/{id}")
}

fn in_a_scope(id: &str) -> String {
    format!("system.slice/docker-{id}.scope")
}

/// Moves both containers of every hierarchy in `tree` from one path to another.
fn relocate(tree: &Path, from: fn(&str) -> String, to: fn(&str) -> String) -> std::io::Result<()> {
    for id in [GATEWAY, WORKER] {
        let (from, to) = (tree.join(from(id)), tree.join(to(id)));
        if from.exists() {
            copy_tree(&from, &to)?;
            std::fs::remove_dir_all(&from)?;
        }
    }
    Ok(())
}

async fn compare(
    version: &str,
    trees: &[&str],
    from: fn(&str) -> String,
    to: fn(&str) -> String,
) -> anyhow::Result<()> {
    let original = fixture(&format!("{version}/cgroup"));
    let moved = Copy::of(&original)?;
    for tree in trees {
        relocate(&moved.path().join(tree), from, to)?;
    }
    let before = lines(&format!("{version}-before"), version, Path::new(&original)).await?;
    let after = lines(&format!("{version}-after"), version, moved.path()).await?;
    let renamed = before.iter().map(|line| {
        [GATEWAY, WORKER].iter().fold(line.clone(), |line, id| line.replace(&from(id), &to(id)))
    });
    let mut renamed: Vec<String> = renamed.collect();
    renamed.sort_unstable();
    assert!(before.len() > 100 && before != after, "{before:#?}");
    assert_eq!(after, renamed);
    Ok(())
}

#[tokio::test]
async fn version_2_below_the_cgroupfs_driver() {
    compare("v2", &[""], in_a_scope, below_docker).await.unwrap();
}

#[tokio::test]
async fn version_1_below_the_systemd_driver() {
    let trees = ["cpu,cpuacct", "memory", "blkio", "pids", "cpuset", "hugetlb", "unified"];
    compare("v1", &trees, below_docker, in_a_scope).await.unwrap();
}
