//! Plays the plan in real time: each span is handed to the SDK when it has ended.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use crate::error::BankError;
use crate::options::{Options, Progress, Report};
use crate::pending::Pending;
use crate::plan::{Plan, PlanOptions};
use crate::sdk::{Answer, Pods};
use crate::truth::{Record, Writer};

/// Spans are handed over so often: late by half of it on average.
const TICK: Duration = Duration::from_millis(10);
/// How often progress is told and the truth file flushed.
const PROGRESS: Duration = Duration::from_secs(1);
/// After shutdown was asked for, answers are awaited so long.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait for each pod's thread to stop, once all answers are there.
const STOP: Duration = Duration::from_secs(2);
/// The same where answers are missing: such threads are within an attempt to export, and end with the process.
const STOP_STUCK: Duration = Duration::from_millis(10);

/// Runs the bank until `shutdown`, or until all transfers of the options are sent.
///
/// # Errors
/// [`BankError`] for settings that cannot be, and where the truth file cannot be written. A server that is away is no error: the report counts it.
pub async fn run(options: Options, shutdown: impl Future<Output = ()>) -> Result<Report, BankError> {
    check(&options)?;
    let start = now();
    let plan = Plan::new(&PlanOptions {
        seed: options.seed,
        transfers_per_second: options.transfers_per_second,
        speed: options.speed,
        pods: options.pods,
        faults: options.faults.clone(),
        start_unix_nano: start,
    });
    let truth = options.truth.as_deref().map(Writer::create).transpose()?;
    let (pods, answers) = Pods::build(plan.topology().instances(), &options)?;
    let mut driver = Driver {
        closes: options.duration.map_or(u64::MAX, |duration| start.saturating_add(nanos(duration))),
        left: options.transfers.unwrap_or(u64::MAX),
        plan,
        pods,
        pending: Pending::default(),
        truth,
        progress: Progress::default(),
        greatest_delay: 0,
        options,
    };
    let answers = driver.play(answers, shutdown).await?;
    driver.close(answers).await
}

fn check(options: &Options) -> Result<(), BankError> {
    let refuse = |name, range| Err(BankError::Setting { name, range });
    let rate = options.transfers_per_second;
    if !(rate.is_finite() && rate > 0.0) {
        return refuse("transfers-per-second", "a number greater than 0");
    }
    if !(options.speed.is_finite() && options.speed >= 0.0) {
        return refuse("speed", "a number, 0 or greater");
    }
    if !(1..=Options::MAX_PODS).contains(&options.pods) {
        return refuse("pods", "from 1 to 20");
    }
    Ok(())
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn now() -> u64 {
    nanos(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

struct Driver {
    plan: Plan,
    pods: Pods,
    pending: Pending,
    truth: Option<Writer>,
    progress: Progress,
    /// No transfer starts at or after this time.
    closes: u64,
    /// Transfers still to start.
    left: u64,
    greatest_delay: u64,
    options: Options,
}

impl Driver {
    /// Until all is answered, or shutdown.
    async fn play(
        &mut self,
        mut answers: UnboundedReceiver<Answer>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<UnboundedReceiver<Answer>, BankError> {
        let mut shutdown = pin!(shutdown);
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = Instant::now();
        while !self.is_done() {
            tokio::select! {
                () = &mut shutdown => break,
                Some(answer) = answers.recv() => self.note(&answer)?,
                _ = tick.tick() => self.step(now()),
            }
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                self.tell()?;
            }
        }
        Ok(answers)
    }

    fn is_done(&self) -> bool {
        let opened = self.left > 0 && self.plan.next_start() < self.closes;
        !opened && self.pending.len() == 0
    }

    /// Starts the transfers that are due, and sends the spans that have ended.
    fn step(&mut self, now: u64) {
        while self.left > 0 && self.plan.next_start() <= now.min(self.closes - 1) {
            self.left -= 1;
            self.pending.add(self.plan.next_transfer());
        }
        while let Some(span) = self.pending.due(now) {
            // The oldest waits for its pod, and all others with it: that is how a slow server slows the bank down.
            if !self.pods.has_room(span.instance.index) {
                self.greatest_delay = self.greatest_delay.max(now - span.end);
                return;
            }
            self.pods.send(span);
            self.pending.sent();
        }
    }

    fn note(&mut self, answer: &Answer) -> Result<(), BankError> {
        self.pods.answered(answer);
        let count = answer.spans.len() as u64;
        if answer.taken {
            self.progress.spans += count;
        } else {
            self.progress.failed += count;
        }
        for done in self.pending.answered(answer) {
            self.progress.transfers += 1;
            if let Some(truth) = &mut self.truth {
                truth.write(&Record::new(&done.transfer, &done.unacknowledged))?;
            }
            if done.unacknowledged.is_empty() {
                self.progress.last_uetr = Some(done.transfer.uetr);
            }
        }
        Ok(())
    }

    fn tell(&mut self) -> Result<(), BankError> {
        self.progress.under_way = self.pending.len() as u64;
        if let Some(on_progress) = &self.options.on_progress {
            (on_progress.0)(&self.progress);
        }
        self.truth.as_mut().map_or(Ok(()), Writer::flush)
    }

    /// Waits for answers still due, stops the SDK, and counts.
    async fn close(mut self, mut answers: UnboundedReceiver<Answer>) -> Result<Report, BankError> {
        let deadline = Instant::now() + PATIENCE;
        while self.pods.waiting() > 0 {
            match timeout_at(deadline, answers.recv()).await {
                Ok(Some(answer)) => self.note(&answer)?,
                Ok(None) | Err(_) => break,
            }
        }
        let stop = if self.pods.waiting() == 0 { STOP } else { STOP_STUCK };
        self.progress.failed += self.pods.waiting() as u64;
        self.tell()?;
        let report = Report {
            transfers: self.progress.transfers,
            unfinished: self.pending.len() as u64,
            spans: self.progress.spans,
            failed: self.progress.failed,
            greatest_delay: Duration::from_nanos(self.greatest_delay),
        };
        let pods = self.pods;
        // Stopping blocks on the SDK's threads, which need this runtime for their last words.
        let _stopped = tokio::task::spawn_blocking(move || pods.shut_down(stop)).await;
        Ok(report)
    }
}
