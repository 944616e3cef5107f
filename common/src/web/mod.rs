//! The web side: metrics, landing page, health, and the loop that accepts connections.

mod activity;
mod address;
mod args;
mod compress;
mod connection;
mod connections;
mod endpoint;
mod health;
mod landing;
mod listen;
mod negotiate;
mod security;
mod shared;
mod socket;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};

use crate::exporter::Exporter;
use crate::self_metrics::{BuildInfo, SelfMetrics};

pub use address::Address;
pub use args::WebArgs;
pub use compress::Encoding;
pub use endpoint::Endpoint;
use endpoint::{Handler, Resources};
pub use health::Stopping;
pub use landing::Landing;
use landing::{Page, Status};
pub use listen::{ListenError, Listener, serve};
pub use security::{ConfigError, Security, SecurityFlags};

/// An exporter ready to be served.
pub struct Service {
    /// What answers the scrapes at the path of the flags.
    pub exporter: Arc<dyn Exporter>,
    /// Further endpoints with metrics, such as that of a probe.
    pub endpoints: Vec<Endpoint>,
    /// What the landing page says.
    pub landing: Landing,
    /// The `…_build_info` family.
    pub build_info: BuildInfo,
    /// Paths of the reference exporter that answer `ok` while this one lives.
    pub health_paths: &'static [&'static str],
    /// Further routes, such as redirects.
    pub routes: Router,
    /// What bodies may be packed as beside gzip.
    pub encoding: Option<Encoding>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("landing", &self.landing)
            .field("build_info", &self.build_info)
            .finish_non_exhaustive()
    }
}

/// The routes of `service`: metrics, landing page, health; all below the prefix, if there is one.
pub fn router(service: Service, web: &WebArgs, stopping: Stopping) -> Router {
    let routes = routes(service, web, stopping);
    match web.route_prefix.as_str() {
        "" => routes,
        prefix => {
            // The links of the landing page are relative, so that it ends in a slash.
            let page = format!("{prefix}/");
            let to_page = async move || Redirect::temporary(&page);
            let root = Router::new().route(prefix, get(to_page));
            root.nest_service(&format!("{prefix}/"), routes).fallback(not_found)
        }
    }
}

fn routes(service: Service, web: &WebArgs, stopping: Stopping) -> Router {
    let own = SelfMetrics::new(service.build_info);
    let resources = Arc::new(Resources::new(own, service.encoding, web));
    let status = Arc::<Status>::default();
    let route = |exporter, families, status: &Arc<Status>| {
        any(endpoint::answer).with_state(Handler::new(&resources, exporter, families, status))
    };
    let page = Page::new(service.landing, &web.telemetry_path, &service.exporter, &status);
    let page = Arc::new(page);
    let metrics = route(service.exporter, web.own_families(), &status);
    let mut router = service
        .routes
        .route("/-/healthy", any(health::healthy))
        .route("/-/ready", any(health::ready).with_state(stopping));
    for endpoint in service.endpoints {
        let families = endpoint.own.min(web.own_families());
        router = router.route(endpoint.path, route(endpoint.exporter, families, &Arc::default()));
    }
    for path in service.health_paths {
        router = router.route(path, any(health::healthy));
    }
    // As in the reference exporters, metrics at the root leave no room for a landing page.
    if web.telemetry_path == "/" {
        return router.fallback_service(metrics);
    }
    let page = move || {
        std::future::ready({
            let headers = [
                (header::CONTENT_TYPE, "text/html; charset=UTF-8"),
                (header::CACHE_CONTROL, "no-store"),
            ];
            (headers, page.render()).into_response()
        })
    };
    let pages = router.route("/", get(page)).fallback(not_found);
    // Apart from the pages, so that the metrics may take the path of one of them.
    Router::new().route(&web.telemetry_path, metrics).fallback_service(pages)
}

async fn not_found() -> Response {
    plain(StatusCode::NOT_FOUND, "404 page not found")
}

/// A short text answer of one line that no browser may take for anything else.
fn plain(status: StatusCode, line: &str) -> Response {
    let mut response = (status, format!("{line}\n")).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests;
