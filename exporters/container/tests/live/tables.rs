//! What people see of a real container in a terminal: `top`, `scrape --format=table`.

use tests::built;
use tests::docker::Docker;
use tests::process::{command, output};

#[test]
#[ignore = "needs root and docker.io"]
fn a_container_is_shown_with_its_rates() {
    let mut docker = Docker::new(&[]).unwrap();
    docker.start().unwrap();
    docker.import("box").unwrap();
    let busy = "while :; do echo x > /dev/null; done";
    let run = ["run", "--detach", "--name", "watched", "--memory", "64m", "box", "sh", "-c", busy];
    docker.run(&run).unwrap();
    docker.run(&["run", "--detach", "--name", "idle", "box", "sleep", "600"]).unwrap();
    for arguments in [&["top", "--count=2", "--interval=1s"][..], &["scrape", "--format=table"]] {
        let mut exporter = command(built(env!("CARGO_BIN_EXE_container-exporter")));
        exporter.arg(format!("--docker={}", docker.endpoint())).args(arguments);
        let ended = output(&mut exporter).unwrap();
        let text = String::from_utf8_lossy(&ended.stdout);
        assert!(ended.status.success(), "{text}");
        assert!(text.contains("2 containers, 2 running, "), "{text}");
        let row = |name: &str| -> Vec<&str> {
            let line = text.lines().rev().find(|line| line.starts_with(name)).unwrap();
            line.split_ascii_whitespace().collect()
        };
        let (watched, idle) = (row("watched "), row("idle "));
        assert_eq!((watched[1], watched[4], idle[4]), ("running", "64M", "-"), "{text}");
        let cpu = |row: &[&str]| row[2].parse::<f64>().unwrap();
        assert!(cpu(&watched) > 1.0 && cpu(&watched) > cpu(&idle), "{text}");
        // Memory, traffic and processes are known; the busiest stands first.
        assert!(watched[3] != "-" && watched[5] != "-" && watched[9] == "1", "{text}");
        assert!(text.rfind("\nwatched").unwrap() < text.rfind("\nidle").unwrap(), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    docker.end().unwrap();
}
