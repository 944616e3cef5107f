//! The kernel's random number generator: `/proc/sys/kernel/random`, random(4).

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::keyed::Keyed;

use crate::host::Host;
use crate::readers::proc_sys;

/// Keys are files; both count bits.
const FILES: &[Keyed] = &[
    Keyed::gauge(
        "kernel/random/entropy_avail",
        "node_entropy_available_bits",
        "Bits of entropy available.",
    ),
    Keyed::gauge(
        "kernel/random/poolsize",
        "node_entropy_pool_size_bits",
        "Bits of entropy that the pool can hold.",
    ),
];

#[derive(Debug, Default)]
pub(super) struct Entropy;

#[async_trait]
impl Collector<Host> for Entropy {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let (mut present, mut errors) = (false, FirstError::default());
        for Keyed { key, desc, .. } in FILES {
            if let Some(bits) = errors.catch(proc_sys::number(host, key)) {
                sink.value(desc, bits);
                present = true;
            }
        }
        errors.into_result()?;
        if present {
            Ok(())
        } else {
            Err(CollectError::NoData("the kernel reports no entropy".into()))
        }
    }
}
