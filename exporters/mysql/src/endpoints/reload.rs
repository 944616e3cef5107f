//! `/-/reload`: the option file and the files of queries are read again.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use crate::MysqlExporter;

/// Time for reading the files, and for the reading that another request has begun.
const PATIENCE: Duration = Duration::from_secs(10);

/// Any method will do, as in the reference.
pub(super) fn router(exporter: &Arc<MysqlExporter>) -> Router {
    Router::new().route("/-/reload", any(reload)).with_state(Arc::clone(exporter))
}

/// Unlike the reference, tells a failure by the status, and its reason.
async fn reload(State(exporter): State<Arc<MysqlExporter>>) -> Response {
    let read = async {
        // A disk that hangs keeps one thread, however many requests there are.
        let turn = Arc::clone(&exporter.reloading).lock_owned().await;
        let read = move || {
            let _turn = turn;
            exporter.reload()
        };
        tokio::task::spawn_blocking(read).await
    };
    let failed =
        |reason: &str| (StatusCode::INTERNAL_SERVER_ERROR, format!("{reason}\n")).into_response();
    match tokio::time::timeout(PATIENCE, read).await {
        Ok(Ok(read)) => answer(read).unwrap_or_else(|reasons| failed(&reasons)),
        Ok(Err(_)) => failed("the files could not be read"),
        Err(_) => failed("the files could not be read in time"),
    }
}

/// What is answered and logged; else the reasons why something was not read.
fn answer(read: [(&str, anyhow::Result<bool>); 2]) -> Result<Response, String> {
    let (mut is_any, mut reasons) = (false, Vec::new());
    for (what, result) in read {
        match result {
            Ok(is_there) => is_any |= is_there,
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(error, "the {what} stay as they were");
                reasons.push(error);
            }
        }
    }
    match (reasons.is_empty(), is_any) {
        (false, _) => Err(reasons.join("\n")),
        (true, true) => Ok("ok".into_response()),
        (true, false) => Ok("ok: there is no option file\n".into_response()),
    }
}
