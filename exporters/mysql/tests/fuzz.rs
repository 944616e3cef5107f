//! Changed answers of servers, option files and files of queries.

mod support;

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use mysql_exporter::collectors::COLLECTORS;
use support::{Exporter, recorded, replies};
use tests::fake_mysql::{FakeMysql, Reply};
use tests::fuzz::Fuzz;

/// Recorded and documented answers.
const CORPUS: &[(&str, &str)] = &[
    ("10.11.19-MariaDB-0+deb12u1-log", include_str!("../fixtures/mariadb-10.11.txt")),
    ("12.0.2-MariaDB-ubu2404", include_str!("../fixtures/mariadb-12.txt")),
    ("9.4.0", include_str!("../fixtures/mysql-9.txt")),
    ("11.8.3-MariaDB-ubu2404", include_str!("../fixtures/mariadb-11.8.txt")),
    ("5.7.44-log", include_str!("../fixtures/mysql-5.7.txt")),
    ("8.4.3", include_str!("../fixtures/mysql-8.4.txt")),
    ("8.0.36", include_str!("../fixtures/mysql-8.0.txt")),
    ("10.5.28-MariaDB", include_str!("../fixtures/mariadb-10.5.txt")),
    ("11.4.4-MariaDB", include_str!("../fixtures/mariadb-11.4.txt")),
];

const FLAGS: &[&str] = &[
    "--collect.binlog_size",
    "--collect.engine_innodb_status",
    "--collect.group_replication",
    "--collect.gtid",
    "--collect.replica_lag",
    "--collect.slave_hosts",
    "--collect.slave_status",
    "--collect.info_schema.processlist",
    "--collect.info_schema.tables",
    "--collect.auto_increment.columns",
    "--collect.perf_schema.eventsstatements",
];

/// Each statement by itself, with every collector on. Answers that are cut are waited for until the
/// deadline: so a dozen statements are tried at the same time.
#[tokio::test]
async fn fuzz_each_statement() {
    let statements: Vec<_> = CORPUS
        .iter()
        .flat_map(|(version, text)| {
            recorded::replies(text).into_iter().map(|(statement, _)| (statement, (*version, *text)))
        })
        .collect::<BTreeMap<_, _>>()
        .into_iter()
        .collect();
    assert!(statements.len() > 40, "{statements:?}");
    let count = statements.len();
    let each = stream::iter(statements.into_iter().enumerate());
    each.for_each_concurrent(12, |(number, (statement, (version, text)))| async move {
        let fuzz = Fuzz::share(number, count).unwrap();
        let tried = fuzz_statement(statement, version, text, fuzz).await;
        tried.unwrap_or_else(|error| panic!("{version}, {statement}: {error:#}"));
    })
    .await;
}

async fn fuzz_statement(
    statement: &str,
    version: &'static str,
    text: &'static str,
    mut fuzz: Fuzz,
) -> anyhow::Result<()> {
    let switches: Vec<String> =
        COLLECTORS.iter().map(|entry| format!("--collect.{}", entry.name)).collect();
    let mut flags: Vec<&str> = switches.iter().map(String::as_str).collect();
    // It has a file of its own.
    flags.retain(|flag| *flag != "--collect.custom_query");
    while fuzz.goes_on() {
        let mut replies = replies(&recorded::replies(text));
        let mut input = 0;
        for (_, reply) in replies.iter_mut().filter(|(start, _)| *start == statement) {
            input += change(reply, statement, &mut fuzz);
        }
        let server = FakeMysql::start(version, replies)?;
        let address = format!("127.0.0.1:{}", server.port);
        let exporter = Exporter::start(address, "user=exporter\npassword=secret", &flags);
        let body = exporter.scrape(2.0).await.0;
        fuzz.check(&body, input, 256 * 1024)?;
        anyhow::ensure!(body.contains("\nmysql_up "), "{body}");
    }
    fuzz.finish()
}

/// Changes an answer in one or a few of its cells, a column's name, or altogether; gives how many
/// bytes it made.
fn change(reply: &mut Reply, statement: &str, fuzz: &mut Fuzz) -> usize {
    let Reply::Rows(columns, rows) = reply else { return 0 };
    let mut input = 0;
    match fuzz.below(8) {
        0 if !columns.is_empty() => {
            let column = fuzz.below(columns.len());
            columns[column] = kept(fuzz.change_text(columns[column]));
            input += columns[column].len();
        }
        1 => rows.clear(),
        2 => {
            let bytes = fuzz.change(statement.as_bytes());
            input += bytes.len();
            *reply = Reply::Raw(bytes.leak());
        }
        _ => {
            for row in rows {
                let place = fuzz.below(row.len().max(1));
                let Some(cell) = row.get_mut(place) else { continue };
                let new = kept(fuzz.change_text(cell.unwrap_or("1")));
                *cell = Some(new);
                input += new.len();
            }
        }
    }
    input
}

/// Files of queries in each of the three formats: taken, or refused in words that name the file.
#[tokio::test]
async fn fuzz_files_of_queries() {
    const FILES: [&str; 3] = [
        "queries:\n  - name: shop_orders\n    statement: SELECT State, COUNT(*) AS n FROM shop.o\n    \
         interval: 5m\n    timeout: 2s\n    rows: 20\n    labels: [State]\n    columns:\n      \
         n: {type: gauge, help: Orders by state.}\n",
        "shop_users:\n  query: SELECT user, n FROM shop.users\n  metrics:\n    - user: {usage: LABEL, \
         description: User}\n    - n: {usage: GAUGE, description: Number}\n",
        "collector_name: shop\nmin_interval: 1m\nmetrics:\n  - {metric_name: shop_orders, type: gauge, \
         help: Orders., values: [n], key_labels: [state], query_ref: orders}\nqueries:\n  - \
         {query_name: orders, query: 'SELECT state, COUNT(*) AS n FROM shop.orders'}\n",
    ];
    let folder = tests::TemporaryFolder::new("queries").unwrap();
    let file = folder.path().join("queries.yml");
    let start = |content: &[u8]| {
        std::fs::write(&file, content).unwrap();
        let flag = format!("--collect.custom_query.file={}", file.display());
        tests::exporter::Running::<mysql_exporter::MysqlExporter>::start(&[
            flag.as_str(),
            "--mysqld.address=127.0.0.1:1",
        ])
    };
    for text in FILES {
        start(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error:#}"));
    }
    let mut fuzz = Fuzz::start().unwrap();
    while fuzz.goes_on() {
        let text = *fuzz.choose(&FILES).unwrap();
        let changed = fuzz.change(text.as_bytes());
        if let Err(error) = start(&changed) {
            let error = format!("{error:#}");
            assert!(error.contains("queries.yml") && error.len() < 4096, "{error:.5000}");
        }
    }
    fuzz.finish().unwrap();
}

/// What the fake server keeps lives as long as the test.
fn kept(text: String) -> &'static str {
    text.leak()
}

#[tokio::test]
async fn fuzz_answers() {
    let mut fuzz = Fuzz::start().unwrap();
    while fuzz.goes_on() {
        let (version, text) = *fuzz.choose(CORPUS).unwrap();
        let mut replies = replies(&recorded::replies(text));
        let mut input = 0;
        for _ in 0..4 {
            let index = fuzz.below(replies.len());
            let (statement, reply) = &mut replies[index];
            input += change(reply, statement, &mut fuzz);
        }
        let version = match fuzz.below(8) {
            0 => kept(fuzz.change_text(version).chars().filter(|c| *c != '\0').take(80).collect()),
            _ => version,
        };
        let what = format!("{replies:?}");
        let server = FakeMysql::start(version, replies).unwrap();
        let address = format!("127.0.0.1:{}", server.port);
        let exporter = Exporter::start(address, "user=exporter\npassword=secret", FLAGS);
        let body = exporter.scrape(2.0).await.0;
        let checked = fuzz.check(&body, input, 64 * 1024);
        checked.unwrap_or_else(|error| panic!("{version:?} {error:#}\n{what}"));
        assert!(body.contains("\nmysql_up "), "{body}");
    }
    fuzz.finish().unwrap();
}

/// An exporter with a changed file starts, or says why not; it never panics.
#[tokio::test]
async fn fuzz_option_files() {
    const FILE: &str = "[client]\nuser = exporter # who\npassword=\"a\\tb#c\"\nhost=127.0.0.1\n\
        port=1\nssl-ca=/nonexistent\n!includedir /nonexistent\n[client.other]\nuser='x'\n\
        [mysqld]\nskip-networking\n";
    let mut fuzz = Fuzz::start().unwrap();
    let exporter =
        Exporter::start_with_file("[client]\nuser=a\npassword=b\nhost=127.0.0.1\nport=1\n", &[]);
    let usual = exporter.scrape(1.0).await.0.len();
    while fuzz.goes_on() {
        let text = fuzz.change_text(FILE);
        exporter.write(&text);
        let (status, _) = exporter.get("/-/reload").await;
        assert!(status > 0, "{text}");
        let body = exporter.scrape(1.0).await.0;
        fuzz.check(&body, text.len(), usual).unwrap_or_else(|error| panic!("{text}: {error:#}"));
    }
    fuzz.finish().unwrap();
}
