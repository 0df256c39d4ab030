//! The engine as a child process: started, watched, started again, stopped.
//!
//! A child, because the engine is a foreign library of half a gigabyte: its crash or its memory must not take the
//! receiver with it. The child dies with its parent whatever kills that (`PR_SET_PDEATHSIG`). That signal is tied to the
//! thread that forked, so one thread with a runtime of its own starts every child and lives until the end.

mod child;
mod ping;
mod settings;

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

pub(crate) use ping::PID_HEADER;
pub use settings::{Backoff, Settings};

use crate::metrics as names;

/// What the supervisor knows of its child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Started, and does not answer yet.
    Starting,
    /// Answers `/ping`.
    Ready {
        /// The child's process id.
        pid: u32,
    },
    /// Died, or could not be started; the next start is due.
    Waiting {
        /// How it ended.
        reason: String,
    },
    /// Stopped for good.
    Stopped,
}

/// Why the engine is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuperviseError {
    /// The supervising thread could not be started.
    #[error("the engine's supervisor could not be started")]
    Thread(#[source] std::io::Error),
    /// The engine did not answer in time.
    #[error("the embedded ClickHouse does not answer on {address} after {waited:?}; last seen: {last}")]
    NotReady {
        /// Where it should answer.
        address: std::net::SocketAddr,
        /// How long it was waited for.
        waited: Duration,
        /// The last known state.
        last: String,
    },
}

impl SuperviseError {
    /// Whether waiting longer can help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Thread(_) | Self::NotReady { .. } => true,
        }
    }
}

enum Order {
    /// SIGTERM, then wait.
    Stop,
}

/// A supervised engine. Dropped, it kills the child; [`Supervisor::stop`] lets it finish first.
pub struct Supervisor {
    orders: Option<mpsc::Sender<Order>>,
    state: watch::Receiver<State>,
    restarts: watch::Receiver<u64>,
    thread: Option<JoinHandle<()>>,
    settings: Settings,
}

impl Supervisor {
    /// Starts the thread, which starts the child. Does not wait: see [`Supervisor::ready`].
    ///
    /// # Errors
    /// [`SuperviseError::Thread`].
    pub fn start(settings: Settings) -> Result<Self, SuperviseError> {
        let (orders, order) = mpsc::channel(1);
        let (state_sender, state) = watch::channel(State::Starting);
        let (restarts_sender, restarts) = watch::channel(0);
        let keeper = Keeper { settings: settings.clone(), state: state_sender, restarts: restarts_sender };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(SuperviseError::Thread)?;
        let thread = std::thread::Builder::new()
            .name("engine-supervisor".to_owned())
            .spawn(move || runtime.block_on(keeper.run(order)))
            .map_err(SuperviseError::Thread)?;
        Ok(Self { orders: Some(orders), state, restarts, thread: Some(thread), settings })
    }

    /// Waits until the child answers.
    ///
    /// # Errors
    /// [`SuperviseError::NotReady`] after `timeout`. The supervisor goes on trying all the same.
    pub async fn ready(&self, timeout: Duration) -> Result<(), SuperviseError> {
        let mut state = self.state.clone();
        let is_ready = state.wait_for(|s| matches!(s, State::Ready { .. }));
        match tokio::time::timeout(timeout, is_ready).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(SuperviseError::NotReady {
                address: self.settings.address,
                waited: timeout,
                last: format!("{:?}", *self.state.borrow()),
            }),
        }
    }

    /// The child's state, now and whenever it changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// How often the child was started again.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        *self.restarts.borrow()
    }

    /// SIGTERM, then waits until the child has ended; kills it after [`Settings::stop_timeout`].
    pub async fn stop(mut self) {
        let Some(orders) = self.orders.take() else { return };
        let _ = orders.send(Order::Stop).await;
        let _ = self.state.clone().wait_for(|s| *s == State::Stopped).await;
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // the closed channel is the order to kill; after `stop` the thread has ended already
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The supervising thread's side.
struct Keeper {
    settings: Settings,
    state: watch::Sender<State>,
    restarts: watch::Sender<u64>,
}

enum Ended {
    /// The child has died or hung: start another.
    Died { reason: String, answered_for: Duration },
    /// We were told to end.
    Ordered,
}

impl Keeper {
    async fn run(self, mut orders: mpsc::Receiver<Order>) {
        let mut backoff = self.settings.backoff.first;
        loop {
            self.state.send_replace(State::Starting);
            let ended = self.one_child(&mut orders).await;
            metrics::gauge!(names::UP).set(0.0);
            let Ended::Died { reason, answered_for } = ended else { break };
            if answered_for >= self.settings.backoff.reset_after {
                backoff = self.settings.backoff.first;
            }
            tracing::error!(reason, again_in = ?backoff, "the embedded ClickHouse has ended; it is started again");
            self.state.send_replace(State::Waiting { reason });
            tokio::select! {
                _ = orders.recv() => break,
                () = tokio::time::sleep(backoff) => {}
            }
            backoff = (backoff * 2).min(self.settings.backoff.most);
            metrics::counter!(names::RESTARTS).increment(1);
            self.restarts.send_modify(|count| *count += 1);
        }
        self.state.send_replace(State::Stopped);
    }

    async fn one_child(&self, orders: &mut mpsc::Receiver<Order>) -> Ended {
        let mut answered_since = None;
        let died = |reason: String, since: Option<Instant>| Ended::Died {
            reason,
            answered_for: since.map_or(Duration::ZERO, |s| s.elapsed()),
        };
        let mut child = match child::spawn(&self.settings) {
            Ok(child) => child,
            Err(error) => return died(format!("could not be started: {error}"), None),
        };
        let pid = child.id().unwrap_or_default();
        let ended = tokio::select! {
            status = child.wait() => match status {
                Ok(status) => return died(status.to_string(), answered_since),
                Err(error) => died(format!("could not be waited for: {error}"), answered_since),
            },
            hung = self.watch(pid, &mut answered_since) => died(hung, None),
            order = orders.recv() => {
                if let Some(Order::Stop) = order {
                    child::terminate(&mut child, self.settings.stop_timeout).await;
                }
                Ended::Ordered
            }
        };
        child::kill(&mut child).await;
        ended
    }

    /// Pings for ever; comes back only with the reason to give the child up.
    async fn watch(&self, pid: u32, answered_since: &mut Option<Instant>) -> String {
        let mut last_answer = Instant::now();
        loop {
            if ping::answers(self.settings.address, pid).await {
                last_answer = Instant::now();
                if answered_since.is_none() {
                    *answered_since = Some(last_answer);
                    metrics::gauge!(names::UP).set(1.0);
                    self.state.send_replace(State::Ready { pid });
                }
            }
            let (limit, pause) = match answered_since {
                None => (self.settings.start_timeout, self.settings.ping_starting),
                Some(_) => (self.settings.hang_timeout, self.settings.ping_ready),
            };
            if last_answer.elapsed() > limit {
                return format!("did not answer for {limit:?}");
            }
            tokio::time::sleep(pause).await;
        }
    }
}
