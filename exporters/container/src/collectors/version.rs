//! Versions of kernel, distribution, container runtime and this exporter.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::Desc;
use common::version::BUILD;

use crate::inventory::Inventory;
use crate::runtimes::docker::Engine;

const VERSION: Desc<'static> = Desc::gauge(
    "cadvisor_version_info",
    "Versions of kernel, distribution, container runtime and exporter; the value is always 1.",
);

/// Where distributions say who they are, os-release(5).
const OS_RELEASE: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];

#[derive(Debug)]
pub(super) struct Version;

#[async_trait]
impl Collector<Inventory> for Version {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let release = inventory.host.read_first(&OS_RELEASE);
        let docker = inventory.known.of(Engine::Docker);
        let docker = docker.and_then(|docker| docker.version.as_deref());
        let labels = [
            ("cadvisorRevision", BUILD.revision),
            ("cadvisorVersion", BUILD.version),
            ("dockerVersion", docker.unwrap_or_default()),
            ("kernelVersion", inventory.host.kernel_release()),
            ("osVersion", release.as_deref().and_then(pretty_name).unwrap_or("Linux")),
        ];
        sink.samples(&VERSION, [(labels, 1.0)]);
        Ok(())
    }
}

/// `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"`
fn pretty_name(text: &str) -> Option<&str> {
    let value = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim().trim_matches(['"', '\'']))
}

#[cfg(test)]
mod tests {
    use super::pretty_name;

    #[test]
    fn names_may_be_quoted() {
        for text in ["ID=x\nPRETTY_NAME=\"A B 1\"\n", "PRETTY_NAME='A B 1'", "PRETTY_NAME=A B 1\n"]
        {
            assert_eq!(pretty_name(text), Some("A B 1"), "{text}");
        }
        assert_eq!(pretty_name("NAME=x\n"), None);
    }
}
