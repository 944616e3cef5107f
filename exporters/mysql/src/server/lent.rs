//! A connection while a statement runs on it, and what becomes of a statement that is given up.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit};

use super::Server;
use super::connection::Connection;
use super::error::QueryError;
use super::turns::Turn;

/// Time for ending a statement.
const PATIENCE: Duration = Duration::from_secs(3);

/// Between attempts to get a connection for that.
const PAUSE: Duration = Duration::from_millis(50);

/// Nobody else makes a connection as long as this lives.
type Dialing = OwnedMutexGuard<()>;

/// The right to one connection, and that connection once there is one.
///
/// If it is dropped while a statement runs, because the scrape's time is over, the server is told
/// to end that statement: not every one is bound by the limit that is set, `SHOW` for one. Until
/// that has been tried, neither the connection's place nor the statement's turn is free, so that
/// no second one joins the first.
pub(super) struct Lent {
    server: Arc<Server>,
    /// `None` only while being dropped.
    permit: Option<OwnedSemaphorePermit>,
    /// `None` for the statement that ends another.
    turn: Option<Turn>,
    /// Nobody else may make a connection at the moment.
    dialing: Option<Dialing>,
    pub(super) connection: Option<Connection>,
}

impl Lent {
    pub(super) fn new(server: Arc<Server>, permit: OwnedSemaphorePermit, turn: Turn) -> Self {
        Self { server, permit: Some(permit), turn: Some(turn), dialing: None, connection: None }
    }

    /// It need not wait until it may make a connection.
    pub(super) fn is_dialing(&self) -> bool {
        self.dialing.is_some()
    }

    /// Gives back the right to a connection so that nobody has it any more, and the turn.
    pub(super) fn forget(mut self) -> Option<Turn> {
        if let Some(permit) = self.permit.take() {
            permit.forget();
        }
        self.turn.take()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let thread = connection.abandoned();
        drop(connection);
        let (Some(thread), Some(turn)) = (thread, self.turn.take()) else { return };
        let server = Arc::clone(&self.server);
        // At once, before another statement takes the last connection that the account may have.
        let dialing = Arc::clone(&server.dialing).try_lock_owned().ok();
        let lent =
            Self { server, permit: self.permit.take(), turn: None, dialing, connection: None };
        // There is no runtime any more when the program ends.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(end_statement(lent, turn, thread));
        }
    }
}

/// Ends the statement that the server runs on its connection `thread`, on `lent`.
async fn end_statement(mut lent: Lent, turn: Turn, thread: u32) {
    let statement = format!("KILL QUERY {thread}");
    let ended = async {
        let server = Arc::clone(&lent.server);
        if lent.dialing.is_none() {
            lent.dialing = Some(Arc::clone(&server.dialing).lock_owned().await);
        }
        loop {
            match server.run_on_one(&mut lent, &statement, None).await {
                // Those that have just been closed on this side count for a while.
                Err(error) if error.is_about_connections() => tokio::time::sleep(PAUSE).await,
                answer => return answer,
            }
        }
    };
    let error = match tokio::time::timeout(PATIENCE, ended).await {
        // It may have ended by itself.
        Ok(Ok(_) | Err(QueryError::Refused { code: NO_SUCH_THREAD, .. })) => None,
        Ok(Err(error)) => Some(error),
        Err(_) => Some(QueryError::Timeout(PATIENCE)),
    };
    if let Some(error) = error {
        lent.server.log_left_running(&error);
    } else {
        tracing::debug!(server = lent.server.name(), "a statement was ended at its deadline");
    }
    drop(lent);
    drop(turn);
}

/// `ER_NO_SUCH_THREAD`.
const NO_SUCH_THREAD: u16 = 1094;
