//! The kernel's own cgroups of version 2, also where version 1 has the controllers:
//! CPU time, pressure and the numbers of processes are there without any.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::Signal;
use tests::TemporaryFolder;
use tests::process::{Process, command, succeed};

use crate::Running;

/// A mount of its own of the version 2 hierarchy, and a cgroup in it with a busy process.
struct Unified {
    folder: TemporaryFolder,
    name: String,
    process: Process,
}

impl Unified {
    fn start() -> anyhow::Result<Self> {
        let folder = TemporaryFolder::new("unified")?;
        succeed(command("mount").args(["-t", "cgroup2", "none"]).arg(folder.path()))?;
        let name = format!("container-exporter-{}", std::process::id());
        std::fs::create_dir(folder.path().join(&name))?;
        let log = std::env::temp_dir().join(format!("{name}.log"));
        let process = Process::start(command("sh").args(["-c", "while :; do :; done"]), &log)?;
        std::fs::remove_file(log)?;
        let unified = Self { folder, name, process };
        std::fs::write(unified.file("cgroup.procs"), unified.process.id().to_string())?;
        Ok(unified)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(&self.name).join(name)
    }

    /// A field of `cpu.stat` in seconds.
    fn seconds(&self, field: &str) -> anyhow::Result<f64> {
        let text = std::fs::read_to_string(self.file("cpu.stat"))?;
        let value = text.lines().find_map(|line| line.strip_prefix(field)).context("field")?;
        Ok(value.trim().parse::<f64>()? / 1e6)
    }

    fn end(mut self) -> anyhow::Result<()> {
        self.process.stop(Signal::KILL)?;
        let folder = self.folder.path().join(&self.name);
        // The kernel takes a moment to notice that it is empty.
        tests::eventually("an empty cgroup", Duration::from_secs(5), || {
            std::fs::remove_dir(&folder)
        })?;
        succeed(command("umount").arg(self.folder.path())).map(drop)
    }
}

fn value(body: &str, family: &str, id: &str) -> anyhow::Result<f64> {
    let (start, id) = (format!("{family}{{"), format!("id=\"/{id}\""));
    let mut lines = body.lines().filter(|line| line.starts_with(&start) && line.contains(&id));
    let line = lines.next().with_context(|| format!("no {family} of {id}\n{body}"))?;
    Ok(line.rsplit(' ').next().context("a value")?.parse()?)
}

async fn check(unified: &Unified) -> anyhow::Result<()> {
    let root = unified.folder.path().display();
    let exporter = Running::start(&[
        format!("-path.cgroup={root}"),
        "-docker=".into(),
        "-podman=".into(),
        "-enable_metrics=cpu,pressure,process".into(),
    ])?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let families = [
        ("usage_usec", "container_cpu_usage_seconds_total"),
        ("user_usec", "container_cpu_user_seconds_total"),
        ("system_usec", "container_cpu_system_seconds_total"),
    ];
    let before = families.map(|(field, _)| unified.seconds(field));
    let body = exporter.scrape().await?;
    for ((field, family), before) in families.into_iter().zip(before) {
        let (before, shown, after) =
            (before?, value(&body, family, &unified.name)?, unified.seconds(field)?);
        let bounds = before - 1e-6..=after + 1e-6;
        ensure!(bounds.contains(&shown), "{family}: {shown} not in {bounds:?}");
    }
    ensure!(value(&body, "container_cpu_usage_seconds_total", &unified.name)? > 0.1, "{body}");
    ensure!(
        body.contains(&format!("container_processes{{id=\"/{}\"}} 1\n", unified.name)),
        "{body}"
    );
    if Path::new(&unified.file("cpu.pressure")).exists() {
        value(&body, "container_pressure_cpu_waiting_seconds_total", &unified.name)?;
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs root and a kernel with cgroup v2"]
async fn cgroups_of_version_2_have_the_values_of_their_files() {
    let unified = Unified::start().unwrap();
    let checked = check(&unified).await;
    unified.end().unwrap();
    checked.unwrap();
}
