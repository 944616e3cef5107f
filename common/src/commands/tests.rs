use super::*;
use crate::cli::Dialect;
use crate::web::Service;

struct Test;

impl Program for Test {
    const NAME: &'static str = "test";
    const ABOUT: &'static str = "Tests";
    const DIALECT: Dialect = Dialect::Kingpin;
    const ENV_PREFIX: &'static str = "TEST_";
    const TABLES: MakeTables = |_, _| Vec::new();

    fn command() -> Command {
        Command::new("test").arg(Arg::new("on").long("on").action(clap::ArgAction::SetTrue))
    }

    fn for_people(command: Command) -> Command {
        command.mut_arg("on", |on| on.default_value("true"))
    }

    fn default_address(_: &ArgMatches) -> String {
        ":0".into()
    }

    fn start(_: &ArgMatches) -> anyhow::Result<Service> {
        anyhow::bail!("not to be started")
    }
}

fn parsed(arguments: &[&str]) -> Result<ArgMatches, clap::Error> {
    parse::<Test>(std::iter::once("test").chain(arguments.iter().copied()).map(Into::into))
}

#[test]
fn commands_may_be_anywhere() {
    for arguments in [&["scrape", "--on"][..], &["--on", "scrape"]] {
        let matches = parsed(arguments).unwrap();
        assert_eq!(matches.get_one::<String>("action").unwrap(), SCRAPE);
    }
    assert_eq!(parsed(&[]).unwrap().get_one::<String>("action").unwrap(), SERVE);
    for wrong in [
        &["stray"][..],
        &["scrape", "stray"],
        &["web-config"],
        &["web-config", "check"],
        &["web-config", "look", "file"],
        &["web-config", "check", "file", "file"],
        &["web-config", "hash", "password"],
    ] {
        assert!(parsed(wrong).is_err(), "{wrong:?}");
    }
    let matches = parsed(&["web-config", "check", "web.yml", "--on"]).unwrap();
    assert_eq!((action(&matches), operands(&matches)[1]), (WEB_CONFIG, "web.yml"));
    assert_eq!(operands(&parsed(&["web-config", "hash"]).unwrap()), ["hash"]);
}

#[test]
fn the_help_lists_the_commands() {
    let help = parsed(&["--help"]).unwrap_err().to_string();
    for (name, text) in COMMANDS.iter().filter(|(name, _)| *name != CHECK) {
        let line = help.lines().find(|line| line.trim_start().starts_with(name));
        assert!(line.is_some_and(|line| line.ends_with(text)), "{help}");
    }
    assert!(help.contains("Usage: test [FLAGS] [COMMAND]\n"), "{help}");
    assert!(!help.contains("\n\n\n"), "{help}");
    // What has no server has no check.
    assert!(!help.contains("Try each collector") && parsed(&["check"]).is_err(), "{help}");
}

#[test]
fn flags_of_another_command_are_a_mistake() {
    for (wrong, reason) in [
        (&["--format=table"][..], "--format is for the command scrape"),
        (&["healthcheck", "--format=text"], "--format is for the command scrape"),
        (&["scrape", "--interval=1s"], "--interval is for the command top"),
        (&["scrape", "--count", "3"], "--count is for the command top"),
        (&["scrape", "--format=xml"], "invalid value 'xml' for '--format <FORMAT>'"),
    ] {
        let error = parsed(wrong).unwrap_err().to_string();
        assert!(error.contains(reason), "{wrong:?}: {error}");
    }
}

#[test]
fn tables_have_defaults_of_their_own() {
    let is_on = |arguments: &[&str]| parsed(arguments).unwrap().get_flag("on");
    assert!(is_on(&["scrape", "--format=table"]));
    assert!(!is_on(&["scrape", "--format=table", "--no-on"]));
    assert!(!is_on(&["scrape", "--format=list"]) && !is_on(&["scrape"]) && !is_on(&[]));
    let level = |arguments: &[&str]| log_args(&parsed(arguments).unwrap()).unwrap().level;
    assert_eq!(level(&["scrape", "--format=table"]), LogLevel::Error);
    assert_eq!(level(&["scrape", "--format=list"]), LogLevel::Error);
    assert_eq!(level(&["scrape", "--format=table", "--log.level=debug"]), LogLevel::Debug);
    assert_eq!(level(&["scrape"]), LogLevel::Info);
}
