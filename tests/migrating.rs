//! `docs/migrating.md`, step by step, with the distribution's exporters and its Prometheus: beside each
//! other, compared, changed over on the same port, and back, without a gap in a query.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use serde_json::Value;
use tests::mariadb::MariaDb;
use tests::process::{Process, command, output, succeed};
use tests::redis::Redis;
use tests::{TemporaryFolder, eventually, free_port, http, program, repository};

/// The headings that this test follows.
const STEPS: [&str; 7] = [
    "1. Find the arguments of the old exporter",
    "2. Start the new one beside it",
    "3. Compare",
    "4. Change over",
    "5. Look",
    "Turning back",
    "Tried",
];

/// Between two scrapes; that of most is longer, which makes this easier.
const INTERVAL: &str = "3s";

/// Scrapes before and after each change.
const SCRAPES: f64 = 2.0;

const PATIENCE: Duration = Duration::from_secs(20);

/// An exporter that is to be replaced.
struct Subject {
    job: &'static str,
    peer: PathBuf,
    ours: PathBuf,
    /// Of both.
    arguments: Vec<String>,
    /// What dashboards show.
    queries: &'static [&'static str],
    port: u16,
    running: Option<Process>,
}

impl Subject {
    fn new(
        job: &'static str,
        peer: &str,
        arguments: &[&str],
        queries: &'static [&'static str],
    ) -> Self {
        Self {
            job,
            peer: format!("/usr/bin/{peer}").into(),
            ours: program(&format!("{job}-exporter")).unwrap(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            queries,
            port: free_port().unwrap(),
            running: None,
        }
    }

    fn url(port: u16) -> String {
        format!("http://127.0.0.1:{port}/metrics")
    }

    /// Starts one of both, and waits until it answers.
    fn start(&self, program: &PathBuf, arguments: &[String], port: u16, log: &str) -> Process {
        let folder = std::env::temp_dir();
        let log = folder.join(format!("migrating-{}-{}-{log}", self.job, std::process::id()));
        let process = Process::start(command(program).args(arguments), &log).unwrap();
        // Open as long as the process runs.
        std::fs::remove_file(&log).unwrap();
        eventually("an answer", PATIENCE, || http::get(&Self::url(port))).unwrap();
        process
    }

    fn on(&self, port: u16) -> Vec<String> {
        let mut arguments = vec![format!("--web.listen-address=127.0.0.1:{port}")];
        arguments.extend_from_slice(&self.arguments);
        arguments
    }

    /// Step 1: what the process that runs was started with.
    fn arguments_of_the_old_one(&self) -> Vec<String> {
        let id = self.running.as_ref().unwrap().id();
        let line = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap();
        line.split_terminator('\0').skip(1).map(ToOwned::to_owned).collect()
    }

    /// Step 3: a difference without a reason may be a change meanwhile, but not twice.
    fn compare(&self, operands: &[String]) {
        let run = || {
            let output = output(command(&self.ours).arg("compare").args(operands)).unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            (output.status.code(), text + &String::from_utf8_lossy(&output.stderr))
        };
        let (code, first) = run();
        if code != Some(0) {
            let (code, second) = run();
            assert_eq!(code, Some(0), "{}: {first}\n{second}", self.job);
        }
    }

    /// Step 4, or back: another program on the same port, right after a scrape.
    fn change_over(&mut self, prometheus: &str, program: &PathBuf, arguments: &[String]) {
        let last = || latest(prometheus, self.job);
        let before = last().unwrap();
        let is_newer = || match last() {
            Ok(now) if now > before => Ok(()),
            other => Err(format!("{other:?} after {before}")),
        };
        eventually("the next scrape", PATIENCE, is_newer).unwrap();
        self.running.as_mut().unwrap().stop(Signal::TERM).unwrap();
        self.running = Some(self.start(program, arguments, self.port, "changed"));
    }
}

/// When the exporter of a job was scraped last with success, in seconds.
fn latest(prometheus: &str, job: &str) -> anyhow::Result<f64> {
    // Of more than a selector, such as a comparison, it would be the time of the query.
    let up = format!("up{{job=\"{job}\"}}");
    let found = http::query(prometheus, &format!("timestamp({up}) and {up} == 1"))?;
    let value = found.first().and_then(|series| series["value"][1].as_str()).map(str::parse);
    Ok(value.ok_or_else(|| anyhow::anyhow!("not scraped yet"))??)
}

/// Waits until each job has been scraped a few times more.
fn wait_for_scrapes(prometheus: &str, subjects: &[Subject]) {
    let since = now().as_secs_f64();
    for subject in subjects {
        let are_there = || match latest(prometheus, subject.job) {
            Ok(last) if last > since + (SCRAPES - 1.0) * 3.0 => Ok(()),
            other => Err(format!("{other:?} since {since}")),
        };
        eventually("scrapes", PATIENCE, are_there).unwrap();
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// The series of a query with the number of their points, one for each second from `start` on.
fn points(prometheus: &str, query: &str, start: u64, end: u64) -> Vec<(Value, usize)> {
    let encoded = query.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    let range = format!("start={start}&end={end}&step=1");
    let answer = http::get(&format!("{prometheus}/api/v1/query_range?query={encoded}&{range}"));
    let answer: Value = serde_json::from_str(&answer.unwrap().body).unwrap();
    let series = answer["data"]["result"].as_array().unwrap().iter();
    series.map(|one| (one["metric"].clone(), one["values"].as_array().unwrap().len())).collect()
}

fn start_prometheus(folder: &TemporaryFolder, subjects: &[Subject]) -> (Process, String) {
    let mut file = format!("global: {{scrape_interval: {INTERVAL}}}\nscrape_configs:\n");
    for Subject { job, port, .. } in subjects {
        file += &format!(
            "- {{job_name: {job}, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n"
        );
    }
    let path = folder.path().join("prometheus.yml");
    std::fs::write(&path, file).unwrap();
    let port = free_port().unwrap();
    let mut prometheus = command("prometheus");
    prometheus
        .arg(format!("--config.file={}", path.display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let process = Process::start(&mut prometheus, &folder.path().join("log")).unwrap();
    (process, format!("http://127.0.0.1:{port}"))
}

const NODE: &[&str] = &[
    "100 - avg by (instance) (rate(node_cpu_seconds_total{mode=\"idle\"}[8s])) * 100",
    "node_cpu_seconds_total{mode=\"idle\"}",
    "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes",
    "node_load1",
    "node_uname_info",
    "time() - node_boot_time_seconds",
];

const REDIS: &[&str] = &[
    "redis_up",
    "redis_connected_clients",
    "redis_memory_used_bytes",
    "sum(rate(redis_commands_processed_total[8s]))",
    "redis_db_keys{db=\"db0\"}",
    "redis_key_size{key=\"list\"}",
];

const MYSQL: &[&str] = &[
    "mysql_up",
    "rate(mysql_global_status_queries[8s])",
    "mysql_global_status_threads_connected / mysql_global_variables_max_connections",
    "sum by (command) (rate(mysql_global_status_commands_total{command=\"select\"}[8s]))",
    "mysql_global_status_uptime",
];

/// Over the whole time each query has a value at each second, and no counter starts anew.
fn has_no_gap(prometheus: &str, subjects: &[Subject], start: u64, end: u64) {
    let seconds = usize::try_from(end - start + 1).unwrap();
    assert!(seconds >= 10, "{seconds} s");
    for subject in subjects {
        let job = subject.job;
        let up = format!("up{{job=\"{job}\"}} == 1");
        for query in subject.queries.iter().copied().chain([up.as_str()]) {
            let found = points(prometheus, query, start, end);
            assert!(!found.is_empty(), "{query}: no data");
            for (series, points) in &found {
                assert_eq!(*points, seconds, "{query}: a gap in {series}");
            }
        }
    }
    for (counter, reset) in [
        ("node_cpu_seconds_total{mode=\"idle\"}", "a CPU"),
        ("redis_commands_processed_total", "Redis"),
        ("mysql_global_status_queries", "MariaDB"),
    ] {
        let query = format!("resets({counter}[{seconds}s])");
        let found = http::query(prometheus, &query).unwrap();
        assert!(!found.is_empty(), "{query}");
        for series in found {
            assert_eq!(series["value"][1], "0", "a counter of {reset} started anew");
        }
    }
}

fn subjects(address: &str, options: &str) -> [Subject; 3] {
    [
        // As Debian starts it.
        Subject::new("node", "prometheus-node-exporter", &[], NODE),
        Subject::new(
            "redis",
            "prometheus-redis-exporter",
            &[address, "--check-single-keys=list"],
            REDIS,
        ),
        Subject::new(
            "mysql",
            "prometheus-mysqld-exporter",
            &[options, "--collect.info_schema.processlist"],
            MYSQL,
        ),
    ]
}

#[test]
#[ignore = "needs prometheus, its three exporters, redis-server and mariadbd"]
fn there_and_back_without_a_gap() {
    let page = std::fs::read_to_string(repository().join("docs/migrating.md")).unwrap();
    let steps: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(steps, STEPS, "this test follows the page");

    let redis = Redis::start("").unwrap();
    redis.ask(&["RPUSH", "list", "a", "b"]).unwrap();
    let mariadb = MariaDb::start(&[]).unwrap();
    mariadb
        .sql("CREATE USER exporter@'127.0.0.1' IDENTIFIED BY 'secret'; GRANT ALL ON *.* TO exporter@'127.0.0.1';")
        .unwrap();
    let folder = TemporaryFolder::new("migrating").unwrap();
    let options = folder.path().join("my.cnf");
    let account = format!(
        "[client]\nuser=exporter\npassword=secret\nhost=127.0.0.1\nport={}\n",
        mariadb.port
    );
    std::fs::write(&options, account).unwrap();
    let mut subjects = subjects(
        &format!("--redis.addr=redis://127.0.0.1:{}", redis.port),
        &format!("--config.my-cnf={}", options.display()),
    );
    for subject in &mut subjects {
        let arguments = subject.on(subject.port);
        subject.running = Some(subject.start(&subject.peer, &arguments, subject.port, "old"));
    }
    let (_prometheus, url) = start_prometheus(&folder, &subjects);
    for subject in &subjects {
        eventually("a scrape", PATIENCE, || latest(&url, subject.job)).unwrap();
    }
    // Rates need a few scrapes before they have a value.
    wait_for_scrapes(&url, &subjects);
    let start = now().as_secs() + 1;

    std::thread::scope(|scope| {
        for subject in &subjects {
            scope.spawn(|| beside_each_other(subject));
        }
    });
    for subject in &mut subjects {
        let (ours, arguments) = (subject.ours.clone(), subject.arguments_of_the_old_one());
        subject.change_over(&url, &ours, &arguments);
        succeed(command(&subject.ours).arg("healthcheck").args(&arguments)).unwrap();
    }
    wait_for_scrapes(&url, &subjects);
    for subject in &mut subjects {
        let build = http::get(&Subject::url(subject.port)).unwrap().body;
        assert!(build.contains("rustc"), "{} is not ours", subject.job);
        let (peer, arguments) = (subject.peer.clone(), subject.on(subject.port));
        subject.change_over(&url, &peer, &arguments);
    }
    wait_for_scrapes(&url, &subjects);
    let build = http::get(&Subject::url(subjects[0].port)).unwrap().body;
    assert!(build.contains("goversion=\"go1"), "not back");
    has_no_gap(&url, &subjects, start, now().as_secs() - 1);
}

/// Steps 1 to 3 for one of them.
fn beside_each_other(subject: &Subject) {
    let port = free_port().unwrap();
    let old = format!(":{}", subject.port);
    let arguments: Vec<String> = subject
        .arguments_of_the_old_one()
        .iter()
        .map(|argument| match argument.strip_suffix(&old) {
            Some(start) => format!("{start}:{port}"),
            None => argument.clone(),
        })
        .collect();
    let _beside = subject.start(&subject.ours, &arguments, port, "new");
    subject.compare(&[Subject::url(subject.port), Subject::url(port)]);
    let own: Vec<String> = [Subject::url(subject.port)].into_iter().chain(arguments).collect();
    subject.compare(&own);
}
