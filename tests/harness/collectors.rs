//! The collectors of node exporters, as their help tells of them.

use std::collections::BTreeMap;
use std::path::Path;

use crate::process::{command, output};

/// These ask the kernel or a daemon of the machine and read no file of a fixture.
pub const OF_THE_MACHINE: [&str; 12] = [
    "ethtool",
    "filesystem",
    "logind",
    "network_route",
    "qdisc",
    "systemd",
    "tcpstat",
    "textfile",
    "time",
    "timex",
    "uname",
    "wifi",
];

/// The collectors of a program by name; false for those that our help calls off by default.
///
/// # Errors
/// It cannot be started.
pub fn collectors(program: &Path) -> anyhow::Result<BTreeMap<String, bool>> {
    let help = output(command(program).arg("--help"))?;
    // Older releases of the peer print it on stderr.
    let help = [help.stdout, help.stderr].concat();
    let mut collectors = BTreeMap::new();
    let mut last = None;
    for line in String::from_utf8_lossy(&help).lines() {
        if line.trim_start().starts_with('-') {
            last = collector(line).map(|name| (name, String::new()));
        }
        // What is said of a flag may go on below it.
        if let Some((name, said)) = &mut last {
            said.extend(line.split_whitespace().flat_map(|word| [word, " "]));
            collectors.insert(name.clone(), !said.contains("(off by default)"));
        }
    }
    Ok(collectors)
}

/// Flags that switch on what is off by default and reads files only.
///
/// # Errors
/// The program cannot be started.
pub fn optional(program: &Path) -> anyhow::Result<Vec<String>> {
    let mut collectors = collectors(program)?;
    collectors.retain(|name, is_on| !*is_on && !OF_THE_MACHINE.contains(&name.as_str()));
    Ok(collectors.keys().map(|name| format!("--collector.{name}")).collect())
}

/// The name of the collector that a flag switches, if it is such a flag.
fn collector(line: &str) -> Option<String> {
    let flag = line.split_whitespace().find(|word| word.contains("collector."))?;
    let (_, name) = flag.split_once("collector.")?;
    (flag.starts_with("--") && !name.contains(['.', '-', '=', '<'])).then(|| name.to_owned())
}
