//! What all four programs have in common for those who type them: exit codes, messages, signals.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::Signal;

use crate::process::{command, output};
use crate::served::Served;
use crate::{TemporaryFolder, built, http};

/// One of the programs.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// Where cargo has put it: `env!("CARGO_BIN_EXE_…")` in a test of its crate. The one in
    /// `BIN_DIR` goes before, see [`built`].
    pub path: &'static str,
    /// Flags that make it listen on the port whose number is put behind them.
    pub listen: &'static str,
    /// How its usage errors end.
    pub usage_exit_code: i32,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code, -1 if a signal ended it.
    pub code: i32,
    /// What it printed on stdout.
    pub stdout: String,
    /// What it printed on stderr.
    pub stderr: String,
}

impl Program {
    /// A command that starts it.
    pub fn command(&self) -> Command {
        command(built(self.path))
    }

    /// Starts it with further flags, to answer scrapes.
    ///
    /// # Errors
    /// It does not answer.
    pub fn serve(&self, arguments: &[&str]) -> anyhow::Result<Served> {
        let mut program = self.command();
        program.args(arguments);
        Served::start(program, self.listen)
    }

    /// Runs it to its end, in an empty folder.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<Ended> {
        let folder = TemporaryFolder::new(self.name)?;
        let output = output(self.command().args(arguments).current_dir(folder.path()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        })
    }

    /// As [`Self::run`], on a terminal of unknown size that is interrupted after some seconds.
    ///
    /// # Errors
    /// It does not start.
    pub fn run_on_terminal(&self, arguments: &str, seconds: u32) -> anyhow::Result<Ended> {
        let path = built(self.path).display().to_string();
        let line = format!("timeout --foreground -s INT {seconds} '{path}' {arguments}");
        let output = output(
            command("script")
                .args(["--quiet", "--return", "--command", &line, "/dev/null"])
                .stdin(Stdio::null()),
        )?;
        Ok(Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::new(),
        })
    }

    /// Asserts that it serves a page and metrics, and ends well when told to.
    ///
    /// # Errors
    /// It does not.
    pub fn answers_and_stops(&self) -> anyhow::Result<()> {
        let mut served = self.serve(&[])?;
        let page = served.get("/")?;
        ensure!(page.status == 200 && page.body.contains("<a href=\"metrics\">"), "{page:?}");
        let started = served.scrape()?.value("process_start_time_seconds", &[])?;
        ensure!(started > 1e9, "started at {started}");
        let status = served.stop(Signal::TERM)?;
        ensure!(status.success(), "{status}");
        Ok(())
    }

    /// Asserts that its healthcheck knows whether it runs.
    ///
    /// # Errors
    /// It does not.
    pub fn is_asked_by_its_healthcheck(&self) -> anyhow::Result<()> {
        let mut served = self.serve(&[])?;
        let port = served.url.rsplit(':').next().context("no port")?;
        let listen = format!("{}{port}", self.listen);
        // The Go dialect reads no flag behind the first word that is none.
        let arguments: Vec<&str> = listen.split(' ').chain(["healthcheck"]).collect();
        let healthy = self.run(&arguments)?;
        ensure!(healthy.code == 0, "{healthy:?}");
        served.stop(Signal::INT)?;
        let gone = self.run(&arguments)?;
        ensure!(gone.code == 1, "{gone:?}");
        ensure!(gone.stderr.starts_with("unhealthy: http://127.0.0.1:"), "{gone:?}");
        Ok(())
    }

    /// Asserts that a wrong command line ends it with one line and the peer's exit code.
    ///
    /// # Errors
    /// It does not.
    pub fn refuses_wrong_usage(&self) -> anyhow::Result<()> {
        for arguments in [["--no-such-flag"], ["--web.max-requests=many"], ["stray"]] {
            let ended = self.run(&arguments)?;
            ensure!(ended.code == self.usage_exit_code, "{arguments:?}: {ended:?}");
            ensure!(ended.stdout.is_empty() && ended.stderr.lines().count() == 1, "{ended:?}");
            let start = format!("{}: error: ", self.name);
            ensure!(ended.stderr.starts_with(&start), "{ended:?}");
        }
        Ok(())
    }

    /// Asserts that answers are packed as the replaced exporter packs them: as gzip where that is
    /// asked for, and as zstd by who has it and where it is preferred.
    ///
    /// # Errors
    /// They are not.
    pub fn packs_what_it_answers(&self, has_zstd: bool) -> anyhow::Result<()> {
        let served = self.serve(&[])?;
        let zstd = if has_zstd { "zstd" } else { "" };
        for (accepted, expected) in [
            ("", ""),
            ("*", ""),
            ("identity", ""),
            ("gzip", "gzip"),
            ("deflate, gzip, br, zstd", "gzip"),
            ("zstd", zstd),
            ("zstd, gzip;q=0.5", if has_zstd { "zstd" } else { "gzip" }),
            ("identity;q=0", ""),
        ] {
            let headers = http::head(&format!("{}/metrics", served.url), accepted)?;
            let encoding = headers.get("content-encoding").map(|value| value.to_str());
            let encoding = encoding.transpose()?.unwrap_or_default();
            ensure!(encoding == expected, "{accepted:?}: {headers:?}");
        }
        Ok(())
    }

    /// Asserts that help and version go to stdout.
    ///
    /// # Errors
    /// They do not.
    pub fn prints_help_and_version(&self) -> anyhow::Result<()> {
        let Ended { code, stdout: help, .. } = self.run(&["--help"])?;
        ensure!(code == 0, "exit code {code}");
        for word in ["healthcheck", "--web.telemetry-path"] {
            ensure!(help.contains(word), "no {word}: {help}");
        }
        let width = help.lines().map(|line| line.chars().count()).max().unwrap_or_default();
        ensure!(width <= 100, "a line of {width} columns");
        let version = self.run(&["--version"])?;
        let start = format!("{} 0.", self.name);
        ensure!(version.code == 0 && version.stdout.starts_with(&start), "{version:?}");
        Ok(())
    }

    /// Asserts that `argument` keeps it from starting, with a last line that holds `reason`.
    ///
    /// # Errors
    /// It does not.
    pub fn refuses_to_start(&self, argument: &str, reason: &str) -> anyhow::Result<()> {
        let ended = self.run(&[argument])?;
        ensure!(ended.code == 1 || ended.code == 2, "{argument}: {ended:?}");
        let line = ended.stderr.lines().last().unwrap_or_default();
        ensure!(line.contains(reason) && !ended.stderr.contains("panicked"), "{ended:?}");
        Ok(())
    }

    /// Asserts that a log that cannot be written, or that nobody reads, stops nothing.
    ///
    /// # Errors
    /// It does.
    pub fn serves_without_a_log(&self) -> anyhow::Result<()> {
        let full = File::options().write(true).open("/dev/full")?;
        let mut served = self.serve_logging_to(full.into(), &[])?;
        served.scrape_within(10.0)?;
        let status = served.stop(Signal::TERM)?;
        ensure!(status.success(), "{status}");
        let (_reader, writer) = std::io::pipe()?;
        // Nothing more goes into it.
        let flags = fcntl_getfl(&writer)?;
        fcntl_setfl(&writer, flags | OFlags::NONBLOCK)?;
        while rustix::io::write(&writer, &[b'x'; 4096]).is_ok() {}
        fcntl_setfl(&writer, flags)?;
        let mut served = self.serve_logging_to(writer.into(), &["--log.level=debug"])?;
        for _ in 0..3 {
            served.scrape_within(10.0)?;
        }
        ensure!(served.get("/-/healthy")?.status == 200, "it is not healthy");
        let status = served.stop(Signal::TERM)?;
        ensure!(status.success(), "{status}");
        Ok(())
    }

    /// Asserts that connections which ask for nothing, or never to the end, shut nobody out.
    ///
    /// # Errors
    /// They do.
    pub fn serves_among_silent_connections(&self) -> anyhow::Result<()> {
        let served = self.serve(&[])?;
        served.scrape_within(10.0)?;
        let before = served.process.descriptors()?;
        let address = served.url.trim_start_matches("http://");
        let mut silent = Vec::new();
        for number in 0..600 {
            let mut connection = TcpStream::connect(address)?;
            if number % 2 == 0 {
                connection.write_all(b"GET /metrics HTTP/1.1\r\nHost:")?;
            }
            silent.push(connection);
        }
        served.scrape_within(10.0)?;
        ensure!(served.get("/-/healthy")?.status == 200, "it is not healthy");
        let more = served.process.descriptors()? - before;
        ensure!(more < 550, "{more} descriptors were opened");
        let log = served.process.log();
        ensure!(log.matches("are closed to make room").count() == 1, "{log}");
        Ok(())
    }

    /// Asserts that it gives up what it does not need where the kernel lets it, unless it is told
    /// not to, and shows the same families all the same.
    ///
    /// # Errors
    /// It does not.
    pub fn gives_up_rights(&self) -> anyhow::Result<()> {
        let families = |served: &Served| -> anyhow::Result<BTreeSet<String>> {
            // The second scrape, as some families need two.
            served.get("/metrics")?;
            let body = served.get("/metrics")?.body;
            Ok(body.lines().filter(|l| l.starts_with("# TYPE ")).map(str::to_owned).collect())
        };
        let privileges = |served: &Served| -> anyhow::Result<bool> {
            let status = std::fs::read_to_string(format!("/proc/{}/status", served.process.id()))?;
            Ok(!status.contains("NoNewPrivs:\t1"))
        };
        let confined = self.serve(&["--log.level=debug"])?;
        let log = confined.process.log();
        let mut free = self.command();
        let prefix = self.name.to_uppercase().replace('-', "_");
        free.env(format!("{prefix}_SECURITY_LANDLOCK"), "false").arg("--log.level=debug");
        let free = Served::start(free, self.listen)?;
        ensure!(free.process.log().contains("nothing is given up"), "{}", free.process.log());
        ensure!(families(&confined)? == families(&free)?, "other families");
        if log.contains("this kernel has no Landlock") {
            return Ok(());
        }
        ensure!(log.contains("gave up by Landlock"), "{log}");
        ensure!(!privileges(&confined)?, "it may gain privileges");
        Ok(())
    }

    /// Starts it with its log going elsewhere than to a file.
    fn serve_logging_to(&self, stderr: Stdio, arguments: &[&str]) -> anyhow::Result<Served> {
        let mut program = self.command();
        program.args(arguments);
        Served::start_logging_to(program, self.listen, Some(stderr))
    }

    /// Asserts that a hundred scrapes leave no descriptor open.
    ///
    /// # Errors
    /// They do.
    pub fn leaks_no_descriptor(&self) -> anyhow::Result<()> {
        let served = self.serve(&[])?;
        served.scrape_within(10.0)?;
        let before = served.process.descriptors()?;
        for _ in 0..100 {
            served.scrape_within(10.0)?;
        }
        served.settles_at(before)
    }
}
