//! End to end: `deploy/up` with real Redis, MariaDB, Docker and Prometheus,
//! then every query of the guide.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tests::docker::Docker;
use tests::exposition::Exposition;
use tests::http;
use tests::process::{Process, command, output, succeed};
use tests::promtool;
use tests::{TemporaryFolder, eventually, free_port, program, repository};

const QUERIES: &str = include_str!("stack/queries.promql");

/// Values of these queries lie within these bounds whatever the machine does.
const PERCENTAGES: [&str; 4] =
    ["100 - (avg by", "(1 - (node_memory", "(1 - (node_filesystem", "redis_memory_used_bytes /"];

/// Ports of everything that `deploy/up` starts.
struct Ports(Vec<(&'static str, u16)>);

impl Ports {
    fn free() -> Self {
        let components = [
            "node",
            "container",
            "redis-exporter",
            "mysql-exporter",
            "prometheus",
            "alertmanager",
            "redis",
            "mysql",
        ];
        Self(components.map(|component| (component, free_port().unwrap())).to_vec())
    }

    fn of(&self, component: &str) -> u16 {
        self.0.iter().find(|(name, _)| *name == component).expect("a component").1
    }

    fn flags(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(component, port)| format!("--{component}-port={port}"))
    }
}

/// The stack that `deploy/up` has started; ended when dropped.
struct Stack {
    ports: Ports,
    data: TemporaryFolder,
}

impl Stack {
    fn start(docker: &Docker) -> Self {
        let stack = Self { ports: Ports::free(), data: TemporaryFolder::new("stack").unwrap() };
        let node = program("node-exporter").unwrap();
        succeed(
            stack
                .script("up")
                .arg("--bin-dir")
                .arg(node.parent().expect("a folder"))
                .args(["--detach", "--scrape-interval=1s", "--no-grafana", "--no-logs"])
                .args(stack.ports.flags())
                .env("CONTAINER_EXPORTER_DOCKER", docker.endpoint())
                // Two of the four in each format: Prometheus prefers OpenMetrics where it is had.
                .env("NODE_EXPORTER_WEB_ENABLE_OPENMETRICS", "true")
                .env("REDIS_EXPORTER_WEB_ENABLE_OPENMETRICS", "true"),
        )
        .unwrap();
        stack
    }

    fn script(&self, name: &str) -> Command {
        let mut script = command(repository().join("deploy").join(name));
        script.arg("--data-dir").arg(self.data.path());
        script
    }

    /// Flags of the `mariadb` client for the exporter's account.
    fn mysql_login(&self) -> [String; 3] {
        let file = self.data.path().join("mysql-exporter.my.cnf");
        [
            format!("--defaults-file={}", file.display()),
            "--host=127.0.0.1".into(),
            format!("--port={}", self.ports.of("mysql")),
        ]
    }

    fn url(&self, component: &str) -> String {
        format!("http://127.0.0.1:{}", self.ports.of(component))
    }

    fn scrape(&self, exporter: &str) -> Exposition {
        let answer = http::get(&format!("{}/metrics", self.url(exporter))).unwrap();
        Exposition::parse(&answer.body).unwrap()
    }

    fn query(&self, expression: &str) -> anyhow::Result<Vec<Value>> {
        http::query(&self.url("prometheus"), expression)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let stopped = output(&mut self.script("down"));
        assert!(stopped.is_ok_and(|output| output.status.success()) || std::thread::panicking());
    }
}

/// Keeps both servers busy, so that rates have something to count.
fn load(stack: &Stack) -> Process {
    let redis = format!("redis-cli -p {}", stack.ports.of("redis"));
    let mysql = format!("mariadb {} -e 'SELECT SLEEP(0.01)'", stack.mysql_login().join(" "));
    let loop_ = format!(
        "for i in $(seq 600); do {redis} SET key v; {redis} GET key; {redis} GET none; {mysql}; \
         sleep 0.2; done"
    );
    Process::start(command("bash").args(["-c", &loop_]), &stack.data.path().join("load.log"))
        .unwrap()
}

#[test]
#[ignore = "needs root, dockerd, redis-server, mariadbd and prometheus"]
fn every_query_of_the_guide_returns_data() {
    let mut docker = Docker::new(&[]).unwrap();
    docker.start().unwrap();
    docker.import("gateway").unwrap();
    let run =
        ["run", "--detach", "--name", "twitch-chatters-gateway", "--memory", "64m", "gateway"];
    docker.run(&[&run[..], &["sh", "-c", "while true; do :; done"]].concat()).unwrap();
    let stack = Stack::start(&docker);
    let mut load = load(&stack);
    for query in queries() {
        // A ratio of two rates is no number until both have counted something.
        eventually(query, Duration::from_mins(1), || check(query, &stack.query(query)?)).unwrap();
    }
    load.stop(Signal::TERM).unwrap();
    let targets = stack.query("up{job=~\"node-exporter|cadvisor|redis-exporter|mysql-exporter\"}");
    let targets = targets.unwrap();
    assert_eq!(targets.len(), 4, "{targets:?}");
    assert!(targets.iter().all(|target| target["value"][1] == "1"), "{targets:?}");
    let log = std::fs::read_to_string(stack.data.path().join("logs/prometheus.log")).unwrap();
    let complaints: Vec<&str> = log.lines().filter(|line| line.contains("scrape_pool")).collect();
    assert!(complaints.is_empty(), "what Prometheus says of the scrapes: {complaints:#?}");
    outputs_are_clean(&stack);
    values_agree_with_the_servers(&stack);
    drop(stack);
    docker.end().unwrap();
}

fn queries() -> impl Iterator<Item = &'static str> {
    QUERIES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Data, and of a sensible size.
fn check(query: &str, result: &[Value]) -> anyhow::Result<()> {
    anyhow::ensure!(!result.is_empty(), "no data");
    let most = if PERCENTAGES.iter().any(|start| query.starts_with(start)) { 100.0 } else { 1e15 };
    for series in result {
        let value: f64 = series["value"][1].as_str().unwrap_or_default().parse()?;
        anyhow::ensure!((0.0..=most).contains(&value), "{series}");
    }
    Ok(())
}

/// Every exporter's output passes the strict reader, and promtool but for the known exceptions.
fn outputs_are_clean(stack: &Stack) {
    let mut unknown = BTreeSet::new();
    for exporter in ["node", "container", "redis-exporter", "mysql-exporter"] {
        let url = format!("{}/metrics", stack.url(exporter));
        let answer = http::get(&url).unwrap();
        assert_eq!(answer.status, 200);
        assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4;"));
        let families = Exposition::parse(&answer.body).unwrap();
        assert!(families.0.len() > 40, "{exporter}: {} families", families.0.len());
        unknown.extend(promtool::complaints(&answer.body).unwrap());
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}

fn values_agree_with_the_servers(stack: &Stack) {
    let redis = stack.scrape("redis-exporter");
    assert_eq!(redis.value("redis_up", &[]).unwrap().to_string(), "1");
    let port = stack.ports.of("redis").to_string();
    let limit =
        succeed(command("redis-cli").args(["-p", &port, "CONFIG", "GET", "maxmemory"])).unwrap();
    let limit = limit.lines().last().unwrap().to_owned();
    assert_eq!(redis.value("redis_memory_max_bytes", &[]).unwrap().to_string(), limit);

    let mysql = stack.scrape("mysql-exporter");
    assert_eq!(mysql.value("mysql_up", &[]).unwrap().to_string(), "1");
    let client = ["--batch", "--skip-column-names", "-e", "SELECT @@max_connections"];
    let limit = succeed(command("mariadb").args(stack.mysql_login()).args(client)).unwrap();
    let exposed = mysql.value("mysql_global_variables_max_connections", &[]).unwrap();
    assert_eq!(exposed.to_string(), limit.trim());

    let container = stack.scrape("container");
    let gateway = [("name", "twitch-chatters-gateway")];
    let limit = container.value("container_spec_memory_limit_bytes", &gateway).unwrap();
    assert_eq!(limit.to_string(), (64 * 1024 * 1024).to_string());
    let node = stack.scrape("node");
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
    let total: u64 = meminfo.split_whitespace().nth(1).unwrap().parse().unwrap();
    let exposed = node.value("node_memory_MemTotal_bytes", &[]).unwrap();
    assert_eq!(exposed.to_string(), (total * 1024).to_string());
}
