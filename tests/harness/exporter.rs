//! An exporter in the process of the test, without a socket.

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use clap::FromArgMatches as _;
use common::commands::{Program, parse};
use common::web::{Stopping, WebArgs, router};
use http_body_util::BodyExt as _;
use tower_service::Service as _;

use crate::formats::{self, OPENMETRICS};
use crate::http::Answer;

/// How long [`Running::eventually`] waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// The exporter of program `P`, as its arguments make it, behind its routes.
pub struct Running<P> {
    router: Router,
    program: PhantomData<fn() -> P>,
}

impl<P: Program> fmt::Debug for Running<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Running").field(&P::NAME).finish()
    }
}

impl<P: Program> Running<P> {
    /// Starts it with these arguments, the program's name left out. To be called inside a runtime.
    ///
    /// # Errors
    /// What the program would say of them before it ends.
    pub fn start(arguments: &[impl AsRef<str>]) -> anyhow::Result<Self> {
        let arguments = arguments.iter().map(AsRef::as_ref);
        let matches = parse::<P>(std::iter::once(P::NAME).chain(arguments).map(Into::into))?;
        let web = WebArgs::from_arg_matches(&matches)?;
        let router = router(P::start(&matches)?, &web, Stopping::default());
        Ok(Self { router, program: PhantomData })
    }

    /// The answer to a request for `path`, which may have a query, with these headers.
    ///
    /// # Errors
    /// No such request can be made, or the answer is no text.
    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> anyhow::Result<Answer> {
        let request = headers
            .iter()
            .fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
        let response: Result<_, Infallible> =
            self.router.clone().call(request.body(Body::empty())?).await;
        let (parts, body) = response?.into_parts();
        let body = String::from_utf8(body.collect().await?.to_bytes().to_vec())?;
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    /// The metrics.
    ///
    /// # Errors
    /// Any status but 200.
    pub async fn scrape(&self) -> anyhow::Result<String> {
        self.scrape_with("/metrics", &[]).await
    }

    /// The metrics for a Prometheus that waits for `seconds`.
    ///
    /// # Errors
    /// Any status but 200.
    pub async fn scrape_within(&self, seconds: f64) -> anyhow::Result<String> {
        let timeout = seconds.to_string();
        self.scrape_with("/metrics", &[("X-Prometheus-Scrape-Timeout-Seconds", &timeout)]).await
    }

    /// The metrics at `path`, which may have a query, asked for with these headers.
    ///
    /// # Errors
    /// Any status but 200.
    pub async fn scrape_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<String> {
        let answer = self.get(path, headers).await?;
        ensure!(answer.status == 200, "status {}: {}", answer.status, answer.body);
        Ok(answer.body)
    }

    /// Asserts that a scrape in OpenMetrics, which must be switched on, shows what `text` does.
    /// Of families whose names begin with a word of `unsteady` the values are not compared.
    ///
    /// # Errors
    /// The first difference, or what a format forbids.
    pub async fn shows_in_openmetrics(&self, text: &str, unsteady: &[&str]) -> anyhow::Result<()> {
        let other = self.scrape_with("/metrics", &[OPENMETRICS]).await?;
        formats::equal(text, &other, unsteady).with_context(|| format!("{text}\n{other}"))
    }

    /// Scrapes until the metrics are as wanted.
    ///
    /// # Errors
    /// They are not within 20 s.
    pub async fn eventually(&self, is_wanted: impl Fn(&str) -> bool) -> anyhow::Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let body = self.scrape().await?;
            if is_wanted(&body) {
                return Ok(body);
            }
            ensure!(Instant::now() < deadline, "not so after {PATIENCE:?}:\n{body}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the program prints when asked for help.
    ///
    /// # Errors
    /// It prints none.
    pub fn help() -> anyhow::Result<String> {
        let arguments = [P::NAME, "--help"].map(Into::into);
        Ok(parse::<P>(arguments).err().context("no help")?.to_string())
    }
}
