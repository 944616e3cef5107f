//! The program as its users type it.

use tests::free_port;
use tests::program::Program;

const PROGRAM: Program = Program {
    name: "redis-exporter",
    path: env!("CARGO_BIN_EXE_redis-exporter"),
    listen: "-web.listen-address=127.0.0.1:",
    usage_exit_code: 2,
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
    PROGRAM.packs_what_it_answers(true).unwrap();
}

#[test]
#[ignore = "needs curl"]
fn a_client_reads_what_is_packed_as_zstd() {
    let served = PROGRAM.serve(&[]).unwrap();
    let ask = |encoding: &str| {
        let mut curl = tests::process::command("curl");
        curl.args(["-sS", "--fail", "--compressed", "-H", encoding]);
        tests::process::succeed(curl.arg(format!("{}/metrics", served.url))).unwrap()
    };
    let families = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with("# TYPE ")).map(str::to_owned).collect()
    };
    let (plain, packed) = (ask("Accept-Encoding: identity"), ask("Accept-Encoding: zstd"));
    assert!(families(&plain).contains(&"# TYPE redis_up gauge".to_owned()), "{plain}");
    assert_eq!(families(&packed), families(&plain));
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
fn check_fails_where_there_is_no_server_and_prints_nothing_but_its_report() {
    let address = format!("-redis.addr=redis://:hunter2@127.0.0.1:{}", free_port().unwrap());
    let ended = PROGRAM.run(&[&address, "check"]).unwrap();
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains("connection  FAILED: connect: "), "{ended:?}");
    assert!(ended.stdout.ends_with("\n0 ok, 0 not applicable, 0 denied, 1 failed\n"), "{ended:?}");
    assert!(ended.stderr.is_empty() && !ended.stdout.contains("hunter"), "{ended:?}");
    let help = PROGRAM.run(&["--help"]).unwrap().stdout;
    assert!(help.contains("  check        Try each collector: "), "{help}");
    let nothing = PROGRAM.run(&["-redis.addr=", "check"]).unwrap();
    assert!(nothing.code == 1 && nothing.stderr.contains("no server to check"), "{nothing:?}");
}

#[test]
fn bad_settings_end_the_start_with_one_clear_line() {
    for (argument, reason) in [
        ("--redis.addr=http://localhost", "--redis.addr: unknown scheme"),
        ("--redis.password-file=/nonexistent", "/nonexistent"),
        ("--check-keys=a,b=c=d", "more than one ="),
        ("--count-keys=dbx=a", "the database before = is no number"),
        ("--check-key-groups=\"a", "--check-key-groups: a quote is not closed"),
        ("--script=/nonexistent.lua", "--script: /nonexistent.lua"),
    ] {
        PROGRAM.refuses_to_start(argument, reason).unwrap();
    }
}
