//! The `serve` command: answers scrapes until told to stop.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::ArgMatches;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use super::Parts;
use super::supervisor::{State, keep_alive, tell};
use crate::exporter::Exporter;
use crate::version::BUILD;
use crate::web::{self, Listener, Security, Stopping, WebArgs};

/// The signals that the process listens to; none of them ends it by itself.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// What is to be done next.
    async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.interrupt.recv() => Order::Stop,
            _ = self.terminate.recv() => Order::Stop,
            _ = self.hangup.recv() => Order::Reload,
        }
    }

    async fn stop(&mut self) {
        while self.next().await != Order::Stop {}
    }
}

#[derive(PartialEq, Eq)]
enum Order {
    Stop,
    Reload,
}

/// Listens until SIGINT or SIGTERM, then lets requests in flight finish. SIGHUP reads again what
/// may change while the process runs.
pub(super) async fn serve(
    program: &Parts,
    matches: &ArgMatches,
    web: &WebArgs,
    security: Option<Arc<Security>>,
) -> anyhow::Result<ExitCode> {
    // Before all else: a signal that comes early must not end the process.
    let mut signals = Signals::new()?;
    let listeners = listen(program, matches, web).await?;
    let service = (program.start)(matches)?;
    let (version, revision) = (BUILD.version, BUILD.revision);
    tracing::info!(version, revision, compiler = BUILD.compiler, "starting {}", program.name);
    let stopping = Stopping::default();
    let exporter = Arc::clone(&service.exporter);
    let mut router = web::router(service, web, stopping.clone());
    if let Some(security) = &security {
        router = security.protect(router);
    }
    let has_tls = security.as_ref().is_some_and(|security| security.has_tls());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut servers = JoinSet::new();
    for listener in listeners {
        let address = listener.address()?;
        tracing::info!(address, tls = has_tls, "listening");
        let mut stopped = stopped.clone();
        let listener = listener.with_security(security.as_ref());
        servers.spawn(web::serve(listener, router.clone(), async move {
            // The sender lives until all servers have ended.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        }));
    }
    tell(State::Ready).await;
    let watchdog = tokio::spawn(keep_alive());
    while signals.next().await == Order::Reload {
        reload(&exporter, security.as_ref()).await;
    }
    tracing::info!("stopping");
    stopping.set();
    tell(State::Stopping).await;
    stop.send_replace(true);
    tokio::select! {
        _ = servers.join_all() => {}
        () = signals.stop() => tracing::warn!("told to stop again: leaving at once"),
    }
    watchdog.abort();
    Ok(ExitCode::SUCCESS)
}

/// The sockets that the flags name, or those of the service manager.
async fn listen(
    program: &Parts,
    matches: &ArgMatches,
    web: &WebArgs,
) -> anyhow::Result<Vec<Listener>> {
    if web.systemd_socket {
        return Listener::inherited().context("--web.systemd-socket");
    }
    let mut listeners = Vec::new();
    for address in program.addresses(matches, web) {
        let listener = Listener::bind(&address).await;
        listeners.push(match web.listen_address.as_slice() {
            [] => listener?,
            _ => listener.context("--web.listen-address")?,
        });
    }
    Ok(listeners)
}

/// Reads the files again; those that are broken leave what was known.
async fn reload(exporter: &Arc<dyn Exporter>, security: Option<&Arc<Security>>) {
    tracing::info!("told to read the files again");
    tell(State::Reloading).await;
    if let Some(security) = security {
        // What is wrong with them is logged there.
        security.reload().await;
    }
    let exporter = Arc::clone(exporter);
    match tokio::task::spawn_blocking(move || exporter.reload()).await {
        Ok(Ok(true)) => tracing::info!("the exporter's files have been read again"),
        Ok(Ok(false)) => tracing::debug!("the exporter has no files to read again"),
        Ok(Err(error)) => {
            tracing::warn!(error = format!("{error:#}"), "the exporter's files stay as they were");
        }
        // The panic has been logged where it happened.
        Err(_) => {}
    }
    tell(State::Ready).await;
}
