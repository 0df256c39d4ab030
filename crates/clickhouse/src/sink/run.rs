//! The sink's tasks: one that looks for partitions with cuts, one for each such partition.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OnceCell, Semaphore};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::expired::Expired;
use super::insert::{dedup_setting, insert};
use super::settings::SinkSettings;
use crate::metrics;
use crate::outbox::{Batch, Outbox, SealedCut};
use crate::schema::{migrate, table};
use crate::store::{Store, StoreError};

/// An embedded engine that starts beside us is not there at once: longer than this it is worth a warning.
const OPENING: Duration = Duration::from_secs(30);

/// Sends what the outbox holds.
#[derive(Debug, Clone)]
pub struct Sink {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    outbox: Outbox,
    settings: SinkSettings,
    turns: Semaphore,
    /// What the server calls deduplication; known once its schema is made sure of.
    ready: OnceCell<(&'static str, &'static str)>,
    busy: Mutex<HashSet<u32>>,
    expired: Expired,
}

/// A running sink.
#[derive(Debug)]
pub struct SinkHandle {
    stop: CancellationToken,
    task: JoinHandle<()>,
    sink: Sink,
}

impl SinkHandle {
    /// Whether the store was reached and has its schema.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.sink.inner.ready.initialized()
    }

    /// The same question for whoever asks later and elsewhere.
    pub fn readiness(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let sink = self.sink.clone();
        move || sink.inner.ready.initialized()
    }

    /// Stops. What is not acknowledged stays in the outbox; wait for [`Outbox::wait_until_empty`] before, to drain.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "sink ended badly");
        }
    }
}

impl Sink {
    /// Starts sending. Returns at once: a store that is away is waited for.
    #[must_use]
    pub fn start(store: Store, outbox: Outbox, settings: SinkSettings) -> SinkHandle {
        let stop = CancellationToken::new();
        let sink = Self {
            inner: Arc::new(Inner {
                turns: Semaphore::new(settings.max_concurrent.max(1)),
                store,
                outbox,
                settings,
                ready: OnceCell::new(),
                busy: Mutex::default(),
                expired: Expired::default(),
            }),
        };
        let task = tokio::spawn({
            let (sink, stop) = (sink.clone(), stop.clone());
            async move {
                stop.run_until_cancelled(sink.run()).await;
            }
        });
        SinkHandle { stop, task, sink }
    }

    async fn run(&self) {
        self.schema().await;
        // Dropped when the sink stops, and their tasks with them.
        let mut partitions = JoinSet::new();
        loop {
            self.inner.outbox.wait(|| !self.idle_partitions().is_empty()).await;
            for partition in self.idle_partitions() {
                self.busy().insert(partition);
                let sink = self.clone();
                partitions.spawn(async move { sink.drain(partition).await });
            }
            while partitions.try_join_next().is_some() {}
        }
    }

    /// Partitions that have cuts and no task.
    fn idle_partitions(&self) -> Vec<u32> {
        let busy = self.busy();
        self.inner.outbox.partitions().into_iter().filter(|partition| !busy.contains(partition)).collect()
    }

    fn busy(&self) -> std::sync::MutexGuard<'_, HashSet<u32>> {
        self.inner.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a partition's cuts, as long as the sink runs.
    async fn drain(&self, partition: u32) {
        let mut backoff = Backoff::default();
        loop {
            self.inner.outbox.wait(|| self.inner.outbox.first_cut(partition).is_some()).await;
            let step = match self.first(partition).await {
                Ok(Some(cut)) => {
                    self.send(&cut).await;
                    self.blocking(move |outbox| outbox.remove(cut.partition, cut.cut)).await
                }
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            match step {
                Ok(()) => backoff = Backoff::default(),
                Err(error) => {
                    tracing::error!(%error, partition, "outbox cannot be used; its cut is kept and tried again");
                    tokio::time::sleep(backoff.slow()).await;
                }
            }
        }
    }

    async fn first(&self, partition: u32) -> Result<Option<SealedCut>, String> {
        self.blocking(move |outbox| outbox.first(partition)).await
    }

    /// Runs what touches the disk where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(Outbox) -> Result<T, crate::outbox::OutboxError> + Send + 'static,
    ) -> Result<T, String> {
        let outbox = self.inner.outbox.clone();
        let done = tokio::task::spawn_blocking(move || work(outbox)).await;
        done.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    /// Sends a cut: tables side by side, each one's batches in order, the audit last.
    async fn send(&self, cut: &SealedCut) {
        let mut tables: Vec<(String, Vec<Batch>)> = Vec::new();
        for batch in &cut.batches {
            match tables.iter_mut().find(|(table, _)| *table == batch.name.table) {
                Some((_, batches)) => batches.push(batch.clone()),
                None => tables.push((batch.name.table.clone(), vec![batch.clone()])),
            }
        }
        let (audit, data): (Vec<_>, Vec<_>) =
            tables.into_iter().partition(|(name, _)| name == table::BATCHES);
        for side_by_side in [data, audit] {
            let mut sending = JoinSet::new();
            for (_, batches) in side_by_side {
                let sink = self.clone();
                sending.spawn(async move {
                    for batch in &batches {
                        sink.send_batch(batch).await;
                    }
                });
            }
            sending.join_all().await;
        }
    }

    /// Sends a batch until it is acknowledged.
    async fn send_batch(&self, batch: &Batch) {
        let began = Instant::now();
        let mut backoff = Backoff::default();
        while let Err(error) = self.try_batch(batch).await {
            self.after_failure(batch, &error, &mut backoff).await;
        }
        let labels = [("table", batch.name.table.clone())];
        ::metrics::histogram!(metrics::WRITE_DURATION, &labels).record(began.elapsed().as_secs_f64());
        ::metrics::counter!(metrics::ROWS_WRITTEN, &labels).increment(batch.rows);
        if batch.name.table == table::SPANS {
            ::metrics::counter!(metrics::SPANS_WRITTEN).increment(batch.rows);
        }
        self.inner.expired.look(batch, &self.inner.settings.schema);
    }

    async fn try_batch(&self, batch: &Batch) -> Result<(), StoreError> {
        let dedup = *self.inner.ready.get().unwrap_or(&("insert_deduplicate", "1"));
        // Closed never: the semaphore lives as long as the sink.
        let _turn = self.inner.turns.acquire().await;
        insert(&self.inner.store, batch, dedup, self.inner.settings.timeout).await
    }

    async fn after_failure(&self, batch: &Batch, error: &StoreError, backoff: &mut Backoff) {
        let (batch, table, tries) = (batch.name.to_string(), &batch.name.table, backoff.tries() + 1);
        let (reason, wait) = if error.is_missing_schema() {
            tracing::warn!(%error, table, "the store lacks a table; its schema is made again");
            ("schema", backoff.next())
        } else if error.is_retryable() {
            tracing::warn!(%error, batch, tries, "batch not stored yet");
            ("retryable", backoff.next())
        } else {
            tracing::error!(%error, batch, table, tries, "ClickHouse refuses a batch; it is kept, and somebody must mend this");
            ("permanent", backoff.slow())
        };
        ::metrics::counter!(metrics::WRITE_FAILURES, "reason" => reason).increment(1);
        tokio::time::sleep(wait).await;
        if reason == "schema" {
            self.schema().await;
        }
    }

    /// Makes sure of the schema, until the store has it.
    async fn schema(&self) {
        let (mut backoff, began) = (Backoff::default(), Instant::now());
        loop {
            match self.try_schema().await {
                Ok(dedup) => {
                    // Set before where the schema was lost: the server is the same.
                    let known = self.inner.ready.set(dedup).is_err();
                    tracing::info!(known, "store has its schema");
                    return;
                }
                Err(error) if error.is_retryable() => {
                    if began.elapsed() < OPENING {
                        tracing::info!(%error, "store not reached yet; batches wait in the outbox");
                    } else {
                        tracing::warn!(%error, "store not reached yet; batches wait in the outbox");
                    }
                    tokio::time::sleep(backoff.next()).await;
                }
                Err(error) => {
                    tracing::error!(%error, "schema cannot be made; batches wait in the outbox");
                    tokio::time::sleep(backoff.slow()).await;
                }
            }
        }
    }

    async fn try_schema(&self) -> Result<(&'static str, &'static str), StoreError> {
        let dedup = dedup_setting(&self.inner.store.version().await?);
        migrate(&self.inner.store, &self.inner.settings.schema, false).await?;
        Ok(dedup)
    }
}
