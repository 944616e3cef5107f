//! Real servers and the real exporter, as child processes in folders of their own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The exporter's account on the servers.
pub(crate) const PASSWORD: &str = "hunter2$HOMELESS#;";

/// How long a child may take to start or to stop.
const PATIENCE: Duration = Duration::from_mins(1);

#[expect(clippy::disallowed_methods, reason = "the tests run a server and the exporter")]
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(program)
}

/// Tries `check` until it gives something.
pub(crate) fn eventually<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("mysql-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A child that is killed at the end.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A MariaDB server with the account `exporter`, which has no privilege.
pub(crate) struct Mariadb {
    process: Option<Process>,
    options: Vec<String>,
    pub(crate) port: u16,
    folder: Folder,
}

impl Mariadb {
    pub(crate) fn start(name: &str, options: &[&str]) -> Self {
        let folder = Folder::new(name);
        let installed = command("mariadb-install-db")
            .args(["--no-defaults", "--user=root", "--skip-test-db"])
            .arg(format!("--datadir={}", folder.0.join("data").display()))
            // A server that starts removes all temporary tables in this folder.
            .arg(format!("--tmpdir={}", folder.0.display()))
            .arg("--auth-root-authentication-method=normal")
            .output()
            .unwrap();
        assert!(installed.status.success(), "{}", text(&installed));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let options = options.iter().map(ToString::to_string).collect();
        let mut server = Self { process: None, options, port, folder };
        server.run();
        server.sql(&format!("CREATE USER exporter@localhost IDENTIFIED BY '{PASSWORD}'"));
        server
    }

    pub(crate) fn run(&mut self) {
        let log = File::create(self.folder.0.join("log")).unwrap();
        let child = command("mariadbd")
            .args(["--no-defaults", "--user=root", "--bind-address=127.0.0.1"])
            .arg(format!("--datadir={}", self.folder.0.join("data").display()))
            .arg(format!("--tmpdir={}", self.folder.0.display()))
            .arg(format!("--socket={}", self.socket().display()))
            .arg(format!("--port={}", self.port))
            .args(["--innodb-buffer-pool-size=8M", "--innodb-flush-log-at-trx-commit=0"])
            .args(&self.options)
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(Process(child));
        eventually("a server that answers", || {
            let end = self.process.as_mut().unwrap().0.try_wait().unwrap();
            assert!(end.is_none(), "see {}", self.folder.0.join("log").display());
            self.client("SELECT 1").status.success().then_some(())
        });
    }

    pub(crate) fn stop(&mut self) {
        self.sql("SHUTDOWN");
        let mut process = self.process.take().unwrap();
        eventually("the server's end", || process.0.try_wait().unwrap());
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.as_ref().unwrap().0.id()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.0.join("socket")
    }

    /// Runs statements as root; tab-separated rows without a header.
    pub(crate) fn sql(&self, statements: &str) -> String {
        let output = self.client(statements);
        assert!(output.status.success(), "{statements}: {}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Value of a status or system variable.
    pub(crate) fn variable(&self, kind: &str, name: &str) -> String {
        let row = self.sql(&format!("SHOW GLOBAL {kind} LIKE '{name}'"));
        row.split_whitespace().nth(1).unwrap_or_default().to_owned()
    }

    fn client(&self, statements: &str) -> Output {
        command("mariadb")
            .args(["--no-defaults", "--user=root", "--batch", "--skip-column-names", "--socket"])
            .arg(self.socket())
            .arg("--execute")
            .arg(statements)
            .output()
            .unwrap()
    }
}

/// Sends a signal to one of the children.
pub(crate) fn signal(process: u32, name: &str) {
    let status = command("kill").arg(format!("-{name}")).arg(process.to_string()).status().unwrap();
    assert!(status.success());
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// The exporter as users run it.
pub(crate) struct Exporter {
    process: Process,
    address: String,
    folder: Folder,
}

impl Exporter {
    /// An exporter for the server at `address` with the lines `client` in its option file.
    pub(crate) fn start(name: &str, address: &str, client: &str, arguments: &[&str]) -> Self {
        let folder = Folder::new(&format!("{name}-exporter"));
        let file = folder.0.join("my.cnf");
        std::fs::write(&file, format!("[client]\n{client}\n")).unwrap();
        let child = command(env!("CARGO_BIN_EXE_mysql-exporter"))
            .arg(format!("--config.my-cnf={}", file.display()))
            .arg(format!("--mysqld.address={address}"))
            .arg("--web.listen-address=127.0.0.1:0")
            .args(arguments)
            .env_remove("HOMELESS")
            .stdout(Stdio::null())
            .stderr(File::create(folder.0.join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut exporter = Self { process: Process(child), address: String::new(), folder };
        exporter.address = eventually("listening", || {
            let log = exporter.log();
            let (_, line) = log.split_once("msg=listening address=")?;
            line.split_once('\n').map(|(address, _)| address.to_owned())
        });
        exporter
    }

    /// An exporter with the usual account of `server`.
    pub(crate) fn of(name: &str, server: &Mariadb, arguments: &[&str]) -> Self {
        let client = format!("user=exporter\npassword={PASSWORD}");
        Self::start(name, &format!("127.0.0.1:{}", server.port), &client, arguments)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.0.join("log")).unwrap()
    }

    pub(crate) fn open_files(&self) -> usize {
        std::fs::read_dir(Path::new("/proc").join(self.process.0.id().to_string()).join("fd"))
            .unwrap()
            .count()
    }

    /// One scrape, which must be answered with status 200.
    pub(crate) fn scrape(&self, timeout_seconds: f64) -> Scraped {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             X-Prometheus-Scrape-Timeout-Seconds: {timeout_seconds}\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        Scraped(answer)
    }
}

/// The text of an answer.
pub(crate) struct Scraped(pub(crate) String);

impl Scraped {
    /// Value of the sample with this name and these labels.
    #[track_caller]
    pub(crate) fn value(&self, series: &str) -> &str {
        let prefix = format!("{series} ");
        let line = self.0.lines().find_map(|line| line.strip_prefix(&prefix));
        line.unwrap_or_else(|| panic!("no {series} in {}", self.0))
    }

    pub(crate) fn success(&self, collector: &str) -> &str {
        self.value(&format!(
            "mysql_exporter_collector_success{{collector=\"collect.{collector}\"}}"
        ))
    }
}
