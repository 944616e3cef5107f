//! A private Docker daemon. Needs root.

use std::ffi::OsStr;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::process::{Process, command, succeed};
use crate::{TemporaryFolder, eventually, repository};

/// A dockerd with its data in a folder of its own, in a network of its own: the packet filter,
/// the bridges and the addresses of the host do not count, and it leaves none.
#[derive(Debug)]
pub struct Docker {
    /// `None` while it is stopped.
    process: Option<Process>,
    /// Keeps the namespaces of network and mounts from one start of the daemon to the next.
    namespaces: Process,
    options: Vec<String>,
    folder: TemporaryFolder,
}

impl Docker {
    /// A daemon with further options that is not started yet.
    ///
    /// # Errors
    /// There is no place for its data, or the caller may not make namespaces.
    pub fn new(options: &[&str]) -> anyhow::Result<Self> {
        let options = options.iter().map(ToString::to_string).collect();
        let folder = TemporaryFolder::new("docker")?;
        // The signal ends it with this thread, however the test ends.
        let mut holder = command("setpriv");
        holder
            .args(["--pdeathsig", "KILL", "unshare", "--net", "--mount"])
            .arg(repository().join("tests/isolated"))
            .args(["--inside", "sleep", "infinity"]);
        let namespaces = Process::start(&mut holder, &folder.path().join("namespaces"))?;
        let name = format!("/proc/{}/comm", namespaces.id());
        let is_ready = || match std::fs::read_to_string(&name) {
            Ok(name) if name == "sleep\n" => Ok(()),
            _ => Err(namespaces.log()),
        };
        eventually("namespaces", Duration::from_secs(10), is_ready)?;
        Ok(Self { process: None, namespaces, options, folder })
    }

    /// A command that runs in the daemon's network.
    pub fn beside(&self, program: impl AsRef<OsStr>) -> Command {
        let mut beside = command("nsenter");
        beside.arg(format!("--net=/proc/{}/ns/net", self.namespaces.id())).arg(program);
        beside
    }

    /// Starts the daemon, on the data that it left if it ran before.
    ///
    /// # Errors
    /// It does not start; the message holds its log.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let folder = self.folder.path();
        // If the test does not end it, it ends with this thread, and its containers with it.
        let mut daemon = command("setpriv");
        daemon
            .args(["--pdeathsig", "TERM", "nsenter", "--net", "--mount", "--target"])
            .arg(self.namespaces.id().to_string())
            .args(["dockerd", "--host", &self.endpoint(), "--data-root"])
            .arg(folder.join("data"))
            .arg("--exec-root")
            .arg(folder.join("exec"))
            .arg("--pidfile")
            .arg(folder.join("pid"))
            .args(&self.options);
        let process = Process::start(&mut daemon, &folder.join("log"))?;
        self.process = Some(process);
        let version = || self.run(&["version"]);
        eventually("answer of dockerd", Duration::from_mins(1), version).map(drop).map_err(
            |error| error.context(self.process.as_ref().map(Process::log).unwrap_or_default()),
        )
    }

    /// Kills the daemon; its containers go on.
    ///
    /// # Errors
    /// It does not end.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.stop(Signal::KILL)?;
        // Its containerd dies with it, but a moment later, and stays a zombie
        // until init reaps it: a new daemon that still finds it would rely on it.
        let file = self.folder.path().join("exec/containerd/containerd.pid");
        let Ok(id) = std::fs::read_to_string(&file) else { return Ok(()) };
        eventually("end of containerd", Duration::from_secs(20), || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", id.trim()));
            match status {
                Ok(status) if !status.contains("State:\tZ") => Err("still running"),
                _ => Ok(()),
            }
        })?;
        Ok(std::fs::remove_file(file)?)
    }

    /// Address of the daemon's socket.
    pub fn endpoint(&self) -> String {
        format!("unix://{}", self.folder.path().join("docker.sock").display())
    }

    /// Runs one command of the `docker` client and gives what it printed.
    ///
    /// # Errors
    /// It fails.
    pub fn run(&self, words: &[&str]) -> anyhow::Result<String> {
        succeed(self.client().args(words)).map(|output| output.trim().to_owned())
    }

    fn client(&self) -> Command {
        let mut client = command("docker");
        client.arg("--host").arg(self.endpoint());
        client
    }

    /// Makes an image of nothing but busybox.
    ///
    /// # Errors
    /// There is no static busybox, or the daemon refuses.
    pub fn import(&self, image: &str) -> anyhow::Result<()> {
        let root = self.folder.path().join("root");
        std::fs::create_dir_all(root.join("bin"))?;
        std::fs::copy("/bin/busybox", root.join("bin/busybox"))?;
        for applet in ["sh", "sleep", "dd"] {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(applet))?;
        }
        let archive = self.folder.path().join("root.tar");
        succeed(command("tar").arg("-C").arg(&root).arg("-cf").arg(&archive).arg("."))?;
        succeed(self.client().arg("import").arg(&archive).arg(image)).map(drop)
    }

    /// Ends containers and daemon. Only a daemon can end them properly, so it
    /// is started for that if it does not run.
    ///
    /// # Errors
    /// Something is left.
    pub fn end(&mut self) -> anyhow::Result<()> {
        let folder = self.folder.path().to_owned();
        if !folder.join("data").exists() {
            return Ok(());
        }
        if self.process.is_none() {
            self.start()?;
        }
        for container in self.run(&["ps", "--all", "--quiet"])?.lines() {
            self.run(&["rm", "--force", container])?;
        }
        if let Some(mut process) = self.process.take() {
            process.stop(Signal::TERM)?;
        }
        // With the namespaces go the mounts that the daemon leaves.
        self.namespaces.stop(Signal::KILL)?;
        Ok(std::fs::remove_dir_all(folder.join("data"))?)
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // A second panic would hide the first; the test's own call of `end` shows errors.
        let _ = self.end();
    }
}
