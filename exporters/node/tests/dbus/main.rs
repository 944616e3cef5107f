//! The collectors that ask on D-Bus: on a private bus with made-up services, and on sockets
//! that are no bus at all.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fake;

use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::{Duration, Instant};

use common::compare::Known;
use fake::PrivateBus;
use tests::exposition::Exposition;
use tests::parity::differences;
use tests::process::{Process, command, output};
use tests::{TemporaryFolder, eventually, free_port, http};

fn program(address: &str, arguments: &[&str]) -> Command {
    let mut program = command(env!("CARGO_BIN_EXE_node-exporter"));
    program
        .env("DBUS_SYSTEM_BUS_ADDRESS", address)
        .args(["--web.disable-exporter-metrics", "--collector.disable-defaults"])
        .arg("--collector.loadavg")
        .args(arguments);
    program
}

/// One scrape, and how its collectors fared in words.
async fn scrape(address: &str, arguments: &[&str]) -> (Exposition, String) {
    let mut program = program(address, arguments);
    program.arg("scrape");
    let run = tokio::task::spawn_blocking(move || output(&mut program));
    let output = run.await.unwrap().unwrap();
    let summary = String::from_utf8(output.stderr).unwrap();
    let metrics = Exposition::parse(&String::from_utf8(output.stdout).unwrap());
    (metrics.unwrap(), summary)
}

#[track_caller]
fn assert_value(metrics: &Exposition, name: &str, labels: &[(&str, &str)], expected: f64) {
    let value = metrics.value(name, labels).unwrap();
    assert!((value - expected).abs() < f64::EPSILON, "{name}{labels:?} is {value}");
}

fn success(metrics: &Exposition, collector: &str) -> bool {
    let labels = [("collector", collector)];
    metrics.value("node_scrape_collector_success", &labels).unwrap() > 0.5
}

/// How many series a family has.
fn count(metrics: &Exposition, family: &str) -> usize {
    metrics.0.get(family).map_or(0, |family| family.samples.len())
}

#[tokio::test]
#[ignore = "needs dbus-daemon"]
async fn systemd_tells_of_itself_and_of_its_units() {
    let bus = PrivateBus::start();
    let _systemd = bus.systemd(false).await;
    let (metrics, summary) = scrape(&bus.address, &["--collector.systemd"]).await;
    let version = [("version", "252.38-1~deb12u1")];
    assert_value(&metrics, "node_systemd_version", &version, 252.38);
    let virtualization = [("virtualization_type", "none")];
    assert_value(&metrics, "node_systemd_virtualization_info", &virtualization, 1.0);
    assert_value(&metrics, "node_systemd_system_running", &[], 1.0);
    for (state, expected) in [
        ("active", 5.0),
        ("failed", 1.0),
        ("inactive", 1.0),
        ("activating", 0.0),
        ("deactivating", 0.0),
        ("maintenance", 1.0),
    ] {
        assert_value(&metrics, "node_systemd_units", &[("state", state)], expected);
    }
    // Neither the masked unit nor the mount.
    assert_eq!(count(&metrics, "node_systemd_unit_state"), 6 * 5);
    for (name, state, kind) in [
        ("ssh.service", "active", "notify"),
        ("old.service", "failed", "oneshot"),
        ("gone.service", "active", ""),
        ("docker.socket", "active", ""),
    ] {
        let labels = [("name", name), ("state", state), ("type", kind)];
        assert_value(&metrics, "node_systemd_unit_state", &labels, 1.0);
    }
    let timer = [("name", "logrotate.timer")];
    assert_value(&metrics, "node_systemd_timer_last_trigger_seconds", &timer, 1.6e9);
    let socket = [("name", "docker.socket")];
    assert_value(&metrics, "node_systemd_socket_accepted_connections_total", &socket, 7.0);
    assert_value(&metrics, "node_systemd_socket_current_connections", &socket, 1.0);

    assert_value(&metrics, "node_systemd_socket_refused_connections_total", &socket, 4.0);
    assert!(success(&metrics, "systemd"), "{summary}");
    for absent in ["service_restart_total", "unit_tasks_current", "unit_start_time_seconds"] {
        assert_eq!(count(&metrics, &format!("node_systemd_{absent}")), 0, "{absent}");
    }
}

#[tokio::test]
#[ignore = "needs dbus-daemon"]
async fn a_property_of_the_wrong_type_costs_its_sample_and_is_told() {
    let bus = PrivateBus::start();
    let _systemd = bus.systemd(true).await;
    let (metrics, summary) = scrape(&bus.address, &["--collector.systemd"]).await;
    let odd = [("name", "odd.socket")];
    assert_value(&metrics, "node_systemd_socket_accepted_connections_total", &odd, 5.0);
    assert_eq!(count(&metrics, "node_systemd_socket_current_connections"), 1);
    assert_eq!(count(&metrics, "node_systemd_socket_refused_connections_total"), 1);
    assert_eq!(count(&metrics, "node_systemd_timer_last_trigger_seconds"), 1);
    assert!(success(&metrics, "systemd") && success(&metrics, "loadavg"));
    let collector = [("collector", "systemd")];
    assert_value(&metrics, "node_scrape_collector_malformed_total", &collector, 1.0);
    let error = "org.freedesktop.systemd1.Socket.NRefused of \
                 /org/freedesktop/systemd1/unit/odd_2esocket: unexpected type s";
    assert!(summary.contains(error), "{summary}");
}

#[tokio::test]
#[ignore = "needs dbus-daemon"]
async fn flags_choose_units_and_ask_for_more() {
    let bus = PrivateBus::start();
    let _systemd = bus.systemd(false).await;
    let flags = [
        "--collector.systemd",
        "--collector.systemd.unit-whitelist=.+\\.(service|mount)",
        "--collector.systemd.unit-exclude=gone.+",
        "--collector.systemd.enable-task-metrics",
        "--collector.systemd.enable-restarts-metrics",
        "--collector.systemd.enable-start-time-metrics",
    ];
    let (metrics, summary) = scrape(&bus.address, &flags).await;
    assert!(success(&metrics, "systemd"), "{summary}");
    assert!(summary.contains("now=collector.systemd.unit-include"), "{summary}");
    assert_eq!(count(&metrics, "node_systemd_unit_state"), 3 * 5);
    let mount = [("name", "home.mount"), ("state", "active"), ("type", "ext4")];
    assert_value(&metrics, "node_systemd_unit_state", &mount, 1.0);
    let ssh = [("name", "ssh.service")];
    assert_value(&metrics, "node_systemd_service_restart_total", &ssh, 3.0);
    assert_eq!(count(&metrics, "node_systemd_service_restart_total"), 1);
    assert_value(&metrics, "node_systemd_unit_tasks_current", &ssh, 2.0);
    assert_eq!(count(&metrics, "node_systemd_unit_tasks_max"), 0, "there is no limit");
    assert_value(&metrics, "node_systemd_unit_start_time_seconds", &ssh, 1_700_000_000.5);
    let old = [("name", "old.service")];
    assert_value(&metrics, "node_systemd_unit_start_time_seconds", &old, 0.0);
}

#[tokio::test]
#[ignore = "needs dbus-daemon"]
async fn logind_counts_sessions_of_every_kind() {
    let bus = PrivateBus::start();
    let _logind = bus.logind().await;
    let (metrics, summary) = scrape(&bus.address, &["--collector.logind"]).await;
    assert!(success(&metrics, "logind"), "{summary}");
    assert_eq!(count(&metrics, "node_logind_sessions"), 2 * 2 * 7 * 5);
    for (seat, remote, kind, class, expected) in [
        ("seat0", "false", "wayland", "user", 1.0),
        ("", "true", "tty", "user", 2.0),
        ("", "false", "unspecified", "other", 1.0),
        ("seat0", "true", "mir", "greeter", 0.0),
    ] {
        let labels = [("seat", seat), ("remote", remote), ("type", kind), ("class", class)];
        assert_value(&metrics, "node_logind_sessions", &labels, expected);
    }
}

#[tokio::test]
#[ignore = "needs dbus-daemon"]
async fn a_service_that_is_absent_or_silent_costs_its_collector() {
    let bus = PrivateBus::start();
    let _systemd = bus.silent_systemd().await;
    let flags = ["--collector.systemd", "--collector.logind", "--web.scrape-timeout=2s"];
    let started = Instant::now();
    let (metrics, summary) = scrape(&bus.address, &flags).await;
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert!(success(&metrics, "loadavg"));
    assert!(!success(&metrics, "systemd") && !success(&metrics, "logind"));
    assert!(summary.contains("org.freedesktop.login1.Manager.ListSeats: "), "{summary}");
    assert!(summary.contains("not finished after"), "{summary}");
}

/// Starts an exporter that serves; gives what it says when asked.
fn serve(mut program: Command, folder: &TemporaryFolder) -> (Process, impl Fn() -> String) {
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    program.arg(format!("--web.listen-address={address}"));
    let process = Process::start(&mut program, &folder.path().join("log")).unwrap();
    let scrape = move || http::get(&format!("http://{address}/metrics"));
    eventually("an answer", Duration::from_secs(10), &scrape).unwrap();
    (process, move || scrape().unwrap().body)
}

#[tokio::test]
#[ignore = "needs dbus-daemon"]
async fn connections_do_not_pile_up() {
    let bus = PrivateBus::start();
    let _systemd = bus.systemd(false).await;
    let folder = TemporaryFolder::new("descriptors").unwrap();
    // After an address that does not exist, the second one is taken.
    let buses = format!("unix:path=/nonexistent/bus;{}", bus.address);
    let program = program(&buses, &["--collector.systemd"]);
    let work = move || {
        let (process, scrape) = serve(program, &folder);
        let before = process.descriptors().unwrap();
        for _ in 0..30 {
            let body = scrape();
            assert!(body.contains("node_systemd_unit_state{"), "{body}");
        }
        // A connection that has just been dropped may still be on its way out.
        let is_bounded = || match process.descriptors().unwrap() {
            now if now <= before + 1 => Ok(()),
            now => Err(format!("{before} descriptors before, {now} after")),
        };
        eventually("closed connections", Duration::from_secs(5), is_bounded).unwrap();
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test]
#[ignore = "needs dbus-daemon and prometheus-node-exporter"]
async fn the_peer_says_the_same_of_the_same_services() {
    let bus = PrivateBus::start();
    let (_systemd, _logind) = (bus.systemd(false).await, bus.logind().await);
    let folder = TemporaryFolder::new("peer").unwrap();
    let arguments = [
        "--collector.systemd",
        "--collector.logind",
        "--collector.systemd.unit-exclude=raid.+",
        "--collector.systemd.enable-task-metrics",
        "--collector.systemd.enable-restarts-metrics",
        "--collector.systemd.enable-start-time-metrics",
    ];
    let ours = program(&bus.address, &arguments);
    let mut peer = command("prometheus-node-exporter");
    peer.args(ours.get_args()).env("DBUS_SYSTEM_BUS_ADDRESS", &bus.address);
    let work = move || {
        let [ours, peer] = [ours, peer].map(|program| {
            let (_process, scrape) = serve(program, &folder);
            let mut metrics = Exposition::parse(&scrape()).unwrap();
            metrics.0.retain(|name, _| {
                name.starts_with("node_systemd_") || name.starts_with("node_logind_")
            });
            metrics
        });
        assert!(peer.0.len() >= 12, "{:?}", peer.0.keys());
        // Newer releases of the peer know the kind of virtualization.
        let newer = Known::parse("ours node_systemd_virtualization_info # since 1.7").unwrap();
        let found = differences(&ours, [&peer, &peer], &newer);
        assert!(found.is_empty(), "{found:#?}");
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test]
async fn without_a_bus_the_error_names_the_socket() {
    let (metrics, summary) = scrape("unix:path=/nonexistent/bus", &["--collector.logind"]).await;
    assert!(!success(&metrics, "logind") && success(&metrics, "loadavg"));
    let error = "connect to unix:path=/nonexistent/bus: No such file or directory";
    assert!(summary.contains(error), "{summary}");
    let (_, summary) = scrape("nonsense", &["--collector.logind"]).await;
    assert!(summary.contains("connect to nonsense: "), "{summary}");
}

#[tokio::test]
async fn a_socket_that_is_no_bus_costs_its_collectors_and_nothing_else() {
    for answer in [None, Some(&b""[..]), Some(b"HTTP/1.1 400 Bad Request\r\n\r\n")] {
        let folder = TemporaryFolder::new("socket").unwrap();
        let socket = folder.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                match answer {
                    // Never answers and never closes.
                    None => open.push(connection),
                    // The other side may have gone already.
                    Some(answer) => drop(connection.write_all(answer)),
                }
            }
        });
        let address = format!("unix:path={}", socket.display());
        let flags = ["--collector.systemd", "--collector.logind", "--web.scrape-timeout=2s"];
        let started = Instant::now();
        let (metrics, summary) = scrape(&address, &flags).await;
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
        assert!(success(&metrics, "loadavg") && !success(&metrics, "logind"), "{summary}");
        let error = if answer.is_none() { "not finished after" } else { "connect to unix:path=" };
        assert!(summary.contains(error), "{summary}");
    }
}
