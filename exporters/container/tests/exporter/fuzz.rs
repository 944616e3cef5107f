//! Changed files of control groups and processes, changed answers and events of a daemon.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use tests::TemporaryFolder;
use tests::fuzz::Fuzz;
use tests::process::{command, succeed};

use crate::stub::{GATEWAY, Mood, Stub, WORKER};
use crate::{Running, fixture, on_fixtures};

const GROUPS: &str = "-enable_metrics=advtcp,cpu,cpuset,disk,diskIO,hugetlb,memory,memory_numa,\
    network,oom_event,pressure,process,referenced_memory,sched,tcp,udp,percpu,cpu_topology";

async fn fuzz_files(version: &str) {
    let folder = TemporaryFolder::new("fuzz").unwrap();
    for part in [version, "proc", "sys", "etc"] {
        let copy = folder.path().join(part);
        succeed(command("cp").arg("-a").arg(fixture(part)).arg(copy)).unwrap();
    }
    let docker = Stub::start(&format!("fuzz-{version}"), Mood::Answers).unwrap();
    let root = fixture("");
    let arguments: Vec<String> = on_fixtures(version, &docker.endpoint())
        .into_iter()
        .map(|flag| flag.replace(root.as_str(), &format!("{}/", folder.path().display())))
        .chain([GROUPS.to_owned(), "--container.accelerators".to_owned()])
        .collect();
    let exporter = Running::start(&arguments).unwrap();
    let is_named = |body: &str| body.contains("twitch-chatters-gateway");
    let usual = exporter.eventually(is_named).await.unwrap().len();
    let files = tests::files(folder.path()).unwrap();
    assert!(files.len() > 100, "{}", files.len());
    let mut fuzz = Fuzz::start().unwrap();
    while fuzz.goes_on() {
        let (changed, input) = fuzz.change_files(&files).unwrap();
        let body = exporter.scrape().await.unwrap();
        let names = changed.names();
        let checked = fuzz.check(&body, input, usual);
        checked.unwrap_or_else(|error| panic!("{names:?}: {error:#}"));
        assert!(is_named(&body), "{names:?}: {body}");
        changed.undo().unwrap();
    }
    fuzz.finish().unwrap();
}

#[tokio::test]
async fn fuzz_files_of_version_1() {
    fuzz_files("v1").await;
}

#[tokio::test]
async fn fuzz_files_of_version_2() {
    fuzz_files("v2").await;
}

#[tokio::test]
async fn fuzz_answers_and_events_of_a_daemon() {
    let docker = Stub::start("fuzz-daemon", Mood::Answers).unwrap();
    let paths = [
        "/version".to_owned(),
        "/info".to_owned(),
        "/containers/json".to_owned(),
        "/containers/json?size".to_owned(),
        "/system/df".to_owned(),
        format!("/containers/{GATEWAY}/json"),
        format!("/containers/{WORKER}/json"),
    ];
    let good: Vec<String> = paths.iter().map(|path| docker.answer(path)).collect();
    let mut arguments = on_fixtures("v2", &docker.endpoint());
    arguments.extend(["-fs.size-interval=1s", "-fs.volume-interval=1s"].map(ToOwned::to_owned));
    let mut exporter = Running::start(&arguments).unwrap();
    let usual = exporter.scrape().await.unwrap().len();
    let mut fuzz = Fuzz::start().unwrap();
    let event = format!(
        r#"{{"Type":"container","Action":"die","Actor":{{"ID":"{WORKER}","Attributes":{{"exitCode":"137"}}}},"timeNano":1795495748000000001}}"#
    );
    while fuzz.goes_on() {
        let mut input = 0;
        for (path, answer) in paths.iter().zip(&good) {
            let answer = if fuzz.below(3) == 0 { fuzz.change_text(answer) } else { answer.clone() };
            input += answer.len();
            docker.set_answer(path, Some(answer));
        }
        // Every few rounds from the beginning, else by events.
        if fuzz.below(4) == 0 {
            exporter = Running::start(&arguments).unwrap();
        }
        for _ in 0..4 {
            let text = fuzz.change_text(&event);
            input += text.len();
            docker.send_text(&text);
            docker.send_event("update", GATEWAY);
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let body = exporter.scrape().await.unwrap();
        fuzz.check(&body, input, usual * 2).unwrap_or_else(|error| panic!("{error:#}: {body}"));
    }
    fuzz.finish().unwrap();
}
