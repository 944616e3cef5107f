//! The exporter on fixture trees, with a Docker daemon that gives recorded answers.

mod cgroups;
mod choice;
mod drivers;
mod flags;
mod floods;
mod follow;
mod fuzz;
mod golden;
mod labels;
mod machine;
mod migrating;
mod parity;
mod states;
mod stub;
mod trouble;

use container_exporter::ContainerExporter;

/// The exporter without a socket.
type Running = tests::exporter::Running<ContainerExporter>;

/// A path below the fixtures.
fn fixture(path: &str) -> String {
    format!("{}/fixtures/{path}", env!("CARGO_MANIFEST_DIR"))
}

/// Arguments that lead to the fixtures of cgroup `version`, and to the daemon at `socket`.
fn on_fixtures(version: &str, socket: &str) -> Vec<String> {
    vec![
        format!("--path.cgroup={}", fixture(&format!("{version}/cgroup"))),
        format!("--path.procfs={}", fixture("proc")),
        format!("--path.sysfs={}", fixture("sys")),
        format!("--path.rootfs={}", fixture("")),
        format!("--machine_id_file={}", fixture("etc/machine-id")),
        format!("--boot_id_file={}", fixture("etc/boot-id")),
        format!("-docker={socket}"),
        "-podman=".to_owned(),
    ]
}
