//! Starts real servers and programs for tests, asks them, and ends them again.
//!
//! Everything listens on the loopback interface on a port that was free, keeps
//! its data in a folder of its own, and is ended by its process id when the
//! value that stands for it is dropped.

pub mod collectors;
pub mod docker;
pub mod exporter;
pub mod exposition;
pub mod fake_mysql;
pub mod formats;
pub mod fuse;
pub mod fuzz;
pub mod golden;
pub mod http;
pub mod listening;
pub mod log;
pub mod mariadb;
pub mod migrating;
pub mod opened;
pub mod parity;
pub mod process;
pub mod program;
pub mod promtool;
pub mod proxy;
pub mod redis;
pub mod redis_cluster;
pub mod served;
pub mod table;

use std::fmt::Display;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// The repository's root.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files below `root`, links left out because their targets come by themselves, in order.
///
/// # Errors
/// A folder cannot be read.
pub fn files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// One of the four programs: in the folder `BIN_DIR` of the environment, else where cargo has put
/// it beside the running test, which it does in a test of the whole workspace.
///
/// # Errors
/// It has not been built.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let folder = match std::env::var_os("BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => std::env::current_exe()?.ancestors().nth(2).context("no folder")?.to_owned(),
    };
    let path = folder.join(name);
    if !path.is_file() {
        bail!("{} is missing: run cargo test --workspace, or set BIN_DIR", path.display());
    }
    Ok(path)
}

/// The program that cargo has put at `path` for a test of its crate, or the one of that name in the
/// folder `BIN_DIR` of the environment.
pub fn built(path: &str) -> PathBuf {
    let path = Path::new(path);
    match (std::env::var_os("BIN_DIR"), path.file_name()) {
        (Some(folder), Some(name)) => Path::new(&folder).join(name),
        _ => path.to_owned(),
    }
}

/// One of the four programs, built for release, for tests that measure: in `BIN_DIR`, else in
/// `target/release`.
///
/// # Errors
/// It has not been built.
pub fn released(name: &str) -> anyhow::Result<PathBuf> {
    if std::env::var_os("BIN_DIR").is_some() {
        return program(name);
    }
    let path = repository().join("target/release").join(name);
    if !path.is_file() {
        bail!("{} is missing: run cargo build --release first", path.display());
    }
    Ok(path)
}

/// A port on the loopback interface that nobody listens on, and that was not given before.
///
/// It is below those that the system gives to connections, one of which could take it before its
/// server has started.
///
/// # Errors
/// There is none.
pub fn free_port() -> anyhow::Result<u16> {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 22_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Another process of tests begins elsewhere.
    let start = std::process::id().wrapping_mul(101);
    for _ in 0..COUNT {
        let number = start.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + number % COUNT)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free")
}

/// A folder that is removed with all its content when dropped.
#[derive(Debug)]
pub struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    /// Makes a folder whose name starts with `name`. Everybody may enter it,
    /// because servers drop root's rights.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(name: &str) -> anyhow::Result<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("{name}-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
        let mode = rustix::fs::Mode::from_raw_mode(0o755);
        rustix::fs::chmod(&path, mode)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What is left over lies below the system's temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Repeats `attempt` until it succeeds.
///
/// # Errors
/// The last failure, once `patience` is over; `what` says what was waited for.
pub fn eventually<T, E: Display>(
    what: &str,
    patience: Duration,
    mut attempt: impl FnMut() -> Result<T, E>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() > deadline => {
                bail!("{what}: not within {} s: {error}", patience.as_secs())
            }
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}
