//! A private Redis.

use std::process::Command;
use std::time::Duration;

use crate::process::{Process, command, succeed};
use crate::{TemporaryFolder, eventually, free_port};

/// A running redis-server.
#[derive(Debug)]
pub struct Redis {
    /// The port that it listens on.
    pub port: u16,
    /// The server.
    pub process: Process,
    _folder: TemporaryFolder,
}

impl Redis {
    /// Starts redis-server with further options on a free port.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(options: &[&str]) -> anyhow::Result<Self> {
        Self::start_on(free_port()?, options)
    }

    /// Starts redis-server with further options on `port`.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_on(port: u16, options: &[&str]) -> anyhow::Result<Self> {
        let folder = TemporaryFolder::new("redis")?;
        let log = folder.path().join("log");
        let mut server = command("redis-server");
        server
            .args(["--bind", "127.0.0.1", "--save", "", "--daemonize", "no", "--dir"])
            .arg(folder.path())
            .args(["--port", &port.to_string()])
            .args(options);
        let process = Process::start(&mut server, &log)?;
        let redis = Self { port, process, _folder: folder };
        eventually("answer of Redis", Duration::from_secs(20), || {
            std::net::TcpStream::connect(("127.0.0.1", port))
        })?;
        Ok(redis)
    }

    /// A `redis-cli` for this server.
    pub fn cli(&self) -> Command {
        let mut cli = command("redis-cli");
        cli.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "--no-auth-warning"]);
        cli
    }

    /// Runs one command.
    ///
    /// # Errors
    /// It fails.
    pub fn run(&self, words: &[&str]) -> anyhow::Result<String> {
        succeed(self.cli().args(words))
    }
}
