//! From arguments to exit code: what all four `main` functions do.

mod healthcheck;
mod once;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::cli::{self, Action, Dialect, LogArgs, WebArgs};
use crate::logging;
use crate::server::{self, Listener, Service, Stopping};
use crate::version::BUILD;

/// Threads for blocking work at most: enough for every collector to hang
/// once and the rest to go on, few enough to bound what a hang can cost.
const MAX_BLOCKING_THREADS: usize = 128;

/// How long an idle blocking thread waits for the next scrape before it ends.
const THREAD_KEEP_ALIVE: Duration = Duration::from_secs(90);

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

    /// All flags but those that every program has.
    fn command() -> Command;

    /// Last changes to the command, once the flags that every program has are in it:
    /// such as the name by which the reference exporter knows one of them.
    fn adapt(command: Command) -> Command {
        command
    }

    /// Address to listen on where no flag says another.
    fn default_address(matches: &ArgMatches) -> String;

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
    match run::<P>(&matches) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "{} cannot go on", P::NAME);
            ExitCode::FAILURE
        }
    }
}

/// Reads arguments, the program's name first.
///
/// # Errors
/// What clap says of them; a request for help or the version counts as such.
pub fn parse<P: Program>(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<ArgMatches, clap::Error> {
    cli::parse(command::<P>(), P::DIALECT, P::ENV_PREFIX, arguments)
}

fn command<P: Program>() -> Command {
    let command = WebArgs::augment_args(LogArgs::augment_args(P::command().name(P::NAME)));
    P::adapt(command.about(P::ABOUT))
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
    logging::start(&LogArgs::from_arg_matches(matches)?);
    for old in cli::old_names(&command::<P>(), P::DIALECT, std::env::args_os()) {
        tracing::warn!(flag = old.given, now = old.current, "flag has another name now");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .thread_keep_alive(THREAD_KEEP_ALIVE)
        .build()
        .context("cannot start the runtime")?;
    let addresses = match web.listen_address.as_slice() {
        [] => vec![P::default_address(matches)],
        addresses => addresses.to_vec(),
    };
    let code = runtime.block_on(async {
        match matches.get_one("action").copied().unwrap_or(Action::Serve) {
            Action::Serve => serve::<P>(P::start(matches)?, &web, &addresses).await,
            Action::Scrape => once::scrape(&P::start(matches)?, &web).await,
            Action::Healthcheck => healthcheck::ask(&addresses[0], &web.route_prefix).await,
        }
    });
    // A thread that hangs in a system call must not keep the process.
    runtime.shutdown_background();
    code
}

async fn serve<P: Program>(
    service: Service,
    web: &WebArgs,
    addresses: &[String],
) -> anyhow::Result<ExitCode> {
    let mut listeners = Vec::new();
    for address in addresses {
        listeners.push(Listener::bind(address).await?);
    }
    let (version, revision) = (BUILD.version, BUILD.revision);
    tracing::info!(version, revision, compiler = BUILD.compiler, "starting {}", P::NAME);
    let stopping = Stopping::default();
    let router = server::router(service, web, stopping.clone());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut servers = JoinSet::new();
    for listener in listeners {
        let address = listener.local_addr()?;
        tracing::info!(%address, "listening");
        let mut stopped = stopped.clone();
        servers.spawn(server::serve(listener, router.clone(), async move {
            // The sender lives until all servers have ended.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        }));
    }
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    wait_for_signal(&mut interrupt, &mut terminate).await;
    tracing::info!("stopping");
    stopping.set();
    stop.send_replace(true);
    tokio::select! {
        _ = servers.join_all() => {}
        () = wait_for_signal(&mut interrupt, &mut terminate) => {
            tracing::warn!("told to stop again: leaving at once");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn wait_for_signal(
    interrupt: &mut tokio::signal::unix::Signal,
    terminate: &mut tokio::signal::unix::Signal,
) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// What `--version` prints behind the program's name.
pub(crate) fn version_text() -> String {
    format!(
        "{} (branch: {}, revision: {})\n  compiler: {}\n  platform: {}/{}",
        BUILD.version,
        BUILD.branch,
        BUILD.revision,
        BUILD.compiler,
        std::env::consts::OS,
        BUILD.architecture
    )
}
