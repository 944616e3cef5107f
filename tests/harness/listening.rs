//! What all four programs listen on, and what they tell the service manager.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::Signal;

use crate::process::{Process, command};
use crate::program::Program;
use crate::{TemporaryFolder, eventually, free_port, http};

/// How long a program may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

impl Program {
    /// Asserts that it listens on each address that the flags name, Unix sockets too, that its
    /// healthcheck can ask it there, and that it leaves nothing behind.
    ///
    /// # Errors
    /// It does not.
    pub fn listens_on_every_address(&self) -> anyhow::Result<()> {
        let folder = TemporaryFolder::new("addresses")?;
        let socket = folder.path().join("web.sock");
        // Of a process that is gone.
        drop(UnixListener::bind(&socket)?);
        let addresses = [
            format!("127.0.0.1:{}", free_port()?),
            format!("[::1]:{}", free_port()?),
            format!("unix://{}", socket.display()),
        ];
        let flags = addresses.each_ref().map(|address| listen_flag(address));
        let mut program = self.command();
        program.args(&flags);
        let mut process = Process::start(&mut program, &folder.path().join("log"))?;
        eventually("metrics", PATIENCE, || ask(&socket, "/metrics"))
            .with_context(|| process.log())?;
        for address in &addresses[..2] {
            let answer = http::get(&format!("http://{address}/metrics"))?;
            ensure!(answer.status == 200, "{address}: {answer:?}");
        }
        for flag in &flags {
            let ended = self.run(&[flag, "healthcheck"])?;
            ensure!(ended.code == 0 && ended.stdout.starts_with("healthy: "), "{flag}: {ended:?}");
        }
        self.asks_every_address(&flags)?;
        let mode = std::fs::metadata(&socket)?.permissions().mode() & 0o777;
        ensure!(mode == 0o660, "mode {mode:o}");
        self.refuses_to_start(&flags[2], "another process listens there")?;
        let log = process.log();
        ensure!(log.matches("msg=listening").count() == 3, "{log}");
        let status = process.stop(Signal::TERM)?;
        ensure!(status.success() && !socket.exists(), "{status}");
        ensure!(self.run(&[&flags[2], "healthcheck"])?.code == 1, "it is healthy, but gone");
        self.refuses_bad_addresses(folder.path())
    }

    /// The healthcheck with several addresses, and with one more where nobody listens.
    fn asks_every_address(&self, flags: &[String]) -> anyhow::Result<()> {
        let silent = listen_flag(&format!("127.0.0.1:{}", free_port()?));
        let mut arguments: Vec<&str> = flags.iter().map(String::as_str).collect();
        let ended = self.run(&[&arguments[..], &["healthcheck"]].concat())?;
        let healthy = |text: &str| text.matches("healthy: http://").count();
        ensure!(ended.code == 0 && healthy(&ended.stdout) == flags.len(), "{ended:?}");
        arguments.insert(0, &silent);
        let ended = self.run(&[&arguments[..], &["healthcheck"]].concat())?;
        ensure!(ended.code == 1 && healthy(&ended.stdout) == flags.len(), "{ended:?}");
        ensure!(ended.stderr.lines().count() == 1 && healthy(&ended.stderr) == 1, "{ended:?}");
        Ok(())
    }

    fn refuses_bad_addresses(&self, folder: &Path) -> anyhow::Result<()> {
        let file = folder.join("file");
        std::fs::write(&file, "kept")?;
        let long = format!("unix://{}/{}", folder.display(), "x".repeat(120));
        for (address, reason) in [
            ("9100", "missing port"),
            ("localhost:http", "no number"),
            ("http://localhost:9100", "without http://"),
            ("vsock://:9100", "vsock is not supported"),
            ("unix://x", "whole path"),
            ("unix:///nonexistent/x.sock", "No such file"),
            (&format!("unix://{}", file.display()), "no socket"),
            (&long, "too long"),
        ] {
            let flag = listen_flag(address);
            self.refuses_to_start(&flag, reason)?;
            self.refuses_to_start(&flag, "--web.listen-address")?;
            self.refuses_to_start(&flag, address)?;
        }
        ensure!(std::fs::read(&file)? == b"kept", "the file is another now");
        Ok(())
    }

    /// Asserts that it answers on the sockets that it is given as systemd gives them, and stops
    /// where there is none.
    ///
    /// # Errors
    /// It does not.
    pub fn takes_over_sockets(&self) -> anyhow::Result<()> {
        self.refuses_to_start("--web.systemd-socket", "--web.systemd-socket")?;
        let folder = TemporaryFolder::new("systemd")?;
        let socket = folder.path().join("web.sock");
        let tcp = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/metrics", tcp.local_addr()?);
        let unix = UnixListener::bind(&socket)?;
        let log = folder.path().join("log");
        let start = |count: &str, stdin: OwnedFd, stderr: OwnedFd| {
            let mut shell = command("sh");
            let own = self.command();
            // As systemd hands them over: the descriptors from 3 on, for the process of this id.
            let script = "LISTEN_PID=$$ LISTEN_FDS=$1 exec \"$0\" --web.systemd-socket \
                          3<&0 4>&2 0</dev/null 2>&1";
            shell.arg("-c").arg(script).arg(own.get_program()).arg(count);
            Process::start_between(Stdio::from(stdin), &mut shell, &log, Some(Stdio::from(stderr)))
        };
        let mut process = start("2", tcp.try_clone()?.into(), unix.try_clone()?.into())?;
        let scraped = || match http::get(&url) {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err(format!("{other:?}")),
        };
        eventually("metrics", PATIENCE, scraped).with_context(|| process.log())?;
        ask(&socket, "/metrics")?;
        let status = process.stop(Signal::TERM)?;
        ensure!(status.success(), "{status}");
        // The files of such sockets are the service manager's.
        ensure!(std::fs::metadata(&socket)?.file_type().is_socket(), "the socket is gone");
        // What no connections come from.
        let (datagram, file) = (UnixDatagram::unbound()?, std::fs::File::open("/dev/null")?);
        for (wrong, count) in [(OwnedFd::from(datagram), "1"), (file.into(), "1")] {
            let mut process = start(count, wrong, unix.try_clone()?.into())?;
            let ended = || match process.try_wait() {
                Some(status) => Ok(status),
                None => Err("it runs"),
            };
            let status = eventually("end", PATIENCE, ended)?;
            let log = process.log();
            ensure!(status.code() == Some(1) && log.contains("no stream socket"), "{log}");
        }
        Ok(())
    }

    /// Asserts that it tells systemd when it is ready, that it works, that it reads its files
    /// again on SIGHUP, and that it stops.
    ///
    /// # Errors
    /// It does not.
    pub fn tells_the_service_manager(&self) -> anyhow::Result<()> {
        let folder = TemporaryFolder::new("notify")?;
        let path = folder.path().join("notify.sock");
        let manager = UnixDatagram::bind(&path)?;
        manager.set_read_timeout(Some(PATIENCE))?;
        let next = || {
            let mut message = [0; 256];
            let length = manager.recv(&mut message).context("no message")?;
            anyhow::Ok(String::from_utf8(message[..length].to_vec())?)
        };
        let mut program = self.command();
        program.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
        program.arg(listen_flag(&format!("127.0.0.1:{}", free_port()?)));
        let mut process = Process::start(&mut program, &folder.path().join("log"))?;
        let first = next().with_context(|| process.log())?;
        ensure!(first == "READY=1\n", "{first}");
        let started = std::time::Instant::now();
        for _ in 0..6 {
            let alive = next()?;
            ensure!(alive == "WATCHDOG=1\n", "{alive}");
        }
        // The first one comes at once, each of the others after half of the time.
        let seconds = started.elapsed().as_secs_f64();
        ensure!((0.9..6.0).contains(&seconds), "{seconds} s");
        process.signal(Signal::HUP);
        let without_life = || loop {
            let message = next()?;
            if message != "WATCHDOG=1\n" {
                return anyhow::Ok(message);
            }
        };
        let reloading = without_life()?;
        ensure!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
        let ready = without_life()?;
        ensure!(ready == "READY=1\n", "{ready}");
        let status = process.stop(Signal::TERM)?;
        ensure!(status.success(), "{status}");
        let stopping = without_life()?;
        ensure!(stopping == "STOPPING=1\n", "{stopping}");
        Ok(())
    }
}

fn listen_flag(address: &str) -> String {
    format!("--web.listen-address={address}")
}

/// The answer of who listens on a Unix socket, if it is of status 200.
fn ask(socket: &Path, path: &str) -> anyhow::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200 "), "{answer:.200}");
    Ok(answer)
}
