//! A server of the tests' own making: it answers commands with texts.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Commands, in capitals and as far as they matter, with the replies on the wire.
pub(crate) type Answers = Vec<(&'static str, String)>;

/// A reply of one text.
pub(crate) fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// A reply of a list of texts, which the blanks part.
pub(crate) fn list(words: &str) -> String {
    let words: Vec<String> = words.split(' ').map(bulk).collect();
    format!("*{}\r\n{}", words.len(), words.concat())
}

/// Starts a server that answers `answers`, and an error to what is not among them.
pub(crate) async fn serve(answers: Answers) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answers = Arc::new(answers);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_all(stream, Arc::clone(&answers)));
        }
    });
    address
}

async fn answer_all(stream: TcpStream, answers: Arc<Answers>) {
    let mut stream = BufReader::new(stream);
    while let Some(command) = read_command(&mut stream).await {
        let name = command.to_ascii_uppercase();
        let answer = answers.iter().find(|(start, _)| name.starts_with(start));
        let unknown = || format!("-ERR unknown command '{command}'\r\n");
        let reply = answer.map_or_else(unknown, |(_, reply)| reply.clone());
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
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
        words.push(String::from_utf8(word).ok()?);
    }
    Some(words.join(" "))
}

async fn read_length(stream: &mut BufReader<TcpStream>) -> Option<usize> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    line.get(1..)?.trim_end().parse().ok()
}
