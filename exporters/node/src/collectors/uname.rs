//! Kernel and host name: uname(2).

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;

const INFO: Desc<'_> =
    Desc::gauge("node_uname_info", "Information about kernel and host from uname(2); always 1.");

#[derive(Debug, Default)]
pub(super) struct Uname;

#[async_trait]
impl Collector<Host> for Uname {
    async fn collect(&self, _: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let uname = rustix::system::uname();
        let text = |field: &std::ffi::CStr| field.to_string_lossy().into_owned();
        sink.family(&INFO).sample(
            &[
                ("domainname", &text(uname.domainname())),
                ("machine", &text(uname.machine())),
                ("nodename", &text(uname.nodename())),
                ("release", &text(uname.release())),
                ("sysname", &text(uname.sysname())),
                ("version", &text(uname.version())),
            ],
            1.0,
        );
        Ok(())
    }
}
