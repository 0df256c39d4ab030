//! Statements whose client has gone.
//!
//! `chdb_stream_cancel_query` waits for the fetch that is under way, so it cannot stop a statement that is still
//! computing its first rows. A thread with a session of its own therefore sends `KILL QUERY … ASYNC` (`SYNC` has been
//! seen to hang), finding the statement by a mark in its `log_comment`, again and again until the statement has ended.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};

use crate::engine::{Engine, Session};
use crate::error::ServeError;
use crate::exchange::Gone;
use crate::options::limits::{KILL_AGAIN, MAX_CANCELS};

/// A statement as the canceller sees it.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    /// Stands in the statement's `log_comment`, and in no other's.
    pub(crate) mark: String,
    /// Set by us when the client goes.
    pub(crate) gone: Gone,
    /// Set by the thread when the statement has ended.
    pub(crate) ended: Gone,
}

impl Running {
    pub(crate) fn new() -> Self {
        Self {
            mark: format!("request:{}", uuid::Uuid::new_v4()),
            gone: Gone::default(),
            ended: Gone::default(),
        }
    }
}

/// Takes statements to kill.
#[derive(Clone)]
pub(crate) struct Canceller(SyncSender<Running>);

impl Canceller {
    /// Starts the thread; it ends when the last clone of this is dropped.
    pub(crate) fn start(engine: &Arc<Engine>) -> Result<Self, ServeError> {
        let (sender, receiver) = sync_channel(MAX_CANCELS);
        let engine = Arc::clone(engine);
        std::thread::Builder::new()
            .name("engine-cancel".to_owned())
            .spawn(move || run(&engine, &receiver))
            .map_err(ServeError::Thread)?;
        Ok(Self(sender))
    }
}

fn run(engine: &Arc<Engine>, receiver: &Receiver<Running>) {
    let mut pending: Vec<Running> = Vec::new();
    loop {
        let next = if pending.is_empty() {
            receiver.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            receiver.recv_timeout(KILL_AGAIN)
        };
        match next {
            Ok(running) => pending.push(running),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        pending.retain(|running| !running.ended.is_set());
        if pending.is_empty() {
            continue;
        }
        match engine.session() {
            Ok(mut session) => pending.iter().for_each(|running| kill(&mut session, running)),
            Err(error) => tracing::warn!(%error, "no session to cancel statements with; trying again"),
        }
    }
}

fn kill(session: &mut Session, running: &Running) {
    let sql = format!("KILL QUERY WHERE endsWith(Settings['log_comment'], '{}') ASYNC", running.mark);
    if let Err(error) = session.execute(&sql) {
        tracing::warn!(%error, "a statement whose client has gone could not be cancelled; trying again");
    }
}

/// Cancels a statement when dropped.
pub(crate) struct CancelGuard {
    canceller: Canceller,
    running: Option<Running>,
}

impl CancelGuard {
    pub(crate) fn new(canceller: Canceller, running: Running) -> Self {
        Self { canceller, running: Some(running) }
    }

    /// The statement's answer is complete.
    pub(crate) fn disarm(mut self) {
        self.running = None;
    }
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.gone.set();
        if !running.ended.is_set() && self.canceller.0.try_send(running).is_err() {
            tracing::warn!("too many cancelled statements at once: one runs on until its time limit");
        }
    }
}
