//! A private MariaDB.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::process::{Process, command, succeed};
use crate::{TemporaryFolder, eventually, free_port};

/// A running mariadbd, whose root account has no password on its socket.
#[derive(Debug)]
pub struct MariaDb {
    /// The port that it listens on.
    pub port: u16,
    /// The server.
    pub process: Process,
    folder: TemporaryFolder,
}

impl MariaDb {
    /// Starts mariadbd with further options on a free port and an empty data folder.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(options: &[&str]) -> anyhow::Result<Self> {
        let folder = TemporaryFolder::new("mariadb")?;
        let data = folder.path().join("data");
        succeed(
            command("mariadb-install-db")
                .args(["--no-defaults", "--auth-root-authentication-method=normal"])
                .args(["--skip-test-db", "--user=root"])
                .arg(format!("--datadir={}", data.display())),
        )?;
        let port = free_port()?;
        let process = Self::serve(folder.path(), port, options)?;
        let server = Self { port, process, folder };
        server.wait()?;
        Ok(server)
    }

    fn serve(folder: &Path, port: u16, options: &[&str]) -> anyhow::Result<Process> {
        let mut server = command("mariadbd");
        server
            .args(["--no-defaults", "--user=root", "--bind-address=127.0.0.1"])
            .arg(format!("--datadir={}", folder.join("data").display()))
            .arg(format!("--socket={}", folder.join("socket").display()))
            .arg(format!("--pid-file={}", folder.join("pid").display()))
            .arg(format!("--port={port}"))
            .args(options);
        Process::start(&mut server, &folder.join("log"))
    }

    /// Stops the server, if it runs, and starts it again on the same data.
    ///
    /// # Errors
    /// It does not stop or start.
    pub fn restart(&mut self, options: &[&str]) -> anyhow::Result<()> {
        self.process.stop(rustix::process::Signal::TERM)?;
        self.process = Self::serve(self.folder.path(), self.port, options)?;
        self.wait()
    }

    fn wait(&self) -> anyhow::Result<()> {
        let answer =
            eventually("answer of MariaDB", Duration::from_mins(1), || self.run("SELECT 1"));
        answer.map(drop).map_err(|error| error.context(self.process.log()))
    }

    /// A `mariadb` client of the root account, without column names.
    pub fn client(&self) -> Command {
        let mut client = command("mariadb");
        client.args(["--no-defaults", "--batch", "--skip-column-names", "--user=root"]);
        client.arg(format!("--socket={}", self.folder.path().join("socket").display()));
        client
    }

    /// Runs statements as root.
    ///
    /// # Errors
    /// They fail.
    pub fn run(&self, statements: &str) -> anyhow::Result<String> {
        succeed(self.client().args(["--execute", statements]))
    }
}
