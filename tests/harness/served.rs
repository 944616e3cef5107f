//! One of the programs, as its users run it.

use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::exposition::Exposition;
use crate::http::{self, Answer};
use crate::process::Process;
use crate::{TemporaryFolder, eventually, free_port};

/// A program that answers scrapes on the loopback interface, in a process and a folder of its own.
#[derive(Debug)]
pub struct Served {
    /// What runs.
    pub process: Process,
    /// Its address, without a slash at the end.
    pub url: String,
    folder: TemporaryFolder,
}

impl Served {
    /// Starts `program` on a free port, which is put behind the flags `listen`.
    ///
    /// # Errors
    /// It does not answer.
    pub fn start(program: Command, listen: &str) -> anyhow::Result<Self> {
        Self::start_logging_to(program, listen, None)
    }

    /// As [`Self::start`], with its log going elsewhere than to a file, if given.
    ///
    /// # Errors
    /// It does not answer.
    pub fn start_logging_to(
        mut program: Command,
        listen: &str,
        stderr: Option<Stdio>,
    ) -> anyhow::Result<Self> {
        let folder = TemporaryFolder::new("served")?;
        let port = free_port()?;
        program.args(format!("{listen}{port}").split(' ')).current_dir(folder.path());
        let log = folder.path().join("log");
        let process = Process::start_logging_to(&mut program, &log, stderr)?;
        let served = Self { process, url: format!("http://127.0.0.1:{port}"), folder };
        let healthy = || served.get("/-/healthy");
        eventually("health", Duration::from_secs(20), healthy)
            .map_err(|error| error.context(served.process.log()))?;
        Ok(served)
    }

    /// The folder that it runs in.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The answer at `path`.
    ///
    /// # Errors
    /// There is none.
    pub fn get(&self, path: &str) -> anyhow::Result<Answer> {
        http::get(&format!("{}{path}", self.url))
    }

    /// The metrics for a Prometheus that waits for `seconds`.
    ///
    /// # Errors
    /// There is no answer, or any status but 200.
    pub fn scrape_within(&self, seconds: f64) -> anyhow::Result<Answer> {
        let timeout = seconds.to_string();
        let headers = [("X-Prometheus-Scrape-Timeout-Seconds", timeout.as_str())];
        let answer = http::get_with(&format!("{}/metrics", self.url), &headers)?;
        anyhow::ensure!(answer.status == 200, "status {}: {}", answer.status, answer.body);
        Ok(answer)
    }

    /// The families of one scrape.
    ///
    /// # Errors
    /// There is no answer, or it is no text format, strictly read.
    pub fn scrape(&self) -> anyhow::Result<Exposition> {
        self.scrape_within(10.0)?.exposition()
    }

    /// Waits until no more descriptors are open than `before`, but for one: the socket of the last
    /// request may still be on its way out.
    ///
    /// # Errors
    /// There are more after 10 s.
    pub fn settles_at(&self, before: usize) -> anyhow::Result<()> {
        let check = || match self.process.descriptors() {
            Ok(now) if now <= before + 1 => Ok(()),
            Ok(now) => Err(format!("{before} before, {now} after")),
            Err(error) => Err(error.to_string()),
        };
        eventually("closed descriptors", Duration::from_secs(10), check)
    }

    /// Sends `signal` and waits for the end.
    ///
    /// # Errors
    /// It does not end.
    pub fn stop(&mut self, signal: Signal) -> anyhow::Result<ExitStatus> {
        self.process.stop(signal)
    }
}
