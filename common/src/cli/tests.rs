use clap::Args as _;

use super::*;
use crate::logging::{LogArgs, LogLevel};
use crate::web::WebArgs;

fn command() -> Command {
    WebArgs::augment_args(LogArgs::augment_args(Command::new("test").version("1")))
        .arg(Arg::new("on").long("on").action(ArgAction::SetTrue).default_value("true"))
}

fn matches(dialect: Dialect, arguments: &[&str]) -> Result<ArgMatches, clap::Error> {
    let arguments = std::iter::once("test").chain(arguments.iter().copied());
    parse(command(), dialect, "TEST_", arguments.map(OsString::from))
}

#[test]
fn kingpin_pairs_switch_on_and_off() {
    let flag = |arguments: &[&str]| matches(Dialect::Kingpin, arguments).unwrap().get_flag("on");
    assert!(flag(&[]));
    assert!(flag(&["--on"]));
    assert!(!flag(&["--no-on"]));
    for arguments in [&["--on", "--no-on"][..], &["-on"], &["--nothing"], &["stray"], &["--no-x"]] {
        assert!(matches(Dialect::Kingpin, arguments).is_err(), "{arguments:?}");
    }
}

#[test]
fn kingpin_takes_values_both_ways_and_each_flag_once() {
    let most = |arguments: &[&str]| {
        let matches = matches(Dialect::Kingpin, arguments)?;
        Ok::<_, clap::Error>(*matches.get_one::<usize>("web.max-requests").unwrap())
    };
    assert_eq!(most(&["--web.max-requests=3"]).unwrap(), 3);
    assert_eq!(most(&["--web.max-requests", "3"]).unwrap(), 3);
    for arguments in [
        &["-web.max-requests=3"][..],
        &["--web.max-requests=3", "--web.max-requests=3"],
        &["--web.max-requests"],
        &["--web.max-requests=x"],
        &["--web.systemd-socket", "--no-web.systemd-socket"],
    ] {
        assert!(most(arguments).is_err(), "{arguments:?}");
    }
    let off = matches(Dialect::Kingpin, &["--no-web.systemd-socket"]).unwrap();
    assert!(!off.get_flag("web.systemd-socket"));
}

#[test]
fn kingpins_switches_take_no_value_and_gos_do() {
    for value in ["true", "false", "1", "maybe", ""] {
        for flag in ["on", "no-on", "web.systemd-socket"] {
            let error = matches(Dialect::Kingpin, &[&format!("--{flag}={value}")]).unwrap_err();
            let error = error.to_string();
            let expected = format!("unexpected value '{value}' for '--{flag}'");
            assert!(error.contains(&expected) && error.contains("or --no-"), "{error}");
        }
    }
    for (argument, expected) in
        [("-on", true), ("--on=1", true), ("-on=T", true), ("-on=false", false), ("--on=F", false)]
    {
        assert_eq!(matches(Dialect::GoFlag, &[argument]).unwrap().get_flag("on"), expected);
    }
    for argument in ["-on=", "-on=no", "-on=FaLse", "--no-on"] {
        assert!(matches(Dialect::GoFlag, &[argument]).is_err(), "{argument}");
    }
    // Flags with a value keep it, whatever it is.
    let most = matches(Dialect::Kingpin, &["--web.telemetry-path=/no-on=1"]).unwrap();
    assert_eq!(most.get_one::<String>("web.telemetry-path").unwrap(), "/no-on=1");
}

#[test]
fn go_flags_take_one_dash_and_the_last_one_wins() {
    let arguments =
        ["-on=false", "--web.max-requests", "1", "-web.max-requests=2", "-log.level", "WARN"];
    let matches = matches(Dialect::GoFlag, &arguments).unwrap();
    assert!(!matches.get_flag("on"));
    assert_eq!(matches.get_one::<usize>("web.max-requests"), Some(&2));
    assert_eq!(matches.get_one::<LogLevel>("log.level"), Some(&LogLevel::Warn));
}

#[test]
fn what_a_program_says_of_its_flags_comes_before_what_all_say() {
    let command = command().after_help("Groups:\n  a  one");
    let arguments = ["test", "--help"].map(OsString::from);
    let help = parse(command, Dialect::GoFlag, "TEST_", arguments).unwrap_err().to_string();
    assert!(help.contains("\n\nGroups:\n  a  one\n\nOne dash will do for two."), "{help}");
}

#[test]
fn repeated_addresses_add_up_in_both_dialects() {
    let arguments = ["--web.listen-address=:1", "--web.listen-address", ":2"];
    for dialect in [Dialect::Kingpin, Dialect::GoFlag] {
        let matches = matches(dialect, &arguments).unwrap();
        let addresses: Vec<_> = matches.get_many::<String>("web.listen-address").unwrap().collect();
        assert_eq!(addresses, [":1", ":2"]);
    }
}

#[test]
fn arguments_can_come_from_a_file() {
    let path = std::env::temp_dir().join(format!("arguments-{}", std::process::id()));
    std::fs::write(&path, "--no-on\n--web.max-requests=7\n").unwrap();
    let matches = matches(Dialect::Kingpin, &[&format!("@{}", path.display())]).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(!matches.get_flag("on"));
    assert_eq!(matches.get_one::<usize>("web.max-requests"), Some(&7));
    let missing = super::parse(
        command(),
        Dialect::Kingpin,
        "TEST_",
        ["test", "@/nonexistent"].map(OsString::from),
    );
    assert!(missing.unwrap_err().to_string().contains("/nonexistent"));
}

#[test]
fn help_shows_switches_without_values_and_no_empty_default() {
    let command = command().arg(Arg::new("text").long("text").default_value(""));
    let arguments = ["test", "--help"].map(OsString::from);
    let help = parse(command, Dialect::Kingpin, "TEST_", arguments).unwrap_err().to_string();
    let line = |flag: &str| help.lines().find(|line| line.contains(flag)).unwrap().trim_end();
    assert!(line("--on").ends_with("--on"), "{help}");
    assert!(!line("--text").contains("default"), "{help}");
    assert!(help.contains("[default: 40]"), "{help}");
    assert!(!help.contains("\n\n\n"), "{help}");
}

#[test]
fn bad_values_are_refused() {
    for argument in [
        "--web.telemetry-path=metrics",
        "--web.telemetry-path=",
        "--web.max-requests=-1",
        "--web.scrape-timeout=0",
        "--timeout-offset=x",
        "--log.format=LOGFMT",
        "--on=maybe",
    ] {
        assert!(matches(Dialect::Kingpin, &[argument]).is_err(), "{argument}");
    }
}

#[test]
fn the_longer_requests_for_help_are_understood() {
    for word in ["--help-long", "--help-man", "--help"] {
        let error = matches(Dialect::Kingpin, &[word]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DisplayHelp, "{word}");
    }
    assert_eq!(
        matches(Dialect::GoFlag, &["--help-long"]).unwrap_err().kind(),
        ErrorKind::UnknownArgument
    );
}
