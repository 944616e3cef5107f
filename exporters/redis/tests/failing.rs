//! Servers that fail: refused, silent, or answering with errors. None is a real one.

#![expect(clippy::unwrap_used, reason = "part of the tests")]

mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use support::stub::{bulk, serve};
use support::{assert_line, start, value};
use tests::log::Log;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A server that answers each read with `answers`, one after the other, then not any more.
async fn fake_server(answers: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            for answer in answers {
                let mut request = [0; 4096];
                let read = stream.read(&mut request).await;
                if read.is_err() || stream.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
            open.push(stream);
        }
    });
    address
}

fn address_flag(address: SocketAddr) -> String {
    format!("-redis.addr=redis://{address}")
}

#[tokio::test]
async fn a_refused_connection_is_told_with_its_cause_and_logged_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let log = Log::capture();
    let exporter = start(&[&address_flag(address)]);
    for _ in 0..3 {
        let body = exporter.scrape().await.unwrap();
        assert_line(&body, "redis_up 0");
        let error = "redis_exporter_last_scrape_error{err=\"connect: Connection refused (os error 111)\"} 1";
        assert_line(&body, error);
        assert!(!body.contains("redis_connected_clients"), "{body}");
    }
    assert_eq!(log.count("the server cannot be read"), 1, "{}", log.text());
    let body = exporter.scrape().await.unwrap();
    assert!((value(&body, "redis_exporter_scrapes_total") - 4.0).abs() < f64::EPSILON);
    assert_eq!(exporter.get("/health", &[]).await.unwrap().body, "ok\n");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_told() {
    let body = start(&["-redis.addr=redis://no-such-host.invalid"]).scrape().await.unwrap();
    assert_line(&body, "redis_up 0");
    assert!(body.contains("{err=\"connect: failed to lookup address information"), "{body}");
}

#[tokio::test]
async fn a_silent_server_costs_no_more_than_the_deadline() {
    let address = fake_server(&[]).await;
    for (flags, step) in [(&[][..], "INFO"), (&["-redis.password=hunter2"], "AUTH")] {
        let address = address_flag(address);
        let flags: Vec<&str> =
            [address.as_str()].into_iter().chain(flags.iter().copied()).collect();
        let exporter = start(&flags);
        for _ in 0..2 {
            let started = Instant::now();
            let body = exporter.scrape_within(0.6).await.unwrap();
            assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
            assert_line(&body, "redis_up 0");
            let line = format!("redis_exporter_last_scrape_error{{err=\"{step}: timed out\"}} 1");
            assert_line(&body, &line);
        }
    }
}

#[tokio::test]
async fn the_connection_timeout_is_shorter_than_the_deadline_where_set() {
    let address = fake_server(&[]).await;
    let exporter = start(&[&address_flag(address), "-connection-timeout", "100ms"]);
    let started = Instant::now();
    assert_line(&exporter.scrape().await.unwrap(), "redis_up 0");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_server_that_repeats_the_password_does_not_bring_it_into_the_metrics_or_the_log() {
    let address =
        fake_server(&["-ERR unknown command 'AUTH', with args beginning with: 'hunter2' \r\n"])
            .await;
    let log = Log::capture();
    let exporter = start(&[&address_flag(address), "-redis.password=hunter2", "-log-level=DEBUG"]);
    let body = exporter.scrape().await.unwrap();
    assert_line(&body, "redis_up 0");
    assert!(body.contains("{err=\"AUTH: ERR unknown command 'AUTH'"), "{body}");
    assert!(!body.contains("hunter2"), "{body}");
    assert!(log.text().contains("<redacted>") && !log.text().contains("hunter2"), "{}", log.text());
}

#[tokio::test]
async fn an_answer_of_errors_is_told_in_the_servers_words() {
    const LOADING: &str = "-LOADING Redis is loading the dataset in memory\r\n";
    let address = fake_server(&[LOADING, LOADING]).await;
    let exporter = start(&[&address_flag(address), "-set-client-name=false"]);
    let body = exporter.scrape().await.unwrap();
    let error = "redis_exporter_last_scrape_error\
                 {err=\"INFO: LOADING Redis is loading the dataset in memory\"} 1";
    assert_line(&body, error);
}

#[tokio::test]
async fn a_server_without_the_section_all_is_asked_for_the_default() {
    let address = fake_server(&["-ERR syntax error\r\n", "$19\r\nconnected_clients:7\r\n"]).await;
    let exporter = start(&[
        &address_flag(address),
        "-set-client-name=false",
        "-config-command=-",
        "-collector.slowlog=false",
    ]);
    let body = exporter.scrape().await.unwrap();
    assert_line(&body, "redis_up 1");
    assert_line(&body, "redis_connected_clients 7");
}

#[tokio::test]
async fn commands_that_a_server_does_not_know_are_absent_and_named_once() {
    let info = "# Server\r\nredis_version:7.0.0\r\n# Replication\r\nrole:master\r\n";
    let server = serve(vec![("INFO", bulk(info)), ("CLIENT", "+OK\r\n".into())]).await;
    let log = Log::capture();
    let exporter = start(&[&address_flag(server), "-config-command=-"]);
    for _ in 0..3 {
        let body = exporter.scrape().await.unwrap();
        assert_line(&body, "redis_up 1");
        for collector in ["latency", "slowlog"] {
            let success = "redis_exporter_collector_success{collector=";
            assert_line(&body, &format!("{success}\"{collector}\"}} 1"));
        }
        assert!(!body.contains("redis_slowlog") && !body.contains("redis_latency"), "{body}");
    }
    // LATENCY and SLOWLOG have two subcommands each.
    assert_eq!(log.count("command is not known"), 4, "{}", log.text());
}

#[tokio::test]
async fn without_an_address_only_the_exporter_is_shown() {
    let body = start(&["-redis.addr="]).scrape().await.unwrap();
    assert_line(&body, "redis_exporter_scrapes_total 1");
    assert!(body.contains("\nredis_exporter_build_info{") && body.contains("\nprocess_"), "{body}");
    assert!(!body.contains("redis_up"), "{body}");
}

#[tokio::test]
async fn the_exporters_own_metrics_can_be_left_out_and_names_chosen() {
    let body =
        start(&["-redis.addr=", "-redis-only-metrics", "-namespace=kv"]).scrape().await.unwrap();
    assert_line(&body, "kv_exporter_scrapes_total 1");
    for absent in ["process_", "promhttp_", "build_info", "redis_"] {
        assert!(!body.contains(absent), "{absent}\n{body}");
    }
}

#[tokio::test]
async fn what_is_no_redis_is_named() {
    for (answer, expected) in [
        (
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            "the server does not speak the Redis protocol, but HTTP",
        ),
        ("220 mail.example ESMTP\r\n", "the server does not speak the Redis protocol"),
    ] {
        let server = fake_server(vec![answer].leak()).await;
        let exporter = start(&[&address_flag(server)]);
        for _ in 0..2 {
            let body = exporter.scrape().await.unwrap();
            assert_line(&body, "redis_up 0");
            let error = format!("redis_exporter_last_scrape_error{{err=\"INFO: {expected}\"}} 1");
            assert_line(&body, &error);
        }
    }
}

#[tokio::test]
async fn an_empty_info_is_a_server_that_is_down() {
    for answer in ["$-1\r\n", "*0\r\n", "$0\r\n\r\n", "$10\r\n# Server\r\n\r\n"] {
        let server = fake_server(vec![answer; 2].leak()).await;
        let body = start(&[&address_flag(server)]).scrape().await.unwrap();
        assert_line(&body, "redis_up 0");
        let error = "redis_exporter_last_scrape_error{err=\"INFO: the answer is empty\"} 1";
        assert_line(&body, error);
        for family in ["redis_instance_info", "redis_db_keys", "redis_slowlog_length"] {
            assert!(!body.contains(family), "{body}");
        }
    }
    let server = fake_server(&["$16\r\nredis_version:9\n\r\n"]).await;
    let body = start(&[&address_flag(server)]).scrape().await.unwrap();
    assert_line(&body, "redis_up 1");
}
