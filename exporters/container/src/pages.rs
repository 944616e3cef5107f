//! What the landing page shows of the containers. cAdvisor's pages about single ones this exporter
//! does not have: links to them are redirected to the landing page.

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;

/// The list of containers: it reads the metrics by script, while somebody looks at it.
pub(crate) const LIVE: &str = concat!(
    "<style>\n",
    include_str!("page/style.css"),
    "</style>\n",
    include_str!("page/body.html"),
    "<script>\n",
    include_str!("page/samples.js"),
    include_str!("page/cells.js"),
    include_str!("page/table.js"),
    "</script>"
);

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
