//! A server of the tests' own making: it answers commands with texts, or badly.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{self, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Commands, in capitals and as far as they matter, with the replies on the wire.
pub(crate) type Answers = Vec<(&'static str, String)>;

/// What a server does about a command.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Sends these bytes.
    Bytes(Vec<u8>),
    /// Sends these bytes and hangs up.
    Cut(Vec<u8>),
    /// Sends the first bytes, then the others until the client hangs up.
    Endless(Vec<u8>, Vec<u8>),
    /// Sends one byte after the other, with this time between them.
    Slow(Vec<u8>, Duration),
}

/// A reply of one text.
pub(crate) fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// A reply of a list of texts, which the blanks part.
pub(crate) fn list(words: &str) -> String {
    let words: Vec<String> = words.split(' ').map(bulk).collect();
    format!("*{}\r\n{}", words.len(), words.concat())
}

/// What `answers` has for a command, an error if it has nothing.
pub(crate) fn find(answers: &Answers, command: &str) -> Reply {
    let name = command.to_ascii_uppercase();
    let answer = answers.iter().find(|(start, _)| name.starts_with(start));
    let unknown = || format!("-ERR unknown command '{command}'\r\n");
    Reply::Bytes(answer.map_or_else(unknown, |(_, reply)| reply.clone()).into_bytes())
}

/// Starts a server that answers `answers`, and an error to what is not among them.
pub(crate) async fn serve(answers: Answers) -> SocketAddr {
    serve_by(move |command| find(&answers, command)).await
}

/// Starts a server that does what `answer` says about each command: its words with blanks
/// between them.
pub(crate) async fn serve_by(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                while let Some(command) = read_command(&mut stream).await {
                    if send(&mut stream, answer(&command)).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

async fn send(stream: &mut BufReader<TcpStream>, reply: Reply) -> io::Result<()> {
    match reply {
        Reply::Bytes(bytes) => stream.write_all(&bytes).await,
        Reply::Cut(bytes) => {
            stream.write_all(&bytes).await?;
            Err(io::ErrorKind::ConnectionAborted.into())
        }
        Reply::Endless(first, again) => {
            stream.write_all(&first).await?;
            loop {
                stream.write_all(&again).await?;
            }
        }
        Reply::Slow(bytes, pause) => {
            for byte in bytes {
                stream.write_all(&[byte]).await?;
                tokio::time::sleep(pause).await;
            }
            Ok(())
        }
    }
}

/// The words of a command with blanks between them.
async fn read_command(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let count = read_length(stream).await?;
    let mut words = Vec::new();
    for _ in 0..count {
        let mut word = vec![0; read_length(stream).await? + 2];
        stream.read_exact(&mut word).await.ok()?;
        word.truncate(word.len() - 2);
        words.push(String::from_utf8_lossy(&word).into_owned());
    }
    Some(words.join(" "))
}

async fn read_length(stream: &mut BufReader<TcpStream>) -> Option<usize> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    line.get(1..)?.trim_end().parse().ok()
}
