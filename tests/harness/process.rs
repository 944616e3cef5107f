//! Programs that run beside a test.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal};

use crate::eventually;

/// How long a process may take to end when asked to.
const PATIENCE: Duration = Duration::from_secs(20);

/// A log that has not grown for so long is complete.
const SETTLED: Duration = Duration::from_millis(20);

/// A command; the one place where tests start programs.
#[expect(clippy::disallowed_methods, reason = "tests run the programs that they test")]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// Runs a command to its end.
///
/// # Errors
/// It cannot be started.
pub fn output(command: &mut Command) -> anyhow::Result<Output> {
    command.output().with_context(|| format!("{command:?}"))
}

/// Runs a command that must succeed and gives what it printed.
///
/// # Errors
/// It cannot be started or fails; the message holds its stderr.
pub fn succeed(command: &mut Command) -> anyhow::Result<String> {
    let output = output(command)?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?}: {}: {stdout}{stderr}", output.status);
    }
    Ok(stdout)
}

/// Copies a program to where everybody may start it.
///
/// Another process writes the copy: a file that is open for writing here would stay so
/// in what another thread starts meanwhile, and could not be started itself.
///
/// # Errors
/// The folder cannot be written to.
pub fn copy_program(program: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    succeed(command("cp").arg(program).arg(folder))?;
    Ok(folder.join(program.file_name().context("a program has a name")?))
}

/// A program in the background; it is ended when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, whose output goes to the file `log`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        Self::start_logging_to(command, log, None)
    }

    /// As [`Self::start`], with `stderr` going elsewhere, if given.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start_logging_to(
        command: &mut Command,
        log: &Path,
        stderr: Option<Stdio>,
    ) -> anyhow::Result<Self> {
        Self::start_between(Stdio::null(), command, log, stderr)
    }

    /// As [`Self::start_logging_to`], with something else than nothing to read.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start_between(
        stdin: Stdio,
        command: &mut Command,
        log: &Path,
        stderr: Option<Stdio>,
    ) -> anyhow::Result<Self> {
        let file = File::create(log).with_context(|| log.display().to_string())?;
        let child = command
            .stdin(stdin)
            .stdout(file.try_clone()?)
            .stderr(stderr.unwrap_or_else(|| file.into()))
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        Ok(Self { child, log: log.to_owned() })
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far, its last lines included: they are written a moment later.
    pub fn log(&self) -> String {
        let read = || std::fs::read(&self.log).unwrap_or_default();
        let mut bytes = read();
        loop {
            std::thread::sleep(SETTLED);
            let now = read();
            if now.len() == bytes.len() {
                return String::from_utf8_lossy(&bytes).into_owned();
            }
            bytes = now;
        }
    }

    /// Open file descriptors.
    ///
    /// # Errors
    /// The process is gone.
    pub fn descriptors(&self) -> anyhow::Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.id()))?.count())
    }

    /// Kibibytes of memory: `VmRSS` for what it has now, `VmHWM` for the most that it has had.
    ///
    /// # Errors
    /// It does not run.
    pub fn memory(&self, key: &str) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let mut words =
            status.split_whitespace().skip_while(|word| word.trim_end_matches(':') != key);
        Ok(words.nth(1).context("no such line")?.parse()?)
    }

    /// Sends a signal. One that stops the process is waited for: a thread that works answers
    /// questions until it has seen it.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        if let Some(id) = id {
            // It may have ended by itself.
            let _ = rustix::process::kill_process(id, signal);
        }
        if signal == Signal::STOP {
            // What is tested then fails if it has not stopped.
            let _ = eventually("all threads stop", Duration::from_secs(5), || self.has_stopped());
        }
    }

    /// Fails if one of its threads has not stopped.
    fn has_stopped(&self) -> anyhow::Result<()> {
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.id()))? {
            let stat = std::fs::read_to_string(thread?.path().join("stat"))?;
            // Behind the name, in which there may be anything
            let state = stat.rsplit(") ").next().unwrap_or_default();
            anyhow::ensure!(state.starts_with('T'), "a thread goes on: {stat}");
        }
        Ok(())
    }

    /// How it has ended; `None` while it runs.
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends `signal` and waits for the end.
    ///
    /// # Errors
    /// It does not end.
    pub fn stop(&mut self, signal: Signal) -> anyhow::Result<ExitStatus> {
        // The id of one that has ended may belong to another by now.
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        self.signal(signal);
        let child = &mut self.child;
        eventually("end of a process", PATIENCE, || match child.try_wait() {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err("still running".to_owned()),
            Err(error) => Err(error.to_string()),
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.stop(Signal::TERM).is_err() {
            // A child that was killed is gone; there is nobody left to tell.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
