//! Cgroups that vanish or hold nonsense, and those of the machine that runs the test.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use container_exporter::cgroup::{Controller, Hierarchies, Version};
use container_exporter::host::{Host, PathArgs};
use container_exporter::inventory::{Inventory, ScopeArgs};
use container_exporter::runtimes::Known;
use rustix::fs::{Mode, OFlags, mkdirat, open, openat};
use tests::TemporaryFolder;
use tests::exposition::Exposition;

use crate::{Running, fixture, on_fixtures};

/// A copy of a tree that is removed with this value.
pub(crate) struct Copy(TemporaryFolder);

impl Copy {
    pub(crate) fn of(source: &str) -> anyhow::Result<Self> {
        let copy = Self(TemporaryFolder::new("cgroups")?);
        copy_tree(Path::new(source), copy.0.path())?;
        Ok(copy)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

pub(crate) fn copy_tree(source: &Path, target: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(target)?;
    for entry in std::fs::read_dir(source)? {
        let entry = entry?;
        let (from, to) = (entry.path(), target.join(entry.file_name()));
        if from.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(&from)?, &to)?;
        } else if from.is_dir() {
            copy_tree(&from, &to)?;
        } else {
            std::fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

#[test]
fn a_cgroup_that_vanishes_after_the_listing_has_no_values_and_is_no_error() {
    for version in ["v1", "v2"] {
        let copy = Copy::of(&fixture(&format!("{version}/cgroup")));
        let copy = copy.unwrap();
        let hierarchies = Arc::new(Hierarchies::open(copy.0.path(), "").unwrap());
        let is_v2 = hierarchies.version() == Version::V2;
        let host = Host::open(&paths()).unwrap();
        let known = Known::default();
        let inventory =
            Inventory::take(hierarchies, Arc::new(host), known, &ScopeArgs::default()).unwrap();
        assert!(inventory.cgroups.len() > 4, "{version}: {:?}", inventory.cgroups);
        std::fs::remove_dir_all(copy.0.path()).unwrap();
        let file = if is_v2 { "memory.current" } else { "memory.usage_in_bytes" };
        let rows = inventory.rows(|_, reader| reader.value(Controller::Memory, file));
        assert!(rows.error.is_none(), "{version}: {:?}", rows.error);
        assert!(rows.good.iter().all(|(_, value)| value.is_none()), "{version}");
    }
}

fn paths() -> PathArgs {
    PathArgs {
        rootfs: Some(fixture("").into()),
        procfs: Some(fixture("proc").into()),
        sysfs: fixture("sys").into(),
        cgroup: PathBuf::new(),
    }
}

#[tokio::test]
async fn nonsense_in_one_file_costs_the_samples_from_it_and_is_counted() {
    let copy = Copy::of(&fixture("v2/cgroup")).unwrap();
    std::fs::write(copy.0.path().join("system.slice/ssh.service/memory.current"), "nonsense\n")
        .unwrap();
    let mut arguments = on_fixtures("v2", "");
    arguments.push(format!("--path.cgroup={}", copy.0.path().display()));
    let exporter = Running::start(&arguments).unwrap();
    let body = exporter.scrape().await.unwrap();
    assert!(!body.contains("container_memory_usage_bytes{id=\"/system.slice/ssh"), "{body}");
    assert!(body.contains("container_memory_rss{id=\"/\"}"), "{body}");
    assert!(body.contains("container_memory_usage_bytes{id=\"/\"}"), "{body}");
    assert!(body.contains("container_cpu_user_seconds_total{id=\"/system.slice/ssh"), "{body}");
    assert!(body.contains("collector_success{collector=\"memory\"} 1"), "{body}");
    assert!(body.contains("collector_malformed_total{collector=\"memory\"} 1"), "{body}");
    assert!(!body.contains("collector_malformed_total{collector=\"cpu\"}"), "{body}");
}

#[tokio::test]
async fn cgroups_that_come_and_go_during_scrapes_leave_whole_families() {
    let copy = Copy::of(&fixture("v2/cgroup")).unwrap();
    let mut arguments = on_fixtures("v2", "");
    arguments.push(format!("--path.cgroup={}", copy.path().display()));
    arguments.push(format!("-enable_metrics={}", crate::parity::ALL_GROUPS));
    let exporter = Running::start(&arguments).unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let outside = Copy::of(&fixture("v2/cgroup/system.slice")).unwrap();
    let (away, here) = (outside.path().join("away"), copy.path().join("coming.slice"));
    copy_tree(&copy.path().join("system.slice"), &away).unwrap();
    let turbulence = std::thread::spawn({
        let is_over = Arc::clone(&is_over);
        move || {
            while !is_over.load(Ordering::Relaxed) {
                std::fs::rename(&away, &here).unwrap();
                std::thread::sleep(Duration::from_millis(1));
                std::fs::rename(&here, &away).unwrap();
            }
        }
    });
    let mut seen = 0;
    for _ in 0..100 {
        let body = exporter.scrape().await.unwrap();
        // The reader accepts neither a header without samples nor a series twice.
        let families = Exposition::parse(&body).unwrap();
        seen += usize::from(body.contains("coming.slice"));
        let success = &families.0["container_exporter_collector_success"].samples;
        assert!(success.iter().all(|(_, _, value)| *value > 0.5), "{body}");
    }
    is_over.store(true, Ordering::Relaxed);
    turbulence.join().unwrap();
    assert!(seen > 0, "the cgroups never came");
}

#[tokio::test]
async fn processes_of_another_namespace_are_not_taken_for_those_of_the_host() {
    let processes = Copy::of(&fixture("proc")).unwrap();
    std::os::unix::fs::symlink("999999999", processes.path().join("self")).unwrap();
    for (version, is_counted) in [("v1", false), ("v2", true)] {
        let mut arguments = on_fixtures(version, "");
        arguments.push(format!("--path.procfs={}", processes.path().display()));
        arguments.push("-enable_metrics=process,sched,referenced_memory,cpuLoad".to_owned());
        arguments.push("-enable_load_reader".to_owned());
        let body = Running::start(&arguments).unwrap().scrape().await.unwrap();
        assert_eq!(body.contains("container_processes{"), is_counted, "{body}");
        assert!(body.contains("container_threads{") && body.contains("container_ulimits_soft{"));
        for family in ["file_descriptors", "sockets", "cpu_sched", "referenced", "tasks_state"] {
            let start = format!("container_{family}");
            let mut lines = body.lines().filter(|line| line.starts_with(&start));
            // What has no processes has no open files either.
            assert!(lines.all(|line| line.ends_with(" 0") && !line.contains("\"/\"")), "{body}");
        }
    }
}

#[tokio::test]
async fn cgroups_that_cannot_be_listed_are_a_scrape_error() {
    let copy = Copy::of(&fixture("v2/cgroup")).unwrap();
    let mut arguments = on_fixtures("v2", "");
    arguments.push(format!("--path.cgroup={}", copy.0.path().display()));
    let exporter = Running::start(&arguments).unwrap();
    assert!(exporter.scrape().await.unwrap().contains("container_scrape_error 0\n"));
    std::fs::remove_dir_all(copy.0.path()).unwrap();
    let body = exporter.scrape().await.unwrap();
    assert!(body.contains("container_scrape_error 1\n"), "{body}");
    assert!(!body.contains("container_last_seen"), "{body}");
}

#[tokio::test]
async fn cgroups_nested_too_deeply_do_not_hide_the_others() {
    let copy = Copy::of(&fixture("v2/cgroup")).unwrap();
    let name = "n".repeat(250);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let mut parent = open(copy.0.path(), flags, Mode::empty()).unwrap();
    for _ in 0..20 {
        mkdirat(&parent, &name, Mode::RWXU).unwrap();
        parent = openat(&parent, &name, flags, Mode::empty()).unwrap();
    }
    let mut arguments = on_fixtures("v2", "");
    arguments.push(format!("--path.cgroup={}", copy.0.path().display()));
    let body = Running::start(&arguments).unwrap().scrape().await.unwrap();
    assert!(body.contains("container_scrape_error 0\n"), "{body}");
    assert!(body.contains("id=\"/system.slice/ssh.service\""), "{body}");
}
