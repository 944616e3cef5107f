//! Command lines as users of cAdvisor write them.

use clap::ArgMatches;
use common::program::{Program, parse};
use container_exporter::ContainerExporter;
use container_exporter::args::given_unused;

fn matches(arguments: &[&str]) -> Result<ArgMatches, clap::Error> {
    let arguments = std::iter::once("test").chain(arguments.iter().copied());
    parse::<ContainerExporter>(arguments.map(Into::into))
}

#[test]
fn address_and_path_have_the_names_of_the_reference() {
    let found = matches(&["-port", "9999", "--listen_ip=127.0.0.1", "-prometheus_endpoint=/m"]);
    let found = found.unwrap();
    assert_eq!(ContainerExporter::default_address(&found), "127.0.0.1:9999");
    assert_eq!(found.get_one::<String>("web.telemetry-path").unwrap(), "/m");
    assert_eq!(ContainerExporter::default_address(&matches(&[]).unwrap()), ":8080");
}

#[test]
fn flags_without_effect_are_accepted_and_named() {
    let arguments = [
        "-logtostderr",
        "-v=4",
        "--housekeeping_interval",
        "10s",
        "-allow_dynamic_housekeeping=false",
        "-storage_driver_password=hunter2",
        "-docker_only",
    ];
    let found = matches(&arguments).unwrap();
    let mut names = given_unused(&found);
    names.sort_unstable();
    let expected = [
        "allow_dynamic_housekeeping",
        "housekeeping_interval",
        "logtostderr",
        "storage_driver_password",
        "v",
    ];
    assert_eq!(names, expected);
    assert!(found.get_flag("docker_only") && found.get_flag("store_container_labels"));
}

#[test]
fn unknown_groups_flags_and_endpoints_are_usage_errors() {
    for argument in ["-disable_metrics=diskio", "-enable_metrics=x", "-nothing", "-docker=here"] {
        let error = matches(&[argument]).unwrap_err();
        assert!(error.use_stderr(), "{argument}");
    }
    assert_eq!(ContainerExporter::DIALECT.usage_exit_code(), 2);
}
