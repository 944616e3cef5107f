//! A small HTTP client.

use std::time::Duration;

use axum::http::HeaderMap;
use serde_json::Value;

use crate::exposition::Exposition;

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
}

impl Answer {
    /// The value of a header, empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The families of the body.
    ///
    /// # Errors
    /// The body is not the text format, strictly read.
    pub fn exposition(&self) -> anyhow::Result<Exposition> {
        Exposition::parse(&self.body)
    }
}

/// Gets `url` within 20 s.
///
/// # Errors
/// No answer.
pub fn get(url: &str) -> anyhow::Result<Answer> {
    get_with(url, &[])
}

/// Gets `url` with further request headers.
///
/// # Errors
/// No answer.
pub fn get_with(url: &str, headers: &[(&str, &str)]) -> anyhow::Result<Answer> {
    let request = headers
        .iter()
        .fold(agent().get(url), |request, (name, value)| request.header(*name, *value));
    let mut response = request.call()?;
    Ok(Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.body_mut().read_to_string()?,
    })
}

/// The headers of the answer to `HEAD`, asked for with `Accept-Encoding`.
///
/// # Errors
/// No answer.
pub fn head(url: &str, accept_encoding: &str) -> anyhow::Result<HeaderMap> {
    let response = agent().head(url).header("Accept-Encoding", accept_encoding).call()?;
    Ok(response.headers().clone())
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(20)))
        .http_status_as_error(false)
        .build()
        .into()
}

/// Result of an instant query at a Prometheus, one element per series.
///
/// # Errors
/// No answer, or one that is no success.
pub fn query(prometheus: &str, expression: &str) -> anyhow::Result<Vec<Value>> {
    let encoded: String =
        expression.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    let answer = get(&format!("{prometheus}/api/v1/query?query={encoded}"))?;
    let value: Value = serde_json::from_str(&answer.body)?;
    match value["data"]["result"].as_array() {
        Some(result) => Ok(result.clone()),
        None => anyhow::bail!("{expression}: {}", answer.body),
    }
}
