//! The commands of every program, and the way from arguments to exit code: what all four
//! `main` functions do. One command, one file, one line in `COMMANDS`.

mod check;
mod compare;
mod healthcheck;
mod program;
mod rounds;
mod scrape;
mod serve;
mod show;
mod supervisor;
mod top;
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

use crate::cli;
use crate::confine::{ConfineArgs, confine};
use crate::logging::{self, LogArgs, LogLevel};
use crate::version::BUILD;
use crate::web::{Security, WebArgs};

use program::Parts;
pub use program::{MakeCheck, MakeTables, Program, Reference};
use show::{OutputFormat, ShowArgs};

/// The commands with their help, in the order of the help; the first one is the default.
const COMMANDS: &[(&str, &str)] = &[
    (SERVE, "Answer scrapes until stopped (the default)"),
    (SCRAPE, "Collect once, print the metrics (--format); exit code 1 if a collector failed"),
    (TOP, "Show what the metrics say now, every few seconds until interrupted"),
    (CHECK, "Try each collector: what works, what is denied, the least rights; exit code 0 or 1"),
    (COMPARE, "OLD [NEW]: what differs from the exporter at OLD, and why; exit code 0, 1 or 2"),
    (HEALTHCHECK, "Ask the running exporter whether it is healthy; exit code 0 or 1"),
    (WEB_CONFIG, "check FILE: whether it will do for --web.config.file; hash: that of a password"),
];
const SERVE: &str = "serve";
const SCRAPE: &str = "scrape";
const TOP: &str = "top";
const CHECK: &str = "check";
const COMPARE: &str = "compare";
const HEALTHCHECK: &str = "healthcheck";
const WEB_CONFIG: &str = "web-config";

/// Flags that are for some commands only; with another one they are a mistake, such as a forgotten
/// command.
const FLAGS_OF_COMMANDS: &[(&str, &[&str])] = &[
    ("format", &[SCRAPE, COMPARE]),
    ("interval", &[TOP]),
    ("count", &[TOP]),
    ("sort", &[SCRAPE, TOP]),
];

/// Threads for blocking work at most: enough for every collector to hang
/// once and the rest to go on, few enough to bound what a hang can cost.
const MAX_BLOCKING_THREADS: usize = 128;

/// How long an idle blocking thread waits for the next scrape before it ends.
const THREAD_KEEP_ALIVE: Duration = Duration::from_secs(90);

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
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let read = |command, arguments| cli::parse(command, P::DIALECT, P::ENV_PREFIX, arguments);
    let mut matches = read(command::<P>(), arguments.clone())?;
    if is_for_people(&matches) {
        matches = read(P::for_people(command::<P>()), arguments)?;
    }
    let wrong = match (action(&matches), operands(&matches).as_slice()) {
        // The exit code of another mistake is that of a difference.
        (WEB_CONFIG, ["check", _] | ["hash"]) | (COMPARE, _) => None,
        (WEB_CONFIG, _) => Some("expected web-config check FILE or web-config hash".to_owned()),
        (_, []) => None,
        (_, [word, ..]) => Some(format!("unexpected argument '{word}' found")),
    };
    match wrong.or_else(|| misplaced(&matches)) {
        Some(wrong) => Err(command::<P>().error(ErrorKind::UnknownArgument, wrong)),
        None => Ok(matches),
    }
}

/// What is wrong with a flag that the command does not have. A variable may be set for all.
fn misplaced(matches: &ArgMatches) -> Option<String> {
    let given = |flag: &str| {
        matches.ids().any(|id| id == flag)
            && matches.value_source(flag) == Some(ValueSource::CommandLine)
    };
    let elsewhere = FLAGS_OF_COMMANDS
        .iter()
        .find(|(flag, commands)| !commands.contains(&action(matches)) && given(flag));
    if let Some((flag, commands)) = elsewhere {
        return Some(format!("--{flag} is for the command {}", commands.join(" or ")));
    }
    let format = OutputFormat::of(matches).filter(|_| given("format"))?;
    let is_known = match action(matches) {
        COMPARE => matches!(format, OutputFormat::Text | OutputFormat::Json),
        _ => format != OutputFormat::Json,
    };
    (!is_known).then(|| format!("{} has no such --format", action(matches)))
}

/// True if the command shows tables to people: `top`, `scrape --format=table`.
pub fn is_for_people(matches: &ArgMatches) -> bool {
    match action(matches) {
        TOP => true,
        SCRAPE => OutputFormat::of(matches) == Some(OutputFormat::Table),
        _ => false,
    }
}

fn action(matches: &ArgMatches) -> &str {
    // Tests of collectors read their own flags only.
    let action = matches.try_get_one::<String>("action").ok().flatten();
    action.map_or(SERVE, String::as_str)
}

/// The words behind the command.
fn operands(matches: &ArgMatches) -> Vec<&str> {
    matches.get_many::<String>("operands").into_iter().flatten().map(String::as_str).collect()
}

/// All flags and commands of the program, before its dialect is applied.
pub fn command<P: Program>() -> Command {
    let command = ConfineArgs::augment_args(LogArgs::augment_args(P::command().name(P::NAME)));
    let command = ShowArgs::augment_args(WebArgs::augment_args(command));
    let action = Arg::new("action")
        .value_parser(PossibleValuesParser::new(commands::<P>().map(|(name, _)| name)))
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

/// The command as `--help` shows it, each flag with its environment variable: what manual pages
/// and completions are made from.
pub fn documented<P: Program>() -> Command {
    cli::complete(command::<P>(), P::DIALECT, P::ENV_PREFIX)
}

/// The commands that the program has, each with what it does, in the order of the help.
pub fn commands<P: Program>() -> impl Iterator<Item = (&'static str, &'static str)> {
    COMMANDS.iter().copied().filter(|(name, _)| *name != CHECK || P::CHECK.is_some())
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
    let program = Parts::of::<P>();
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
        confine(&args, P::needs(matches), &program.addresses(matches, &web));
    }
    carry_out(&program, matches, &web)
}

/// Runs the command to its end.
fn carry_out(program: &Parts, matches: &ArgMatches, web: &WebArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .thread_keep_alive(THREAD_KEEP_ALIVE)
        .build()
        .context("cannot start the runtime")?;
    let code = runtime.block_on(async {
        match action(matches) {
            SCRAPE => scrape::scrape(program, matches, web).await,
            TOP => top::top(program, matches, web).await,
            CHECK => {
                let make = program.check.context("this program has no server to check")?;
                check::check(&*make(matches)?, web).await
            }
            COMPARE => Ok(compare::compare(program, matches, web, &operands(matches)).await),
            HEALTHCHECK => {
                let has_tls = security(program, matches, web)?.is_some_and(|it| it.has_tls());
                let addresses = program.addresses(matches, web);
                healthcheck::ask(&addresses, &web.route_prefix, has_tls).await
            }
            _ => {
                let security = security(program, matches, web)?;
                serve::serve(program, matches, web, security).await
            }
        }
    });
    // A thread that hangs in a system call must not keep the process.
    runtime.shutdown_background();
    code
}

/// How to log. What `check` finds is printed, so that the log would only repeat it, and it would
/// stand in the midst of tables, which say themselves what failed; that of `compare` tells of
/// flags without effect, and of nothing that is as it should be.
fn log_args(matches: &ArgMatches) -> anyhow::Result<LogArgs> {
    let args = LogArgs::from_arg_matches(matches)?;
    let is_default = matches.value_source("log.level") == Some(ValueSource::DefaultValue);
    let level = match action(matches) {
        _ if !is_default || args.level != LogLevel::Info => args.level,
        CHECK | TOP => LogLevel::Error,
        SCRAPE if OutputFormat::of(matches).is_some_and(OutputFormat::is_table) => LogLevel::Error,
        COMPARE => LogLevel::Warn,
        _ => args.level,
    };
    Ok(LogArgs { level, ..args })
}

/// What the configuration file or the program's own flags say; not both.
fn security(
    program: &Parts,
    matches: &ArgMatches,
    web: &WebArgs,
) -> anyhow::Result<Option<Arc<Security>>> {
    let of_flags = Security::from_flags(&(program.security)(matches)?)?;
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
mod tests;
