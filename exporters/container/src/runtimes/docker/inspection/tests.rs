use proptest::proptest;

use super::*;

fn reader(engine: Engine, uses_systemd: bool) -> Reader {
    Reader { engine, labelling: Labelling::default(), uses_systemd }
}

fn inspect(json: &str) -> Container {
    reader(Engine::Docker, false).inspection(serde_json::from_str(json).unwrap())
}

#[test]
fn an_inspection_gives_everything() {
    let container = inspect(include_str!("../../../../fixtures/docker/inspect-gateway.json"));
    assert_eq!(container.name, "twitch-chatters-gateway");
    assert_eq!(container.image, "registry.example/gateway:1.4");
    assert_eq!(container.pid, Some(3456));
    assert_eq!(container.status, Some(Status::Running));
    assert_eq!(container.created_seconds, Some(1_795_495_747.0));
    assert_eq!(container.started_seconds, Some(1_795_495_748.0));
    assert_eq!((container.finished_seconds, container.last_exit_code), (None, None));
    assert_eq!((container.restarts, container.oom_kills), (Some(0), 0));
    assert_eq!(container.health, Some(Health::Healthy));
    assert!(container.cgroup.starts_with("/docker/94ee48f2"), "{}", container.cgroup);
    let layer = container.layer.unwrap();
    assert!(layer.starts_with("/var/lib/docker/overlay2/") && layer.ends_with("/diff"), "{layer}");
    assert!(!container.has_foreign_network);
    let volumes = container.volumes.iter();
    let volumes: Vec<_> = volumes.map(|m| (&*m.volume, &*m.destination, m.is_read_only)).collect();
    assert_eq!(volumes, [("uploads", "/srv", true), ("db-data", "/var/lib/mysql", false)]);
}

#[test]
fn volumes_are_bounded_and_those_without_a_name_left_out() {
    let mount = |n: usize| format!(r#"{{"Type":"volume","Name":"v{n}","Destination":"/{n}"}}"#);
    let mounts: Vec<String> = (0..MAX_VOLUMES + 9).map(mount).collect();
    let volumes = inspect(&format!(r#"{{"Mounts":[{}]}}"#, mounts.join(","))).volumes;
    assert_eq!(volumes.len(), MAX_VOLUMES);
    assert!(volumes.iter().all(|mount| !mount.is_read_only), "nothing says so");
    for mounts in ["null", "[]", r#"[{"Type":"tmpfs","Destination":"/t"},{"Type":"volume"}]"#] {
        assert_eq!(inspect(&format!(r#"{{"Mounts":{mounts}}}"#)).volumes, [], "{mounts}");
    }
}

#[test]
fn networks_are_told_by_their_kind() {
    for (mode, kind) in [
        ("host", "host"),
        ("default", "bridge"),
        ("shop_default", "shop_default"),
        ("container:41c0f3db99fa", "container"),
        ("ns:/run/netns/x", "ns"),
        ("", ""),
    ] {
        let container = inspect(&format!(r#"{{"HostConfig":{{"NetworkMode":"{mode}"}}}}"#));
        assert_eq!(container.network_mode, kind);
        assert_eq!(container.has_host_network(), mode == "host");
    }
}

#[test]
fn more_ports_than_are_kept_are_kept_as_ranges() {
    let binding = |port| {
        format!(
            r#""{port}/udp":[{{"HostIp":"0.0.0.0","HostPort":"{port}"}},{{"HostIp":"::","HostPort":"{port}"}}]"#
        )
    };
    let ports: Vec<String> = (49_152..=65_535).map(binding).collect();
    let json = format!(r#"{{"NetworkSettings":{{"Ports":{{{}}}}}}}"#, ports.join(","));
    let ports = inspect(&json).ports;
    let numbers: Vec<_> = ports.iter().map(|port| (&*port.container, &*port.host)).collect();
    assert_eq!(numbers, [("49152-65535", "49152-65535"); 2]);
}

#[test]
fn what_was_asked_for_is_known_and_zero_is_nothing() {
    let container = inspect(r#"{"HostConfig":{"CpuShares":1024,"MemoryReservation":33554432}}"#);
    assert_eq!(
        (container.cpu_shares, container.memory_reservation),
        (Some(1024), Some(33_554_432))
    );
    for nothing in [r#"{"HostConfig":{"CpuShares":0,"MemoryReservation":0}}"#, "{}"] {
        let container = inspect(nothing);
        assert_eq!((container.cpu_shares, container.memory_reservation), (None, None));
    }
}

#[test]
fn what_is_missing_stays_absent() {
    let container = inspect(
        r#"{"Name":"/a","State":{"Pid":0,"StartedAt":"0001-01-01T00:00:00Z"},
            "HostConfig":{"NetworkMode":"container:41c0"}}"#,
    );
    assert_eq!((container.pid, container.started_seconds), (None, None));
    assert_eq!((container.status, container.restarts), (None, None));
    assert_eq!(container.health, Some(Health::Unchecked));
    assert!(container.has_foreign_network && container.layer.is_none());
    assert_eq!(inspect("{}").name, "");
}

#[test]
fn an_exit_code_counts_once_the_container_has_ended() {
    let state = |status: &str, finished: &str| {
        let json = format!(
            r#"{{"RestartCount":4,"State":{{"Status":"{status}","ExitCode":137,
                "OOMKilled":true,"FinishedAt":"{finished}"}}}}"#
        );
        inspect(&json)
    };
    let ended = "2026-11-24T04:49:08.069746327Z";
    let container = state("exited", ended);
    assert_eq!((container.last_exit_code, container.restarts), (Some(137), Some(4)));
    assert_eq!((container.oom_kills, container.finished_seconds), (1, Some(1_795_495_748.0)));
    assert_eq!(state("restarting", ended).last_exit_code, Some(137));
    // A running container shows 0 for the end that it had before, or had not.
    assert_eq!(state("running", ended).last_exit_code, None);
    assert_eq!(state("created", "0001-01-01T00:00:00Z").last_exit_code, None);
}

#[test]
fn without_a_graph_driver_nothing_but_the_layer_is_missing() {
    // Docker 29 with the containerd image store has `Storage` in its place.
    let container = inspect(
        r#"{"Id":"41c0","Name":"/web","Config":{"Image":"nginx:1.27"},"State":{"Status":"running",
            "Pid":7,"Health":{"Status":"starting"}},
            "Storage":{"RootFS":{"Snapshot":{"Name":"overlayfs"}}}}"#,
    );
    assert_eq!((container.name.as_str(), container.image.as_str()), ("web", "nginx:1.27"));
    assert_eq!((container.pid, container.layer), (Some(7), None));
    assert_eq!(container.health, Some(Health::Starting));
}

#[test]
fn ports_are_sorted_and_those_that_are_not_published_have_no_host() {
    let container = inspect(
        r#"{"NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"::","HostPort":"8080"},
            {"HostIp":"0.0.0.0","HostPort":"8080"}],"53/udp":null,"443/tcp":[]}}}"#,
    );
    let ports: Vec<String> = container
        .ports
        .iter()
        .map(|port| format!("{}/{}={}:{}", port.container, port.protocol, port.host_ip, port.host))
        .collect();
    assert_eq!(ports, ["443/tcp=:", "53/udp=:", "80/tcp=0.0.0.0:8080", "80/tcp=:::8080"]);
}

#[test]
fn a_summary_gives_name_image_and_status() {
    let json = r#"{"Names":["/web/link","/db"],"Image":"x","Created":5,"State":"exited","Labels":{"a":"b"}}"#;
    let container = reader(Engine::Docker, false).summary(serde_json::from_str(json).unwrap());
    assert_eq!((container.name.as_str(), container.created_seconds), ("db", Some(5.0)));
    assert_eq!((container.status, container.health), (Some(Status::Exited), None));
    assert_eq!(word_status("stopping"), Some(Status::Running));
    assert_eq!(word_status(""), None);
}

#[test]
fn cgroups_are_where_both_drivers_of_both_runtimes_make_them() {
    let path = |engine, systemd, parent| reader(engine, systemd).cgroup("41c0", parent);
    let (docker, podman) = (Engine::Docker, Engine::Podman);
    assert_eq!(path(docker, false, ""), "/docker/41c0");
    assert_eq!(path(docker, false, "/app/web/"), "/app/web/41c0");
    assert_eq!(path(docker, true, ""), "/system.slice/docker-41c0.scope");
    assert_eq!(path(docker, true, "a-b.slice"), "/a.slice/a-b.slice/docker-41c0.scope");
    assert_eq!(path(podman, true, ""), "/machine.slice/libpod-41c0.scope");
    assert_eq!(path(podman, false, ""), "/libpod_parent/libpod-41c0");
    let pod = "/machine.slice/machine-libpod_pod_7.slice";
    assert_eq!(path(podman, true, pod), format!("{pod}/libpod-41c0.scope"));
}

proptest! {
    #[test]
    fn no_parent_and_no_answer_panics(text in ".*", json in r#"[\[\]{}":a-zA-Z0-9, ]*"#) {
        for systemd in [true, false] {
            let _ = reader(Engine::Docker, systemd).cgroup(&text, &text);
        }
        if let Ok(found) = serde_json::from_str(&json) {
            let _ = reader(Engine::Podman, true).inspection(found);
        }
    }
}
