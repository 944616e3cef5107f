//! Collectors that the reference does not have, against a real server.

#![expect(clippy::unwrap_used, reason = "part of the tests")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use support::{assert_line, of};
use tests::log::Log;
use tests::redis::Redis;

/// A connection that has sent `commands`, one a line, and got their answers.
fn client(server: &Redis, commands: &[&str]) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    for command in commands {
        stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        let read = stream.read(&mut [0; 256]).unwrap();
        assert!(read > 0, "{command}");
    }
    stream
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn clients_over_the_limit_are_left_out_and_told_once() {
    let server = Redis::start("").unwrap();
    let log = Log::capture();
    let clients: Vec<TcpStream> = (0..3).map(|_| client(&server, &["PING"])).collect();
    let limited = of(&server, &["-export-client-list", "-collector.client_list.max-clients=2"]);
    for _ in 0..2 {
        let body = limited.scrape().await.unwrap();
        assert_line(&body, "redis_connected_clients_left_out 2");
        assert_eq!(body.matches("\nredis_connected_client_info{").count(), 2, "{body}");
        assert_line(&body, "redis_exporter_collector_success{collector=\"client_list\"} 1");
    }
    assert_eq!(log.count("more clients than are shown"), 1, "{}", log.text());
    drop(clients);
    let body = of(&server, &["-export-client-list"]).scrape().await.unwrap();
    assert!(!body.contains("left_out"), "{body}");
}
