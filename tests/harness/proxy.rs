//! A proxy between an exporter and a server that does to the bytes what bad networks do.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::net::{Shutdown, shutdown};

/// What happens to the server's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The connection ends after so many.
    Cut(usize),
    /// Each piece of them comes so much later.
    Delay(Duration),
    /// One of so many is another.
    Corrupt(usize),
    /// None comes.
    Hold,
}

/// A running proxy; it takes new connections until the test's process ends.
#[derive(Debug)]
pub struct Proxy {
    /// The port of the loopback interface that it listens on.
    pub port: u16,
    fault: Arc<Mutex<Fault>>,
}

impl Proxy {
    /// Stands before the server at this port of the loopback interface.
    ///
    /// # Errors
    /// There is no port to listen on.
    pub fn start(server: u16) -> std::io::Result<Self> {
        Self::before(move || TcpStream::connect(("127.0.0.1", server)).map(OwnedFd::from))
    }

    /// Stands before the server at this Unix socket.
    ///
    /// # Errors
    /// There is no port to listen on.
    pub fn start_unix(socket: PathBuf) -> std::io::Result<Self> {
        Self::before(move || UnixStream::connect(&socket).map(OwnedFd::from))
    }

    fn before(
        connect: impl Fn() -> std::io::Result<OwnedFd> + Send + 'static,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let fault = Arc::new(Mutex::new(Fault::None));
        let shared = Arc::clone(&fault);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let fault = Arc::clone(&shared);
                // As if there were no server.
                let Ok(server) = connect().map(File::from) else { continue };
                let client = File::from(OwnedFd::from(client));
                let (Ok(from), Ok(to)) = (client.try_clone(), server.try_clone()) else { continue };
                std::thread::spawn(move || pass(from, to, None));
                std::thread::spawn(move || pass(server, client, Some(&fault)));
            }
        });
        Ok(Self { port, fault })
    }

    /// What happens from now on, also to connections that are open.
    pub fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

/// Copies bytes to the end of either side, which ends both.
fn pass(mut from: File, mut to: File, fault: Option<&Mutex<Fault>>) {
    let mut buffer = [0; 4096];
    let mut passed = 0;
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let current = || {
            fault.map_or(Fault::None, |fault| *fault.lock().unwrap_or_else(PoisonError::into_inner))
        };
        let mut length = count;
        match current() {
            Fault::None => {}
            Fault::Cut(most) => length = count.min(most),
            Fault::Delay(time) => std::thread::sleep(time),
            Fault::Corrupt(each) => {
                for byte in buffer[..count].iter_mut().step_by(each).skip(usize::from(passed == 0))
                {
                    *byte ^= 0x15;
                }
            }
            Fault::Hold => {
                while current() == Fault::Hold {
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
        passed += length;
        if to.write_all(&buffer[..length]).is_err() || length < count {
            break;
        }
    }
    // Whoever is gone already needs no end.
    let _ = shutdown(&from, Shutdown::Both);
    let _ = shutdown(&to, Shutdown::Both);
}
