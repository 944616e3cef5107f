//! What is served beside `/metrics`: other servers, and the option file read again.

mod probe;
mod reload;

use std::sync::Arc;

use axum::Router;
use common::self_metrics::OwnFamilies;
use common::web::Endpoint;

use crate::MysqlExporter;

/// The endpoints that answer with metrics.
pub(crate) fn endpoints(exporter: &Arc<MysqlExporter>) -> Vec<Endpoint> {
    let probe = probe::ProbeEndpoint(Arc::clone(exporter));
    vec![Endpoint { path: "/probe", exporter: Arc::new(probe), own: OwnFamilies::Nothing }]
}

/// The others.
pub(crate) fn routes(exporter: &Arc<MysqlExporter>) -> Router {
    reload::router(exporter)
}
