//! Routes beside the metrics: the nodes of a cluster as targets, and the passwords read again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use redis::cmd;
use serde_json::json;

use crate::replies::nodes;
use crate::replies::values::{text, unexpected};
use crate::{RedisExporter, Subject};

/// Time for the list of nodes, where the flag sets no shorter one.
const PATIENCE: Duration = Duration::from_secs(10);

/// The routes of this exporter alone.
pub(super) fn router(exporter: &Arc<RedisExporter>) -> Router {
    Router::new()
        .route("/discover-cluster-nodes", any(discover))
        .route("/-/reload", any(reload))
        .with_state(Arc::clone(exporter))
}

/// All nodes of the cluster, in the form of Prometheus's HTTP service discovery.
async fn discover(State(exporter): State<Arc<RedisExporter>>) -> Response {
    let Some(discovery) = &exporter.discovery else {
        let words = "the discovery of nodes is off: --is-cluster turns it on";
        return (StatusCode::BAD_REQUEST, format!("{words}\n")).into_response();
    };
    let target = match &exporter.subject {
        Some(Subject::Server(target)) => Some(target),
        Some(Subject::Group(group)) => group.seed(),
        None => None,
    };
    let Some(target) = target else {
        return (StatusCode::BAD_REQUEST, "--redis.addr is empty\n").into_response();
    };
    let scheme = if target.is_tls() { "rediss" } else { "redis" };
    let dialer = exporter.servers.get(target).dialer();
    let limit = Instant::now() + PATIENCE;
    let ask = async {
        let connection = dialer.connect(limit).await.map_err(|failure| failure.to_string())?;
        let answer = connection.ask(cmd("CLUSTER").arg("NODES")).await;
        let answer = answer.map_err(|error| crate::server::failure::reason(&error))?;
        let text = text(&answer).ok_or_else(|| unexpected().to_string())?;
        Ok(text.into_owned())
    };
    let answer: Result<String, String> = tokio::time::timeout_at(limit.into(), ask)
        .await
        .unwrap_or_else(|_| Err("timed out".into()));
    match answer {
        Ok(text) => {
            let nodes = nodes::parse(&text).good.into_iter();
            let nodes: Vec<String> = nodes
                .filter_map(|node| Some((node.host(discovery.prefers_hostnames)?, node.port)))
                .map(|(host, port)| format!("{scheme}://{}", nodes::host_port(host, port)))
                .collect();
            let groups = json!([{ "targets": nodes, "labels": {} }]);
            let body = format!("{groups:#}");
            ([(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        Err(error) => {
            tracing::warn!(error, "the nodes of the cluster cannot be listed");
            let words = format!("cannot list the nodes of the cluster: {error}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, words).into_response()
        }
    }
}

/// Reads the password file again.
async fn reload(State(exporter): State<Arc<RedisExporter>>) -> Response {
    let read = tokio::task::spawn_blocking(move || exporter.servers.reload()).await;
    match read {
        Ok(Ok(true)) => "ok".into_response(),
        Ok(Ok(false)) => {
            (StatusCode::BAD_REQUEST, "there is no password file to read\n").into_response()
        }
        Ok(Err(error)) => {
            tracing::warn!(error = format!("{error:#}"), "the passwords stay as they were");
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response()
        }
        Err(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "the file could not be read\n").into_response()
        }
    }
}
