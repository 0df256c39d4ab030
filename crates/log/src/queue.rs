//! Appends that wait for the writer, and the answers that callers wait for.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{AppendError, NewRecord, Position, format};

/// When a caller may try again that found the queue full: a few groups later.
const OVERLOADED_RETRY: Duration = Duration::from_millis(100);

/// What is gathered for one group at most: enough to keep a disk busy.
const GROUP_BYTES: usize = 4 << 20;

type Answer = Result<Vec<Position>, AppendError>;

/// Records that become durable together.
pub(crate) struct Append {
    pub(crate) records: Vec<(u32, NewRecord)>,
    pub(crate) bytes: usize,
    answer: oneshot::Sender<Answer>,
}

impl Append {
    /// A caller that no longer waits changes nothing.
    pub(crate) fn answer(self, answer: Answer) {
        let _ = self.answer.send(answer);
    }
}

/// Resolves when the records are durable. Dropping it does not take them back.
#[must_use = "an append may fail"]
pub struct Pending(oneshot::Receiver<Answer>);

impl Future for Pending {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let answer = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(
            answer.unwrap_or_else(|_| Err(AppendError::Stopped { reason: "the writer ended".into() })),
        )
    }
}

#[derive(Default)]
struct State {
    waiting: Vec<Append>,
    /// Bytes waiting or being written.
    bytes: usize,
    /// The writer sleeps until so much waits: who makes it so much wakes it, nobody else does.
    wake_at: Option<usize>,
    stopped: Option<Arc<str>>,
    closing: bool,
}

pub(crate) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    max_bytes: usize,
    gather: Duration,
}

impl Queue {
    pub(crate) fn new(max_bytes: usize, gather: Duration) -> Self {
        Self { state: Mutex::default(), arrived: Condvar::new(), max_bytes, gather }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, records: Vec<(u32, NewRecord)>) -> Result<Pending, AppendError> {
        let bytes = records.iter().map(|(_, record)| format::size(record)).sum();
        let (answer, receiver) = oneshot::channel();
        let mut state = self.state();
        if let Some(reason) = &state.stopped {
            return Err(AppendError::Stopped { reason: Arc::clone(reason) });
        }
        // One append alone is taken whatever its size: else it could never be.
        if state.bytes > 0 && state.bytes + bytes > self.max_bytes {
            return Err(AppendError::Overloaded { retry_after: OVERLOADED_RETRY });
        }
        state.bytes += bytes;
        state.waiting.push(Append { records, bytes, answer });
        let waiting = state.bytes;
        let wake = state.wake_at.take_if(|enough| waiting >= *enough).is_some();
        drop(state);
        if wake {
            self.arrived.notify_one();
        }
        Ok(Pending(receiver))
    }

    /// Waits for appends and takes all of them, no earlier than some time after the group that began at `last` unless there are many;
    /// nothing when the log is closing and none is left, or has stopped.
    pub(crate) fn take(&self, last: Option<Instant>) -> Option<Vec<Append>> {
        let mut state = self.state();
        loop {
            let ends = state.closing || state.stopped.is_some();
            let early = last
                .and_then(|last| self.gather.checked_sub(last.elapsed()))
                .filter(|early| !early.is_zero());
            match early {
                _ if state.waiting.is_empty() && ends => return None,
                _ if state.waiting.is_empty() => {
                    state.wake_at = Some(0);
                    state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                Some(early) if !ends && state.bytes < GROUP_BYTES => {
                    state.wake_at = Some(GROUP_BYTES);
                    let waited = self.arrived.wait_timeout(state, early);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                _ => {
                    state.wake_at = None;
                    return Some(std::mem::take(&mut state.waiting));
                }
            }
        }
    }

    /// These bytes wait no longer.
    pub(crate) fn done(&self, bytes: usize) {
        self.state().bytes -= bytes;
    }

    pub(crate) fn pending_bytes(&self) -> usize {
        self.state().bytes
    }

    /// The first reason stays; what waits is answered with it.
    pub(crate) fn stop(&self, reason: &str) -> Arc<str> {
        let mut state = self.state();
        let reason = Arc::clone(state.stopped.get_or_insert_with(|| reason.into()));
        let waiting = std::mem::take(&mut state.waiting);
        state.bytes = state.bytes.saturating_sub(waiting.iter().map(|append| append.bytes).sum());
        drop(state);
        for append in waiting {
            append.answer(Err(AppendError::Stopped { reason: Arc::clone(&reason) }));
        }
        self.arrived.notify_all();
        reason
    }

    pub(crate) fn stopped(&self) -> Option<Arc<str>> {
        self.state().stopped.clone()
    }

    /// Nothing more comes; what waits is still written.
    pub(crate) fn close(&self) {
        self.state().closing = true;
        self.arrived.notify_all();
    }
}
