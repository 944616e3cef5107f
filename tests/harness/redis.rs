//! A private Redis.

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use crate::process::{Process, command, output};
use crate::{TemporaryFolder, eventually, free_port};

/// A redis-server on a free port, with its data in a folder of its own.
#[derive(Debug)]
pub struct Redis {
    /// The port that it listens on.
    pub port: u16,
    /// `None` while it is stopped.
    process: Option<Process>,
    settings: String,
    folder: TemporaryFolder,
}

impl Redis {
    /// Starts a server with further lines in its configuration file; a
    /// sentinel if they give it something to monitor.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(settings: &str) -> anyhow::Result<Self> {
        let folder = TemporaryFolder::new("redis")?;
        let port = free_port()?;
        let settings = format!(
            "port {port}\nbind 127.0.0.1\ndir {folder}\nsave \"\"\nunixsocket {folder}/socket\n\
             {settings}\n",
            folder = folder.path().display()
        );
        let mut redis = Self { port, process: None, settings, folder };
        redis.restart()?;
        Ok(redis)
    }

    /// Folder of its configuration, its data and its socket (`socket`).
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends the server at once.
    ///
    /// # Errors
    /// It does not end.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.stop(Signal::KILL).map(drop))
    }

    /// Starts the server, again on the same port if it ran before.
    ///
    /// # Errors
    /// It does not start.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.stop()?;
        let file = self.folder().join("redis.conf");
        std::fs::write(&file, &self.settings)?;
        let mut server = command("redis-server");
        server.arg(&file);
        if self.settings.contains("sentinel monitor") {
            server.arg("--sentinel");
        }
        self.process = Some(Process::start(&mut server, &self.folder().join("log"))?);
        let connect = || std::net::TcpStream::connect(("127.0.0.1", self.port));
        eventually("answer of Redis", Duration::from_secs(20), connect).map(drop)
    }

    /// Sends one command, and returns what redis-cli prints.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn ask(&self, words: &[&str]) -> anyhow::Result<String> {
        let mut cli = command("redis-cli");
        cli.args(["-p", &self.port.to_string()]).args(words);
        Ok(String::from_utf8_lossy(&output(&mut cli)?.stdout).trim_end().to_owned())
    }

    /// Sends a signal to the server.
    pub fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    /// TCP connections of this host towards the server, as the kernel lists them.
    ///
    /// # Errors
    /// The list cannot be read.
    pub fn connections(&self) -> anyhow::Result<usize> {
        const ESTABLISHED: &str = "01";
        let remote = format!("0100007F:{:04X}", self.port);
        let is_one = |line: &&str| {
            let mut words = line.split_ascii_whitespace().skip(2);
            words.next() == Some(remote.as_str()) && words.next() == Some(ESTABLISHED)
        };
        Ok(std::fs::read_to_string("/proc/self/net/tcp")?.lines().filter(is_one).count())
    }
}
