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
            mark: format!("{MARK}{}", uuid::Uuid::new_v4()),
            gone: Gone::default(),
            ended: Gone::default(),
        }
    }
}

/// Stands before what is unlike in every mark.
const MARK: &str = "request:";

enum Target {
    /// Until it has ended.
    One(Running),
    /// Once.
    All,
}

/// Takes statements to kill.
#[derive(Clone)]
pub(crate) struct Canceller(SyncSender<Target>);

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

    /// Kills every statement that runs now.
    pub(crate) fn cancel_all(&self) {
        if self.0.try_send(Target::All).is_err() {
            tracing::warn!("too many cancelled statements at once: the rest run on");
        }
    }
}

fn run(engine: &Arc<Engine>, receiver: &Receiver<Target>) {
    let mut pending: Vec<Running> = Vec::new();
    loop {
        let next = if pending.is_empty() {
            receiver.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            receiver.recv_timeout(KILL_AGAIN)
        };
        let mut all = false;
        match next {
            Ok(Target::One(running)) => pending.push(running),
            Ok(Target::All) => all = true,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        pending.retain(|running| !running.ended.is_set());
        let marks = pending.iter().map(|running| running.mark.as_str()).chain(all.then_some(MARK));
        let mut marks = marks.peekable();
        if marks.peek().is_none() {
            continue;
        }
        match engine.session() {
            Ok(mut session) => marks.for_each(|mark| kill(&mut session, mark)),
            Err(error) => tracing::warn!(%error, "no session to cancel statements with; trying again"),
        }
    }
}

/// Kills the statements whose `log_comment` has this mark.
fn kill(session: &mut Session, mark: &str) {
    let sql = format!("KILL QUERY WHERE position(Settings['log_comment'], '{mark}') > 0 ASYNC");
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
        if !running.ended.is_set() && self.canceller.0.try_send(Target::One(running)).is_err() {
            tracing::warn!("too many cancelled statements at once: one runs on until its time limit");
        }
    }
}
