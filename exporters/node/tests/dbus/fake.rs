//! A private bus, and made-up services on it.

#![expect(clippy::unused_self, reason = "methods of an interface take it")]

use std::time::Duration;

use tests::process::{Process, command};
use tests::{TemporaryFolder, eventually};
use zbus::connection::Builder;
use zbus::{Connection, OwnedObjectPath, interface};

/// A dbus-daemon with its socket in a folder of its own.
pub(crate) struct PrivateBus {
    pub(crate) address: String,
    _process: Process,
    _folder: TemporaryFolder,
}

impl PrivateBus {
    pub(crate) fn start() -> Self {
        let folder = TemporaryFolder::new("bus").unwrap();
        let socket = folder.path().join("socket");
        let address = format!("unix:path={}", socket.display());
        let configuration = format!(
            "<busconfig><listen>{address}</listen><auth>EXTERNAL</auth>\
             <policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/>\
             <allow send_destination=\"*\"/><allow receive_sender=\"*\"/></policy></busconfig>"
        );
        let file = folder.path().join("bus.conf");
        std::fs::write(&file, configuration).unwrap();
        let mut daemon = command("dbus-daemon");
        daemon.arg("--nofork").arg("--nopidfile").arg(format!("--config-file={}", file.display()));
        let process = Process::start(&mut daemon, &folder.path().join("log")).unwrap();
        let connect = || std::os::unix::net::UnixStream::connect(&socket);
        eventually("a bus", Duration::from_secs(10), connect).unwrap();
        Self { address, _process: process, _folder: folder }
    }

    fn service(&self, name: &'static str) -> Builder<'_> {
        Builder::address(self.address.as_str()).name(name)
    }

    /// A systemd with one unit of each kind; of `gone.service` there is no object any more.
    /// A socket that is `odd` has a property of the wrong type.
    pub(crate) async fn systemd(&self, has_odd_socket: bool) -> Connection {
        self.service("org.freedesktop.systemd1")
            .serve_at("/org/freedesktop/systemd1", Manager { has_odd_socket })
            .serve_at("/org/freedesktop/systemd1/unit/odd_2esocket", OddSocket)
            .serve_at("/org/freedesktop/systemd1/unit/ssh_2eservice", Service)
            .serve_at("/org/freedesktop/systemd1/unit/ssh_2eservice", Unit)
            .serve_at("/org/freedesktop/systemd1/unit/old_2eservice", OldService)
            .serve_at("/org/freedesktop/systemd1/unit/docker_2esocket", Socket)
            .serve_at("/org/freedesktop/systemd1/unit/logrotate_2etimer", Timer)
            .serve_at("/org/freedesktop/systemd1/unit/home_2emount", Mount)
            .build()
            .await
            .unwrap()
    }

    /// A systemd that takes every call and answers none.
    pub(crate) async fn silent_systemd(&self) -> Connection {
        self.service("org.freedesktop.systemd1")
            .serve_at("/org/freedesktop/systemd1", SilentManager)
            .build()
            .await
            .unwrap()
    }

    /// A logind with a session on a seat, two from afar, and one that has just ended.
    pub(crate) async fn logind(&self) -> Connection {
        let session = |is_remote, kind, class| Session { is_remote, kind, class };
        self.service("org.freedesktop.login1")
            .serve_at("/org/freedesktop/login1", LoginManager)
            .serve_at("/session/1", session(false, "wayland", "user"))
            .serve_at("/session/2", session(true, "tty", "user"))
            .serve_at("/session/3", session(true, "tty", "user"))
            .serve_at("/session/4", session(false, "unspecified", "manager-early"))
            .build()
            .await
            .unwrap()
    }
}

fn path(path: &str) -> OwnedObjectPath {
    OwnedObjectPath::try_from(path).unwrap()
}

type Listed =
    (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

struct Manager {
    has_odd_socket: bool,
}

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    fn list_units(&self) -> Vec<Listed> {
        let units = [
            ("ssh.service", "loaded", "active", "/org/freedesktop/systemd1/unit/ssh_2eservice"),
            ("old.service", "loaded", "failed", "/org/freedesktop/systemd1/unit/old_2eservice"),
            ("gone.service", "loaded", "active", "/org/freedesktop/systemd1/unit/gone_2eservice"),
            (
                "masked.service",
                "masked",
                "inactive",
                "/org/freedesktop/systemd1/unit/masked_2eservice",
            ),
            ("docker.socket", "loaded", "active", "/org/freedesktop/systemd1/unit/docker_2esocket"),
            (
                "logrotate.timer",
                "loaded",
                "active",
                "/org/freedesktop/systemd1/unit/logrotate_2etimer",
            ),
            ("home.mount", "loaded", "active", "/org/freedesktop/systemd1/unit/home_2emount"),
            (
                "raid.target",
                "loaded",
                "maintenance",
                "/org/freedesktop/systemd1/unit/raid_2etarget",
            ),
            ("odd.socket", "loaded", "active", "/org/freedesktop/systemd1/unit/odd_2esocket"),
        ];
        let count = units.len() - usize::from(!self.has_odd_socket);
        let units = units.into_iter().take(count).map(|(name, load, active, object)| {
            let [name, load, active] = [name, load, active].map(str::to_owned);
            let (text, sub, none) = ("A unit.".to_owned(), "sub".to_owned(), String::new());
            (name, text, load, active, sub, none.clone(), path(object), 0, none, path("/"))
        });
        units.collect()
    }

    #[zbus(property)]
    fn version(&self) -> String {
        "252.38-1~deb12u1".into()
    }

    #[zbus(property)]
    fn virtualization(&self) -> String {
        String::new()
    }

    #[zbus(property)]
    fn system_state(&self) -> String {
        "running".into()
    }
}

struct SilentManager;

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl SilentManager {
    async fn list_units(&self) -> Vec<Listed> {
        std::future::pending().await
    }
}

struct Service;

#[interface(name = "org.freedesktop.systemd1.Service")]
impl Service {
    #[zbus(property, name = "Type")]
    fn kind(&self) -> String {
        "notify".into()
    }

    #[zbus(property, name = "NRestarts")]
    fn restarts(&self) -> u32 {
        3
    }

    #[zbus(property)]
    fn tasks_current(&self) -> u64 {
        2
    }

    #[zbus(property)]
    fn tasks_max(&self) -> u64 {
        u64::MAX
    }
}

/// Of a release that does not count restarts and tasks.
struct OldService;

#[interface(name = "org.freedesktop.systemd1.Service")]
impl OldService {
    #[zbus(property, name = "Type")]
    fn kind(&self) -> String {
        "oneshot".into()
    }
}

struct Unit;

#[interface(name = "org.freedesktop.systemd1.Unit")]
impl Unit {
    #[zbus(property)]
    fn active_enter_timestamp(&self) -> u64 {
        1_700_000_000_500_000
    }
}

struct Socket;

#[interface(name = "org.freedesktop.systemd1.Socket")]
impl Socket {
    #[zbus(property, name = "NAccepted")]
    fn accepted(&self) -> u32 {
        7
    }

    #[zbus(property, name = "NConnections")]
    fn connections(&self) -> u32 {
        1
    }

    #[zbus(property, name = "NRefused")]
    fn refused(&self) -> u32 {
        4
    }
}

struct OddSocket;

#[interface(name = "org.freedesktop.systemd1.Socket")]
impl OddSocket {
    #[zbus(property, name = "NAccepted")]
    fn accepted(&self) -> u32 {
        5
    }

    #[zbus(property, name = "NRefused")]
    fn refused(&self) -> String {
        "many".into()
    }
}

struct Timer;

#[interface(name = "org.freedesktop.systemd1.Timer")]
impl Timer {
    #[zbus(property, name = "LastTriggerUSec")]
    fn last_trigger(&self) -> u64 {
        1_600_000_000_000_000
    }
}

struct Mount;

#[interface(name = "org.freedesktop.systemd1.Mount")]
impl Mount {
    #[zbus(property, name = "Type")]
    fn kind(&self) -> String {
        "ext4".into()
    }
}

struct LoginManager;

#[interface(name = "org.freedesktop.login1.Manager")]
impl LoginManager {
    fn list_seats(&self) -> Vec<(String, OwnedObjectPath)> {
        vec![("seat0".into(), path("/seat/seat0"))]
    }

    fn list_sessions(&self) -> Vec<(String, u32, String, String, OwnedObjectPath)> {
        let sessions = [("1", "seat0"), ("2", ""), ("3", ""), ("4", ""), ("5", "")];
        let sessions = sessions.map(|(id, seat)| {
            (id.into(), 1000, "ada".into(), seat.into(), path(&format!("/session/{id}")))
        });
        sessions.to_vec()
    }
}

struct Session {
    is_remote: bool,
    kind: &'static str,
    class: &'static str,
}

#[interface(name = "org.freedesktop.login1.Session")]
impl Session {
    #[zbus(property)]
    fn remote(&self) -> bool {
        self.is_remote
    }

    #[zbus(property, name = "Type")]
    fn kind(&self) -> String {
        self.kind.into()
    }

    #[zbus(property)]
    fn class(&self) -> String {
        self.class.into()
    }
}
