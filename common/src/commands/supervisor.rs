//! What the service manager is told, where it asks for that: systemd does so of units with
//! `Type=notify` and `WatchdogSec`.

use std::io;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::MissedTickBehavior;

/// A service manager that takes longer than this for a message does not get it.
const PATIENCE: Duration = Duration::from_secs(1);

/// What there is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Requests are answered, or the files have been read again.
    Ready,
    /// Files are being read again.
    Reloading,
    /// The process is about to end.
    Stopping,
    /// The process still works.
    Alive,
}

/// Tells `state`; what goes wrong is logged.
pub(super) async fn tell(state: State) {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return;
    }
    let told = tokio::task::spawn_blocking(move || send(state));
    let error = match tokio::time::timeout(PATIENCE, told).await {
        Ok(Ok(Ok(()))) => return,
        Ok(Ok(Err(error))) => error.to_string(),
        Ok(Err(panic)) => panic.to_string(),
        Err(_) => format!("it takes no message within {} s", PATIENCE.as_secs()),
    };
    if state == State::Alive {
        tracing::debug!(error, "the service manager was not told that the process works");
    } else {
        tracing::warn!(error, ?state, "the service manager (NOTIFY_SOCKET) was not told");
    }
}

fn send(state: State) -> io::Result<()> {
    match state {
        State::Ready => sd_notify::notify(&[NotifyState::Ready]),
        State::Reloading => {
            // When it began, or else the message counts for nothing.
            let now = NotifyState::monotonic_usec_now()?;
            sd_notify::notify(&[NotifyState::Reloading, now])
        }
        State::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
        State::Alive => sd_notify::notify(&[NotifyState::Watchdog]),
    }
}

/// Tells that the process works, twice in the time after which it would be ended otherwise. A
/// reactor that is stuck tells nothing.
pub(super) async fn keep_alive() {
    let Some(time) = sd_notify::watchdog_enabled().filter(|time| !time.is_zero()) else { return };
    let mut ticks = tokio::time::interval((time / 2).max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        tell(State::Alive).await;
    }
}
