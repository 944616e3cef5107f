//! Changed files of control groups and processes, changed answers and events of a daemon.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use tests::TemporaryFolder;
use tests::fuzz::Fuzz;
use tests::opened::Opened;
use tests::process::{command, succeed};

use crate::stub::{GATEWAY, Mood, Stub, WORKER};
use crate::{Running, fixture, on_fixtures};

const GROUPS: &str = "-enable_metrics=advtcp,cpu,cpuset,disk,diskIO,hugetlb,memory,memory_numa,\
    network,oom_event,pressure,process,referenced_memory,sched,tcp,udp,percpu,cpu_topology";

/// A copy of the fixtures that may be changed, and a daemon.
struct Copy {
    folder: TemporaryFolder,
    docker: Stub,
}

impl Copy {
    fn of(version: &str, name: &str) -> Self {
        let folder = TemporaryFolder::new("fuzz").unwrap();
        for part in [version, "proc", "sys", "etc"] {
            let copy = folder.path().join(part);
            succeed(command("cp").arg("-a").arg(fixture(part)).arg(copy)).unwrap();
        }
        let docker = Stub::start(&format!("{name}-{version}"), Mood::Answers).unwrap();
        Self { folder, docker }
    }

    fn start(&self, version: &str, groups: &str) -> Running {
        let root = fixture("");
        let copy = format!("{}/", self.folder.path().display());
        let arguments: Vec<String> = on_fixtures(version, &self.docker.endpoint())
            .into_iter()
            .map(|flag| flag.replace(root.as_str(), &copy))
            .chain([groups.to_owned(), "--container.accelerators".to_owned()])
            .collect();
        Running::start(&arguments).unwrap()
    }
}

fn is_named(body: &str) -> bool {
    body.contains("twitch-chatters-gateway")
}

async fn fuzz_files(version: &str) {
    let copy = Copy::of(version, "fuzz");
    let exporter = copy.start(version, GROUPS);
    let usual = exporter.eventually(is_named).await.unwrap().len();
    let files = tests::files(copy.folder.path()).unwrap();
    assert!(files.len() > 100, "{}", files.len());
    let mut fuzz = Fuzz::start().unwrap();
    while fuzz.goes_on() {
        let (changed, input) = fuzz.change_files(&files, 12).unwrap();
        let body = exporter.scrape().await.unwrap();
        let names = changed.names();
        let checked = fuzz.check(&body, input, usual);
        checked.unwrap_or_else(|error| panic!("{names:?}: {error:#}"));
        assert!(is_named(&body), "{names:?}: {body}");
        changed.undo().unwrap();
    }
    fuzz.finish().unwrap();
}

/// Each group by itself, with the files that it makes the exporter open: a parser that is added
/// has its target. Gives the names of those that open none but what is read in any case, which is
/// a target of its own.
async fn fuzz_each(version: &str) -> Vec<String> {
    let copy = Copy::of(version, "fuzz-each");
    let opened = Opened::watch(copy.folder.path()).unwrap();
    let names: Vec<&str> = GROUPS.split_once('=').unwrap().1.split(',').collect();
    let (mut without, mut always) = (Vec::new(), Vec::new());
    // First a group that reads nothing.
    for (number, name) in std::iter::once("app").chain(names.iter().copied()).enumerate() {
        opened.files().unwrap();
        let exporter = copy.start(version, &format!("-enable_metrics={name}"));
        let usual = exporter.eventually(is_named).await.unwrap().len();
        exporter.scrape().await.unwrap();
        let mut files = opened.files().unwrap();
        files.retain(|file| !always.contains(file));
        if files.is_empty() {
            without.push(name.to_owned());
            continue;
        }
        let mut fuzz = Fuzz::share(number, names.len() + 1).unwrap();
        while fuzz.goes_on() {
            let at_once = 1 + fuzz.below(2);
            let (changed, input) = fuzz.change_files(&files, at_once).unwrap();
            let body = exporter.scrape().await.unwrap();
            let files = changed.names();
            let checked = fuzz.check(&body, input, usual);
            checked.unwrap_or_else(|error| panic!("{name}, {files:?}: {error:#}"));
            assert!(is_named(&body), "{name}, {files:?}: {body}");
            changed.undo().unwrap();
        }
        fuzz.finish().unwrap();
        if number == 0 {
            always = files;
        }
    }
    without
}

/// CPU time by CPU goes with the group cpu.
#[tokio::test]
async fn fuzz_each_group_of_version_1() {
    assert_eq!(fuzz_each("v1").await, ["percpu"]);
}

/// Nor does cpuset show anything there.
#[tokio::test]
async fn fuzz_each_group_of_version_2() {
    assert_eq!(fuzz_each("v2").await, ["cpuset", "percpu"]);
}

#[tokio::test]
async fn fuzz_files_of_version_1() {
    fuzz_files("v1").await;
}

#[tokio::test]
async fn fuzz_files_of_version_2() {
    fuzz_files("v2").await;
}

/// What a daemon is asked for.
fn paths() -> [String; 7] {
    [
        "/version".to_owned(),
        "/info".to_owned(),
        "/containers/json".to_owned(),
        "/containers/json?size".to_owned(),
        "/system/df".to_owned(),
        format!("/containers/{GATEWAY}/json"),
        format!("/containers/{WORKER}/json"),
    ]
}

/// Each answer by itself, from the beginning each time.
#[tokio::test]
async fn fuzz_each_answer_of_a_daemon() {
    let docker = Stub::start("fuzz-each-answer", Mood::Answers).unwrap();
    let mut arguments = on_fixtures("v2", &docker.endpoint());
    arguments.push("-fs.size-interval=1s".to_owned());
    let exporter = Running::start(&arguments).unwrap();
    let usual = exporter.eventually(is_named).await.unwrap().len();
    let paths = paths();
    for (number, path) in paths.iter().enumerate() {
        let good = docker.answer(path);
        let mut fuzz = Fuzz::share(number, paths.len()).unwrap();
        while fuzz.goes_on() {
            let answer = fuzz.change_text(&good);
            docker.set_answer(path, Some(answer.clone()));
            let exporter = Running::start(&arguments).unwrap();
            for _ in 0..2 {
                let body = exporter.scrape_within(1.5).await.unwrap();
                let checked = fuzz.check(&body, answer.len(), usual * 2);
                checked.unwrap_or_else(|error| panic!("{path}: {error:#}: {answer}"));
            }
        }
        docker.set_answer(path, None);
        fuzz.finish().unwrap();
    }
}

#[tokio::test]
async fn fuzz_answers_and_events_of_a_daemon() {
    let docker = Stub::start("fuzz-daemon", Mood::Answers).unwrap();
    let paths = paths();
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
