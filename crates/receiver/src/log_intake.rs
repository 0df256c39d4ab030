//! The real intake: scan, split by partition, append, and only then "accepted".

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    thread::available_parallelism,
    time::Duration,
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use throughline_log::{AppendError, Kind, Log, NewRecord};
use throughline_otlp::{CompiledPlan, Malformed, Part, Scanned, Scanner};

use crate::intake::{Accepted, Intake, Pressure, Refusal};

/// Requests up to this many bytes are scanned where they are: some 3 ms of work at most. Larger ones go to a thread for blocking work.
const INLINE_SCAN_BYTES: usize = 4 << 20;

/// What a record has besides its payload, bytes: its header in the log, and the tenant.
const RECORD_OVERHEAD: usize = 1024;
const _: () = assert!(
    throughline_otlp::limits::MAX_RECORD_BYTES + RECORD_OVERHEAD <= throughline_log::MAX_RECORD_BYTES
);

/// What clients are told to wait where the log has stopped: about what a restart takes.
const STOPPED_RETRY: Duration = Duration::from_secs(5);

/// Scans requests and appends their spans to the log, by partition.
pub struct LogIntake {
    log: Arc<Log>,
    scanners: Arc<Scanners>,
}

/// Scanners with the buffers that they have grown, for whoever scans next.
struct Scanners {
    plan: Arc<ArcSwap<CompiledPlan>>,
    partitions: u32,
    idle: Mutex<Vec<Scanner>>,
    /// More than can run at one time need not be kept.
    max_idle: usize,
}

impl LogIntake {
    /// An intake into `log` that looks for what `plan` asks at the moment.
    #[must_use]
    pub fn new(log: Arc<Log>, plan: Arc<ArcSwap<CompiledPlan>>) -> Self {
        let max_idle = available_parallelism().map_or(1, NonZeroUsize::get) * 2;
        let scanners = Scanners { plan, partitions: log.partitions(), idle: Mutex::default(), max_idle };
        Self { log, scanners: Arc::new(scanners) }
    }

    async fn scan(&self, request: Bytes) -> Result<Scanned, Refusal> {
        if request.len() <= INLINE_SCAN_BYTES {
            return Ok(self.scanners.scan(request)?);
        }
        let scanners = Arc::clone(&self.scanners);
        let scanned = tokio::task::spawn_blocking(move || scanners.scan(request)).await;
        Ok(scanned.map_err(|_| Refusal::Internal("the scan failed".into()))??)
    }
}

impl Scanners {
    fn scan(&self, request: Bytes) -> Result<Scanned, Malformed> {
        let plan = self.plan.load_full();
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut scanner = match idle {
            Some(mut scanner) => {
                scanner.set_plan(plan);
                scanner
            }
            None => Scanner::new(plan),
        };
        let scanned = scanner.scan(request, self.partitions);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.max_idle {
            idle.push(scanner);
        }
        scanned
    }
}

#[async_trait]
impl Intake for LogIntake {
    async fn submit(&self, tenant: Arc<str>, request: Bytes) -> Result<Accepted, Refusal> {
        let scanned = self.scan(request).await?;
        if !scanned.parts.is_empty() {
            let spans = scanned.accepted;
            let records = scanned.parts.into_iter().map(|part| record(&tenant, part)).collect();
            self.log.append(records).await.map_err(|error| refusal(&error, spans))?;
        }
        Ok(Accepted { spans: scanned.accepted, rejected: scanned.rejected, clamped: scanned.clamped })
    }
}

fn record(tenant: &Arc<str>, part: Part) -> (u32, NewRecord) {
    let record = NewRecord {
        kind: Kind::Spans,
        tenant: Arc::clone(tenant),
        cause: None,
        payload: part.payload,
        cache: Some(Arc::new(part.facts)),
    };
    (part.partition, record)
}

fn refusal(error: &AppendError, spans: u64) -> Refusal {
    let busy = |pressure, retry_after| Refusal::Busy { pressure, spans, retry_after };
    match error {
        AppendError::Full { retry_after } => busy(Pressure::LogFull, *retry_after),
        AppendError::Overloaded { retry_after } => busy(Pressure::LogOverloaded, *retry_after),
        // This process will not take it, but the next one will.
        AppendError::Stopped { .. } => busy(Pressure::LogStopped, STOPPED_RETRY),
        AppendError::TooLarge { .. } | AppendError::NoPartition { .. } => {
            Refusal::Internal(error.to_string())
        }
    }
}
