//! Mode of SELinux: selinux(8), its file system in `/sys/fs/selinux` and `/etc/selinux/config`.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;

const ENABLED: Desc<'_> = Desc::gauge("node_selinux_enabled", "1 if SELinux is in use, else 0.");
const CONFIG_MODE: Desc<'_> = Desc::gauge(
    "node_selinux_config_mode",
    "Mode that SELinux starts in: 1 enforcing, 0 permissive, -1 neither.",
);
const CURRENT_MODE: Desc<'_> = Desc::gauge(
    "node_selinux_current_mode",
    "Mode that SELinux is in: 1 enforcing, 0 permissive, -1 neither.",
);

/// Context of every process until a policy is loaded.
const NO_POLICY: &str = "kernel";

#[derive(Debug, Default)]
pub(super) struct Selinux;

#[async_trait]
impl Collector<Host> for Selinux {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let Some(enforce) = read_enforce(host)? else {
            sink.value(&ENABLED, 0.0);
            return Ok(());
        };
        sink.value(&ENABLED, 1.0);
        sink.value(&CURRENT_MODE, f64::from(current_mode(&enforce)));
        let config = host.read_rootfs_if_present("etc/selinux/config")?.unwrap_or_default();
        sink.value(&CONFIG_MODE, f64::from(config_mode(&config)));
        Ok(())
    }
}

/// Content of `enforce`, or `None` if the file system is not mounted or no policy loaded.
fn read_enforce(host: &Host) -> Result<Option<String>, CollectError> {
    let enforce = match host.sys_if_present("fs/selinux/enforce")? {
        Some(enforce) => Some(enforce.into_text()),
        // Its place before Linux 3.0.
        None => host.read_rootfs_if_present("selinux/enforce")?,
    };
    if enforce.is_none() {
        return Ok(None);
    }
    let context = host.proc_if_present("self/attr/current")?;
    let context = context.as_deref().unwrap_or_default();
    let has_policy = context.trim_end_matches(['\0', '\n']) != NO_POLICY;
    Ok(enforce.filter(|_| has_policy))
}

fn current_mode(enforce: &str) -> i8 {
    match enforce.trim() {
        "1" => 1,
        "0" => 0,
        _ => -1,
    }
}

/// The first assignment counts.
fn config_mode(config: &str) -> i8 {
    let mode = config.lines().find_map(|line| line.trim().strip_prefix("SELINUX="));
    match mode.map(|mode| mode.trim_matches('"')) {
        Some("enforcing") => 1,
        Some("permissive") => 0,
        _ => -1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_system_has_two_places() {
        for (tree, expected) in [("linux-6.1", "1"), ("linux-2.6.32", "0")] {
            let enforce = read_enforce(&Host::fixture(tree)).unwrap();
            assert_eq!(enforce.as_deref(), Some(expected), "{tree}");
        }
    }

    #[test]
    fn the_current_mode_is_a_digit() {
        assert_eq!(["1", "0\n", "", "x"].map(current_mode), [1, 0, -1, -1]);
    }

    #[test]
    fn the_configured_mode_is_a_word() {
        let config = "# SELINUX=permissive\n\n SELINUX=\"enforcing\"\nSELINUX=permissive\n";
        assert_eq!(config_mode(config), 1);
        assert_eq!(config_mode("SELINUXTYPE=targeted\nSELINUX=permissive"), 0);
        for config in ["", "SELINUX", "SELINUX=", "SELINUX=disabled", "SELINUX = enforcing"] {
            assert_eq!(config_mode(config), -1, "{config:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed(text in "([ -~\n]|\\PC){0,200}") {
            let _ = (config_mode(&text), current_mode(&text));
        }
    }
}
