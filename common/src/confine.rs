//! What a program gives up once it has started, by Landlock, landlock(7), where the kernel has it.
//!
//! Whoever finds a way to run code of his own in an exporter gains no more than the exporter
//! itself needs from then on:
//!
//! | Program | Connections by TCP | Files of other processes that need ptrace(2) |
//! |---|---|---|
//! | node | none, unless `DBUS_SYSTEM_BUS_ADDRESS` has `tcp:` | none |
//! | container | if Docker or Podman is at `tcp://` | open files (`process`), `referenced_memory`, `--container.accelerators`: with these there is no Landlock |
//! | redis, mysql | any server that is asked for | none |
//!
//! None of them needs to write, make, remove or execute a file, to listen on other ports than
//! those of its flags, or to send a signal: all of this is denied. What a program may read is not
//! restricted: which files those are is up to its flags and to files that these name, which are
//! read again when they change. Sockets in the file system are not either.
//!
//! Threads that ran before are not concerned: this is called while there is none but that of the
//! log, which only writes to stderr.

use std::path::Path;

use clap::{ArgAction, Args};
use landlock::{
    ABI, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, NetPort, PathBeneath, PathFd,
    Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};

/// The rights that this knows of; an older kernel has fewer.
const RIGHTS: ABI = ABI::V6;

/// Flags of what is given up.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Security")]
pub struct ConfineArgs {
    /// Give up writing and executing files, other ports and signals once started, where the
    /// kernel has Landlock
    #[arg(
        id = "security.landlock",
        long = "security.landlock",
        action = ArgAction::SetTrue,
        default_value = "true"
    )]
    pub landlock: bool,
}

/// What one program needs beside files to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// It makes connections by TCP.
    pub connections: bool,
    /// It reads files of other processes that need the rights of ptrace(2), which Landlock
    /// takes together with everything else.
    pub other_processes: bool,
}

impl Default for Needs {
    /// Connections only.
    fn default() -> Self {
        Self { connections: true, other_processes: false }
    }
}

/// Where a program listens.
#[derive(Debug, Default, PartialEq, Eq)]
struct Places<'a> {
    ports: Vec<u16>,
    sockets: Vec<&'a Path>,
    /// Some address is of a form that is not known here.
    has_unknown: bool,
}

impl<'a> Places<'a> {
    fn of(addresses: &'a [String]) -> Self {
        let mut places = Self::default();
        for address in addresses {
            let path = address.strip_prefix("unix:").map(|path| path.trim_start_matches("//"));
            let port = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
            match (path, port) {
                (Some(path), _) => places.sockets.push(Path::new(path)),
                (None, Some(port)) => places.ports.push(port),
                (None, None) => places.has_unknown = true,
            }
        }
        places
    }
}

/// Gives up what neither `needs` nor listening on `addresses` takes. To be called from the main
/// thread before it starts others. That a kernel has no Landlock is no error.
pub fn confine(args: &ConfineArgs, needs: Needs, addresses: &[String]) {
    if !args.landlock || needs.other_processes {
        tracing::debug!(
            asked_for = args.landlock,
            reads_other_processes = needs.other_processes,
            "nothing is given up"
        );
        return;
    }
    match restrict(needs, &Places::of(addresses)) {
        Ok(RulesetStatus::NotEnforced) => tracing::debug!("this kernel has no Landlock"),
        Ok(status) => {
            let is_partial = status == RulesetStatus::PartiallyEnforced;
            tracing::debug!(is_partial, "gave up by Landlock what is not needed");
        }
        Err(error) => tracing::warn!(%error, "Landlock cannot be used"),
    }
}

fn restrict(needs: Needs, places: &Places<'_>) -> Result<RulesetStatus, RulesetError> {
    let files = AccessFs::from_write(RIGHTS) | AccessFs::Execute;
    let mut ports = BitFlags::<AccessNet>::empty();
    if !places.has_unknown {
        ports |= AccessNet::BindTcp;
    }
    if !needs.connections {
        ports |= AccessNet::ConnectTcp;
    }
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(files)?
        .scope(Scope::Signal)?;
    if !ports.is_empty() {
        rules = rules.handle_access(ports)?;
    }
    let mut rules = rules.create()?;
    if ports.contains(AccessNet::BindTcp) {
        for port in &places.ports {
            rules = rules.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
        }
    }
    for socket in &places.sockets {
        // What cannot be opened will be told of by who listens there.
        let folder = socket.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Ok(folder) = PathFd::new(folder.unwrap_or(Path::new("."))) {
            let rights = AccessFs::MakeSock | AccessFs::RemoveFile | AccessFs::WriteFile;
            rules = rules.add_rule(PathBeneath::new(folder, rights))?;
        }
    }
    Ok(rules.restrict_self()?.ruleset)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn addresses_are_ports_or_sockets() {
        let addresses = [":9100", "127.0.0.1:80", "[::1]:81", "unix:/run/x.sock", "unix:///y"];
        let addresses = addresses.map(ToOwned::to_owned);
        let places = Places::of(&addresses);
        assert_eq!(places.ports, [9100, 80, 81]);
        assert_eq!(places.sockets, [Path::new("/run/x.sock"), Path::new("/y")]);
        assert!(!places.has_unknown && Places::of(&["name".to_owned()]).has_unknown);
    }

    /// Only the thread that calls it is concerned, so that tests can try it.
    #[test]
    fn what_is_given_up_is_gone_and_what_is_read_stays() {
        let ours = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = ours.local_addr().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = std::env::temp_dir().join(format!("confine-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("read"), "text").unwrap();
        let needs = Needs { connections: false, other_processes: false };
        let places = Places { ports: vec![free.port()], ..Places::default() };
        let tried = std::thread::scope(|scope| {
            let attempt = || {
                let status = restrict(needs, &places).unwrap();
                if status == RulesetStatus::NotEnforced {
                    return None;
                }
                let denied = |outcome: std::io::Result<()>| {
                    outcome.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
                };
                Some([
                    std::fs::read_to_string(folder.join("read")).is_ok(),
                    std::fs::read_dir(&folder).is_ok(),
                    denied(std::fs::write(folder.join("new"), "text")),
                    denied(std::fs::write(folder.join("read"), "text")),
                    denied(std::fs::remove_file(folder.join("read"))),
                    // Older kernels know nothing of ports.
                    status == RulesetStatus::PartiallyEnforced
                        || denied(TcpStream::connect(address).map(drop)),
                    status == RulesetStatus::PartiallyEnforced
                        || denied(TcpListener::bind("127.0.0.1:1").map(drop)),
                    TcpListener::bind(free).is_ok(),
                ])
            };
            scope.spawn(attempt).join().unwrap()
        });
        std::fs::remove_dir_all(&folder).unwrap();
        // None: this kernel has no Landlock.
        assert_eq!(tried.unwrap_or([true; 8]), [true; 8]);
    }
}
