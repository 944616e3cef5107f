//! Flags of the container runtimes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use common::cli::{CommaList, parse_duration};

use crate::runtimes::docker::{Certificates, Endpoint};

const DOCKER: &str = "/var/run/docker.sock";
const PODMAN: &str = "/var/run/podman/podman.sock";

/// Which runtimes are asked, and how.
#[derive(clap::Args, Clone, Debug)]
#[group(skip)]
#[command(next_help_heading = "Runtimes")]
pub struct RuntimeArgs {
    /// Docker endpoint: unix:///path, tcp://host:port, or empty for none (default: DOCKER_HOST,
    /// else unix:///var/run/docker.sock)
    #[arg(id = "docker", long = "docker", value_name = "ENDPOINT")]
    pub docker: Option<Endpoint>,
    /// Docker's data folder, if the daemon does not report it
    #[arg(
        id = "docker_root",
        long = "docker_root",
        value_name = "DIR",
        default_value = "/var/lib/docker"
    )]
    pub docker_root: PathBuf,
    /// Use TLS with Docker; also if DOCKER_TLS_VERIFY is not empty
    #[arg(id = "docker-tls", long = "docker-tls")]
    pub docker_tls: bool,
    /// Certificate to present to Docker (default: cert.pem in DOCKER_CERT_PATH)
    #[arg(id = "docker-tls-cert", long = "docker-tls-cert", value_name = "FILE")]
    pub docker_tls_cert: Option<PathBuf>,
    /// Key of that certificate (default: key.pem in DOCKER_CERT_PATH)
    #[arg(id = "docker-tls-key", long = "docker-tls-key", value_name = "FILE")]
    pub docker_tls_key: Option<PathBuf>,
    /// CA certificates to check Docker's certificate with (default: ca.pem in DOCKER_CERT_PATH)
    #[arg(id = "docker-tls-ca", long = "docker-tls-ca", value_name = "FILE")]
    pub docker_tls_ca: Option<PathBuf>,
    /// Podman endpoint, or empty for none (default: unix:///var/run/podman/podman.sock if it is
    /// there)
    #[arg(id = "podman", long = "podman", value_name = "ENDPOINT")]
    pub podman: Option<Endpoint>,
    /// Socket of containerd, beside which its state files are read; empty for none
    #[arg(
        id = "containerd",
        long = "containerd",
        value_name = "PATH",
        default_value = "/run/containerd/containerd.sock"
    )]
    pub containerd: String,
    /// Namespace of containerd to look into; empty for all but Docker's
    #[arg(
        id = "containerd-namespace",
        long = "containerd-namespace",
        value_name = "NAME",
        default_value = ""
    )]
    pub containerd_namespace: String,
    /// Folders in which CRI-O and Podman keep their containers' files, separated by commas
    #[arg(
        id = "path.containers-storage",
        long = "path.containers-storage",
        value_name = "DIRS",
        default_value = "/run/containers/storage,/var/lib/containers/storage"
    )]
    pub storage: CommaList,
    /// How often the runtime is asked for the sizes of layers and images; 0 means never
    #[arg(
        id = "fs.size-interval",
        long = "fs.size-interval",
        value_name = "DURATION",
        default_value = "5m",
        value_parser = parse_duration
    )]
    pub size_interval: Duration,
    /// How often containerd and CRI-O are asked for the sizes of layers, by the CRI; 0 means never
    #[arg(
        id = "fs.cri-interval",
        long = "fs.cri-interval",
        value_name = "DURATION",
        default_value = "0s",
        value_parser = parse_duration
    )]
    pub cri_interval: Duration,
    /// How often the runtime is asked for the sizes of volumes, all of whose files it looks at for
    /// that; 0 means never
    #[arg(
        id = "fs.volume-interval",
        long = "fs.volume-interval",
        value_name = "DURATION",
        default_value = "0s",
        value_parser = parse_duration
    )]
    pub volume_interval: Duration,
}

impl RuntimeArgs {
    /// True if a runtime is asked over TCP, or if the flags cannot be understood.
    pub fn uses_tcp(&self) -> bool {
        let docker = self.docker_endpoint(|name| std::env::var_os(name));
        let is_near =
            |endpoint: &Endpoint| matches!(endpoint, Endpoint::Unix(_) | Endpoint::Nowhere);
        !(docker.as_ref().is_ok_and(is_near) && is_near(&self.podman_endpoint().0))
    }

    /// Where Docker listens; `variable` gives the environment, in which the
    /// client of Docker is configured.
    ///
    /// # Errors
    /// `DOCKER_HOST` is no endpoint.
    pub fn docker_endpoint(
        &self,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> anyhow::Result<Endpoint> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let endpoint = match (&self.docker, set("DOCKER_HOST")) {
            (Some(endpoint), _) => endpoint.clone(),
            (None, None) => Endpoint::Unix(DOCKER.into()),
            (None, Some(host)) => host
                .to_string_lossy()
                .parse()
                .map_err(|error| anyhow::anyhow!("DOCKER_HOST: {error}"))?,
        };
        if !self.docker_tls && set("DOCKER_TLS_VERIFY").is_none() {
            return Ok(endpoint);
        }
        let folder = set("DOCKER_CERT_PATH").map(PathBuf::from).unwrap_or_default();
        let file = |given: &Option<PathBuf>, name: &str| match given {
            Some(path) => path.clone(),
            None => folder.join(name),
        };
        Ok(endpoint.with_tls(Certificates {
            ca: file(&self.docker_tls_ca, "ca.pem"),
            cert: file(&self.docker_tls_cert, "cert.pem"),
            key: file(&self.docker_tls_key, "key.pem"),
        }))
    }

    /// Where Podman listens, and whether that was asked for.
    pub fn podman_endpoint(&self) -> (Endpoint, bool) {
        match &self.podman {
            Some(endpoint) => (endpoint.clone(), true),
            None => (Endpoint::Unix(PODMAN.into()), false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(arguments: &[&str]) -> RuntimeArgs {
        let command = <RuntimeArgs as clap::Args>::augment_args(clap::Command::new("test"));
        let matches = command.get_matches_from(["test"].iter().chain(arguments));
        <RuntimeArgs as clap::FromArgMatches>::from_arg_matches(&matches).unwrap()
    }

    fn endpoint(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Endpoint, String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).into())
        };
        args(arguments).docker_endpoint(variable).map_err(|error| error.to_string())
    }

    #[test]
    fn the_flag_beats_the_variable_and_that_the_default() {
        let host = [("DOCKER_HOST", "tcp://a:1")];
        assert_eq!(endpoint(&[], &[]), Ok(Endpoint::Unix(DOCKER.into())));
        assert_eq!(endpoint(&[], &host), Ok(Endpoint::Tcp("a:1".into())));
        assert_eq!(endpoint(&["--docker="], &host), Ok(Endpoint::Nowhere));
        assert_eq!(endpoint(&[], &[("DOCKER_HOST", "")]), Ok(Endpoint::Unix(DOCKER.into())));
        let error = endpoint(&[], &[("DOCKER_HOST", "ssh://a")]).unwrap_err();
        assert_eq!(error, "DOCKER_HOST: expected unix:///path or tcp://host:port");
    }

    #[test]
    fn tls_comes_from_a_flag_or_from_the_environment() {
        let certificates = |ca: &str, cert: &str, key: &str| Certificates {
            ca: ca.into(),
            cert: cert.into(),
            key: key.into(),
        };
        let arguments = ["--docker=tcp://a:2376", "--docker-tls", "--docker-tls-ca=/x/ca"];
        let expected = certificates("/x/ca", "cert.pem", "key.pem");
        assert_eq!(endpoint(&arguments, &[]), Ok(Endpoint::Tls("a:2376".into(), expected)));
        let variables = [
            ("DOCKER_HOST", "tcp://a:2376"),
            ("DOCKER_TLS_VERIFY", "1"),
            ("DOCKER_CERT_PATH", "/c"),
        ];
        let expected = certificates("/c/ca.pem", "/c/cert.pem", "/c/key.pem");
        assert_eq!(endpoint(&[], &variables), Ok(Endpoint::Tls("a:2376".into(), expected)));
        assert_eq!(endpoint(&["--docker-tls"], &[]), Ok(Endpoint::Unix(DOCKER.into())));
    }

    #[test]
    fn podman_is_asked_for_or_may_be_there() {
        assert_eq!(args(&[]).podman_endpoint(), (Endpoint::Unix(PODMAN.into()), false));
        let given = args(&["--podman=unix:///p"]).podman_endpoint();
        assert_eq!(given, (Endpoint::Unix("/p".into()), true));
    }
}
