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

/// What a program prints when asked for help.
///
/// # Errors
/// It cannot be started.
pub fn help(program: &Path) -> anyhow::Result<String> {
    let help = output(command(program).arg("--help"))?;
    // Older releases of the peer print it on stderr.
    let help = [help.stdout, help.stderr].concat();
    Ok(String::from_utf8_lossy(&help).into_owned())
}

/// The collectors in a program's help by name; false for those that ours calls off by default.
pub fn collectors(help: &str) -> BTreeMap<String, bool> {
    let mut collectors = BTreeMap::new();
    let mut last = None;
    for line in help.lines() {
        if line.trim_start().starts_with('-') {
            last = collector(line).map(|name| (name, String::new()));
        }
        // What is said of a flag may go on below it.
        if let Some((name, said)) = &mut last {
            said.extend(line.split_whitespace().flat_map(|word| [word, " "]));
            collectors.insert(name.clone(), !said.contains("(off by default)"));
        }
    }
    collectors
}

/// Flags that switch on what is off by default and reads files only, in view of our help.
pub fn optional(help: &str) -> Vec<String> {
    let mut collectors = collectors(help);
    collectors.retain(|name, is_on| !*is_on && !OF_THE_MACHINE.contains(&name.as_str()));
    collectors.keys().map(|name| format!("--collector.{name}")).collect()
}

/// The name of the collector that a flag switches, if it is such a flag.
fn collector(line: &str) -> Option<String> {
    let flag = line.split_whitespace().find(|word| word.contains("collector."))?;
    let (_, name) = flag.split_once("collector.")?;
    (flag.starts_with("--") && !name.contains(['.', '-', '=', '<'])).then(|| name.to_owned())
}
