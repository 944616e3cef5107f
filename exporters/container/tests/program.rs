//! The program as its users type it.

use tests::program::Program;

const PROGRAM: Program = Program {
    name: "container-exporter",
    path: env!("CARGO_BIN_EXE_container-exporter"),
    listen: "-listen_ip=127.0.0.1 -port=",
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
