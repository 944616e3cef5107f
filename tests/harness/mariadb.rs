//! A private MariaDB.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;

use crate::process::{Process, command, succeed};
use crate::{TemporaryFolder, eventually, free_port};

/// A mariadbd on a free port; its root account has no password on its socket.
#[derive(Debug)]
pub struct MariaDb {
    /// The port that it listens on.
    pub port: u16,
    /// `None` while it is stopped.
    process: Option<Process>,
    options: Vec<String>,
    folder: TemporaryFolder,
}

impl MariaDb {
    /// Starts a server with further options and without data.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(options: &[&str]) -> anyhow::Result<Self> {
        let folder = TemporaryFolder::new("mariadb")?;
        succeed(
            command("mariadb-install-db")
                .args(["--no-defaults", "--user=root", "--skip-test-db"])
                .arg("--auth-root-authentication-method=normal")
                .arg(format!("--datadir={}", folder.path().join("data").display()))
                // A server that starts removes all temporary tables in this folder.
                .arg(format!("--tmpdir={}", folder.path().display())),
        )?;
        let options = options.iter().map(ToString::to_string).collect();
        let mut server = Self { port: free_port()?, process: None, options, folder };
        server.run()?;
        Ok(server)
    }

    /// Starts the server on the data that it has.
    ///
    /// # Errors
    /// It does not start; the message holds its log.
    pub fn run(&mut self) -> anyhow::Result<()> {
        let folder = self.folder.path();
        let mut server = command("mariadbd");
        server
            .args(["--no-defaults", "--user=root", "--bind-address=127.0.0.1"])
            .arg(format!("--datadir={}", folder.join("data").display()))
            .arg(format!("--tmpdir={}", folder.display()))
            .arg(format!("--socket={}", self.socket().display()))
            .arg(format!("--port={}", self.port))
            // Small and quick: what it stores does not outlive the test.
            .args(["--innodb-buffer-pool-size=8M", "--innodb-flush-log-at-trx-commit=0"])
            .args(&self.options);
        let process = Process::start(&mut server, &folder.join("log"))?;
        self.process = Some(process);
        let answer = || self.sql("SELECT 1");
        eventually("answer of MariaDB", Duration::from_mins(1), answer).map(drop).map_err(|error| {
            error.context(self.process.as_ref().map(Process::log).unwrap_or_default())
        })
    }

    /// Stops the server as its administrator would, and leaves the data.
    ///
    /// # Errors
    /// It does not run or does not stop.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.sql("SHUTDOWN")?;
        let mut process = self.process.take().context("the server does not run")?;
        process.stop(rustix::process::Signal::TERM).map(drop)
    }

    /// Ends the server in the middle of what it does, and leaves the data.
    ///
    /// # Errors
    /// It does not run or does not end.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let mut process = self.process.take().context("the server does not run")?;
        process.stop(rustix::process::Signal::KILL).map(drop)
    }

    /// Sends a signal to the server.
    pub fn signal(&self, signal: rustix::process::Signal) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    /// Its socket file.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Runs statements as root; gives tab-separated rows without a header.
    ///
    /// # Errors
    /// They fail.
    pub fn sql(&self, statements: &str) -> anyhow::Result<String> {
        succeed(self.client().args(["--execute", statements]))
    }

    /// Runs statements as root in a session of their own, which ends when the result is dropped.
    ///
    /// # Errors
    /// The client does not start.
    pub fn session(&self, statements: &str) -> anyhow::Result<Process> {
        let mut client = self.client();
        Process::start(client.args(["--execute", statements]), &self.folder.path().join("session"))
    }

    /// Value of a status variable (`kind` is `STATUS`) or system variable (`VARIABLES`).
    ///
    /// # Errors
    /// There is none of that name.
    pub fn variable(&self, kind: &str, name: &str) -> anyhow::Result<String> {
        let row = self.sql(&format!("SHOW GLOBAL {kind} LIKE '{name}'"))?;
        row.split_whitespace().nth(1).map(ToOwned::to_owned).context("no such variable")
    }

    fn client(&self) -> Command {
        let mut client = command("mariadb");
        client
            .args(["--no-defaults", "--user=root", "--batch", "--skip-column-names"])
            .arg(format!("--socket={}", self.socket().display()));
        client
    }
}
