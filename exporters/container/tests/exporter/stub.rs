//! A daemon that gives recorded answers.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use crate::fixture;

/// What the daemon does with requests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Answers,
    Hangs,
    Babbles,
    /// Answers as a proxy that lets only some questions pass.
    Guards,
}

/// The daemon; it dies with this value.
pub(crate) struct Stub {
    socket: PathBuf,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    mood: Mutex<Mood>,
    answers: Mutex<HashMap<String, String>>,
    requests: Mutex<Vec<String>>,
    /// Events; `None` ends the connections for them.
    events: broadcast::Sender<Option<String>>,
    /// Nanoseconds since 1970 of the next event.
    clock: AtomicU64,
}

impl Stub {
    /// A daemon with the two recorded containers.
    pub(crate) fn start(name: &str, mood: Mood) -> anyhow::Result<Self> {
        let file = format!("container-exporter-{}-{name}.sock", std::process::id());
        let socket = std::env::temp_dir().join(file);
        let listener = UnixListener::bind(&socket)?;
        let shared = Arc::new(Shared {
            mood: Mutex::new(mood),
            answers: Mutex::new(recorded()?),
            requests: Mutex::default(),
            events: broadcast::channel(16).0,
            clock: AtomicU64::new(1_795_495_748_000_000_000),
        });
        let task = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self { socket, shared, task })
    }

    /// Value of the flag.
    pub(crate) fn endpoint(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        *lock(&self.shared.mood) = mood;
    }

    /// Changes the answer to `path`; `None` makes it 404.
    pub(crate) fn set_answer(&self, path: &str, answer: Option<String>) {
        let mut answers = lock(&self.shared.answers);
        match answer {
            Some(answer) => answers.insert(path.to_owned(), answer),
            None => answers.remove(path),
        };
    }

    /// The answer to `path`.
    pub(crate) fn answer(&self, path: &str) -> String {
        lock(&self.shared.answers).get(path).cloned().unwrap_or_default()
    }

    pub(crate) fn send_event(&self, action: &str, id: &str) {
        self.send_event_with(action, id, "{}");
    }

    /// An event whose actor has these attributes, as JSON.
    pub(crate) fn send_event_with(&self, action: &str, id: &str, attributes: &str) {
        let time = self.shared.clock.fetch_add(1, Ordering::Relaxed);
        let event = format!(
            r#"{{"Type":"container","Action":"{action}","Actor":{{"ID":"{id}","Attributes":{attributes}}},"timeNano":{time}}}"#
        );
        self.send_text(&event);
    }

    /// Anything, where events are expected.
    pub(crate) fn send_text(&self, text: &str) {
        // Nobody listening is no failure of the daemon.
        let _ = self.shared.events.send(Some(text.to_owned()));
    }

    /// Ends the streams of events in the middle of one.
    pub(crate) fn cut_events(&self) {
        // As above.
        let _ = self.shared.events.send(None);
    }

    /// Request lines so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        lock(&self.shared.requests).clone()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
        // Gone already is as good.
        let _ = std::fs::remove_file(&self.socket);
    }
}

pub(crate) const GATEWAY: &str = "94ee48f20b28190fe7335d9f7888fe3ad5a39f9ffafd3a39063617863513a234";
pub(crate) const WORKER: &str = "1445515ec9e5b3b3c77d6df8ab7f63ad62f056a964a5fab65bb8846fb97c598a";

fn recorded() -> anyhow::Result<HashMap<String, String>> {
    let answers = [
        ("/version".to_owned(), "version"),
        ("/info".to_owned(), "info"),
        ("/system/df".to_owned(), "system-df"),
        ("/containers/json".to_owned(), "list"),
        ("/containers/json?size".to_owned(), "list-with-sizes"),
        (format!("/containers/{GATEWAY}/json"), "inspect-gateway"),
        (format!("/containers/{WORKER}/json"), "inspect-worker"),
    ];
    let mut recorded = HashMap::from([("/_ping".to_owned(), "OK".to_owned())]);
    for (path, file) in answers {
        let answer = std::fs::read_to_string(fixture(&format!("docker/{file}.json")))?;
        recorded.insert(path, answer);
    }
    Ok(recorded)
}

async fn serve(listener: UnixListener, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // A client that goes away is no failure of the daemon.
            let _ = answer(stream, &shared).await;
        });
    }
}

async fn answer(mut stream: UnixStream, shared: &Shared) -> std::io::Result<()> {
    let mut head = Vec::new();
    // A client sends nothing behind the head before it has the answer.
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let line = head.lines().next().unwrap_or_default().to_owned();
    let path = path_of(&line);
    lock(&shared.requests).push(line.clone());
    let mood = *lock(&shared.mood);
    match mood {
        Mood::Hangs => std::future::pending().await,
        Mood::Guards if !is_harmless(&line, &path) => {
            respond(&mut stream, "403 Forbidden", r#"{"message":"forbidden"}"#).await
        }
        Mood::Babbles => respond(&mut stream, "200 OK", "{\"ApiVersion\": 7, babble").await,
        Mood::Answers | Mood::Guards if path == "/events" => send_events(stream, shared).await,
        Mood::Answers | Mood::Guards => {
            let known = lock(&shared.answers).get(&path).cloned();
            match known {
                Some(body) => respond(&mut stream, "200 OK", &body).await,
                None => respond(&mut stream, "404 Not Found", r#"{"message":"no such"}"#).await,
            }
        }
    }
}

/// What proxies for monitoring let pass.
pub(crate) fn is_harmless(line: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let is_inspection = path.starts_with("/containers/") && path.ends_with("/json");
    line.starts_with("GET ") && (is_inspection || ["/version", "/info", "/events"].contains(&path))
}

/// Path without the version; of the parameters only a status and the size count.
pub(crate) fn path_of(line: &str) -> String {
    let target = line.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = match path.strip_prefix("/v1.").and_then(|rest| rest.find('/').map(|i| &rest[i..])) {
        Some(path) => path,
        None => path,
    };
    let status = query.split_once("status%22%3A%5B%22").and_then(|(_, rest)| rest.split_once('%'));
    if let Some((status, _)) = status {
        return format!("{path}?{status}");
    }
    if query.contains("size=true") { format!("{path}?size") } else { path.to_owned() }
}

async fn respond(stream: &mut UnixStream, status: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await
}

async fn send_events(mut stream: UnixStream, shared: &Shared) -> std::io::Result<()> {
    let mut events = shared.events.subscribe();
    stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
    while let Ok(event) = events.recv().await {
        let Some(event) = event else {
            return stream.write_all(b"40\r\n{\"Type\":\"conta").await;
        };
        let chunk = format!("{:x}\r\n{event}\n\r\n", event.len() + 1);
        stream.write_all(chunk.as_bytes()).await?;
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
