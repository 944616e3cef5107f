//! A private Docker daemon. Needs root.

use std::process::Command;
use std::time::Duration;

use crate::process::{Process, command, succeed};
use crate::{TemporaryFolder, eventually};

/// Name of the image that [`Docker::start`] makes.
pub const IMAGE: &str = "busybox-test";

/// A running dockerd with one image that holds busybox.
#[derive(Debug)]
pub struct Docker {
    /// The daemon; `None` while it is stopped.
    process: Option<Process>,
    folder: TemporaryFolder,
}

impl Docker {
    /// Starts dockerd and imports the image.
    ///
    /// # Errors
    /// It does not start; the message holds its log.
    pub fn start() -> anyhow::Result<Self> {
        let mut docker = Self { process: None, folder: TemporaryFolder::new("docker")? };
        docker.start_daemon()?;
        docker.import()?;
        Ok(docker)
    }

    /// Starts the daemon, on the data that it left if it ran before.
    ///
    /// # Errors
    /// It does not start; the message holds its log.
    pub fn start_daemon(&mut self) -> anyhow::Result<()> {
        let folder = self.folder.path();
        let mut daemon = command("dockerd");
        daemon
            .arg("--host")
            .arg(self.endpoint())
            .arg("--data-root")
            .arg(folder.join("data"))
            .arg("--exec-root")
            .arg(folder.join("exec"))
            .arg("--pidfile")
            .arg(folder.join("pid"))
            // Containers outlive the daemon, so that tests can stop it.
            .args(["--live-restore", "--iptables=false", "--ip6tables=false", "--ip-masq=false"])
            .args(["--bip", "172.31.250.1/24", "--storage-driver", "vfs"]);
        let process = Process::start(&mut daemon, &folder.join("log"))?;
        self.process = Some(process);
        let ready =
            eventually("answer of dockerd", Duration::from_mins(1), || self.run(&["version"]));
        ready.map(drop).map_err(|error| {
            let log = self.process.as_ref().map(Process::log).unwrap_or_default();
            error.context(log)
        })
    }

    /// Ends the daemon and leaves its containers running.
    pub fn stop_daemon(&mut self) {
        self.process = None;
    }

    /// Address of the daemon's socket.
    pub fn endpoint(&self) -> String {
        format!("unix://{}", self.folder.path().join("docker.sock").display())
    }

    /// A `docker` client.
    pub fn client(&self) -> Command {
        let mut client = command("docker");
        client.arg("--host").arg(self.endpoint());
        client
    }

    /// Runs one command of the client.
    ///
    /// # Errors
    /// It fails.
    pub fn run(&self, words: &[&str]) -> anyhow::Result<String> {
        succeed(self.client().args(words))
    }

    /// Packs a root file system of busybox alone and imports it.
    fn import(&self) -> anyhow::Result<()> {
        let root = self.folder.path().join("root");
        std::fs::create_dir_all(root.join("bin"))?;
        std::fs::copy("/bin/busybox", root.join("bin/busybox"))?;
        for applet in ["sh", "sleep", "cat", "dd", "true", "ping", "wget"] {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(applet))?;
        }
        let archive = self.folder.path().join("root.tar");
        succeed(command("tar").arg("-C").arg(&root).arg("-cf").arg(&archive).arg("."))?;
        succeed(self.client().arg("import").arg(&archive).arg(IMAGE)).map(drop)
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        if self.process.is_none() && self.start_daemon().is_err() {
            return;
        }
        if let Ok(list) = self.run(&["ps", "--all", "--quiet"]) {
            let mut remove = self.client();
            remove.args(["rm", "--force"]).args(list.lines());
            // Without containers there is nothing to remove, which the client calls an error.
            let _ = succeed(&mut remove);
        }
    }
}
