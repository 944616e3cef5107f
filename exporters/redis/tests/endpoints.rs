//! What is served beside `/metrics`.

#![expect(clippy::unwrap_used, reason = "part of the tests")]

mod support;

use std::time::{Duration, Instant};

use support::{Running, assert_line, start, value};
use tests::TemporaryFolder;
use tests::redis::Redis;
use tokio::net::TcpListener;

const ACCEPT: &[(&str, &str)] = &[];

async fn scrape(exporter: &Running, query: &str) -> (u16, String) {
    let answer = exporter.get(&format!("/scrape?{query}"), ACCEPT).await.unwrap();
    (answer.status, answer.body)
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_and_counted() {
    let exporter = start(&["--redis.addr="]);
    for (query, expected) in [
        ("", "the parameter target is missing"),
        ("target=", "the parameter target is missing"),
        ("target=http://h", "parameter target: unknown scheme"),
        ("target=redis://h:secret", "parameter target: the port is not a number"),
        ("target=redis://h&check-keys=dbx=a", "parameter check-keys: "),
    ] {
        let (status, body) = scrape(&exporter, query).await;
        assert_eq!(status, 400, "{query}: {body}");
        assert!(body.starts_with(expected) && !body.contains("secret"), "{query}: {body}");
    }
    let body = exporter.scrape().await.unwrap();
    assert!((value(&body, "redis_target_scrape_request_errors_total") - 5.0).abs() < f64::EPSILON);
    assert!(!body.contains("redis_up"), "{body}");
    let off = start(&["--redis.addr=", "--disable-scrape-endpoint"]);
    assert_eq!(scrape(&off, "target=h").await.0, 404);
}

#[tokio::test]
async fn a_server_that_is_down_is_an_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let exporter = start(&["--redis.addr="]);
    for _ in 0..2 {
        let (status, body) = scrape(&exporter, &format!("target={address}")).await;
        assert_eq!(status, 200, "{body}");
        assert_line(&body, "redis_up 0");
        assert_line(&body, "redis_exporter_scrapes_total 1");
        assert!(body.contains("redis_exporter_build_info{"), "{body}");
        for absent in ["process_cpu", "redis_target_scrape_request_errors_total"] {
            assert!(!body.contains(absent), "{body}");
        }
    }
}

#[tokio::test]
async fn a_target_that_hangs_delays_no_other() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hanging = silent.local_addr().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refusing = listener.local_addr().unwrap();
    drop(listener);
    let exporter = start(&["--redis.addr=", "--connection-timeout=2s"]);
    let query = format!("target={hanging}");
    let slow = async {
        let started = Instant::now();
        assert_line(&scrape(&exporter, &query).await.1, "redis_up 0");
        started.elapsed()
    };
    let quick = async {
        let started = Instant::now();
        for _ in 0..20 {
            let query = format!("target=redis://{refusing}/{}", started.elapsed().as_micros());
            assert_line(&scrape(&exporter, &query).await.1, "redis_up 0");
        }
        started.elapsed()
    };
    let (slow, quick) = tokio::join!(slow, quick);
    assert!(slow < Duration::from_secs(4), "{slow:?}");
    assert!(quick < Duration::from_secs(1), "{quick:?}");
}

#[tokio::test]
async fn passwords_are_read_again_on_request() {
    let folder = TemporaryFolder::new("reload").unwrap();
    let file = folder.path().join("passwords");
    std::fs::write(&file, "{}").unwrap();
    let flag = format!("--redis.password-file={}", file.display());
    let exporter = start(&["--redis.addr=", &flag]);
    let reload = async || exporter.get("/-/reload", ACCEPT).await.unwrap();
    assert_eq!((reload().await.status, reload().await.body.as_str()), (200, "ok"));
    std::fs::write(&file, "{\"a\": \"hunter2\"").unwrap();
    let answer = reload().await;
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("malformed JSON at line 1"), "{}", answer.body);
    assert!(!answer.body.contains("hunter2"), "{}", answer.body);
    let without = start(&["--redis.addr="]);
    assert_eq!(without.get("/-/reload", ACCEPT).await.unwrap().status, 400);
}

#[tokio::test]
async fn nodes_are_listed_only_where_asked_for() {
    let exporter = start(&["--redis.addr="]);
    let answer = exporter.get("/discover-cluster-nodes", ACCEPT).await.unwrap();
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("--is-cluster"), "{}", answer.body);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("--redis.addr={}", listener.local_addr().unwrap());
    drop(listener);
    let down = start(&[&address, "--is-cluster"]);
    let answer = down.get("/discover-cluster-nodes", ACCEPT).await.unwrap();
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("Connection refused"), "{}", answer.body);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn each_target_has_its_own_values_and_password() {
    let (open, closed) = (Redis::start("").unwrap(), Redis::start("requirepass hunter2").unwrap());
    let folder = TemporaryFolder::new("targets").unwrap();
    let file = folder.path().join("passwords.json");
    let passwords = format!("{{\"redis://127.0.0.1:{}\": \"hunter2\"}}", closed.port);
    std::fs::write(&file, passwords).unwrap();
    let flag = format!("--redis.password-file={}", file.display());
    let exporter = start(&["--redis.addr=", &flag]);
    for server in [&open, &closed, &open] {
        let query = format!("target=redis://127.0.0.1:{}&check-single-keys=some", server.port);
        let (status, body) = scrape(&exporter, &query).await;
        assert_eq!(status, 200);
        assert_line(&body, "redis_up 1");
        assert!(body.contains(&format!("tcp_port=\"{}\"", server.port)), "{body}");
        assert_line(&body, "redis_key_size{db=\"db0\",key=\"some\"} 0");
        assert!(!body.contains("hunter2"), "{body}");
    }
    let query = format!("target=redis://:wrong@127.0.0.1:{}", closed.port);
    assert_line(&scrape(&exporter, &query).await.1, "redis_up 1");
    let without = start(&["--redis.addr="]);
    let (_, body) = scrape(&without, &format!("target=127.0.0.1:{}", closed.port)).await;
    assert_line(&body, "redis_up 0");
    assert!(body.contains("err=\"INFO: NOAUTH Authentication required.\""), "{body}");
}
