//! What is served beside `/metrics`: other servers, the nodes of a cluster, passwords read again.

mod routes;
mod scrape;

use std::sync::Arc;

use axum::Router;
use common::self_metrics::OwnFamilies;
use common::web::Endpoint;

use crate::RedisExporter;

/// The endpoints that answer with metrics.
pub(crate) fn endpoints(exporter: &Arc<RedisExporter>, is_disabled: bool) -> Vec<Endpoint> {
    if is_disabled {
        return Vec::new();
    }
    let scrape = scrape::ScrapeEndpoint(Arc::clone(exporter));
    vec![Endpoint { path: "/scrape", exporter: Arc::new(scrape), own: OwnFamilies::BuildInfo }]
}

/// The others.
pub(crate) fn routes(exporter: &Arc<RedisExporter>) -> Router {
    routes::router(exporter)
}
