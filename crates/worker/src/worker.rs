//! The drivers of all partitions, started and stopped together.

use std::{panic::AssertUnwindSafe, path::PathBuf, sync::Arc};

use throughline_assembly::rules::Rules;
use throughline_clickhouse::outbox::Outbox;
use throughline_log::{Log, Snapshots};
use tokio::{runtime::Handle, sync::mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    WorkerError,
    analysis::{AnalysisDriver, Incidents},
    in_flight::InFlight,
    limits::{SNAPSHOT_BYTES, SNAPSHOTS_IN_LOG},
    looking::OpenTraces,
    switch::{Switch, Switched},
    ticker,
    traces::TracesDriver,
    transactions::TransactionsDriver,
    trim::{self, Bounds, Retention},
};

/// What the drivers work on.
#[derive(Clone)]
pub struct Parts {
    /// What was received.
    pub span_log: Log,
    /// What became of it.
    pub summary_log: Log,
    /// What is found in it.
    pub analysis_log: Log,
    /// States of the folds.
    pub snapshots: Snapshots,
    /// Batches on their way to the store.
    pub outbox: Outbox,
    /// The rules of now.
    pub rules: Arc<Rules>,
    /// How far back bytes are held.
    pub retention: Retention,
    /// Folder of the indices of what is closed.
    pub index: PathBuf,
}

impl Parts {
    /// Bytes of log between two snapshots.
    pub(crate) fn snapshot_bytes(&self) -> u64 {
        let share = self.retention.bytes / u64::from(self.span_log.partitions());
        SNAPSHOT_BYTES.min(share / SNAPSHOTS_IN_LOG)
    }
}

/// The running drivers.
pub struct Worker {
    in_flight: InFlight,
    switch: Switch,
    incidents: Incidents,
    failures: mpsc::Receiver<WorkerError>,
    traces: Vec<std::thread::JoinHandle<()>>,
    transactions: Vec<std::thread::JoinHandle<()>>,
    stop_ticks: CancellationToken,
    stop_traces: CancellationToken,
    stop_transactions: CancellationToken,
    analysis: Vec<std::thread::JoinHandle<()>>,
    stop_analysis: CancellationToken,
    span_log: Log,
    analysis_log: Log,
}

impl Worker {
    /// Restores all folds and starts their drivers. They catch up with the log by themselves; what arrives meanwhile waits in it.
    ///
    /// # Errors
    /// Where a state cannot be restored or a thread cannot be started.
    pub fn start(parts: Parts) -> Result<Self, WorkerError> {
        let runtime = Handle::current();
        let partitions = parts.span_log.partitions();
        let bounds = Arc::new(Bounds::new(partitions));
        let (open_traces, looking) = OpenTraces::new(&parts.span_log);
        let in_flight = InFlight::new(parts.summary_log.clone(), Arc::clone(&parts.rules), open_traces);
        let switched = Switched::new(partitions);
        let (failed, failures) = mpsc::channel(2 * partitions as usize + 1);
        let mut worker = Self {
            switch: Switch {
                span_log: parts.span_log.clone(),
                summary_log: parts.summary_log.clone(),
                analysis_log: parts.analysis_log.clone(),
                in_flight: in_flight.clone(),
                switched: switched.clone(),
            },
            in_flight: in_flight.clone(),
            incidents: Incidents::new(parts.analysis_log.clone()),
            failures,
            traces: Vec::new(),
            transactions: Vec::new(),
            stop_ticks: CancellationToken::new(),
            stop_traces: CancellationToken::new(),
            stop_transactions: CancellationToken::new(),
            span_log: parts.span_log.clone(),
            analysis_log: parts.analysis_log.clone(),
            analysis: Vec::new(),
            stop_analysis: CancellationToken::new(),
        };
        let driver = AnalysisDriver::open(&parts, Arc::clone(&bounds), worker.incidents.clone())?;
        let run = driver.run(Arc::clone(&parts.rules), worker.stop_analysis.clone());
        worker.analysis.push(spawn(&runtime, "analysis".to_owned(), run, failed.clone())?);
        for (partition, looking) in (0..partitions).zip(looking) {
            let driver = TransactionsDriver::open(partition, &parts, Arc::clone(&bounds), in_flight.clone())?;
            let run = driver.run(Arc::clone(&parts.rules), worker.stop_transactions.clone());
            worker.transactions.push(spawn(
                &runtime,
                format!("transactions-{partition}"),
                run,
                failed.clone(),
            )?);
            let driver =
                TracesDriver::open(partition, &parts, Arc::clone(&bounds), switched.clone(), looking)?;
            let run = driver.run(Arc::clone(&parts.rules), worker.stop_traces.clone());
            worker.traces.push(spawn(&runtime, format!("traces-{partition}"), run, failed.clone())?);
        }
        runtime.spawn(ticker::run(parts.span_log.clone(), worker.stop_ticks.clone()));
        runtime.spawn(ticker::run(parts.analysis_log.clone(), worker.stop_ticks.clone()));
        let trimming =
            trim::run(parts.span_log, parts.summary_log, bounds, parts.retention, worker.stop_ticks.clone());
        runtime.spawn(trimming);
        Ok(worker)
    }

    /// Open transactions.
    #[must_use]
    pub fn in_flight(&self) -> InFlight {
        self.in_flight.clone()
    }

    /// What makes other rules hold.
    #[must_use]
    pub fn switch(&self) -> Switch {
        self.switch.clone()
    }

    /// What is wrong, and the way in for alerts and feedback.
    #[must_use]
    pub fn incidents(&self) -> Incidents {
        self.incidents.clone()
    }

    /// Waits until a driver cannot go on.
    pub async fn failure(&mut self) -> WorkerError {
        match self.failures.recv().await {
            Some(error) => error,
            None => std::future::pending().await,
        }
    }

    /// Reads to the end of what the logs hold, cuts, seals and saves. The receiver must have stopped.
    pub async fn drain(mut self) -> Result<(), WorkerError> {
        self.stop_ticks.cancel();
        ticker::tick(&self.span_log).await;
        self.stop_traces.cancel();
        join(std::mem::take(&mut self.traces)).await;
        self.stop_transactions.cancel();
        join(std::mem::take(&mut self.transactions)).await;
        ticker::tick(&self.analysis_log).await;
        self.stop_analysis.cancel();
        join(std::mem::take(&mut self.analysis)).await;
        match self.failures.try_recv() {
            Ok(error) => Err(error),
            Err(_) => Ok(()),
        }
    }
}

/// A driver on a thread of its own: its work is by the millisecond, which a shared runtime's other tasks would feel.
fn spawn(
    runtime: &Handle,
    name: String,
    run: impl Future<Output = Result<(), WorkerError>> + Send + 'static,
    failed: mpsc::Sender<WorkerError>,
) -> Result<std::thread::JoinHandle<()>, WorkerError> {
    let runtime = runtime.clone();
    let who = name.clone();
    let body = move || {
        // A driver that panics has failed as one that says so: without it time would stop, and nothing would close.
        let ended = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(run)));
        if let Err(error) = ended.unwrap_or(Err(WorkerError::Panic(who))) {
            // Room for every driver's one failure was made.
            let _ = failed.try_send(error);
        }
    };
    std::thread::Builder::new().name(name).spawn(body).map_err(WorkerError::Thread)
}

async fn join(threads: Vec<std::thread::JoinHandle<()>>) {
    let waited = tokio::task::spawn_blocking(move || {
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a driver panicked");
            }
        }
    });
    if waited.await.is_err() {
        tracing::error!("waiting for the drivers failed");
    }
}
