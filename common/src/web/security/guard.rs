//! What a request passes before its page.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::Security;
use super::auth::Verdict;
use crate::web::plain;

/// In the order of the toolkit: configuration, limit, headers, name and password.
pub(super) async fn guard(
    State(security): State<Arc<Security>>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(settings) = security.current.refresh().await.settings else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    };
    if security.bucket.as_ref().is_some_and(|bucket| !bucket.take(Instant::now())) {
        return plain(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
    }
    let verdict = if settings.users.is_empty() {
        Verdict::Good
    } else {
        let header = request.headers().get(header::AUTHORIZATION);
        security.logins.check(&settings.users, header).await
    };
    let mut response = match verdict {
        Verdict::Good => next.run(request).await,
        Verdict::Bad => {
            let mut response = plain(StatusCode::UNAUTHORIZED, "Unauthorized");
            let basic = HeaderValue::from_static("Basic");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
            response
        }
        Verdict::Busy => {
            plain(StatusCode::SERVICE_UNAVAILABLE, "too many passwords to check, try again later")
        }
    };
    for (name, value) in &settings.headers {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    response
}
