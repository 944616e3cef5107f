//! The real exporter, as a child process in a folder of its own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use tests::TemporaryFolder;
use tests::mariadb::MariaDb;
use tests::process::{Process, command};

/// The exporter's account on the servers.
pub(crate) const PASSWORD: &str = "hunter2$HOMELESS#;";

/// A server with the account `exporter`, which has no privilege.
pub(crate) fn server(options: &[&str]) -> MariaDb {
    let server = MariaDb::start(options).unwrap();
    let account = format!("CREATE USER exporter@localhost IDENTIFIED BY '{PASSWORD}'");
    server.sql(&account).unwrap();
    server
}

/// Tries `check` until it gives something.
pub(crate) fn eventually<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    tests::eventually(what, Duration::from_mins(1), || check().ok_or("not yet")).unwrap()
}

/// The exporter as users run it.
pub(crate) struct Exporter {
    process: Process,
    address: String,
    _folder: TemporaryFolder,
}

impl Exporter {
    /// An exporter for the server at `address` with the lines `client` in its option file.
    pub(crate) fn start(address: &str, client: &str, arguments: &[&str]) -> Self {
        let folder = TemporaryFolder::new("mysql-exporter").unwrap();
        let file = folder.path().join("my.cnf");
        std::fs::write(&file, format!("[client]\n{client}\n")).unwrap();
        let mut program = command(env!("CARGO_BIN_EXE_mysql-exporter"));
        program
            .arg(format!("--config.my-cnf={}", file.display()))
            .arg(format!("--mysqld.address={address}"))
            .arg("--web.listen-address=127.0.0.1:0")
            .args(arguments)
            .env_remove("HOMELESS");
        let process = Process::start(&mut program, &folder.path().join("log")).unwrap();
        let listening = || {
            let log = process.log();
            let (_, line) = log.split_once("msg=listening address=").ok_or("not listening")?;
            line.split_once('\n').map(|(address, _)| address.to_owned()).ok_or("cut off")
        };
        let address = tests::eventually("listening", Duration::from_secs(20), listening).unwrap();
        Self { process, address, _folder: folder }
    }

    /// An exporter with the usual account of `server`.
    pub(crate) fn of(server: &MariaDb, arguments: &[&str]) -> Self {
        let client = format!("user=exporter\npassword={PASSWORD}");
        Self::start(&format!("127.0.0.1:{}", server.port), &client, arguments)
    }

    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    pub(crate) fn open_files(&self) -> usize {
        self.process.descriptors().unwrap()
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
