//! Records what is built and with what: revision and branch from the
//! environment or the repository's own files, the compiler's version.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=BUILD_REVISION");
    println!("cargo::rerun-if-env-changed=BUILD_BRANCH");
    println!("cargo::rerun-if-changed=build.rs");
    let (branch, revision) = repository(&git_folder(Path::new("../.git")));
    let branch = env::var("BUILD_BRANCH").ok().or(branch);
    let revision = env::var("BUILD_REVISION").ok().or(revision);
    let unknown = || "unknown".to_owned();
    println!("cargo::rustc-env=BUILD_BRANCH={}", branch.unwrap_or_else(unknown));
    println!("cargo::rustc-env=BUILD_REVISION={}", revision.unwrap_or_else(unknown));
    println!("cargo::rustc-env=BUILD_COMPILER={}", compiler().unwrap_or_else(unknown));
}

/// The folder of the repository's own files; in a worktree `.git` is a file that names it.
fn git_folder(git: &Path) -> PathBuf {
    let named = fs::read_to_string(git).unwrap_or_default();
    named.trim().strip_prefix("gitdir: ").map_or_else(|| git.to_owned(), PathBuf::from)
}

/// The content of a file, which is built again when it changes; one that is not there must not
/// be watched, because cargo would then build everything each time.
fn read_watched(path: &Path) -> Option<String> {
    let content = fs::read_to_string(path).ok()?;
    println!("cargo::rerun-if-changed={}", path.display());
    Some(content)
}

/// Branch and commit that `HEAD` names.
fn repository(git: &Path) -> (Option<String>, Option<String>) {
    let Some(head) = read_watched(&git.join("HEAD")) else { return (None, None) };
    match head.trim().strip_prefix("ref: ") {
        None => (None, Some(head.trim().to_owned())),
        Some(reference) => {
            // Of a worktree, branches are in the main repository.
            let common = read_watched(&git.join("commondir"));
            let common = common.map_or_else(|| git.to_owned(), |path| git.join(path.trim()));
            let revision = read_watched(&common.join(reference));
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
