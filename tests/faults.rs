//! What goes wrong on real machines, and what docs/reliability.md says of it: servers that are
//! killed, hang or are reached over bad networks, a thousand scrapes at once, a day of scrapes.
//!
//! The figures are printed: `cargo test -p tests --test faults -- --ignored --nocapture`, with
//! those of the reference exporters if `MEASURE_REFERENCES` is set.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests that also measure")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tests::docker::Docker;
use tests::mariadb::MariaDb;
use tests::process::{Process, command, succeed};
use tests::proxy::{Fault, Proxy};
use tests::redis::Redis;
use tests::served::Served;
use tests::{TemporaryFolder, eventually, http, released};

/// Scrapes of a day, one each 15 s.
const DAY: usize = 24 * 60 * 4;

/// Time that a scrape of a server in trouble may take, announced as 2 s.
const DEADLINE: Duration = Duration::from_millis(2100);

fn redis_exporter(port: u16) -> anyhow::Result<Served> {
    let mut exporter = command(released("redis-exporter")?);
    exporter.arg(format!("-redis.addr=127.0.0.1:{port}"));
    Served::start(exporter, "-web.listen-address=127.0.0.1:")
}

fn mysql_exporter(port: u16, folder: &Path) -> anyhow::Result<Served> {
    let file = folder.join("exporter.cnf");
    std::fs::write(&file, "[client]\nuser=exporter\npassword=secret\n")?;
    let mut exporter = command(released("mysql-exporter")?);
    exporter.arg(format!("--config.my-cnf={}", file.display()));
    exporter.arg(format!("--mysqld.address=127.0.0.1:{port}"));
    Served::start(exporter, "--web.listen-address=127.0.0.1:")
}

/// A server with the account of [`mysql_exporter`].
fn mariadb() -> anyhow::Result<MariaDb> {
    let server = MariaDb::start(&[])?;
    server.sql(
        "CREATE USER exporter@localhost IDENTIFIED BY 'secret'; \
         GRANT PROCESS, REPLICATION CLIENT, SLAVE MONITOR, SELECT ON *.* TO exporter@localhost",
    )?;
    Ok(server)
}

/// Scrapes until `family` has this value; every scrape until then must be good and in time.
fn comes_to(served: &Served, family: &str, value: f64) -> anyhow::Result<Duration> {
    let labels: &[_] =
        if family == "container_runtime_up" { &[("runtime", "docker")] } else { &[] };
    let began = Instant::now();
    loop {
        let asked = Instant::now();
        let metrics = served.scrape_within(2.0)?.exposition()?;
        ensure!(asked.elapsed() < DEADLINE, "a scrape took {:?}", asked.elapsed());
        if (metrics.value(family, labels)? - value).abs() < 0.1 {
            return Ok(began.elapsed());
        }
        ensure!(began.elapsed() < Duration::from_secs(20), "{family} is not {value}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
#[ignore = "needs redis-server and the release build"]
fn a_redis_that_is_killed_is_down_at_once_and_up_again_soon() {
    let mut redis = Redis::start("").unwrap();
    let served = redis_exporter(redis.port).unwrap();
    comes_to(&served, "redis_up", 1.0).unwrap();
    for _ in 0..5 {
        redis.stop().unwrap();
        let down = comes_to(&served, "redis_up", 0.0).unwrap();
        redis.restart().unwrap();
        let up = comes_to(&served, "redis_up", 1.0).unwrap();
        eprintln!("redis: down after {down:?}, up after {up:?}");
        assert!(down < Duration::from_millis(500) && up < Duration::from_secs(1));
    }
}

#[test]
#[ignore = "needs mariadbd and the release build"]
fn a_mariadb_that_is_killed_is_down_at_once_and_up_again_soon() {
    let mut mariadb = mariadb().unwrap();
    let folder = TemporaryFolder::new("killed").unwrap();
    let served = mysql_exporter(mariadb.port, folder.path()).unwrap();
    comes_to(&served, "mysql_up", 1.0).unwrap();
    for _ in 0..2 {
        mariadb.signal(rustix::process::Signal::KILL);
        let down = comes_to(&served, "mysql_up", 0.0).unwrap();
        mariadb.run().unwrap();
        let up = comes_to(&served, "mysql_up", 1.0).unwrap();
        eprintln!("mariadb: down after {down:?}, up after {up:?}");
        assert!(down < Duration::from_millis(500) && up < Duration::from_secs(1));
    }
}

const FAULTS: [Fault; 7] = [
    Fault::Cut(1),
    Fault::Cut(100),
    Fault::Cut(3000),
    Fault::Delay(Duration::from_millis(300)),
    Fault::Corrupt(50),
    Fault::Corrupt(1000),
    Fault::Hold,
];

/// Every fault of a network in turn: each scrape is answered in time and is valid, and after the
/// fault the server is up again.
fn survives_network(served: &Served, proxy: &Proxy, family: &str) {
    comes_to(served, family, 1.0).unwrap();
    for fault in FAULTS {
        proxy.set(fault);
        for _ in 0..3 {
            let asked = Instant::now();
            let answer = served.scrape_within(2.0).unwrap();
            let took = asked.elapsed();
            assert!(took < DEADLINE, "{fault:?}: {took:?}");
            answer.exposition().unwrap();
        }
        proxy.set(Fault::None);
        let up = comes_to(served, family, 1.0).unwrap();
        eprintln!("{family} after {fault:?}: {up:?}");
        assert!(up < Duration::from_secs(3), "{fault:?}: up after {up:?}");
    }
}

#[test]
#[ignore = "needs redis-server and the release build"]
fn a_network_that_cuts_delays_corrupts_and_holds_costs_redis_no_scrape() {
    let redis = Redis::start("").unwrap();
    let proxy = Proxy::start(redis.port).unwrap();
    let served = redis_exporter(proxy.port).unwrap();
    survives_network(&served, &proxy, "redis_up");
}

#[test]
#[ignore = "needs mariadbd and the release build"]
fn a_network_that_cuts_delays_corrupts_and_holds_costs_mariadb_no_scrape() {
    let mariadb = mariadb().unwrap();
    let proxy = Proxy::start(mariadb.port).unwrap();
    let folder = TemporaryFolder::new("network").unwrap();
    let served = mysql_exporter(proxy.port, folder.path()).unwrap();
    survives_network(&served, &proxy, "mysql_up");
}

#[test]
#[ignore = "needs root, dockerd and the release build"]
fn a_network_that_cuts_delays_corrupts_and_holds_costs_docker_no_scrape() {
    let mut docker = Docker::new(&["--bridge=none"]).unwrap();
    docker.start().unwrap();
    docker.import("busybox").unwrap();
    let socket = docker.endpoint().trim_start_matches("unix://").to_owned();
    let proxy = Proxy::start_unix(socket.into()).unwrap();
    let mut exporter = command(released("container-exporter").unwrap());
    exporter.args(["-listen_ip=127.0.0.1", "-podman=", "-docker_only"]);
    exporter.arg(format!("-docker=tcp://127.0.0.1:{}", proxy.port));
    let served = Served::start(exporter, "-port=").unwrap();
    comes_to(&served, "container_runtime_up", 1.0).unwrap();
    for (number, fault) in FAULTS.into_iter().enumerate() {
        proxy.set(fault);
        // An event and its inspection go through the fault, and so does what follows.
        let name = format!("--name=during-{number}");
        docker.run(&["run", "-d", "--net=none", &name, "busybox", "sleep", "600"]).unwrap();
        for _ in 0..5 {
            let asked = Instant::now();
            let answer = served.scrape_within(2.0).unwrap();
            assert!(asked.elapsed() < DEADLINE, "{fault:?}: {:?}", asked.elapsed());
            answer.exposition().unwrap();
            std::thread::sleep(Duration::from_millis(300));
        }
        proxy.set(Fault::None);
        let began = Instant::now();
        let is_known = || {
            let body = served.scrape_within(2.0).map_err(|error| error.to_string())?.body;
            let shows = |start: &str, with: &str| {
                body.lines().any(|l| l.starts_with(start) && l.contains(with) && l.ends_with(" 1"))
            };
            let runs = format!("name=\"during-{number}\",state=\"running\"");
            let is_known =
                shows("container_runtime_up{", "docker") && shows("container_state{", &runs);
            if is_known { Ok(()) } else { Err(format!("{fault:?}: {}", served.process.log())) }
        };
        // A connection that holds is given up by the next ping and its time limit.
        tests::eventually("the container", Duration::from_secs(40), is_known).unwrap();
        eprintln!("docker after {fault:?}: {:?}", began.elapsed());
    }
    docker.end().unwrap();
}

/// A password that changes on both sides: the server first, then the file, then the signal.
#[test]
#[ignore = "needs redis-server and the release build"]
fn a_changed_password_file_counts_from_the_signal_on() {
    let redis = Redis::start("requirepass hunter1").unwrap();
    let folder = TemporaryFolder::new("password").unwrap();
    let file = folder.path().join("passwords.json");
    let write = |password: &str| {
        let text = format!("{{\"redis://127.0.0.1:{}\": \"{password}\"}}", redis.port);
        std::fs::write(&file, text).unwrap();
    };
    write("hunter1");
    let mut exporter = command(released("redis-exporter").unwrap());
    exporter.arg(format!("-redis.addr=redis://127.0.0.1:{}", redis.port));
    exporter.arg(format!("-redis.password-file={}", file.display()));
    let served = Served::start(exporter, "-web.listen-address=127.0.0.1:").unwrap();
    comes_to(&served, "redis_up", 1.0).unwrap();
    for password in ["hunter2", "hunter3"] {
        let port = redis.port.to_string();
        let set = |old: &str, words: &[&str]| {
            let mut client = command("redis-cli");
            succeed(client.args(["-p", &port, "--no-auth-warning", "-a", old]).args(words)).unwrap()
        };
        let old = if password == "hunter2" { "hunter1" } else { "hunter2" };
        set(old, &["CONFIG", "SET", "requirepass", password]);
        set(password, &["CLIENT", "KILL", "TYPE", "normal"]);
        comes_to(&served, "redis_up", 0.0).unwrap();
        write(password);
        served.process.signal(rustix::process::Signal::HUP);
        let up = comes_to(&served, "redis_up", 1.0).unwrap();
        eprintln!("redis: up {up:?} after the signal");
        assert!(up < Duration::from_secs(2), "{up:?}");
    }
    let log = served.process.log();
    assert_eq!(log.matches("the exporter's files have been read again").count(), 2, "{log}");
    assert!(!log.contains("hunter"), "{log}");
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    descriptors: usize,
    threads: u64,
    kibibytes: u64,
}

impl Held {
    fn by(process: &Process) -> anyhow::Result<Self> {
        Ok(Self {
            descriptors: process.descriptors()?,
            threads: process.memory("Threads")?,
            kibibytes: process.memory("VmRSS")?,
        })
    }
}

/// Scrapes `count` times over one connection.
fn scrape_often(address: &str, count: usize) -> anyhow::Result<()> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut buffer = vec![0; 1 << 16];
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\
        X-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n";
    for number in 0..count {
        connection.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        while !is_whole(&answer) {
            let read = connection.read(&mut buffer)?;
            ensure!(read > 0, "the connection ended at scrape {number}");
            answer.extend_from_slice(&buffer[..read]);
        }
        ensure!(answer.starts_with(b"HTTP/1.1 200"), "scrape {number}");
    }
    Ok(())
}

/// True for a whole answer, by its length or by the last of its chunks.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|part| part == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    match length.and_then(|length| length.trim().parse::<usize>().ok()) {
        Some(length) => answer.len() >= end + 4 + length,
        None => answer.ends_with(b"\r\n0\r\n\r\n"),
    }
}

/// What is scraped.
struct Target {
    name: &'static str,
    process: Process,
    address: String,
}

/// All four and the reference exporters that are installed, with the servers that they need.
struct Targets {
    _redis: Redis,
    _mariadb: MariaDb,
    _folder: TemporaryFolder,
    ours: Vec<Target>,
    /// What they hold is their own affair; it is measured for comparison.
    references: Vec<Target>,
}

impl Targets {
    fn start() -> anyhow::Result<Self> {
        let (redis, mariadb) = (Redis::start("")?, mariadb()?);
        let folder = TemporaryFolder::new("targets")?;
        let option_file = folder.path().join("exporter.cnf");
        std::fs::write(&option_file, "[client]\nuser=exporter\npassword=secret\n")?;
        let start = |name: &'static str, mut program: Command, flags: String| {
            let port = tests::free_port()?;
            program.args(flags.replace("PORT", &port.to_string()).split(' '));
            let process = Process::start(&mut program, &folder.path().join(name))?;
            let address = format!("127.0.0.1:{port}");
            let get = || http::get(&format!("http://{address}/metrics"));
            eventually("metrics", Duration::from_secs(20), get).with_context(|| process.log())?;
            anyhow::Ok(Target { name, process, address })
        };
        let listen = "--web.listen-address=127.0.0.1:PORT";
        let redis_flags = format!("{listen} --redis.addr=redis://127.0.0.1:{}", redis.port);
        let mysql_flags = format!(
            "{listen} --mysqld.address=127.0.0.1:{} --config.my-cnf={}",
            mariadb.port,
            option_file.display()
        );
        let container = "-listen_ip=127.0.0.1 -port=PORT -docker= -podman=";
        let ours = |name: &str| anyhow::Ok(command(released(name)?));
        let mysql_peer = {
            let mut peer = command("prometheus-mysqld-exporter");
            let login = format!("exporter:secret@(127.0.0.1:{})/", mariadb.port);
            peer.env("DATA_SOURCE_NAME", login);
            peer
        };
        // Only where they are asked for, as they take longer than ours.
        let is_wanted = std::env::var_os("MEASURE_REFERENCES").is_some();
        let references = [
            start("node_exporter", command("prometheus-node-exporter"), listen.into()),
            start("redis_exporter", command("prometheus-redis-exporter"), redis_flags.clone()),
            start("mysqld_exporter", mysql_peer, listen.into()),
        ];
        Ok(Self {
            ours: vec![
                start("node", ours("node-exporter")?, listen.into())?,
                start("container", ours("container-exporter")?, container.into())?,
                start("redis", ours("redis-exporter")?, redis_flags)?,
                start("mysql", ours("mysql-exporter")?, mysql_flags)?,
            ],
            references: references
                .into_iter()
                .filter_map(Result::ok)
                .filter(|_| is_wanted)
                .collect(),
            _redis: redis,
            _mariadb: mariadb,
            _folder: folder,
        })
    }
}

/// A day of scrapes: what is held after its first quarter, and at its end.
fn day(target: &Target) -> anyhow::Result<(Held, Held)> {
    scrape_often(&target.address, DAY / 4)?;
    let before = Held::by(&target.process)?;
    scrape_often(&target.address, DAY - DAY / 4)?;
    let after = Held::by(&target.process)?;
    eprintln!("{}: {before:?} after six hours, {after:?} after a day", target.name);
    Ok((before, after))
}

#[test]
#[ignore = "needs redis-server, mariadbd and the release build"]
fn a_day_of_scrapes_leaves_descriptors_threads_and_memory_as_they_were() {
    let targets = Targets::start().unwrap();
    for target in &targets.ours {
        let (before, after) = day(target).unwrap();
        let name = target.name;
        assert!(after.descriptors <= before.descriptors + 2, "{name}");
        assert!(after.threads <= before.threads + 2, "{name}");
        assert!(after.kibibytes <= before.kibibytes + 512, "{name}");
    }
    for target in &targets.references {
        day(target).unwrap();
    }
}

/// A thousand clients that scrape once, at the same time: how many fail, what was held before and
/// after, and the memory at most.
fn thousand(target: &Target) -> anyhow::Result<(usize, Held, Held, u64)> {
    scrape_often(&target.address, 20)?;
    let before = Held::by(&target.process)?;
    let failed = AtomicUsize::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..1000 {
            let scrape = || {
                // One whose connection is closed tries once more, as any client does.
                let once = || scrape_often(&target.address, 1);
                if once().or_else(|_| once()).is_err() {
                    failed.fetch_add(1, Ordering::Relaxed);
                }
            };
            let thread = std::thread::Builder::new().stack_size(1 << 18);
            thread.spawn_scoped(scope, scrape)?;
        }
        anyhow::Ok(())
    })?;
    let (took, failed) = (began.elapsed(), failed.into_inner());
    let peak = target.process.memory("VmHWM")?;
    let after = Held::by(&target.process)?;
    let name = target.name;
    eprintln!("{name}: {failed} failed, {took:?}, at most {peak} KiB; {before:?}, {after:?}");
    Ok((failed, before, after, peak))
}

#[test]
#[ignore = "needs redis-server, mariadbd and the release build"]
fn a_thousand_scrapes_at_once_are_all_answered() {
    let targets = Targets::start().unwrap();
    for target in &targets.ours {
        let (failed, before, after, peak) = thousand(target).unwrap();
        let name = target.name;
        assert_eq!(failed, 0, "{name}");
        assert!(peak < before.kibibytes + 32 * 1024, "{name}: {peak} KiB");
        assert!(after.threads <= before.threads + 4, "{name}: {after:?}");
    }
    for target in &targets.references {
        thousand(target).unwrap();
    }
}

/// Connections of a burst, each of which scrapes without pause, and for how long.
const BURST: usize = 300;
const BURST_TIME: Duration = Duration::from_secs(4);

/// Scrapes that were answered, what was held before, and 2 s after the burst.
fn burst(target: &Target) -> anyhow::Result<(usize, Held, Held)> {
    scrape_often(&target.address, 20)?;
    let before = Held::by(&target.process)?;
    let (answered, end) = (AtomicUsize::new(0), Instant::now() + BURST_TIME);
    std::thread::scope(|scope| {
        for _ in 0..BURST {
            let scrape = || {
                while Instant::now() < end {
                    if scrape_often(&target.address, 1).is_ok() {
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                }
            };
            std::thread::Builder::new().stack_size(1 << 18).spawn_scoped(scope, scrape)?;
        }
        anyhow::Ok(())
    })?;
    std::thread::sleep(Duration::from_secs(2));
    let after = Held::by(&target.process)?;
    let (name, answered) = (target.name, answered.into_inner());
    eprintln!("{name}: {answered} answered; {before:?} before, {after:?} after");
    Ok((answered, before, after))
}

#[test]
#[ignore = "needs redis-server, mariadbd and the release build"]
fn a_burst_leaves_no_thread_and_bounded_memory_behind() {
    let targets = Targets::start().unwrap();
    for target in &targets.ours {
        let (answered, before, after) = burst(target).unwrap();
        let name = target.name;
        assert!(answered > BURST, "{name}: {answered}");
        assert!(after.threads <= before.threads + 4, "{name}: {after:?}");
        assert!(after.kibibytes <= before.kibibytes + 16 * 1024, "{name}: {after:?}");
    }
    for target in &targets.references {
        burst(target).unwrap();
    }
}
