//! The kernel's random number generator: `/proc/sys/kernel/random`, random(4).

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::Desc;

use super::kernel_number;
use crate::host::Host;

/// File and family; both count bits.
const FILES: &[(&str, Desc<'static>)] = &[
    (
        "random/entropy_avail",
        Desc::gauge("node_entropy_available_bits", "Bits of entropy at hand."),
    ),
    (
        "random/poolsize",
        Desc::gauge("node_entropy_pool_size_bits", "Bits of entropy that the pool can hold."),
    ),
];

#[derive(Debug)]
pub(super) struct Entropy;

#[async_trait]
impl Collector<Host> for Entropy {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let (mut present, mut verdict) = (false, Ok(()));
        for (file, desc) in FILES {
            match kernel_number::read(host, file) {
                Ok(bits) => {
                    bits.inspect(|bits| sink.value(desc, *bits));
                    present |= bits.is_some();
                }
                Err(error) => verdict = verdict.and(Err(error)),
            }
        }
        if !present && verdict.is_ok() {
            return Err(CollectError::NoData("the kernel says nothing of its entropy".into()));
        }
        verdict
    }
}
