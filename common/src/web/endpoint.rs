//! The endpoints that serve metrics: one scrape from request to response.

use std::borrow::Cow;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::sync::{OnceCell, Semaphore};

use super::args::{LONGEST_TIMEOUT, WebArgs};
use super::compress::{Compressors, Encoding};
use super::landing::Status;
use super::shared::Collections;
use super::{negotiate, plain};
use crate::exporter::{Exporter, Refusal, ScrapeRequest};
use crate::exposition::{Exposition, Format, Pool, Rejected};
use crate::failures::{Change, FailureLog};
use crate::self_metrics::{OwnFamilies, SelfMetrics};

/// How long after its deadline a collection may still answer. Exporters return at the deadline
/// at the latest; what they have by then is still to be put together, on a busy host.
const OVERTIME: Duration = Duration::from_secs(1);

/// How long a collection waits at most where as many run as are allowed.
const PATIENCE: Duration = Duration::from_secs(1);

/// What serves metrics at a path of its own, beside those of the exporter's main target.
pub struct Endpoint {
    /// Such as `/probe`.
    pub path: &'static str,
    /// What answers the scrapes.
    pub exporter: Arc<dyn Exporter>,
    /// What goes with its answers about the exporter itself.
    pub own: OwnFamilies,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What all endpoints share.
pub(super) struct Resources {
    own: SelfMetrics,
    pool: Pool,
    compressors: Compressors,
    /// What bodies may be packed as beside gzip.
    encoding: Option<Encoding>,
    /// Collections that may run at once; `None` for any number.
    permits: Option<Semaphore>,
    max_requests: usize,
    openmetrics: bool,
    default_timeout: Duration,
    timeout_offset: Duration,
}

impl Resources {
    pub(super) fn new(own: SelfMetrics, encoding: Option<Encoding>, web: &WebArgs) -> Self {
        Self {
            own,
            pool: Pool::default(),
            compressors: Compressors::default(),
            encoding,
            permits: (web.max_requests > 0).then(|| Semaphore::new(web.max_requests)),
            max_requests: web.max_requests,
            openmetrics: web.enable_openmetrics,
            default_timeout: web.scrape_timeout,
            timeout_offset: Duration::from_secs_f64(web.timeout_offset),
        }
    }

    /// How long a scrape may take: the time that Prometheus gives it, less
    /// the offset that the way back takes; the default where it says nothing usable.
    fn timeout(&self, headers: &HeaderMap) -> Duration {
        let header = headers.get("x-prometheus-scrape-timeout-seconds");
        let timeout = header.and_then(|value| parse_timeout(value.to_str().ok()?));
        if header.is_some() && timeout.is_none() {
            tracing::debug!(?header, "scrape timeout header is no positive number of seconds");
        }
        timeout
            .and_then(|timeout| timeout.checked_sub(self.timeout_offset))
            .filter(|timeout| !timeout.is_zero())
            .unwrap_or(self.default_timeout)
    }

    /// What an `Accept-Encoding` header makes of the body.
    fn packing(&self, header: &str) -> Packing {
        let offers = [GZIP, self.encoding.map_or("", |encoding| encoding.name)];
        let offers = if self.encoding.is_some() { &offers[..] } else { &offers[..1] };
        match (negotiate::encoding(header, offers), self.encoding) {
            (Some(0), _) => Packing::Gzip,
            (Some(_), Some(encoding)) => Packing::As(encoding),
            _ => Packing::None,
        }
    }

    /// Counts an answer, of whichever endpoint.
    fn count(&self, status: StatusCode) {
        match status {
            StatusCode::OK => self.own.count_request("200"),
            StatusCode::SERVICE_UNAVAILABLE => self.own.count_request("503"),
            StatusCode::INTERNAL_SERVER_ERROR => self.own.count_request("500"),
            // A request that makes no sense is no scrape.
            _ => {}
        }
    }
}

/// What answers the requests to one endpoint.
pub(super) struct Handler {
    resources: Arc<Resources>,
    exporter: Arc<dyn Exporter>,
    families: OwnFamilies,
    rejections: FailureLog,
    collections: Collections<Question, Arc<Outcome>>,
    /// What the landing page tells of the scrapes.
    status: Arc<Status>,
}

/// What scrapes must have in common to share a collection: one that leaves less time must not
/// cost the others some of theirs. It is not printed, as there may be a password in the query.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Question {
    format: Format,
    /// As it came: the same parameters in another order are another question.
    query: Arc<str>,
    timeout: Duration,
}

/// How a collection ended.
enum Outcome {
    Answer(Answer),
    Refused(Refusal),
    /// As many collections are running as are allowed.
    Busy,
    /// It was given up, as it had not ended long after its deadline.
    Overdue,
    /// It panicked.
    Failed,
}

/// A body, and its compressed forms once a client has asked for them.
struct Answer {
    body: Bytes,
    gzip: OnceCell<Option<Bytes>>,
    encoded: OnceCell<Option<Bytes>>,
}

const GZIP: &str = "gzip";

/// How a body is sent.
#[derive(Clone, Copy)]
enum Packing {
    None,
    Gzip,
    As(Encoding),
}

impl Handler {
    pub(super) fn new(
        resources: &Arc<Resources>,
        exporter: Arc<dyn Exporter>,
        families: OwnFamilies,
        status: &Arc<Status>,
    ) -> Arc<Self> {
        Arc::new(Self {
            resources: Arc::clone(resources),
            exporter,
            families,
            rejections: FailureLog::default(),
            collections: Collections::default(),
            status: Arc::clone(status),
        })
    }

    /// Counts a scrape of which something was dropped, and logs the first of a kind.
    fn note_rejected(&self, rejected: &Rejected) {
        let change = self.rejections.note(&rejected.example.as_ref().map_or(Ok(()), Err));
        let Some(example) = &rejected.example else { return };
        self.resources.own.count_gathering_error();
        if change == Change::New {
            let (duplicates, conflicts) = (rejected.duplicates, rejected.conflicts);
            tracing::warn!(duplicates, conflicts, example, "series dropped from the answer");
        }
    }

    /// Collects once, until `deadline` and [`OVERTIME`] whatever the exporter does. That is never
    /// later than the deadline of any client and the same: those that share a collection have
    /// equal timeouts, and came after the one for which it was started.
    async fn collect(self: Arc<Self>, question: Question, deadline: Instant) -> Arc<Outcome> {
        let _permit = match &self.resources.permits {
            Some(permits) => {
                match tokio::time::timeout(patience(deadline), permits.acquire()).await {
                    Ok(permit) => permit.ok(),
                    Err(_) => return Arc::new(Outcome::Busy),
                }
            }
            None => None,
        };
        let started = Instant::now();
        let work = AssertUnwindSafe(self.collect_until(question, deadline)).catch_unwind();
        let end = tokio::time::Instant::from_std(deadline + OVERTIME);
        Arc::new(match tokio::time::timeout_at(end, work).await {
            Ok(Ok(outcome)) => outcome,
            // The panic has been logged where it happened.
            Ok(Err(_)) => {
                self.status.note_lost("the scrape failed, see the log", started.elapsed());
                Outcome::Failed
            }
            Err(_) => {
                self.status.note_lost("the scrape took too long", started.elapsed());
                Outcome::Overdue
            }
        })
    }

    async fn collect_until(&self, question: Question, deadline: Instant) -> Outcome {
        let Resources { pool, own, .. } = &*self.resources;
        let request = ScrapeRequest { parameters: parse_query(&question.query), deadline };
        let mut exposition = Exposition::new(question.format, pool.clone());
        let started = Instant::now();
        match self.exporter.scrape(&request, &mut exposition).await {
            Ok(outcomes) => self.status.note(&outcomes, started.elapsed()),
            Err(refusal) => return Outcome::Refused(refusal),
        }
        let mut sink = exposition.sink();
        own.push(&mut sink, self.families, &*self.exporter);
        exposition.add(sink);
        let names: Vec<&str> = request.values("name[]").collect();
        let (body, rejected) = exposition.assemble(&names);
        self.note_rejected(&rejected);
        Outcome::Answer(Answer::new(Bytes::from_owner(body)))
    }

    async fn scrape(self: Arc<Self>, headers: &HeaderMap, query: &str) -> Response {
        let resources = &*self.resources;
        let negotiated = negotiate::accept(&list(headers, header::ACCEPT), resources.openmetrics);
        let timeout = resources.timeout(headers);
        let question = Question { format: negotiated.format, query: query.into(), timeout };
        let deadline = Instant::now() + timeout;
        let work = || Arc::clone(&self).collect(question.clone(), deadline);
        let outcome = self.collections.answer(question.clone(), timeout, work).await;
        match outcome.as_deref() {
            Some(Outcome::Answer(answer)) => {
                let packing = resources.packing(&list(headers, header::ACCEPT_ENCODING));
                answer.respond(negotiated.content_type, packing, resources).await
            }
            Some(Outcome::Refused(refusal)) => plain(StatusCode::BAD_REQUEST, &refusal.to_string()),
            Some(Outcome::Busy) => {
                let limit = resources.max_requests;
                let reason =
                    format!("limit of {limit} concurrent scrapes reached, try again later");
                plain(StatusCode::SERVICE_UNAVAILABLE, &reason)
            }
            Some(Outcome::Overdue) => {
                plain(StatusCode::SERVICE_UNAVAILABLE, "the scrape took too long")
            }
            Some(Outcome::Failed) | None => {
                plain(StatusCode::INTERNAL_SERVER_ERROR, "the scrape failed, see the log")
            }
        }
    }
}

impl Answer {
    fn new(body: Bytes) -> Self {
        Self { body, gzip: OnceCell::new(), encoded: OnceCell::new() }
    }

    async fn respond(
        &self,
        content_type: &'static str,
        packing: Packing,
        resources: &Resources,
    ) -> Response {
        let pool = &resources.pool;
        let plain = || self.body.clone();
        let (name, packed) = match packing {
            Packing::None => ("", None),
            Packing::Gzip => {
                let gzip = || resources.compressors.gzip(plain(), pool);
                (GZIP, self.gzip.get_or_init(gzip).await.clone())
            }
            Packing::As(encoding) => {
                let encode = || encoding.encode(plain(), pool);
                (encoding.name, self.encoded.get_or_init(encode).await.clone())
            }
        };
        let is_packed = packed.is_some();
        let mut response = Response::new(Body::from(packed.unwrap_or_else(plain)));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if is_packed {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        response
    }
}

pub(super) async fn answer(
    State(handler): State<Arc<Handler>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let _in_flight = handler.resources.own.start_request();
    let query = query.unwrap_or_default();
    let response = Arc::clone(&handler).scrape(&headers, &query).await;
    handler.resources.count(response.status());
    response
}

/// The list that all fields of a name make up.
fn list(headers: &HeaderMap, name: header::HeaderName) -> Cow<'_, str> {
    let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let first = Cow::from(values.next().unwrap_or_default());
    values.fold(first, |list, value| Cow::from(format!("{list},{value}")))
}

/// How long a collection waits for others to end: refusals that come at once would keep busy who
/// asks again at once, and so those who collect.
fn patience(deadline: Instant) -> Duration {
    let left = deadline.saturating_duration_since(Instant::now());
    PATIENCE.min(left / 4)
}

/// A positive number of seconds, cut to [`LONGEST_TIMEOUT`].
fn parse_timeout(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    let most = LONGEST_TIMEOUT.as_secs_f64();
    (seconds > 0.0).then(|| Duration::try_from_secs_f64(seconds.min(most)).ok())?
}

/// Splits a query string at `&` and decodes `%XX` and `+`.
fn parse_query(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::self_metrics::BuildInfo;

    #[test]
    fn timeouts_are_positive_seconds() {
        assert_eq!(parse_timeout("10"), Some(Duration::from_secs(10)));
        assert_eq!(parse_timeout("1.5"), Some(Duration::from_millis(1500)));
        for text in ["", "0", "-0", "-1", "-inf", "NaN", "x"] {
            assert_eq!(parse_timeout(text), None, "{text}");
        }
        // Later than the clock can count, some of them.
        for text in ["86401", "9223372036854775808", "18446744073709551615", "1e300", "inf"] {
            assert_eq!(parse_timeout(text), Some(LONGEST_TIMEOUT), "{text}");
        }
    }

    #[tokio::test]
    async fn all_clients_of_an_answer_get_the_same_bytes() {
        use http_body_util::BodyExt as _;
        // Half of the body, and a byte that says so.
        const HALF: Encoding = Encoding {
            name: "half",
            bound: |size| size / 2 + 1,
            compress: |body, window| {
                let (half, rest) = body.split_at(body.len() / 2);
                window[..half.len()].copy_from_slice(half);
                window[half.len()] = u8::from(rest.len() > half.len());
                half.len() + 1
            },
        };
        let own = SelfMetrics::new(BuildInfo { name: String::new(), labels: Vec::new() });
        let resources = Resources::new(own, Some(HALF), &WebArgs::default());
        // The second body is packed on a thread of its own.
        for size in [10_000, 2_000_000] {
            let body = Bytes::from(vec![b'x'; size]);
            let answer = Answer::new(body.clone());
            let mut places = Vec::new();
            for accepted in ["", "gzip", "half", "", "gzip", "half"] {
                let packing = resources.packing(accepted);
                let response = answer.respond("text/plain", packing, &resources).await;
                let encoding = response.headers().get(header::CONTENT_ENCODING);
                assert_eq!(encoding.map_or("", |value| value.to_str().unwrap()), accepted);
                let bytes = response.into_body().collect().await.unwrap().to_bytes();
                assert_eq!(bytes.len() == size, accepted.is_empty());
                assert_eq!(bytes.len() == size / 2 + 1, accepted == "half");
                places.push(bytes.as_ptr());
            }
            assert_eq!(places[..3], places[3..]);
            assert_eq!(places[0], body.as_ptr());
        }
    }

    #[tokio::test]
    async fn what_cannot_be_packed_is_sent_as_it_is() {
        use http_body_util::BodyExt as _;
        const NONE: Encoding = Encoding { name: "none", bound: |_| 8, compress: |_, _| 0 };
        let own = SelfMetrics::new(BuildInfo { name: String::new(), labels: Vec::new() });
        let resources = Resources::new(own, Some(NONE), &WebArgs::default());
        let answer = Answer::new(Bytes::from_static(b"x 1\n"));
        let packing = resources.packing("none");
        let response = answer.respond("text/plain", packing, &resources).await;
        assert!(!response.headers().contains_key(header::CONTENT_ENCODING));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "x 1\n");
    }
}
