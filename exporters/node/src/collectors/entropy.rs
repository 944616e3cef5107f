//! The kernel's random number generator: `/proc/sys/kernel/random`, random(4).

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;
use crate::readers::proc_sys;

/// File and family; both count bits.
const FILES: &[(&str, Desc<'static>)] = &[
    (
        "kernel/random/entropy_avail",
        Desc::gauge("node_entropy_available_bits", "Bits of entropy at hand."),
    ),
    (
        "kernel/random/poolsize",
        Desc::gauge("node_entropy_pool_size_bits", "Bits of entropy that the pool can hold."),
    ),
];

#[derive(Debug)]
pub(super) struct Entropy;

#[async_trait]
impl Collector<Host> for Entropy {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let (mut present, mut errors) = (false, FirstError::default());
        for (file, desc) in FILES {
            if let Some(bits) = errors.catch(proc_sys::number(host, file)) {
                sink.value(desc, bits);
                present = true;
            }
        }
        errors.into_result()?;
        if present {
            Ok(())
        } else {
            Err(CollectError::NoData("the kernel says nothing of its entropy".into()))
        }
    }
}
