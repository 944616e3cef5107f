//! Records what is built and with what: revision and branch from the
//! environment or the repository's own files, the compiler's version.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=BUILD_REVISION");
    println!("cargo::rerun-if-env-changed=BUILD_BRANCH");
    println!("cargo::rerun-if-changed=../.git/HEAD");
    let (branch, revision) = repository(Path::new("../.git"));
    let branch = env::var("BUILD_BRANCH").ok().or(branch);
    let revision = env::var("BUILD_REVISION").ok().or(revision);
    let unknown = || "unknown".to_owned();
    println!("cargo::rustc-env=BUILD_BRANCH={}", branch.unwrap_or_else(unknown));
    println!("cargo::rustc-env=BUILD_REVISION={}", revision.unwrap_or_else(unknown));
    println!("cargo::rustc-env=BUILD_COMPILER={}", compiler().unwrap_or_else(unknown));
}

/// Branch and commit that `.git/HEAD` names.
fn repository(git: &Path) -> (Option<String>, Option<String>) {
    let Ok(head) = fs::read_to_string(git.join("HEAD")) else { return (None, None) };
    match head.trim().strip_prefix("ref: ") {
        None => (None, Some(head.trim().to_owned())),
        Some(reference) => {
            println!("cargo::rerun-if-changed=../.git/{reference}");
            let revision = fs::read_to_string(git.join(reference)).ok();
            let branch = reference.trim_start_matches("refs/heads/").to_owned();
            (Some(branch), revision.map(|revision| revision.trim().to_owned()))
        }
    }
}

/// `rustc1.95.0`, from `rustc --version`.
#[expect(clippy::disallowed_methods, reason = "a build script may ask the compiler its version")]
fn compiler() -> Option<String> {
    let output = Command::new(env::var_os("RUSTC")?).arg("--version").output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    Some(format!("rustc{}", version.split_whitespace().nth(1)?))
}
