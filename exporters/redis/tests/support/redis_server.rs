//! A real redis-server on a free port, in a folder of its own.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::Running;

/// A server that ends, and whose folder goes, with the value.
pub(crate) struct Server {
    child: Child,
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
    settings: String,
}

impl Server {
    /// Starts a server with the given lines in its configuration file.
    pub(crate) async fn start(settings: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("redis-exporter-test-{port}"));
        std::fs::create_dir_all(&folder).unwrap();
        let settings = format!(
            "port {port}\nbind 127.0.0.1\ndir {folder}\nsave \"\"\nunixsocket {folder}/socket\n\
             {settings}\n",
            folder = folder.display()
        );
        let child = Self::spawn(&folder, &settings);
        let server = Self { child, folder, port, settings };
        server.wait().await;
        server
    }

    #[expect(clippy::disallowed_methods, reason = "these tests need a server")]
    fn spawn(folder: &std::path::Path, settings: &str) -> Child {
        let file = folder.join("redis.conf");
        std::fs::write(&file, settings).unwrap();
        let mut command = std::process::Command::new("redis-server");
        command.arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        if settings.contains("sentinel monitor") {
            command.arg("--sentinel");
        }
        command.spawn().expect("redis-server can be started")
    }

    async fn wait(&self) {
        let patience = Instant::now() + Duration::from_secs(20);
        while tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            assert!(Instant::now() < patience, "the server does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the server at once.
    pub(crate) fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts the server again, on the same port.
    pub(crate) async fn restart(&mut self) {
        self.child = Self::spawn(&self.folder, &self.settings);
        self.wait().await;
    }

    /// Sends a signal to the server.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Starts an exporter of this server.
    pub(crate) fn exporter(&self, flags: &[&str]) -> Running {
        let address = format!("-redis.addr=redis://127.0.0.1:{}", self.port);
        let flags: Vec<&str> =
            std::iter::once(address.as_str()).chain(flags.iter().copied()).collect();
        Running::new(&flags)
    }

    /// TCP connections of this host towards the server, as the kernel lists them.
    pub(crate) fn connections(&self) -> usize {
        let remote = format!("0100007F:{:04X}", self.port);
        let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
        let established = "01";
        table
            .lines()
            .filter(|line| {
                let mut words = line.split_ascii_whitespace().skip(2);
                words.next() == Some(remote.as_str()) && words.next() == Some(established)
            })
            .count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been stopped by the test.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
