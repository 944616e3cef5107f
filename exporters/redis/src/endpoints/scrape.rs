//! `/scrape?target=…`: any server, with the flags of the main one but for what the request says.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use common::exporter::{Exporter, Refusal, ScrapeRequest};
use common::exposition::Exposition;
use common::scrape::Outcome;

use crate::RedisExporter;
use crate::group::{Group, Kind};
use crate::scraper::Request;
use crate::self_metrics::Scrapes;

/// Names of the parameter for the name that a server's certificate must have; the first counts.
const SERVER_NAME: [&str; 2] = ["tls_server_name", "tls-server-name"];

/// Answers scrapes of the server that the request names.
#[derive(Debug)]
pub(super) struct ScrapeEndpoint(pub(super) Arc<RedisExporter>);

#[async_trait]
impl Exporter for ScrapeEndpoint {
    async fn scrape(
        &self,
        request: &ScrapeRequest,
        exposition: &mut Exposition,
    ) -> Result<Vec<Outcome>, Refusal> {
        let refused = |refusal: String| {
            self.0.refused.fetch_add(1, Ordering::Relaxed);
            Refusal(refusal)
        };
        let given = |name| request.values(name).find(|value| !value.is_empty());
        let Some(address) = given("target") else {
            return Err(refused("the parameter target is missing".into()));
        };
        let server_name = SERVER_NAME.iter().find_map(|name| given(name));
        let requested = |address: &str| self.0.servers.requested_target(address, server_name);
        // What a client sends is not repeated: it may hold a password.
        let malformed = |error| refused(format!("parameter target: {error:#}"));
        let kind =
            Kind::of_request(self.0.kind.as_ref(), given("cluster"), given("sentinel-master"));
        let kind = kind.map_err(|error| refused(format!("{error:#}")))?;
        let parameters = request.parameters.iter();
        let parameters = parameters.map(|(name, value)| (name.as_str(), value.as_str()));
        let checks = self.0.scraper.checks().with_parameters(parameters);
        let checks = checks.map_err(|error| refused(format!("{error:#}")))?;
        let request = Request::new(request.deadline, Some(Arc::new(checks)));
        // Each answer is about one scrape, so that these families say nothing of other servers.
        let totals = Scrapes::default();
        if let Some(kind) = kind {
            let seeds = kind.seeds(address, requested).map_err(malformed)?;
            let key = (kind, seeds);
            let new = || Ok::<_, Infallible>(Group::new(key.0.clone(), key.1.clone()));
            let Ok(group) = self.0.groups.get(&key, new);
            return Ok(self.0.scrape_group(&group, &totals, request, exposition).await);
        }
        let target = requested(address).map_err(malformed)?;
        let scraper = self.0.scraper_of(&target).map_err(|error| Refusal(format!("{error:#}")))?;
        let server = self.0.servers.get(&target);
        Ok(scraper.scrape(Some(&server), &totals, request, exposition).await)
    }
}
