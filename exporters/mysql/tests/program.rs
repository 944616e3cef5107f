//! The program as its users type it.

mod support;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::{PASSWORD, Scraped, fake_server, option_file, server};
use tests::fake_mysql::Reply;
use tests::program::Program;

const PROGRAM: Program = Program {
    name: "mysql-exporter",
    path: env!("CARGO_BIN_EXE_mysql-exporter"),
    listen: "--web.listen-address=127.0.0.1:",
    usage_exit_code: 1,
};

#[test]
fn it_answers_and_stops_when_told_to() {
    PROGRAM.answers_and_stops().unwrap();
}

#[test]
fn healthcheck_asks_the_running_exporter() {
    PROGRAM.is_asked_by_its_healthcheck().unwrap();
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    PROGRAM.serves_without_a_log().unwrap();
}

#[test]
fn answers_are_packed_as_those_of_the_replaced_exporter() {
    PROGRAM.packs_what_it_answers(false).unwrap();
}

#[test]
fn silent_connections_shut_nobody_out() {
    PROGRAM.serves_among_silent_connections().unwrap();
}

#[test]
fn what_is_not_needed_is_given_up_and_nothing_is_missing() {
    PROGRAM.gives_up_rights().unwrap();
}

#[test]
fn it_listens_on_every_address_of_the_flags() {
    PROGRAM.listens_on_every_address().unwrap();
}

#[test]
fn it_takes_over_the_sockets_of_systemd() {
    PROGRAM.takes_over_sockets().unwrap();
}

#[test]
fn it_tells_the_service_manager_how_it_fares() {
    PROGRAM.tells_the_service_manager().unwrap();
}

#[test]
fn usage_errors_are_one_line_with_the_peers_exit_code() {
    PROGRAM.refuses_wrong_usage().unwrap();
}

#[test]
fn help_and_version_go_to_stdout() {
    PROGRAM.prints_help_and_version().unwrap();
}

#[test]
fn a_hundred_scrapes_leak_no_descriptor() {
    PROGRAM.leaks_no_descriptor().unwrap();
}

#[test]
fn bad_settings_end_the_start_with_one_clear_line() {
    for (argument, reason) in [
        ("--mysqld.address=localhost", "localhost"),
        ("--config.my-cnf=/proc/1/mem", "/proc/1/mem"),
    ] {
        PROGRAM.refuses_to_start(argument, reason).unwrap();
    }
}

#[test]
fn a_hung_server_is_down_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_folder, file) = option_file(&format!("user=exporter\npassword={PASSWORD}"));
    let address = format!("--mysqld.address={}", listener.local_addr().unwrap());
    let served = PROGRAM.serve(&[&file, &address]).unwrap();
    let scrape = || {
        let started = Instant::now();
        let answer = Scraped(served.scrape_within(1.25).unwrap().body);
        let elapsed = started.elapsed();
        assert_eq!(answer.value("mysql_up"), "0");
        assert!(elapsed > Duration::from_millis(900), "{elapsed:?}");
        assert!(elapsed < Duration::from_millis(1500), "{elapsed:?}");
    };
    // A scrape opens what is kept from then on.
    scrape();
    let files = served.process.descriptors().unwrap();
    scrape();
    scrape();
    let log = served.process.log();
    assert_eq!(log.matches("no answer within 1.0 s").count(), 1, "{log}");
    served.settles_at(files).unwrap();
}

#[test]
#[ignore = "needs mariadbd"]
fn a_hundred_scrapes_of_a_server_leak_nothing() {
    let server = server(&[]);
    server.sql("GRANT PROCESS, SLAVE MONITOR ON *.* TO exporter@localhost").unwrap();
    let (_folder, file) = option_file(&format!("user=exporter\npassword={PASSWORD}"));
    let address = format!("--mysqld.address=127.0.0.1:{}", server.port);
    let mut exporter = PROGRAM.serve(&[&file, &address]).unwrap();
    let scrape = || {
        let answer = Scraped(exporter.scrape_within(10.0).unwrap().body);
        assert_eq!(answer.value("mysql_up"), "1", "{}", exporter.process.log());
    };
    scrape();
    let files = exporter.process.descriptors().unwrap();
    let connections: u64 = server.variable("STATUS", "Connections").unwrap().parse().unwrap();
    for _ in 0..100 {
        scrape();
    }
    exporter.settles_at(files).unwrap();
    // The second of these two counts the client's own connections.
    let now: u64 = server.variable("STATUS", "Connections").unwrap().parse().unwrap();
    assert_eq!(now, connections + 1);
    assert_eq!(server.variable("STATUS", "Aborted_clients").unwrap(), "0");
    // Told to end, it takes its leave of the server.
    let status = exporter.process.stop(Signal::TERM).unwrap();
    assert!(status.success(), "{status}");
    let is_alone = || {
        let others = server.variable("STATUS", "Threads_connected")?;
        anyhow::ensure!(others == "1", "{others} connections");
        Ok(())
    };
    tests::eventually("the end of the connections", Duration::from_secs(10), is_alone).unwrap();
    assert_eq!(server.variable("STATUS", "Aborted_clients").unwrap(), "0");
}

#[test]
fn a_million_rows_take_32_mib_at_most() {
    // Short rows, and long ones.
    for reply in [Reply::Many("1234567", 1_000_000), Reply::Many(LONG_ROW, 200_000)] {
        let further = [("SHOW GLOBAL STATUS", reply.clone()), ("SHOW SLAVE STATUS", reply)];
        let server = fake_server("8.0.36", &further);
        let (_folder, file) = option_file("user=exporter\npassword=secret");
        let address = format!("--mysqld.address=127.0.0.1:{}", server.port);
        let exporter = PROGRAM.serve(&[&file, &address]).unwrap();
        let rest = exporter.process.memory("VmRSS").unwrap();
        for _ in 0..3 {
            let answer = Scraped(exporter.scrape_within(20.0).unwrap().body);
            assert_eq!(answer.value("mysql_up"), "1");
            assert_eq!(answer.success("global_status"), "0");
        }
        let peak = exporter.process.memory("VmHWM").unwrap();
        assert!(peak <= rest + 32 * 1024, "{rest} KiB at rest, {peak} KiB at most");
    }
}

const LONG_ROW: &str = "a text of some length that comes again and again, so that the bytes and not \
    the number of the rows are what there is too much of; as long as the text of a statement may be";
