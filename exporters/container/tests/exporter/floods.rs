//! Daemons that answer without end, with far too much, or with events faster than anybody asks.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::ensure;
use tests::TemporaryFolder;
use tests::process::{Process, command};

const PROGRAM: &str = env!("CARGO_BIN_EXE_container-exporter");
const DOWN: &str = "container_runtime_up{runtime=\"docker\"} 0\n";
const UP: &str = "container_runtime_up{runtime=\"docker\"} 1\n";

/// What a daemon writes for a request, until the client goes away.
type Part = fn(&mut TcpStream, path: &str) -> std::io::Result<()>;

/// A daemon with this behaviour; it ends with the test's process.
fn daemon(answer: Part) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let endpoint = format!("tcp://{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") {
                    stream.read_exact(&mut byte)?;
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let target = head.split(' ').nth(1).unwrap_or_default();
                answer(&mut stream, target.split('?').next().unwrap_or_default())
            });
        }
    });
    Ok(endpoint)
}

fn small(stream: &mut TcpStream, body: &str) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

fn chunk(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(format!("{:x}\r\n", bytes.len()).as_bytes())?;
    stream.write_all(bytes)?;
    stream.write_all(b"\r\n")
}

fn begin_chunks(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
}

fn without_end(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    begin_chunks(stream)?;
    loop {
        chunk(stream, bytes)?;
    }
}

const ID: &str = "94ee48f20b28190fe7335d9f7888fe3ad5a39f9ffafd3a39063617863513a234";

/// A daemon with one container.
fn healthy(stream: &mut TcpStream, path: &str) -> std::io::Result<()> {
    match path {
        "/version" => small(stream, r#"{"Version":"29.0","ApiVersion":"1.52"}"#),
        "/info" => small(stream, "{}"),
        "/containers/json" => {
            small(stream, &format!(r#"[{{"Id":"{ID}","Names":["/web"],"State":"running"}}]"#))
        }
        "/events" => {
            begin_chunks(stream)?;
            // The client ends it.
            stream.read_exact(&mut [0])
        }
        _ => small(stream, r#"{"Name":"/web","State":{"Status":"running"}}"#),
    }
}

/// The exporter's program beside that daemon, with the memory that it had at first.
struct Running {
    process: Process,
    url: String,
    at_rest: u64,
    _folder: TemporaryFolder,
}

impl Running {
    fn start(endpoint: &str) -> anyhow::Result<Self> {
        let folder = TemporaryFolder::new("flood")?;
        let port = tests::free_port()?;
        let mut exporter = command(PROGRAM);
        exporter.args([format!("-docker={endpoint}"), format!("-port={port}")]).args([
            "-listen_ip=127.0.0.1",
            "-podman=",
            "-fs.size-interval=0",
        ]);
        let process = Process::start(&mut exporter, &folder.path().join("log"))?;
        let url = format!("http://127.0.0.1:{port}");
        tests::eventually("health", Duration::from_secs(20), || {
            tests::http::get(&format!("{url}/healthz"))
        })?;
        let at_rest = process.memory("VmRSS")?;
        Ok(Self { process, url, at_rest, _folder: folder })
    }

    fn scrape(&self) -> anyhow::Result<(String, Duration)> {
        let started = Instant::now();
        let answer = tests::http::get(&format!("{}/metrics", self.url))?;
        ensure!(answer.status == 200, "{}", answer.status);
        Ok((answer.body, started.elapsed()))
    }

    /// Waits for a scrape with `text` in it.
    fn wait_for(&self, text: &str) -> anyhow::Result<String> {
        tests::eventually(text, Duration::from_secs(30), || {
            let (body, _) = self.scrape()?;
            ensure!(body.contains(text), "{body}");
            Ok(body)
        })
    }

    /// Waits for a line in the log.
    fn wait_for_log(&self, text: &str) -> anyhow::Result<()> {
        tests::eventually(text, Duration::from_secs(30), || {
            let log = self.process.log();
            ensure!(log.contains(text), "{log}");
            Ok(())
        })
    }

    /// Fails if it has more than so many mebibytes above its memory at rest; `key` says whether
    /// now (`VmRSS`) or at any time (`VmHWM`).
    fn check_memory(&self, key: &str, most: u64) -> anyhow::Result<()> {
        let more = self.process.memory(key)?.saturating_sub(self.at_rest) >> 10;
        ensure!(more < most, "{key}: {more} MiB above the memory at rest");
        Ok(())
    }
}

#[test]
fn an_answer_without_end_is_cut_off_at_its_limit() {
    let endpoint = daemon(|stream, _| without_end(stream, &vec![b' '; 1 << 20])).unwrap();
    let exporter = Running::start(&endpoint).unwrap();
    let body = exporter.wait_for(DOWN).unwrap();
    assert!(body.contains("container_memory_usage_bytes{"), "{body}");
    exporter.wait_for_log("the answer is larger than 1 MiB").unwrap();
    // Several attempts.
    std::thread::sleep(Duration::from_secs(4));
    exporter.check_memory("VmHWM", 24).unwrap();
}

#[test]
fn a_list_without_end_is_cut_off_and_its_memory_given_back() {
    let endpoint = daemon(|stream, path| match path {
        "/containers/json" => without_end(stream, &vec![b' '; 1 << 20]),
        _ => healthy(stream, path),
    });
    let exporter = Running::start(&endpoint.unwrap()).unwrap();
    exporter.wait_for_log("the answer is larger than 64 MiB").unwrap();
    exporter.wait_for(DOWN).unwrap();
    exporter.check_memory("VmHWM", 200).unwrap();
    let given_back = || exporter.check_memory("VmRSS", 24);
    tests::eventually("memory", Duration::from_secs(10), given_back).unwrap();
}

#[test]
fn a_list_of_nothing_but_empty_containers_takes_no_more_than_its_bytes() {
    // 64 bytes of memory for three on the wire would be a gibibyte and more.
    let endpoint = daemon(|stream, path| match path {
        "/containers/json" => {
            begin_chunks(stream)?;
            chunk(stream, b"[{}")?;
            for _ in 0..60 {
                chunk(stream, ",{}".repeat(1 << 18).as_bytes())?;
            }
            chunk(stream, b"]")?;
            stream.write_all(b"0\r\n\r\n")
        }
        _ => healthy(stream, path),
    });
    let exporter = Running::start(&endpoint.unwrap()).unwrap();
    exporter.wait_for_log("there are more than 50000 containers").unwrap();
    exporter.check_memory("VmHWM", 200).unwrap();
}

#[test]
fn one_inspection_of_200_megabytes_costs_its_container_and_nobody_else() {
    let endpoint = daemon(|stream, path| {
        if path != format!("/containers/{ID}/json") {
            return healthy(stream, path);
        }
        begin_chunks(stream)?;
        chunk(stream, br#"{"Name":"/web","Config":{"Labels":{"a":""#)?;
        for _ in 0..200 {
            chunk(stream, &vec![b'x'; 1 << 20])?;
        }
        chunk(stream, br#""}}}"#)?;
        stream.write_all(b"0\r\n\r\n")
    });
    let exporter = Running::start(&endpoint.unwrap()).unwrap();
    // The daemon is up, and what the list says of the container stays.
    exporter.wait_for(UP).unwrap();
    exporter.wait_for_log("the answer is larger than 4 MiB").unwrap();
    exporter.check_memory("VmHWM", 40).unwrap();
}

#[test]
fn an_event_without_end_ends_the_connection_for_events() {
    for size in [1 << 20, 7] {
        let endpoint = match size {
            7 => daemon(|stream, path| match path {
                "/events" => without_end(stream, b"       "),
                _ => healthy(stream, path),
            }),
            _ => daemon(|stream, path| match path {
                "/events" => without_end(stream, &vec![b'x'; 1 << 20]),
                _ => healthy(stream, path),
            }),
        };
        let exporter = Running::start(&endpoint.unwrap()).unwrap();
        exporter.wait_for_log("events: the answer is larger than 1 MiB").unwrap();
        let (_, took) = exporter.scrape().unwrap();
        assert!(took < Duration::from_secs(4), "{took:?}");
        exporter.check_memory("VmHWM", 24).unwrap();
    }
}

#[test]
fn a_flood_of_new_containers_keeps_no_scrape_waiting() {
    let endpoint = daemon(|stream, path| match path {
        "/events" => {
            begin_chunks(stream)?;
            for number in 0_u64.. {
                let event = format!(
                    "{{\"Action\":\"oom\",\"Actor\":{{\"ID\":\"{number:064x}\"}},\"timeNano\":{number}}}\n"
                );
                chunk(stream, event.as_bytes())?;
            }
            Ok(())
        }
        "/version" | "/info" | "/containers/json" => healthy(stream, path),
        _ => {
            std::thread::sleep(Duration::from_millis(50));
            healthy(stream, path)
        }
    });
    let exporter = Running::start(&endpoint.unwrap()).unwrap();
    let began = Instant::now();
    exporter.wait_for(UP).unwrap();
    assert!(began.elapsed() < Duration::from_secs(4), "up after {:?}", began.elapsed());
    for _ in 0..10 {
        let (_, took) = exporter.scrape().unwrap();
        assert!(took < Duration::from_secs(2), "{took:?}");
        let asked = Instant::now();
        tests::http::get(&format!("{}/healthz", exporter.url)).unwrap();
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
        std::thread::sleep(Duration::from_millis(500));
    }
    exporter.check_memory("VmHWM", 40).unwrap();
}

#[test]
fn a_daemon_that_is_slow_to_inspect_is_up_all_the_same() {
    let endpoint = daemon(|stream, path| {
        if path.starts_with("/containers/") && path != "/containers/json" {
            std::thread::sleep(Duration::from_secs(4));
        }
        healthy(stream, path)
    });
    let exporter = Running::start(&endpoint.unwrap()).unwrap();
    let began = Instant::now();
    let body = exporter.wait_for(UP).unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "up after {:?}", began.elapsed());
    assert!(body.contains(UP), "{body}");
}
