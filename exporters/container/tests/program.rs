//! The program as its users type it.

use std::path::Path;

use tests::process::{command, output};
use tests::program::Program;
use tests::{TemporaryFolder, built, golden};

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

#[test]
fn compare_reads_files_and_says_what_is_malformed() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let recorded = fixtures.join("cadvisor-0.60-v1.prom");
    let folder = TemporaryFolder::new("compare").unwrap();
    let ours = folder.path().join("ours.prom");
    std::fs::write(&ours, golden::read(&fixtures.join("v1/expected.prom")).unwrap()).unwrap();
    let compare = |old: &Path, new: &Path| {
        let mut compare = command(built(env!("CARGO_BIN_EXE_container-exporter")));
        let output = output(compare.arg("compare").arg(old).arg(new)).unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), text + &errors)
    };
    let (code, text) = compare(&recorded, &ours);
    assert_eq!(code, Some(1), "{text}");
    for line in [
        "Missing families: the old exporter has them, the new one has not",
        "  container_last_seen  gauge, 3 series",
        "  absent without --enable_load_reader; cAdvisor shows 0",
        "    extra family: container_state",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let (code, text) = compare(&recorded, &recorded);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("\n83 families are the same. 0 differences"), "{text}");
    let cut = folder.path().join("cut.prom");
    std::fs::write(&cut, "# TYPE a gauge\na 1\na{b=\"1").unwrap();
    let (code, text) = compare(&cut, &ours);
    let expected =
        format!("container-exporter compare: {}: line 3: a quote is not closed\n", cut.display());
    assert_eq!((code, text), (Some(2), expected));
}
