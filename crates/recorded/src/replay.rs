//! Sends recorded requests to a server.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::client::{Client, Outcome};
use crate::error::{ReadError, ReplayError};
use crate::limits::{MAX_IN_FLIGHT, PROGRESS, READ_AHEAD};
use crate::options::{Progress, ReplayOptions, ReplayReport};
use crate::pace::Paced;
use crate::pieces::{self, Piece, Unread};

/// After shutdown, requests in flight are awaited so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Replays recorded requests until the last one is answered, or until `shutdown`. `on_progress` is called about twice a second and at the end.
///
/// Requests go out in the recorded order, several of them at a time, so that two may arrive the other way round. Requests that the server refuses for
/// good are counted and passed over; one that it does not take in time ends the replay.
///
/// # Errors
/// [`ReplayError`]; what was sent until then is in [`ReplayError::report`].
pub async fn replay(
    options: ReplayOptions,
    on_progress: impl FnMut(&Progress) + Send,
    shutdown: impl Future<Output = ()>,
) -> Result<ReplayReport, ReplayError> {
    let client = Client::new(&options.endpoint, options.give_up_after)?;
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    let (paced, endpoint) = (Paced::new(receiver, options.speed), options.endpoint.clone());
    let reader = tokio::task::spawn_blocking(move || pieces::read(&options, &sender));
    let mut replay = Replay {
        client,
        in_flight: JoinSet::new(),
        progress: Progress::default(),
        on_progress,
        gave_up: None,
    };
    replay.run(paced, shutdown).await;
    replay.finish(endpoint, reader).await
}

/// A request that was sent.
struct Sent {
    spans: u64,
    bytes: u64,
    outcome: Outcome,
    retries: u64,
}

struct Replay<F> {
    client: Client,
    in_flight: JoinSet<Sent>,
    progress: Progress,
    on_progress: F,
    gave_up: Option<String>,
}

impl<F: FnMut(&Progress) + Send> Replay<F> {
    /// Until all is read and answered; or, after shutdown or giving up, until requests in flight had their time.
    async fn run(&mut self, mut paced: Paced, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut tick = interval(PROGRESS);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reading = true;
        while (reading || !self.in_flight.is_empty()) && self.gave_up.is_none() {
            tokio::select! {
                () = &mut shutdown => break,
                Some(sent) = self.in_flight.join_next(), if !self.in_flight.is_empty() => self.note(sent.ok()),
                piece = paced.next(), if reading && self.in_flight.len() < MAX_IN_FLIGHT => match piece {
                    Some(piece) => self.send(piece),
                    None => reading = false,
                },
                _ = tick.tick() => self.tell(),
            }
        }
        drop(paced);
        let rest = async {
            while let Some(sent) = self.in_flight.join_next().await {
                self.note(sent.ok());
            }
        };
        // What is not answered by then stays counted as failed.
        let _in_time = timeout(PATIENCE, rest).await;
    }

    fn send(&mut self, piece: Piece) {
        let report = &mut self.progress.report;
        if report.first_start_unix_nano == 0 {
            report.first_start_unix_nano = piece.first_start;
        }
        report.last_end_unix_nano = report.last_end_unix_nano.max(piece.last_end);
        report.too_old += piece.too_old;
        // Failed until the answer says otherwise: what is cut off is never taken for sent.
        report.failed += piece.spans;
        self.progress.files_left = piece.files_left;
        let client = self.client.clone();
        let (spans, bytes) = (piece.spans, piece.request.len() as u64);
        self.in_flight.spawn(async move {
            let (outcome, retries) = client.send(piece.request).await;
            Sent { spans, bytes, outcome, retries }
        });
    }

    fn note(&mut self, sent: Option<Sent>) {
        let Some(Sent { spans, bytes, outcome, retries }) = sent else { return };
        let report = &mut self.progress.report;
        report.requests += 1;
        report.bytes += bytes;
        report.retries += retries;
        match outcome {
            Outcome::Taken { rejected, message } => {
                let rejected = rejected.min(spans);
                report.failed -= spans;
                report.rejected += rejected;
                report.accepted += spans - rejected;
                if rejected > 0 {
                    report.refusal.get_or_insert(message);
                }
            }
            Outcome::Refused { message } => {
                report.refusal.get_or_insert(message);
            }
            Outcome::GaveUp { message } => {
                self.gave_up.get_or_insert(message);
            }
        }
    }

    fn tell(&mut self) {
        self.progress.in_flight = self.in_flight.len();
        (self.on_progress)(&self.progress);
    }

    async fn finish(
        mut self,
        endpoint: String,
        reader: JoinHandle<Result<Unread, ReadError>>,
    ) -> Result<ReplayReport, ReplayError> {
        self.in_flight.abort_all();
        self.in_flight = JoinSet::new();
        self.tell();
        let report = self.progress.report;
        if let Some(message) = self.gave_up {
            return Err(ReplayError::GaveUp { endpoint, message, report: Box::new(report) });
        }
        match reader.await {
            Ok(Err(source)) => Err(ReplayError::Read { source, report: Box::new(report) }),
            Ok(Ok(Unread { skipped, left_out })) => Ok(ReplayReport { skipped, left_out, ..report }),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}
