//! The program as deploy/release calls it.

use std::fs;
use std::path::Path;
use std::process::Output;

use tests::process::{command, output};

fn run(arguments: &[&str]) -> anyhow::Result<Output> {
    let mut command = command(env!("CARGO_BIN_EXE_package-docs"));
    output(command.args(arguments).env("SOURCE_DATE_EPOCH", "1700000000"))
}

#[test]
fn the_files_are_where_packages_look_for_them() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("package-docs");
    let _ = fs::remove_dir_all(&folder);
    let ended = run(&[folder.to_str().unwrap(), "--release", "1.2.3~rc1"]).unwrap();
    assert!(ended.status.success(), "{ended:?}");
    for name in ["node-exporter", "container-exporter", "redis-exporter", "mysql-exporter"] {
        let page = fs::read_to_string(folder.join(format!("man/{name}.1"))).unwrap();
        assert!(page.contains("2023-11-14") && page.contains("1.2.3~rc1"), "{page}");
        for path in [format!("bash/{name}"), format!("zsh/_{name}"), format!("fish/{name}.fish")] {
            let script = fs::read_to_string(folder.join(&path)).unwrap();
            assert!(script.contains("web.listen-address"), "{path}: {script}");
        }
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let ended = run(&["/dev/null/folder"]).unwrap();
    let error = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success() && error.contains("/dev/null/folder"), "{error}");
}
