use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixListener;

use super::message::tests::stats;
use super::*;

/// Frames of an answer, the last of which are the trailers.
struct Frames(std::vec::IntoIter<Frame<Bytes>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next().map(Ok))
    }
}

/// A runtime that gives one answer again and again.
struct Fake {
    socket: PathBuf,
    task: JoinHandle<()>,
}

impl Fake {
    fn start(name: &str, body: Vec<u8>, status: &'static str) -> Self {
        let file = format!("container-exporter-{}-cri-{name}.sock", std::process::id());
        let socket = std::env::temp_dir().join(file);
        let listener = UnixListener::bind(&socket).unwrap();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let body = Bytes::from(body.clone());
                let serve = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let body = body.clone();
                    async move { Ok::<_, Infallible>(answer(&request, body, status)) }
                });
                let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), serve);
                tokio::spawn(connection);
            }
        });
        Self { socket, task }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
        std::fs::remove_file(&self.socket).unwrap();
    }
}

fn answer(
    request: &Request<hyper::body::Incoming>,
    body: Bytes,
    status: &'static str,
) -> Response<Frames> {
    assert_eq!(request.uri().path(), "/runtime.v1.RuntimeService/ListContainerStats");
    assert_eq!(request.headers()["content-type"], "application/grpc");
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", status.parse().unwrap());
    trailers.insert("grpc-message", "unknown service".parse().unwrap());
    let frames = vec![Frame::data(body), Frame::trailers(trailers)];
    Response::new(Frames(frames.into_iter()))
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat()
}

#[tokio::test]
async fn sizes_of_all_runtimes_that_are_there_are_known() {
    let one = Fake::start("one", framed(&stats("a", 5)), "0");
    let other = Fake::start("other", framed(&stats("b", 7)), "0");
    let none = PathBuf::from("/none/crio.sock");
    let sockets = vec![one.socket.clone(), none, other.socket.clone()];
    let cri = Cri::start(sockets, Duration::from_hours(1));
    let mut layers = cri.layers.clone();
    let known = layers.wait_for(|layers| !layers.is_empty()).await.unwrap().clone();
    let sizes = ["a", "b", "c"].map(|id| known.get(id).map(|written| written.bytes));
    assert_eq!(sizes, [Some(5), Some(7), None]);
}

#[tokio::test]
async fn a_recorded_answer_is_read() {
    let recorded = include_bytes!("../../../fixtures/cri/list-container-stats.bin");
    let fake = Fake::start("recorded", recorded.to_vec(), "0");
    let mut layers = Layers::new();
    read(&fake.socket, &mut layers).await.unwrap();
    let (id, written) = layers.iter().next().unwrap();
    assert_eq!((layers.len(), written.bytes), (1, 122_880));
    assert!(id.starts_with("95dd7bab90ca") && id.len() == 64, "{id}");
    let path = &written.file_system;
    assert!(path.ends_with("/io.containerd.snapshotter.v1.overlayfs"), "{path}");
}

#[tokio::test]
async fn a_refusal_or_a_malformed_answer_is_an_error_and_leaves_the_old_sizes() {
    let old = || {
        let written = Written { bytes: 1, file_system: String::new() };
        Layers::from([("old".to_owned(), written)])
    };
    let good = framed(&stats("a", 5));
    for (name, body, status, expected) in [
        ("refuses", Vec::new(), "12", "the runtime refuses with status 12: unknown service"),
        ("empty", Vec::new(), "0", "the answer is empty"),
        ("cut", good[..good.len() - 1].to_vec(), "0", "the answer is cut off"),
        ("compressed", [&[1], &good[1..]].concat(), "0", "the answer is compressed"),
    ] {
        let fake = Fake::start(name, body, status);
        let mut layers = old();
        let error = read(&fake.socket, &mut layers).await.unwrap_err();
        assert_eq!(format!("{error:#}"), expected, "{name}");
        assert_eq!(layers, old(), "{name}");
    }
    let error = read(Path::new("/none"), &mut old()).await.unwrap_err().to_string();
    assert!(error.contains("No such file"), "{error}");
}
