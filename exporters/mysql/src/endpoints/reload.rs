//! `/-/reload`: the option file is read again.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use crate::MysqlExporter;

/// Any method will do, as in the reference.
pub(super) fn router(exporter: &Arc<MysqlExporter>) -> Router {
    Router::new().route("/-/reload", any(reload)).with_state(Arc::clone(exporter))
}

/// Unlike the reference, tells a failure by the status, and its reason.
async fn reload(State(exporter): State<Arc<MysqlExporter>>) -> Response {
    let read = tokio::task::spawn_blocking(move || exporter.accounts.reload()).await;
    match read {
        Ok(Ok(true)) => "ok".into_response(),
        Ok(Ok(false)) => "ok: there is no option file\n".into_response(),
        Ok(Err(error)) => {
            tracing::warn!(error = format!("{error:#}"), "the accounts stay as they were");
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response()
        }
        Err(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "the file could not be read\n").into_response()
        }
    }
}
