//! The commands of every program, and the way from arguments to exit code: what all four
//! `main` functions do. One command, one file, one line in `COMMANDS`.

mod check;
mod healthcheck;
mod scrape;
mod serve;
mod supervisor;
mod web_config;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args as _, Command, FromArgMatches as _};

use crate::check::Check;
use crate::cli::{self, Dialect};
use crate::confine::{ConfineArgs, Needs, confine};
use crate::logging::{self, LogArgs, LogLevel};
use crate::version::BUILD;
use crate::web::{Security, SecurityFlags, Service, WebArgs};

/// The commands with their help, in the order of the help; the first one is the default.
const COMMANDS: &[(&str, &str)] = &[
    (SERVE, "Answer scrapes until stopped (the default)"),
    (SCRAPE, "Collect once, print the metrics; exit code 1 if a collector failed"),
    (CHECK, "Try each collector: what works, what is denied, the least rights; exit code 0 or 1"),
    (HEALTHCHECK, "Ask the running exporter whether it is healthy; exit code 0 or 1"),
    (WEB_CONFIG, "check FILE: whether it will do for --web.config.file; hash: that of a password"),
];
const SERVE: &str = "serve";
const SCRAPE: &str = "scrape";
const CHECK: &str = "check";
const HEALTHCHECK: &str = "healthcheck";
const WEB_CONFIG: &str = "web-config";

/// Threads for blocking work at most: enough for every collector to hang
/// once and the rest to go on, few enough to bound what a hang can cost.
const MAX_BLOCKING_THREADS: usize = 128;

/// How long an idle blocking thread waits for the next scrape before it ends.
const THREAD_KEEP_ALIVE: Duration = Duration::from_secs(90);

/// Makes a check from the command line.
pub type MakeCheck = fn(&ArgMatches) -> anyhow::Result<Box<dyn Check>>;

/// What makes a program one of the four exporters.
pub trait Program {
    /// Name of the executable.
    const NAME: &'static str;
    /// What it does, in one sentence.
    const ABOUT: &'static str;
    /// How its flags are spelled.
    const DIALECT: Dialect;
    /// Stands before each flag's environment variable.
    const ENV_PREFIX: &'static str;

    /// Makes what the command `check` does, inside the runtime; `None` if the program has no
    /// server to check.
    const CHECK: Option<MakeCheck> = None;

    /// All flags but those that every program has.
    fn command() -> Command;

    /// Last changes to the command, once the flags that every program has are in it:
    /// such as the name by which the reference exporter knows one of them.
    fn adapt(command: Command) -> Command {
        command
    }

    /// Address to listen on where no flag says another.
    fn default_address(matches: &ArgMatches) -> String;

    /// What it needs once it has started, beside files to read.
    fn needs(_: &ArgMatches) -> Needs {
        Needs::default()
    }

    /// What flags of its own say of TLS and authentication.
    ///
    /// # Errors
    /// A bad setting.
    fn security(_: &ArgMatches) -> anyhow::Result<SecurityFlags> {
        Ok(SecurityFlags::default())
    }

    /// Makes the exporter; called once, inside the runtime.
    ///
    /// # Errors
    /// A bad setting, with file or flag and reason.
    fn start(matches: &ArgMatches) -> anyhow::Result<Service>;
}

/// Runs the program on the process's arguments.
pub fn main<P: Program>() -> ExitCode {
    let matches = match parse::<P>(std::env::args_os()) {
        Ok(matches) => matches,
        Err(error) => return usage::<P>(&error),
    };
    let code = run::<P>(&matches).unwrap_or_else(|error| {
        tracing::error!(error = format!("{error:#}"), "{} stops", P::NAME);
        ExitCode::FAILURE
    });
    logging::finish();
    code
}

/// Reads arguments, the program's name first.
///
/// # Errors
/// What clap says of them; a request for help or the version counts as such.
pub fn parse<P: Program>(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<ArgMatches, clap::Error> {
    let matches = cli::parse(command::<P>(), P::DIALECT, P::ENV_PREFIX, arguments)?;
    let wrong = match (action(&matches), operands(&matches).as_slice()) {
        (WEB_CONFIG, ["check", _] | ["hash"]) => return Ok(matches),
        (WEB_CONFIG, _) => "expected web-config check FILE or web-config hash".to_owned(),
        (_, []) => return Ok(matches),
        (_, [word, ..]) => format!("unexpected argument '{word}' found"),
    };
    Err(command::<P>().error(ErrorKind::UnknownArgument, wrong))
}

fn action(matches: &ArgMatches) -> &str {
    matches.get_one::<String>("action").map_or(SERVE, String::as_str)
}

/// The words behind the command.
fn operands(matches: &ArgMatches) -> Vec<&str> {
    matches.get_many::<String>("operands").into_iter().flatten().map(String::as_str).collect()
}

fn command<P: Program>() -> Command {
    let command = ConfineArgs::augment_args(LogArgs::augment_args(P::command().name(P::NAME)));
    let command = WebArgs::augment_args(command);
    let action = Arg::new("action")
        .value_parser(PossibleValuesParser::new(commands::<P>().map(|(name, _)| *name)))
        .value_name("COMMAND")
        .default_value(SERVE)
        .hide(true);
    let operands = Arg::new("operands").num_args(0..).hide(true);
    let command = command
        .about(P::ABOUT)
        .version(BUILD.text())
        .override_usage(format!("{} [FLAGS] [COMMAND]", P::NAME))
        .help_template(help_template::<P>())
        .arg(action)
        .arg(operands);
    P::adapt(command)
}

/// The commands that the program has.
fn commands<P: Program>() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    COMMANDS.iter().filter(|(name, _)| *name != CHECK || P::CHECK.is_some())
}

/// To clap the commands are values of an argument; the help shows them as a list.
fn help_template<P: Program>() -> String {
    let width = commands::<P>().map(|(name, _)| name.len()).max().unwrap_or_default();
    let commands = commands::<P>().map(|(name, help)| format!("  {name:width$}  {help}\n"));
    let commands: String = commands.collect();
    format!(
        "{{about}}\n\nUsage: {{usage}}\n\nCommands:\n{commands}\n{{all-args}}\n\n{{after-help}}\n"
    )
}

/// Help and version go to stdout; a mistake becomes one line on stderr.
fn usage<P: Program>(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if !error.use_stderr() {
        // A closed pipe is no reason to fail.
        let text = text.trim_start_matches("error: ").trim_end();
        let _ = writeln!(std::io::stdout(), "{text}");
        return ExitCode::SUCCESS;
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let reason: Vec<&str> = lines
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .map(|line| line.trim_start_matches("error: "))
        .collect();
    let _ = writeln!(
        std::io::stderr(),
        "{name}: error: {reason}, try {name} --help",
        name = P::NAME,
        reason = reason.join("; ")
    );
    ExitCode::from(P::DIALECT.usage_exit_code())
}

fn run<P: Program>(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let web = WebArgs::from_arg_matches(matches)?;
    logging::start(&log_args(matches)?);
    if action(matches) == WEB_CONFIG {
        return match operands(matches).get(1) {
            Some(file) => Ok(web_config::check(Path::new(file))),
            None => web_config::hash(std::io::stdin().lock()),
        };
    }
    for old in cli::old_names(&command::<P>(), P::DIALECT, std::env::args_os()) {
        tracing::warn!(flag = old.given, now = old.current, "flag has another name now");
    }
    if action(matches) == SERVE {
        let args = ConfineArgs::from_arg_matches(matches)?;
        confine(&args, P::needs(matches), &addresses::<P>(matches, &web));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .thread_keep_alive(THREAD_KEEP_ALIVE)
        .build()
        .context("cannot start the runtime")?;
    let code = runtime.block_on(async {
        match action(matches) {
            SCRAPE => scrape::scrape(&P::start(matches)?, &web).await,
            CHECK => {
                let make = P::CHECK.context("this program has no server to check")?;
                check::check(&*make(matches)?, &web).await
            }
            HEALTHCHECK => {
                let has_tls = security::<P>(matches, &web)?.is_some_and(|it| it.has_tls());
                let addresses = addresses::<P>(matches, &web);
                healthcheck::ask(&addresses, &web.route_prefix, has_tls).await
            }
            _ => {
                let security = security::<P>(matches, &web)?;
                serve::serve::<P>(matches, &web, security).await
            }
        }
    });
    // A thread that hangs in a system call must not keep the process.
    runtime.shutdown_background();
    code
}

/// Addresses to listen on: at least one.
fn addresses<P: Program>(matches: &ArgMatches, web: &WebArgs) -> Vec<String> {
    match web.listen_address.as_slice() {
        [] => vec![P::default_address(matches)],
        addresses => addresses.to_vec(),
    }
}

/// How to log. What `check` finds is printed, so that the log would only repeat it.
fn log_args(matches: &ArgMatches) -> anyhow::Result<LogArgs> {
    let args = LogArgs::from_arg_matches(matches)?;
    let is_default = matches.value_source("log.level") == Some(ValueSource::DefaultValue);
    Ok(if action(matches) == CHECK && is_default && args.level == LogLevel::Info {
        LogArgs { level: LogLevel::Error, ..args }
    } else {
        args
    })
}

/// What the configuration file or the program's own flags say; not both.
fn security<P: Program>(
    matches: &ArgMatches,
    web: &WebArgs,
) -> anyhow::Result<Option<Arc<Security>>> {
    let of_flags = Security::from_flags(&P::security(matches)?)?;
    if web.config_file.is_empty() {
        return Ok(of_flags);
    }
    if of_flags.is_some() {
        anyhow::bail!("--web.config.file excludes the other flags for TLS and passwords");
    }
    let security = Security::from_file(Path::new(&web.config_file));
    security.map(Some).context("--web.config.file")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Test;

    impl Program for Test {
        const NAME: &'static str = "test";
        const ABOUT: &'static str = "Tests";
        const DIALECT: Dialect = Dialect::Kingpin;
        const ENV_PREFIX: &'static str = "TEST_";

        fn command() -> Command {
            Command::new("test").arg(Arg::new("on").long("on").action(clap::ArgAction::SetTrue))
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
}
