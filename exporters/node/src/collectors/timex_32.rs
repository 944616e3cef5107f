//! The collector of adjtimex(2) on processors of 32 bits, where its crate cannot be built.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;

use crate::host::Host;

#[derive(Debug, Default)]
pub(super) struct ClockDiscipline;

#[async_trait]
impl Collector<Host> for ClockDiscipline {
    async fn collect(&self, _: &Host, _: &mut Sink) -> Result<(), CollectError> {
        Err(CollectError::NoData("not available on processors of 32 bits".into()))
    }
}
