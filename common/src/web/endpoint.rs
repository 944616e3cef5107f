//! The metrics endpoint: one scrape from request to response.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use tokio::sync::Semaphore;

use super::compress::{self, Compressors};
use super::{WebArgs, negotiate, plain};
use crate::exporter::{Exporter, ScrapeRequest};
use crate::exposition::{Exposition, Pool, Rejected};
use crate::failures::{Change, FailureLog};
use crate::self_metrics::SelfMetrics;

/// What the handler needs, shared by all requests.
pub(super) struct Endpoint {
    exporter: Arc<dyn Exporter>,
    own: SelfMetrics,
    rejections: FailureLog,
    pool: Pool,
    compressors: Compressors,
    /// `None` allows any number of scrapes at once.
    permits: Option<Semaphore>,
    max_requests: usize,
    openmetrics: bool,
    exporter_metrics: bool,
    default_timeout: Duration,
    timeout_offset: Duration,
}

impl Endpoint {
    pub(super) fn new(exporter: Arc<dyn Exporter>, own: SelfMetrics, web: &WebArgs) -> Self {
        Self {
            exporter,
            own,
            rejections: FailureLog::default(),
            pool: Pool::default(),
            compressors: Compressors::default(),
            permits: (web.max_requests > 0).then(|| Semaphore::new(web.max_requests)),
            max_requests: web.max_requests,
            openmetrics: web.enable_openmetrics,
            exporter_metrics: !web.disable_exporter_metrics,
            default_timeout: web.scrape_timeout,
            timeout_offset: Duration::from_secs_f64(web.timeout_offset),
        }
    }

    /// When a scrape must be ready: the time that Prometheus gives it, less
    /// the offset that the way back takes; the default where it says nothing usable.
    fn deadline(&self, headers: &HeaderMap) -> Instant {
        let header = headers.get("x-prometheus-scrape-timeout-seconds");
        let timeout = header.and_then(|value| parse_timeout(value.to_str().ok()?));
        if header.is_some() && timeout.is_none() {
            tracing::debug!(?header, "scrape timeout header is no positive number of seconds");
        }
        let timeout = timeout
            .and_then(|timeout| timeout.checked_sub(self.timeout_offset))
            .filter(|timeout| !timeout.is_zero())
            .unwrap_or(self.default_timeout);
        Instant::now() + timeout
    }

    /// Counts a scrape of which something was dropped, and logs the first of a kind.
    fn note_rejected(&self, rejected: &Rejected) {
        let change = self.rejections.note(&rejected.example.as_ref().map_or(Ok(()), Err));
        let Some(example) = &rejected.example else { return };
        self.own.count_gathering_error();
        if change == Change::New {
            let (duplicates, conflicts) = (rejected.duplicates, rejected.conflicts);
            tracing::warn!(duplicates, conflicts, example, "series dropped from the answer");
        }
    }

    async fn scrape(&self, headers: &HeaderMap, query: &str) -> Result<Response, Response> {
        let negotiated = negotiate::accept(text(headers, header::ACCEPT), self.openmetrics);
        let request =
            ScrapeRequest { parameters: parse_query(query), deadline: self.deadline(headers) };
        let mut exposition = Exposition::new(negotiated.format, self.pool.clone());
        self.exporter
            .scrape(&request, &mut exposition)
            .await
            .map_err(|refusal| plain(StatusCode::BAD_REQUEST, &refusal.to_string()))?;
        let mut sink = exposition.sink();
        self.own.push(&mut sink, self.exporter_metrics);
        exposition.add(sink);
        let names: Vec<&str> = request.values("name[]").collect();
        let (body, rejected) = exposition.assemble(&names);
        self.note_rejected(&rejected);
        let gzip = negotiate::accepts_gzip(text(headers, header::ACCEPT_ENCODING));
        let compressors = gzip.then_some(&self.compressors);
        Ok(compress::respond(body, negotiated.content_type, compressors, &self.pool).await)
    }
}

pub(super) async fn answer(
    State(endpoint): State<Arc<Endpoint>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let permit = endpoint.permits.as_ref().map(Semaphore::try_acquire);
    if let Some(Err(_)) = permit {
        endpoint.own.count_request("503");
        let limit = endpoint.max_requests;
        let reason = format!("limit of {limit} concurrent scrapes reached, try again later");
        return plain(StatusCode::SERVICE_UNAVAILABLE, &reason);
    }
    let _in_flight = endpoint.own.start_request();
    match endpoint.scrape(&headers, query.as_deref().unwrap_or_default()).await {
        Ok(response) => {
            endpoint.own.count_request("200");
            response
        }
        Err(refusal) => refusal,
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn parse_timeout(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    (seconds > 0.0).then(|| Duration::try_from_secs_f64(seconds).ok())?
}

/// Splits a query string at `&` and decodes `%XX` and `+`.
fn parse_query(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_positive_seconds() {
        assert_eq!(parse_timeout("10"), Some(Duration::from_secs(10)));
        assert_eq!(parse_timeout("1.5"), Some(Duration::from_millis(1500)));
        for text in ["", "0", "-1", "NaN", "inf", "x", "1e300"] {
            assert_eq!(parse_timeout(text), None, "{text}");
        }
    }
}
