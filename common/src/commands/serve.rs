//! The `serve` command: answers scrapes until told to stop.

use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use super::Program;
use crate::version::BUILD;
use crate::web::{self, Listener, Security, Service, Stopping, WebArgs};

/// Listens on `addresses` until SIGINT or SIGTERM, then lets requests in flight finish.
pub(super) async fn serve<P: Program>(
    service: Service,
    web: &WebArgs,
    addresses: &[String],
    security: Option<Arc<Security>>,
) -> anyhow::Result<ExitCode> {
    let mut listeners = Vec::new();
    for address in addresses {
        listeners.push(Listener::bind(address).await?.with_security(security.as_ref()));
    }
    let (version, revision) = (BUILD.version, BUILD.revision);
    tracing::info!(version, revision, compiler = BUILD.compiler, "starting {}", P::NAME);
    let stopping = Stopping::default();
    let mut router = web::router(service, web, stopping.clone());
    if let Some(security) = &security {
        router = security.protect(router);
    }
    let has_tls = security.is_some_and(|security| security.has_tls());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut servers = JoinSet::new();
    for listener in listeners {
        let address = listener.local_addr()?;
        tracing::info!(%address, tls = has_tls, "listening");
        let mut stopped = stopped.clone();
        servers.spawn(web::serve(listener, router.clone(), async move {
            // The sender lives until all servers have ended.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        }));
    }
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    wait_for_signal(&mut interrupt, &mut terminate).await;
    tracing::info!("stopping");
    stopping.set();
    stop.send_replace(true);
    tokio::select! {
        _ = servers.join_all() => {}
        () = wait_for_signal(&mut interrupt, &mut terminate) => {
            tracing::warn!("told to stop again: leaving at once");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn wait_for_signal(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
