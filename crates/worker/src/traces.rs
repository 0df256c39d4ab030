//! The driver of the first fold: one partition of the span log to summaries.

use std::{collections::HashMap, sync::Arc};

use throughline_assembly::{
    place::Place,
    rules::Rules,
    traces::{Emit, EmitBody, SpanEvent, TraceKey, Traces},
};
use throughline_log::{AppendError, Kind, Log, NewRecord, Position, Reader, Record, Snapshots};
use throughline_otlp::Facts;
use tokio_util::sync::CancellationToken;

use crate::{
    WorkerError,
    append::append,
    events::{control, emitted, rules_of},
    limits::{MAX_UNAPPENDED_BYTES, RECORDS_PER_TURN},
    looking::Looking,
    metrics::{DUPLICATE_SPANS, LAG, LIMIT_HITS, SNAPSHOTS, TRACES_OPEN, UNDECIDED_BYTES, UNDECIDED_SPANS},
    save::{Schedule, save},
    stored::{Index, StoredTraces},
    switch::Switched,
    trim::Bounds,
    worker::Parts,
};

/// Records on their way to the summary log; for each, the trace whose summary it is.
#[derive(Default)]
struct Outgoing {
    records: Vec<(u32, NewRecord)>,
    traces: Vec<Option<TraceKey>>,
    bytes: usize,
}

type Appended = (Vec<u32>, Vec<Option<TraceKey>>, Result<Vec<Position>, AppendError>);

/// Drives one partition.
pub(crate) struct TracesDriver {
    partition: u32,
    fold: Traces,
    span_log: Log,
    reader: Reader,
    stored: StoredTraces,
    snapshots: Snapshots,
    bounds: Arc<Bounds>,
    outgoing: Outgoing,
    appending: Option<tokio::task::JoinHandle<Appended>>,
    /// Where the next record lies.
    next: Position,
    schedule: Schedule,
    emits: Vec<Emit>,
    /// Other rules were read, and not all that they closed is appended.
    switching: bool,
    switched: Switched,
    looking: Looking,
}

impl TracesDriver {
    /// Restores the last snapshot, or begins anew under `rules`.
    pub(crate) fn open(
        partition: u32,
        parts: &Parts,
        bounds: Arc<Bounds>,
        switched: Switched,
        looking: Looking,
    ) -> Result<Self, WorkerError> {
        let (span_log, snapshots) = (parts.span_log.clone(), parts.snapshots.clone());
        let (fold, next) = match snapshots.latest(&name(partition))? {
            Some(saved) => (Traces::restore(partition, &saved.bytes)?, Position(saved.position)),
            None => (Traces::new(partition, Arc::clone(&parts.rules)), span_log.start(partition)),
        };
        Ok(Self {
            partition,
            reader: span_log.reader(partition, next),
            span_log,
            stored: StoredTraces {
                log: parts.summary_log.clone(),
                unplaced: HashMap::new(),
                index: Index::open(&parts.index, &name(partition), fold.next_chunk())?,
            },
            fold,
            snapshots,
            bounds,
            outgoing: Outgoing::default(),
            appending: None,
            next,
            schedule: Schedule::new(next, parts.snapshot_bytes()),
            emits: Vec::new(),
            switching: false,
            switched,
            looking,
        })
    }

    /// Reads until told to stop, then to the end of what the log holds; then saves.
    pub(crate) async fn run(
        mut self,
        rules: Arc<Rules>,
        shutdown: CancellationToken,
    ) -> Result<(), WorkerError> {
        self.bounds.set_traces_snapshot(self.partition, self.next);
        self.switch_rules(&rules).await?;
        while !(shutdown.is_cancelled() && self.next >= self.span_log.end(self.partition)) {
            let room = self.outgoing.bytes < MAX_UNAPPENDED_BYTES;
            tokio::select! {
                record = self.reader.next(), if room => self.apply(&record.map_err(|source| self.read_error(source))?)?,
                appended = wait(&mut self.appending) => self.note(appended)?,
                () = self.looking.wanted(self.next) => self.looking.look(&mut self.fold, self.next, &self.stored.unplaced),
                () = shutdown.cancelled(), if !shutdown.is_cancelled() => {}
            }
            self.take_turn()?;
            self.send();
            self.tell_switched().await?;
            self.save_if_due().await?;
        }
        self.drain().await?;
        self.save()
    }

    /// Once all that ended with the rules of before is in the summary log, those of now may be there too.
    async fn tell_switched(&mut self) -> Result<(), WorkerError> {
        if std::mem::take(&mut self.switching) {
            self.drain().await?;
            self.switched.tell(self.partition, self.fold.rules().version);
        }
        Ok(())
    }

    /// What a log holds was written under the rules that it names; the rules of now hold from here on.
    async fn switch_rules(&mut self, rules: &Arc<Rules>) -> Result<(), WorkerError> {
        let end = self.span_log.end(self.partition);
        while self.next < end {
            let record = self.reader.next().await.map_err(|source| self.read_error(source))?;
            self.apply(&record)?;
            self.send();
            if self.outgoing.bytes >= MAX_UNAPPENDED_BYTES {
                self.drain().await?;
            }
        }
        if self.fold.rules().version != rules.version || end == self.span_log.start(self.partition) {
            let record = control(Kind::Rules, rules.to_record().into());
            append(&self.span_log, vec![(self.partition, record)]).await?;
        }
        Ok(())
    }

    /// Takes what is there at once, up to a turn's worth.
    fn take_turn(&mut self) -> Result<(), WorkerError> {
        for _ in 0..RECORDS_PER_TURN {
            if self.outgoing.bytes >= MAX_UNAPPENDED_BYTES {
                return Ok(());
            }
            match self.reader.try_next().map_err(|source| self.read_error(source))? {
                Some(record) => self.apply(&record)?,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn read_error(&self, source: throughline_log::ReadError) -> WorkerError {
        WorkerError::Read { log: "span", partition: self.partition, source }
    }

    fn apply(&mut self, record: &Record) -> Result<(), WorkerError> {
        let facts = record.cache.as_ref().and_then(|cache| cache.downcast_ref::<Facts>());
        let event = match record.kind {
            Kind::Spans => Some(SpanEvent::Spans { tenant: &record.tenant, payload: &record.payload, facts }),
            Kind::Rules => rules_of(record).map(SpanEvent::Rules),
            // What the other log has is nothing to this fold; its time counts all the same.
            _ => Some(SpanEvent::Tick),
        };
        if let Some(event) = event {
            self.fold.apply(record.position.0, record.wall_ns, event, &mut self.stored, &mut self.emits);
            while let Some(chunk) = self.fold.take_chunk() {
                self.stored.index.add(chunk)?;
            }
        }
        for emit in self.emits.drain(..) {
            let new = emitted(self.partition, record.position, &emit);
            let trace = match &emit.body {
                EmitBody::Summary(summary) => {
                    let key = TraceKey::from(&**summary);
                    self.stored.unplaced.entry(key).or_default().push(Arc::clone(summary));
                    Some(key)
                }
                EmitBody::SourceTime { .. } | EmitBody::Links(_) => None,
            };
            self.outgoing.bytes += new.payload.len();
            self.outgoing.records.push((emit.partition, new));
            self.outgoing.traces.push(trace);
        }
        self.switching |= record.kind == Kind::Rules;
        if record.kind == Kind::Tick {
            self.report(record.wall_ns);
            self.bounds.mark(self.partition, record.wall_ns, record.position);
        }
        self.next = record.next;
        Ok(())
    }

    /// Appends what waits, if nothing is on its way: one append at a time keeps the order.
    fn send(&mut self) {
        if self.appending.is_some() || self.outgoing.records.is_empty() {
            return;
        }
        let Outgoing { records, traces, .. } = std::mem::take(&mut self.outgoing);
        let log = self.stored.log.clone();
        self.appending = Some(tokio::spawn(async move {
            let partitions = records.iter().map(|(partition, _)| *partition).collect();
            let positions = append(&log, records).await;
            (partitions, traces, positions)
        }));
    }

    fn note(&mut self, appended: Appended) -> Result<(), WorkerError> {
        let (partitions, traces, positions) = appended;
        for ((partition, trace), position) in partitions.into_iter().zip(traces).zip(positions?) {
            let Some(trace) = trace else { continue };
            self.fold.note_summary(trace, Place::new(partition, position.0));
            self.stored.placed(trace);
        }
        Ok(())
    }

    /// Waits until all that was emitted is durable.
    async fn drain(&mut self) -> Result<(), WorkerError> {
        loop {
            self.send();
            if self.appending.is_none() {
                return Ok(());
            }
            let appended = wait(&mut self.appending).await;
            self.note(appended)?;
        }
    }

    async fn save_if_due(&mut self) -> Result<(), WorkerError> {
        if self.schedule.is_due(self.next) {
            self.drain().await?;
            self.save()?;
        }
        Ok(())
    }

    /// Everything appended because of records up to here is durable.
    fn save(&mut self) -> Result<(), WorkerError> {
        let index = self.stored.index.save(self.fold.next_chunk());
        let saved = index.map_err(WorkerError::from).and_then(|()| {
            save(&self.snapshots, &name(self.partition), self.next, |out| self.fold.snapshot(out))
        });
        if !self.schedule.saved(self.next, saved)? {
            return Ok(());
        }
        let retention = self.fold.rules().settings.retention;
        self.stored.index.saved(self.fold.now(), retention)?;
        self.bounds.set_traces_snapshot(self.partition, self.next);
        metrics::counter!(SNAPSHOTS, "fold" => "traces").increment(1);
        Ok(())
    }

    fn report(&mut self, wall: u64) {
        let partition = self.partition.to_string();
        let (traces, spans, bytes) = self.fold.sizes();
        metrics::gauge!(TRACES_OPEN, "partition" => partition.clone()).set(traces as f64);
        metrics::gauge!(UNDECIDED_SPANS, "partition" => partition.clone()).set(spans as f64);
        metrics::gauge!(UNDECIDED_BYTES, "partition" => partition.clone()).set(bytes as f64);
        metrics::gauge!(LAG, "stage" => "traces", "partition" => partition).set(lag(wall));
        let counts = self.fold.take_counts();
        metrics::counter!(DUPLICATE_SPANS).increment(counts.duplicates);
        for (limit, hits) in [
            ("traces.max_spans", counts.closed_by_size),
            ("strings", counts.strings_over_limit),
            ("keys_per_trace", counts.keys_over_limit),
            ("links_per_trace", counts.links_over_limit),
            ("recalled_per_trace", counts.recalled_over_limit),
        ] {
            metrics::counter!(LIMIT_HITS, "limit" => limit).increment(hits);
        }
    }
}

/// Seconds between a record's wall time and now.
pub(crate) fn lag(wall: u64) -> f64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    now.as_secs_f64() - wall as f64 / 1e9
}

fn name(partition: u32) -> String {
    format!("traces-{partition}")
}

/// The append on its way; never, where there is none.
async fn wait(appending: &mut Option<tokio::task::JoinHandle<Appended>>) -> Appended {
    let Some(handle) = appending else { return std::future::pending().await };
    let result = handle.await;
    *appending = None;
    match result {
        Ok(appended) => appended,
        Err(error) => {
            (Vec::new(), Vec::new(), Err(AppendError::Stopped { reason: error.to_string().into() }))
        }
    }
}
