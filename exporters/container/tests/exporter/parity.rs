//! Every family of cAdvisor is here, with its type and labels, or the list of known differences says
//! why not.

use std::collections::{BTreeMap, BTreeSet};

use common::commands::Program as _;
use common::compare::{Known, Side, Word, compare};
use container_exporter::ContainerExporter;
use tests::exposition::Exposition;
use tests::repository;

use crate::cgroups::Copy;
use crate::stub::{Mood, Stub};
use crate::{Running, fixture, on_fixtures};

/// Every group that reads something.
pub(crate) const ALL_GROUPS: &str = "advtcp,cpu,cpuLoad,cpu_topology,cpuset,disk,diskIO,hugetlb,\
    memory,memory_numa,network,oom_event,percpu,pressure,process,referenced_memory,sched,tcp,udp";

/// Type of a family and the keys of its labels.
type Shape = (String, BTreeSet<String>);

/// The fixture's processes, among whose mounts is one that is there and can be measured.
fn processes_on_this_disk() -> anyhow::Result<Copy> {
    let processes = Copy::of(&fixture("proc"))?;
    let device = rustix::fs::stat("/")?.st_dev;
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let mounts = format!("27 1 {major}:{minor} / / rw - ext4 /dev/nvme0n1 rw\n");
    std::fs::write(processes.path().join("1/mountinfo"), mounts)?;
    Ok(processes)
}

/// What the exporter answers on the fixtures of one cgroup version, with these further flags.
async fn answer(version: &str, flags: &[&str]) -> anyhow::Result<String> {
    let processes = processes_on_this_disk()?;
    let docker = Stub::start(&format!("parity-{version}-{}", flags.concat().len()), Mood::Answers)?;
    let mut arguments = on_fixtures(version, &docker.endpoint());
    arguments.extend(flags.iter().map(ToString::to_string));
    arguments.push("--path.rootfs=/".to_owned());
    arguments.push(format!("--path.procfs={}", processes.path().display()));
    let exporter = Running::start(&arguments)?;
    let is_measured = |body: &str| body.contains("container_fs_usage_bytes{container_label");
    exporter.eventually(is_measured).await
}

/// The families of either cgroup version, which together are all that there are.
async fn ours() -> anyhow::Result<BTreeMap<String, Shape>> {
    let mut shapes = BTreeMap::<String, Shape>::new();
    let all = format!("-enable_metrics={ALL_GROUPS}");
    for version in ["v1", "v2"] {
        let body = answer(version, &[&all, "-enable_load_reader"]).await?;
        for (name, family) in Exposition::parse(&body)?.0 {
            let shape = shapes.entry(name).or_insert((family.kind, BTreeSet::new()));
            shape
                .1
                .extend(family.samples.into_iter().flat_map(|(_, labels, _)| labels.into_keys()));
        }
    }
    Ok(shapes)
}

/// How ours differs from a line `name type labels`, and why, if that is known.
fn difference(line: &str, ours: &BTreeMap<String, Shape>, known: &Known) -> Option<(String, bool)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (name, kind, labels) = (words[0], words[1], words.get(2).copied().unwrap_or_default());
    let Some((our_kind, our_labels)) = ours.get(name) else {
        return Some((format!("{name} is missing"), known.reason(Word::Peer, name).is_some()));
    };
    if our_kind != kind {
        let is_known = known.reason(Word::Type, name).is_some();
        return Some((format!("{name} is {our_kind}, not {kind}"), is_known));
    }
    let is_missing = |label: &&str| !label.is_empty() && !our_labels.contains(*label);
    let missing: Vec<&str> = labels.split(',').filter(is_missing).collect();
    let is_known = known.reason(Word::Series, name).is_some();
    (!missing.is_empty()).then(|| (format!("{name} lacks {missing:?}"), is_known))
}

#[tokio::test]
async fn every_family_of_the_reference_is_here_or_explained() {
    let path = repository().join("tests/parity/cadvisor-0.60.txt");
    let list = std::fs::read_to_string(path).unwrap();
    let ours = ours().await.unwrap();
    let known = Known::parse(ContainerExporter::REFERENCE.differences).unwrap();
    let lines: Vec<&str> =
        list.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    assert!(lines.len() > 120, "only {} families in the list", lines.len());
    let differences = lines.iter().filter_map(|line| difference(line, &ours, &known));
    let (explained, others): (Vec<_>, Vec<_>) = differences.partition(|(_, is_known)| *is_known);
    assert!(others.is_empty(), "{others:#?}");
    // Seven of perf events and resctrl; seven of the host alone.
    assert_eq!(explained.len(), 14, "{explained:#?}");
}

/// What the host of the fixtures has, and that of the recorded answer had not.
const OF_THE_HOST: [&str; 3] =
    ["container_blkio_device_usage_total", "machine_dimm_capacity_bytes", "machine_dimm_count"];

#[tokio::test]
async fn all_that_differs_from_a_recorded_answer_has_a_reason() {
    let recorded = std::fs::read_to_string(fixture("cadvisor-0.60-v1.prom")).unwrap();
    let body = answer("v1", &["-docker_only", "--container.keys-exclude=^a"]).await.unwrap();
    let (mut old, mut new) = (Side::default(), Side::default());
    old.add(&recorded, false).unwrap();
    new.add(&body, false).unwrap();
    let known = Known::parse(ContainerExporter::REFERENCE.differences).unwrap();
    let report = compare(&old, &new, &known);
    let (without, with) = (report.explained(false), report.explained(true).count());
    let others: Vec<_> =
        without.filter(|one| !OF_THE_HOST.contains(&one.family.as_str())).collect();
    assert!(others.is_empty(), "{others:#?}");
    assert!(with > 20 && report.same > 40, "{with} with a reason, {} the same", report.same);
}
