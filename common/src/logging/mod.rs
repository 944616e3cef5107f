//! Log lines on stderr, in the keys and the order that the Go exporters use.

mod lines;
mod queue;

use std::sync::OnceLock;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tracing::Level;

use lines::Lines;
use queue::Queue;

/// How long the program's end waits for the last lines to be written.
const PATIENCE: Duration = Duration::from_secs(1);

static QUEUE: OnceLock<Queue> = OnceLock::new();

/// Flags of the log.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// Least severe messages to print: debug, info, warn or error
    #[arg(
        hide_possible_values = true,
        id = "log.level",
        long = "log.level",
        value_name = "LEVEL",
        default_value = "info",
        ignore_case = true
    )]
    pub level: LogLevel,
    /// Form of the log lines on stderr: logfmt or json
    #[arg(
        hide_possible_values = true,
        id = "log.format",
        long = "log.format",
        value_name = "FORMAT",
        default_value = "logfmt"
    )]
    pub format: LogFormat,
}

/// Severity of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Everything, each scrape included.
    Debug,
    /// Changes of state.
    Info,
    /// Failures of a part.
    #[value(alias = "warning")]
    Warn,
    /// Failures of the whole.
    Error,
}

/// Form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// `key=value` pairs.
    #[value(alias = "txt")]
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// Starts logging; a second call has no effect. A panic is logged like any other error.
///
/// Who logs waits for nobody, so [`finish`] is to be called before the program ends.
pub fn start(args: &LogArgs) {
    let level = match args.level {
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Info => Level::INFO,
        LogLevel::Warn => Level::WARN,
        LogLevel::Error => Level::ERROR,
    };
    let queue = QUEUE.get_or_init(|| Queue::start(std::io::stderr(), args.format));
    let started = tracing_subscriber::fmt()
        // These would be told on stderr, with a panic where that fails.
        .log_internal_errors(false)
        .with_max_level(level)
        .with_writer(queue)
        .event_format(Lines(args.format))
        .finish();
    if tracing::subscriber::set_global_default(started).is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            tracing::error!(panic = %panic, "a part of this program panicked");
        }));
    }
}

/// Waits until all lines have been written, but not long for a reader who does not read.
pub fn finish() {
    if let Some(queue) = QUEUE.get() {
        queue.flush(PATIENCE);
    }
}
