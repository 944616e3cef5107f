//! `/probe?target=…&auth_module=…`: any server, with the account of a section.

use std::sync::Arc;

use async_trait::async_trait;
use common::exporter::{Exporter, Refusal, ScrapeRequest};
use common::exposition::Exposition;
use common::scrape::Outcome;

use crate::MysqlExporter;

/// Answers scrapes of the server that the request names.
#[derive(Debug)]
pub(super) struct ProbeEndpoint(pub(super) Arc<MysqlExporter>);

#[async_trait]
impl Exporter for ProbeEndpoint {
    async fn scrape(
        &self,
        request: &ScrapeRequest,
        exposition: &mut Exposition,
    ) -> Result<Vec<Outcome>, Refusal> {
        if request.values("target").all(str::is_empty) {
            return Err(Refusal("the parameter target is missing".into()));
        }
        self.0.scrape(request, exposition).await
    }
}
