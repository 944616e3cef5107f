//! cAdvisor's pages about containers, which this exporter does not have: links to them are
//! redirected to the landing page.

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;

const PATHS: [&str; 6] = [
    "/containers",
    "/containers/",
    "/containers/{*container}",
    "/docker",
    "/docker/",
    "/docker/{*container}",
];

/// Routes from the pages to the root below `prefix`.
pub(crate) fn routes(prefix: &str) -> Router {
    let landing = format!("{prefix}/");
    PATHS.iter().fold(Router::new(), |router, path| {
        let landing = landing.clone();
        router.route(path, get(async move || Redirect::temporary(&landing)))
    })
}
