//! What the kernel does against flaws of the CPU: `/sys/devices/system/cpu/vulnerabilities`,
//! Documentation/ABI/testing/sysfs-devices-system-cpu of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;

const DIRECTORY: &str = "devices/system/cpu/vulnerabilities";

const INFO: Desc<'_> = Desc::gauge(
    "node_cpu_vulnerabilities_info",
    "State of each CPU vulnerability known to the kernel; always 1.",
);

#[derive(Debug, Default)]
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

/// State, and what is said after its word. Some files say in front for whom, as in
/// `KVM: Mitigation: VMX disabled`; of these the whole text is kept.
fn parse(text: &str) -> (&'static str, &str) {
    let begins =
        |word: &str| text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    if begins("not affected") {
        return ("not affected", "");
    }
    if let Some(state) =
        ["vulnerable", "mitigation", "unknown"].into_iter().find(|word| begins(word))
    {
        let rest = text.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim());
        return (state, rest);
    }
    let lower = text.to_ascii_lowercase();
    let state = ["mitigation:", "vulnerable"].into_iter().find(|word| lower.contains(word));
    (state.map_or("unknown", |word| word.trim_end_matches(':')), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_mitigation_are_told_apart() {
        for (text, expected) in [
            ("Not affected", ("not affected", "")),
            ("Vulnerable", ("vulnerable", "")),
            (
                "Vulnerable: Clear CPU buffers attempted, no microcode",
                ("vulnerable", "Clear CPU buffers attempted, no microcode"),
            ),
            ("Mitigation: PTI; SMT vulnerable", ("mitigation", "PTI; SMT vulnerable")),
            ("KVM: Mitigation: VMX disabled", ("mitigation", "KVM: Mitigation: VMX disabled")),
            ("Processor vulnerable", ("vulnerable", "Processor vulnerable")),
            ("Unknown: No mitigations", ("unknown", "No mitigations")),
            ("Mitigation", ("mitigation", "")),
            ("something else", ("unknown", "something else")),
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
