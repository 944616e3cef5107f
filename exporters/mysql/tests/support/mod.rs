//! What the tests of the exporter have in common.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fmt::Display;
use std::time::{Duration, Instant};

use mysql_exporter::MysqlExporter;
use tests::TemporaryFolder;
use tests::exporter::Running;
use tests::fake_mysql::{FakeMysql, Reply};
use tests::mariadb::MariaDb;

/// The exporter's account on the servers.
pub(crate) const PASSWORD: &str = "hunter2$HOMELESS#;";

/// A server with the account `exporter`, which has no privilege.
pub(crate) fn server(options: &[&str]) -> MariaDb {
    let server = MariaDb::start(options).unwrap();
    let account = format!("CREATE USER exporter@localhost IDENTIFIED BY '{PASSWORD}'");
    server.sql(&account).unwrap();
    server
}

/// An answer of one name with the number 3.
pub(crate) fn numbers(name: &'static str) -> Reply {
    Reply::Rows(vec!["Variable_name", "Value"], vec![vec![Some(name), Some("3")]])
}

/// What a server answers that has one status and one variable, and `further`, which goes before.
pub(crate) fn replies(further: &[(&'static str, Reply)]) -> Vec<(&'static str, Reply)> {
    let mut replies = further.to_vec();
    let known = |name: &str| further.iter().any(|(start, _)| *start == name);
    for (statement, name) in
        [("SHOW GLOBAL STATUS", "Threads_connected"), ("SHOW GLOBAL VARIABLES", "max_connections")]
    {
        if !known(statement) {
            replies.push((statement, numbers(name)));
        }
    }
    replies
}

/// The replies of a file of `fixtures/`: a statement behind `> `, its rows behind `*`, each with lines `column: value`.
pub(crate) fn recorded(text: &'static str) -> Vec<(&'static str, Reply)> {
    let answers = text.split("> ").skip(1).filter_map(|answer| answer.split_once('\n'));
    let answers = answers.map(|(statement, rows)| {
        let rows = rows.split("*\n").skip(1);
        let mut columns = Vec::new();
        let cells = rows.map(|row| {
            let pairs = row.lines().filter_map(|line| line.split_once(':'));
            columns = pairs.clone().map(|(column, _)| column).collect();
            let cell = |text: &'static str| Some(text.trim()).filter(|text| *text != "NULL");
            pairs.map(|(_, text)| cell(text)).collect()
        });
        let cells = cells.collect();
        (statement, Reply::Rows(columns, cells))
    });
    answers.collect()
}

/// A fake server with these [`replies`].
pub(crate) fn fake_server(version: &'static str, further: &[(&'static str, Reply)]) -> FakeMysql {
    FakeMysql::start(version, replies(further)).unwrap()
}

/// An exporter of a fake server.
pub(crate) fn fake_exporter(server: &FakeMysql) -> Exporter {
    let address = format!("127.0.0.1:{}", server.port);
    Exporter::start(address, "user=exporter\npassword=secret", &[])
}

/// Tries `check` until it gives something.
pub(crate) async fn eventually<T>(what: &str, check: impl AsyncFn() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        // The server renews what it shows of transactions only if nobody has asked for a tenth of
        // a second.
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

/// An option file in a folder of its own.
pub(crate) fn option_file(client: &str) -> (TemporaryFolder, String) {
    let folder = TemporaryFolder::new("mysql-exporter").unwrap();
    let file = folder.path().join("my.cnf");
    std::fs::write(&file, format!("[client]\n{client}\n")).unwrap();
    let flag = format!("--config.my-cnf={}", file.display());
    (folder, flag)
}

/// The exporter without a socket.
pub(crate) struct Exporter {
    pub(crate) running: Running<MysqlExporter>,
    folder: TemporaryFolder,
}

impl Exporter {
    /// An exporter for the server at `address` with the lines `client` in its option file.
    pub(crate) fn start(address: impl Display, client: &str, arguments: &[&str]) -> Self {
        let address = format!("--mysqld.address={address}");
        Self::with_option_file(client, &[&[address.as_str()], arguments].concat())
    }

    /// An exporter with the lines `client` in its option file.
    pub(crate) fn with_option_file(client: &str, arguments: &[&str]) -> Self {
        Self::start_with_file(&format!("[client]\n{client}\n"), arguments)
    }

    /// An exporter with this option file.
    pub(crate) fn start_with_file(content: &str, arguments: &[&str]) -> Self {
        let (folder, file) = option_file("");
        std::fs::write(folder.path().join("my.cnf"), content).unwrap();
        let running = Running::start(&[&[file.as_str()], arguments].concat()).unwrap();
        Self { running, folder }
    }

    /// Replaces the content of the option file.
    pub(crate) fn write(&self, content: &str) {
        std::fs::write(self.folder.path().join("my.cnf"), content).unwrap();
    }

    /// Status and body of the answer to a request.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.running.get(path, &[]).await.unwrap();
        (answer.status, answer.body)
    }

    /// The metrics at `path`, which must be answered with status 200.
    pub(crate) async fn scrape_path(&self, path: &str, timeout_seconds: f64) -> Scraped {
        let timeout = timeout_seconds.to_string();
        let header = [("X-Prometheus-Scrape-Timeout-Seconds", timeout.as_str())];
        Scraped(self.running.scrape_with(path, &header).await.unwrap())
    }

    /// An exporter with the usual account of `server`.
    pub(crate) fn of(server: &MariaDb, arguments: &[&str]) -> Self {
        let client = format!("user=exporter\npassword={PASSWORD}");
        Self::start(format_args!("127.0.0.1:{}", server.port), &client, arguments)
    }

    /// One scrape, which must be answered with status 200.
    pub(crate) async fn scrape(&self, timeout_seconds: f64) -> Scraped {
        Scraped(self.running.scrape_within(timeout_seconds).await.unwrap())
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
