//! What the kernel does against flaws of the CPU: `/sys/devices/system/cpu/vulnerabilities`,
//! Documentation/ABI/testing/sysfs-devices-system-cpu of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;
use crate::readers::FirstError;

const DIRECTORY: &str = "devices/system/cpu/vulnerabilities";

const INFO: Desc<'_> = Desc::gauge(
    "node_cpu_vulnerabilities_info",
    "State of each flaw of the CPU that the kernel knows; always 1.",
);

#[derive(Debug)]
pub(super) struct CpuVulnerabilities;

#[async_trait]
impl Collector<Host> for CpuVulnerabilities {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut errors = FirstError::default();
        let mut family = sink.family(&INFO);
        for name in host.list_sys(DIRECTORY)?.unwrap_or_default() {
            let Some(text) = errors.catch(host.attribute(&format!("{DIRECTORY}/{name}"))) else {
                continue;
            };
            let (state, mitigation) = parse(&text);
            let labels = [("codename", &*name), ("mitigation", mitigation), ("state", state)];
            family.sample(&labels, 1.0);
        }
        errors.into_result()
    }
}

/// State and mitigation. Some files say in front for whom: `KVM: Mitigation: VMX disabled`.
fn parse(text: &str) -> (&'static str, &str) {
    if text == "Not affected" {
        ("not affected", "")
    } else if text.starts_with("Vulnerable") {
        ("vulnerable", "")
    } else if let Some((_, mitigation)) = text.split_once("Mitigation:") {
        ("mitigation", mitigation.trim())
    } else if text.to_ascii_lowercase().contains("vulnerable") {
        ("vulnerable", "")
    } else {
        ("unknown", "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_mitigation_are_told_apart() {
        for (text, expected) in [
            ("Not affected", ("not affected", "")),
            ("Vulnerable", ("vulnerable", "")),
            ("Vulnerable: Clear CPU buffers attempted, no microcode", ("vulnerable", "")),
            ("Mitigation: PTI; SMT vulnerable", ("mitigation", "PTI; SMT vulnerable")),
            ("KVM: Mitigation: VMX disabled", ("mitigation", "VMX disabled")),
            ("Processor vulnerable", ("vulnerable", "")),
            ("Unknown: No mitigations", ("unknown", "")),
            ("Mitigation", ("unknown", "")),
            ("", ("unknown", "")),
        ] {
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_a_state(text in "(Mitigation:)?\\PC{0,60}") {
            let _ = parse(&text);
        }
    }
}
