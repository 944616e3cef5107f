//! An exporter without a socket.

use std::time::{Duration, Instant};

use anyhow::ensure;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use clap::FromArgMatches as _;
use common::commands::{Program, parse};
use common::web::WebArgs;
use common::web::{Stopping, router};
use container_exporter::ContainerExporter;
use http_body_util::BodyExt as _;
use tower_service::Service as _;

/// The exporter that these arguments ask for.
pub(crate) fn exporter(arguments: &[String]) -> anyhow::Result<Router> {
    let arguments = std::iter::once("test").chain(arguments.iter().map(String::as_str));
    let matches = parse::<ContainerExporter>(arguments.map(Into::into))?;
    let service = ContainerExporter::start(&matches)?;
    Ok(router(service, &WebArgs::from_arg_matches(&matches)?, Stopping::default()))
}

/// One scrape.
pub(crate) async fn scrape(exporter: &Router) -> anyhow::Result<String> {
    scrape_at(exporter, "/metrics").await
}

/// One scrape at a path with parameters.
pub(crate) async fn scrape_at(exporter: &Router, path: &str) -> anyhow::Result<String> {
    let request = Request::get(path).body(Body::empty())?;
    let response = exporter.clone().call(request).await?;
    ensure!(response.status() == 200, "status {}", response.status());
    Ok(String::from_utf8(response.into_body().collect().await?.to_bytes().to_vec())?)
}

/// Scrapes until the answer is as wanted.
pub(crate) async fn eventually(
    exporter: &Router,
    is_wanted: impl Fn(&str) -> bool,
) -> anyhow::Result<String> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let body = scrape(exporter).await?;
        if is_wanted(&body) {
            return Ok(body);
        }
        ensure!(Instant::now() < deadline, "not so after 20 s:\n{body}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
