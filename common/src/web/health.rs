//! Whether the process lives, and whether it goes on to: for orchestrators and `healthcheck`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::plain;

/// Set once the process has been told to stop: `/-/ready` then says so.
#[derive(Clone, Debug, Default)]
pub struct Stopping(Arc<AtomicBool>);

impl Stopping {
    /// Notes that the process is stopping.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A process that answers lives.
pub(super) async fn healthy() -> Response {
    plain(StatusCode::OK, "ok")
}

pub(super) async fn ready(State(stopping): State<Stopping>) -> Response {
    if stopping.is_set() {
        plain(StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else {
        plain(StatusCode::OK, "ok")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_that_stops_is_healthy_but_not_ready() {
        let stopping = Stopping::default();
        assert_eq!(ready(State(stopping.clone())).await.status(), StatusCode::OK);
        stopping.set();
        assert_eq!(ready(State(stopping)).await.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(healthy().await.status(), StatusCode::OK);
    }
}
