//! A server that speaks the MySQL protocol and answers what a test tells it to: for what no
//! real server does on request.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a statement is answered with.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Done, without rows.
    Done,
    /// Names of the columns, and rows of as many texts.
    Rows(Vec<&'static str>, Vec<Vec<Option<&'static str>>>),
    /// An error's number and text.
    Error(u16, &'static str),
    /// Nothing, until the connection is closed.
    Silence,
    /// One row of texts under one column, as many times.
    Many(&'static str, usize),
    /// The beginning of an answer under one column, and then the end of the connection.
    Cut(&'static str),
    /// The beginning of an answer under one column, and then an error's number and text.
    Aborted(&'static str, u16, &'static str),
    /// These bytes, and then the end of the connection.
    Raw(&'static [u8]),
}

/// How a server receives clients.
#[derive(Clone, Copy, Debug, Default)]
pub enum Welcome {
    /// It lets them in.
    #[default]
    Open,
    /// It refuses them before they can log in.
    Refused(u16, &'static str),
    /// It refuses every login.
    Denied(u16, &'static str),
    /// It asks for a login by another plugin, and refuses what comes.
    Plugin(&'static str),
}

/// A running server; it ends when dropped.
#[derive(Debug)]
pub struct FakeMysql {
    /// The port of the loopback interface that it listens on.
    pub port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    version: &'static str,
    /// By the beginnings of statements; the longest one counts.
    replies: Vec<(&'static str, Reply)>,
    statements: Mutex<Vec<String>>,
    connections: Mutex<Vec<TcpStream>>,
    welcome: Welcome,
    /// Connections that an account may have, and the error that further ones get.
    most: usize,
    refusal: u16,
    logged_in: AtomicUsize,
}

const PROTOCOL_41_AND_PLUGINS: u32 = 0x1 | 0x4 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x8_0000;
const AUTO_COMMIT: u16 = 2;
const UTF8: u8 = 45;
const SALT: &[u8; 20] = b"abcdefghijklmnopqrst";
const PLUGIN: &[u8] = b"mysql_native_password\0";
const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];
const END: &[u8] = &[0xfe, 0, 0, 2, 0];
const QUIT: u8 = 1;
const QUERY: u8 = 3;

impl FakeMysql {
    /// A server of this version. A `SET` is done and the version is told unless `replies` says
    /// otherwise; other statements that it does not name are syntax errors. Any login is right.
    ///
    /// # Errors
    /// There is no port to listen on.
    pub fn start(
        version: &'static str,
        replies: Vec<(&'static str, Reply)>,
    ) -> std::io::Result<Self> {
        Self::with_limit(version, replies, usize::MAX, 0)
    }

    /// As [`Self::start`]; an account may have `most` connections at a time, and further ones
    /// get the error `refusal`.
    ///
    /// # Errors
    /// There is no port to listen on.
    pub fn with_limit(
        version: &'static str,
        replies: Vec<(&'static str, Reply)>,
        most: usize,
        refusal: u16,
    ) -> std::io::Result<Self> {
        Self::listen(version, replies, (most, refusal), Welcome::Open)
    }

    /// A server that does not let clients in without further ado; it answers no statement.
    ///
    /// # Errors
    /// There is no port to listen on.
    pub fn unwelcoming(welcome: Welcome) -> std::io::Result<Self> {
        Self::listen("8.0.36", Vec::new(), (usize::MAX, 0), welcome)
    }

    fn listen(
        version: &'static str,
        replies: Vec<(&'static str, Reply)>,
        (most, refusal): (usize, u16),
        welcome: Welcome,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            version,
            replies,
            statements: Mutex::default(),
            connections: Mutex::default(),
            welcome,
            most,
            refusal,
            logged_in: AtomicUsize::new(0),
        });
        let server = Arc::downgrade(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(server) = server.upgrade() else { return };
                let kept = stream.try_clone().ok();
                common::sync::lock(&server.connections).extend(kept);
                std::thread::spawn(move || drop(Connection { stream, sequence: 0 }.serve(&server)));
            }
        });
        Ok(Self { port, shared })
    }

    /// The statements that came, in order.
    pub fn statements(&self) -> Vec<String> {
        common::sync::lock(&self.shared.statements).clone()
    }
}

impl Drop for FakeMysql {
    fn drop(&mut self) {
        for connection in common::sync::lock(&self.shared.connections).drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn reply(&self, statement: &str) -> Reply {
        let known = self.replies.iter().filter(|(start, _)| statement.starts_with(start));
        match known.max_by_key(|(start, _)| start.len()) {
            Some((_, reply)) => reply.clone(),
            None if statement.starts_with("SET ") => Reply::Done,
            None if statement.contains("version") => {
                Reply::Rows(vec!["version"], vec![vec![Some(self.version)]])
            }
            None => Reply::Error(1064, "You have an error in your SQL syntax"),
        }
    }
}

struct Connection {
    stream: TcpStream,
    sequence: u8,
}

impl Connection {
    fn serve(mut self, server: &Shared) -> std::io::Result<()> {
        self.stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        if let Welcome::Refused(code, words) = server.welcome {
            return self.answer(&Reply::Error(code, words));
        }
        self.put(&greeting(server.version))?;
        self.take()?;
        match server.welcome {
            Welcome::Denied(code, words) => return self.answer(&Reply::Error(code, words)),
            Welcome::Plugin(name) => {
                self.put(&[&[0xfe], name.as_bytes(), &[0], SALT, &[0]].concat())?;
                self.take()?;
                return self.answer(&Reply::Error(1045, "Access denied"));
            }
            Welcome::Open | Welcome::Refused(..) => {}
        }
        if server.logged_in.fetch_add(1, Ordering::SeqCst) >= server.most {
            server.logged_in.fetch_sub(1, Ordering::SeqCst);
            let words = "The account, or the server, has too many connections";
            return self.answer(&Reply::Error(server.refusal, words));
        }
        self.put(OK)?;
        let result = self.serve_statements(server);
        server.logged_in.fetch_sub(1, Ordering::SeqCst);
        result
    }

    fn serve_statements(&mut self, server: &Shared) -> std::io::Result<()> {
        loop {
            let packet = self.take()?;
            match packet.split_first() {
                Some((&QUERY, text)) => {
                    let statement = String::from_utf8_lossy(text).into_owned();
                    common::sync::lock(&server.statements).push(statement.clone());
                    let reply = server.reply(&statement);
                    self.answer(&reply)?;
                    if matches!(reply, Reply::Cut(_) | Reply::Raw(_)) {
                        return self.stream.shutdown(Shutdown::Both);
                    }
                }
                Some((&QUIT, _)) | None => return Ok(()),
                Some(_) => self.put(OK)?,
            }
        }
    }

    fn answer(&mut self, reply: &Reply) -> std::io::Result<()> {
        match reply {
            Reply::Done => self.put(OK),
            Reply::Error(code, text) => {
                let [low, high] = code.to_le_bytes();
                self.put(&[&[0xff, low, high], b"#HY000".as_slice(), text.as_bytes()].concat())
            }
            Reply::Silence => self.take().map(drop),
            Reply::Raw(bytes) => self.stream.write_all(bytes),
            Reply::Many(cell, count) => {
                self.head(&["c"])?;
                let mut rows = std::io::BufWriter::new(self.stream.try_clone()?);
                let cell = text(cell);
                let [low, middle, high, ..] = cell.len().to_le_bytes();
                for _ in 0..*count {
                    rows.write_all(&[low, middle, high, self.sequence])?;
                    rows.write_all(&cell)?;
                    self.sequence = self.sequence.wrapping_add(1);
                }
                rows.flush()?;
                self.put(END)
            }
            Reply::Cut(cell) => {
                self.head(&["c"])?;
                self.put(&text(cell))
            }
            Reply::Aborted(cell, code, words) => {
                self.head(&["c"])?;
                self.put(&text(cell))?;
                self.answer(&Reply::Error(*code, words))
            }
            Reply::Rows(columns, rows) => {
                self.head(columns)?;
                for row in rows {
                    let cells = row.iter().map(|cell| cell.map_or(vec![0xfb], text));
                    self.put(&cells.collect::<Vec<_>>().concat())?;
                }
                self.put(END)
            }
        }
    }

    /// The columns of an answer, up to its rows.
    fn head(&mut self, columns: &[&str]) -> std::io::Result<()> {
        self.put(&length(columns.len()))?;
        for column in columns {
            self.put(&describe(column))?;
        }
        self.put(END)
    }

    fn take(&mut self) -> std::io::Result<Vec<u8>> {
        let mut header = [0; 4];
        self.stream.read_exact(&mut header)?;
        let [low, middle, high, sequence] = header;
        let mut packet = vec![0; u32::from_le_bytes([low, middle, high, 0]) as usize];
        self.stream.read_exact(&mut packet)?;
        self.sequence = sequence.wrapping_add(1);
        Ok(packet)
    }

    fn put(&mut self, packet: &[u8]) -> std::io::Result<()> {
        let [low, middle, high, ..] = packet.len().to_le_bytes();
        let header = [low, middle, high, self.sequence];
        self.sequence = self.sequence.wrapping_add(1);
        self.stream.write_all(&[&header, packet].concat())
    }
}

fn greeting(version: &str) -> Vec<u8> {
    let [low, high, plugins, more] = PROTOCOL_41_AND_PLUGINS.to_le_bytes();
    let [status, other] = AUTO_COMMIT.to_le_bytes();
    let (first, rest) = SALT.split_at(8);
    let salt_length = 21;
    [
        &[10],
        version.as_bytes(),
        &[0, 7, 0, 0, 0],
        first,
        &[0, low, high, UTF8, status, other, plugins, more, salt_length],
        &[0; 10],
        rest,
        &[0],
        PLUGIN,
    ]
    .concat()
}

/// The definition of a column of texts.
fn describe(column: &str) -> Vec<u8> {
    const VARIABLE_STRING: u8 = 0xfd;
    let empty = text("");
    [
        text("def"),
        empty.clone(),
        empty.clone(),
        empty,
        text(column),
        text(column),
        vec![12, 33, 0, 0, 4, 0, 0, VARIABLE_STRING, 0, 0, 0, 0, 0],
    ]
    .concat()
}

fn text(text: &str) -> Vec<u8> {
    [&length(text.len()), text.as_bytes()].concat()
}

/// A number as the protocol writes lengths.
fn length(length: usize) -> Vec<u8> {
    let [low, middle, high, ..] = length.to_le_bytes();
    match length {
        0..=250 => vec![low],
        251..=0xffff => vec![0xfc, low, middle],
        _ => vec![0xfd, low, middle, high],
    }
}
