//! Tasks found hung: `/proc/sys/kernel/hung_task_detect_count` (since Linux 6.13),
//! Documentation/admin-guide/sysctl/kernel.rst of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;
use crate::readers::proc_sys;

const HUNG_TASKS: Desc<'_> =
    Desc::counter("node_kernel_hung_tasks_total", "Tasks that the kernel found hung since boot.");

#[derive(Debug, Default)]
pub(super) struct KernelHung;

#[async_trait]
impl Collector<Host> for KernelHung {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let count = proc_sys::number(host, "kernel/hung_task_detect_count")?;
        let absent = || CollectError::NoData("the kernel does not count hung tasks".into());
        sink.value(&HUNG_TASKS, count.ok_or_else(absent)?);
        Ok(())
    }
}
