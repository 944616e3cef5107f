//! One question to a runtime by gRPC over its socket.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use common::error::excerpt;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{CONTENT_TYPE, HeaderMap, TE};
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixStream;

/// A runtime may measure the layers only now.
const PATIENCE: Duration = Duration::from_mins(2);

/// Bytes of an answer at most: some 50,000 containers with few labels.
const ANSWER_BYTES: usize = 64 << 20;

const TARGET: &str = "http://localhost/runtime.v1.RuntimeService/ListContainerStats";

/// A message is behind a flag for compression and its length; the empty one asks for all.
const EMPTY: &[u8] = &[0; PREFIX];
const PREFIX: usize = 5;

/// What the runtime at `socket` says of all containers, as the message of its answer.
pub(super) async fn container_stats(socket: &Path) -> anyhow::Result<Bytes> {
    match tokio::time::timeout(PATIENCE, ask(socket)).await {
        Ok(answer) => answer,
        Err(_) => bail!("no answer within {} s", PATIENCE.as_secs()),
    }
}

async fn ask(socket: &Path) -> anyhow::Result<Bytes> {
    let stream = TokioIo::new(UnixStream::connect(socket).await?);
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream);
    let (mut sender, connection) = handshake.await?;
    // It ends with the one who asks, and tells its errors to him.
    tokio::spawn(connection);
    let request = Request::post(TARGET)
        .header(CONTENT_TYPE, "application/grpc")
        .header(TE, "trailers")
        .body(Full::new(Bytes::from_static(EMPTY)))?;
    let answer = sender.send_request(request).await?;
    ensure!(answer.status() == StatusCode::OK, "status {}", answer.status().as_u16());
    check(answer.headers())?;
    let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("{error}"))?;
    if let Some(trailers) = body.trailers() {
        check(trailers)?;
    }
    message(body.to_bytes())
}

/// A refusal comes in the headers, or behind the answer.
fn check(headers: &HeaderMap) -> anyhow::Result<()> {
    let text = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    match text("grpc-status") {
        None => Ok(()),
        Some(status) if status == "0" => Ok(()),
        Some(status) => {
            let message = text("grpc-message").unwrap_or_default();
            bail!("the runtime refuses with status {}: {}", excerpt(&status), excerpt(&message))
        }
    }
}

fn message(mut body: Bytes) -> anyhow::Result<Bytes> {
    ensure!(body.len() >= PREFIX, "the answer is empty");
    let prefix: [u8; PREFIX] = body.split_to(PREFIX).as_ref().try_into().context("prefix")?;
    let [is_compressed, length @ ..] = prefix;
    ensure!(is_compressed == 0, "the answer is compressed");
    ensure!(usize::try_from(u32::from_be_bytes(length))? == body.len(), "the answer is cut off");
    Ok(body)
}
