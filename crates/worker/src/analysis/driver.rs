//! The driver of the third fold.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use throughline_analysis::diagnosis::Usual;
use throughline_assembly::{
    incidents::{Analysis, AnalysisEvent, Row},
    records::{AlertsReceived, ChangesTold, Closed, FeedbackGiven, FinishedRange, FoundRows},
    rules::Rules,
};
use throughline_clickhouse::{outbox::Outbox, rows::IncidentRows};
use throughline_log::{Kind, Log, Position, Reader, Record, Snapshots};
use tokio_util::sync::CancellationToken;

use super::{Incidents, LANE, NAME, PARTITION, ranges::Travelling};
use crate::{
    WorkerError,
    append::append,
    batch::{Sealing, put_in_outbox},
    events::{closed_of, control, rules_of},
    limits::{FOUND_BYTES_PER_RECORD, RECORDS_PER_TURN},
    metrics::{ALERTS_FIRING, ANALYSIS_FINISHED, ANALYSIS_LOST, INCIDENTS_OPEN, LAG, LIMIT_HITS, SNAPSHOTS},
    save::{Schedule, save},
    traces::lag,
    trim::Bounds,
    worker::Parts,
};

/// Drives the one partition of the analysis log.
pub(crate) struct AnalysisDriver {
    fold: Analysis,
    log: Log,
    summary_log: Log,
    reader: Reader,
    rows: IncidentRows,
    outbox: Outbox,
    snapshots: Snapshots,
    bounds: Arc<Bounds>,
    incidents: Incidents,
    /// Sequence of the next row that is to be appended.
    decided: u64,
    /// A cut is in the log and not yet read.
    cut_asked: bool,
    next: Position,
    schedule: Schedule,
}

impl AnalysisDriver {
    /// Restores the last snapshot, or begins anew.
    pub(crate) fn open(
        parts: &Parts,
        bounds: Arc<Bounds>,
        incidents: Incidents,
    ) -> Result<Self, WorkerError> {
        let log = parts.analysis_log.clone();
        let (fold, next) = match parts.snapshots.latest(NAME)? {
            Some(saved) => (Analysis::restore(&saved.bytes)?, Position(saved.position)),
            None => (Analysis::new(parts.rules.settings.diagnosis()), log.start(LANE)),
        };
        incidents.hold(fold.reports());
        incidents.set_baselines(usual(&fold));
        incidents.set_told(fold.told().cloned().collect());
        Ok(Self {
            decided: fold.pending().0,
            fold,
            reader: log.reader(LANE, next),
            log,
            summary_log: parts.summary_log.clone(),
            rows: IncidentRows::default(),
            outbox: parts.outbox.clone(),
            snapshots: parts.snapshots.clone(),
            bounds,
            incidents,
            cut_asked: false,
            next,
            schedule: Schedule::new(next, parts.snapshot_bytes()),
        })
    }

    /// Reads until told to stop, then to the end of what the log holds, and cuts; then saves.
    pub(crate) async fn run(
        mut self,
        rules: Arc<Rules>,
        shutdown: CancellationToken,
    ) -> Result<(), WorkerError> {
        // What the log holds was found: nothing is found anew before its last record.
        self.read_to_end().await?;
        self.decided = self.decided.max(self.fold.pending().0);
        if *self.fold.settings() != rules.settings.diagnosis() {
            append(&self.log, vec![(LANE, control(Kind::Rules, rules.to_record().into()))]).await?;
        }
        loop {
            self.act().await?;
            let stopping = shutdown.is_cancelled();
            if stopping && self.next >= self.log.end(LANE) {
                break;
            }
            tokio::select! {
                record = self.reader.next() => self.apply(record.map_err(read_error)?).await?,
                () = shutdown.cancelled(), if !stopping => continue,
            }
            for _ in 0..RECORDS_PER_TURN {
                match self.reader.try_next().map_err(read_error)? {
                    Some(record) => self.apply(record).await?,
                    None => break,
                }
            }
            if self.fold.batch().rows == 0 && self.schedule.is_due(self.next) {
                self.save()?;
            }
        }
        self.finish().await
    }

    async fn apply(&mut self, record: Record) -> Result<(), WorkerError> {
        match record.kind {
            Kind::Tick => {
                self.fold.apply(record.wall_ns, AnalysisEvent::Tick);
                let deployments = self.fold.deployments().into_iter().cloned();
                self.incidents.set_deployments(deployments.collect());
                self.report(record.wall_ns);
            }
            Kind::Finished => self.take_finished(&record),
            Kind::Alerts => {
                if let Some(received) = decoded::<AlertsReceived>(&record) {
                    let alerts = &mut received.alerts.into_iter().map(Into::into);
                    self.fold.apply(record.wall_ns, AnalysisEvent::Alerts(alerts));
                }
            }
            Kind::Changes => {
                if let Some(told) = decoded::<ChangesTold>(&record) {
                    let changes = &mut told.changes.into_iter().map(Into::into);
                    self.fold.apply(record.wall_ns, AnalysisEvent::Changes(changes));
                    self.incidents.set_told(self.fold.told().cloned().collect());
                }
            }
            Kind::Feedback => {
                if let Some(given) = decoded::<FeedbackGiven>(&record) {
                    self.fold.apply(record.wall_ns, AnalysisEvent::Feedback(&given));
                }
            }
            Kind::Found => self.take_found(&record),
            Kind::Rules => {
                if let Some(rules) = rules_of(&record) {
                    self.fold.apply(record.wall_ns, AnalysisEvent::Rules(&rules.settings));
                }
            }
            Kind::Cut => self.seal(&record).await?,
            Kind::Spans
            | Kind::Summary
            | Kind::Closed
            | Kind::SourceTime
            | Kind::Link
            | Kind::Move
            | Kind::Offer => {}
        }
        self.next = record.next;
        Ok(())
    }

    /// Decisions that a record names: those that travelled with it, or read back from the summary log.
    fn take_finished(&mut self, record: &Record) {
        let Some(range) = decoded::<FinishedRange>(record) else { return };
        let travelling = record.cache.clone().and_then(|cache| cache.downcast::<Travelling>().ok());
        let log = &self.summary_log;
        let mut lost = 0_u64;
        let weights = range.weights.iter().copied().chain(std::iter::repeat(1));
        let mut fetched = range.positions.iter().zip(weights).filter_map(|(position, weight)| {
            if range.partition >= log.partitions() {
                return None;
            }
            let closed = log.fetch(range.partition, Position(*position)).ok();
            let closed = closed.as_ref().and_then(closed_of);
            lost += u64::from(closed.is_none());
            Some((weight, closed?))
        });
        let mut held = travelling.iter().flat_map(|list| list.iter().cloned());
        let closed: &mut dyn Iterator<Item = (u32, Arc<Closed>)> =
            if travelling.is_some() { &mut held } else { &mut fetched };
        let (source, from, to) = (range.partition, range.from, range.to);
        let event = AnalysisEvent::Finished { source, from, to, closed };
        self.fold.apply(record.wall_ns, event);
        if lost > 0 {
            tracing::warn!(lost, partition = range.partition, "decisions are gone before they were analysed");
            metrics::counter!(ANALYSIS_LOST).increment(lost);
        }
    }

    fn take_found(&mut self, record: &Record) {
        let Some(found) = decoded::<FoundRows>(record) else { return };
        // A row of another version that is not understood counts as one that was written.
        let rows: Vec<Option<Row>> = found.rows.iter().map(|row| serde_json::from_str(row).ok()).collect();
        let unknown = rows.iter().filter(|row| row.is_none()).count();
        if unknown > 0 {
            tracing::error!(
                unknown,
                position = record.position.0,
                "rows in the log do not decode; they are left out"
            );
        }
        let known: Vec<Row> = rows.into_iter().flatten().collect();
        let sequence = found.sequence + unknown as u64;
        self.fold.apply(record.wall_ns, AnalysisEvent::Found { sequence, rows: &known });
        for row in &known {
            self.rows.add(row);
            if let Row::Incident(report) = row {
                self.incidents.set(report);
            }
        }
    }

    /// The end of a batch: it lies in the outbox before anything after it is read.
    async fn seal(&mut self, cut: &Record) -> Result<(), WorkerError> {
        self.fold.apply(cut.wall_ns, AnalysisEvent::Cut);
        self.cut_asked = false;
        let mut sealing = Sealing::new(&self.log, PARTITION, cut.position);
        sealing.add_all(self.rows.finish());
        let batches = sealing.finish(self.fold.now());
        if self.outbox.is_full() {
            metrics::counter!(LIMIT_HITS, "limit" => "outbox").increment(1);
            self.outbox.wait_for_room().await;
        }
        put_in_outbox(&self.outbox, batches).await
    }

    /// What is to be done outside the log: rows that were found, and the end of a batch.
    async fn act(&mut self) -> Result<(), WorkerError> {
        let records = self.found_records()?;
        if !records.is_empty() {
            append(&self.log, records).await?;
        }
        if self.fold.wants_cut() && !self.cut_asked {
            self.cut_asked = true;
            append(&self.log, vec![(LANE, control(Kind::Cut, Bytes::new()))]).await?;
        }
        Ok(())
    }

    fn found_records(&mut self) -> Result<Vec<(u32, throughline_log::NewRecord)>, WorkerError> {
        let (first, pending) = self.fold.pending();
        let skipped = self.decided.saturating_sub(first) as usize;
        let mut records = Vec::new();
        let mut found = FoundRows { sequence: self.decided, rows: Vec::new() };
        let mut bytes = 0;
        for row in pending.iter().skip(skipped) {
            let text = serde_json::to_string(row).map_err(WorkerError::Row)?;
            bytes += text.len();
            found.rows.push(text);
            self.decided += 1;
            if bytes >= FOUND_BYTES_PER_RECORD {
                records.push((LANE, control(Kind::Found, found.encode_to_vec().into())));
                found = FoundRows { sequence: self.decided, rows: Vec::new() };
                bytes = 0;
            }
        }
        if !found.rows.is_empty() {
            records.push((LANE, control(Kind::Found, found.encode_to_vec().into())));
        }
        Ok(records)
    }

    /// At the end: what was found is cut and sealed, the state is saved.
    async fn finish(mut self) -> Result<(), WorkerError> {
        self.act().await?;
        self.read_to_end().await?;
        if self.fold.batch().rows > 0 {
            append(&self.log, vec![(LANE, control(Kind::Cut, Bytes::new()))]).await?;
            self.read_to_end().await?;
        }
        if self.fold.batch().rows == 0 {
            self.save()?;
        }
        Ok(())
    }

    async fn read_to_end(&mut self) -> Result<(), WorkerError> {
        while self.next < self.log.end(LANE) {
            let record = self.reader.next().await.map_err(read_error)?;
            self.apply(record).await?;
        }
        Ok(())
    }

    /// Only where all rows are sealed: what comes after is made again from the log.
    fn save(&mut self) -> Result<(), WorkerError> {
        let saved = save(&self.snapshots, NAME, self.next, |out| self.fold.snapshot(out));
        if !self.schedule.saved(self.next, saved)? {
            return Ok(());
        }
        self.bounds.analysis_saved(self.fold.taken());
        self.log.trim(LANE, self.next);
        self.incidents.hold(self.fold.reports());
        let calls =
            self.fold.calls().map(|(caller, callee, count)| (caller.to_owned(), callee.to_owned(), count));
        self.incidents.set_calls(calls.collect());
        self.incidents.set_baselines(usual(&self.fold));
        metrics::counter!(SNAPSHOTS, "fold" => "analysis").increment(1);
        Ok(())
    }

    fn report(&mut self, wall: u64) {
        metrics::gauge!(LAG, "stage" => "analysis", "partition" => "0").set(lag(wall));
        metrics::gauge!(ALERTS_FIRING).set(self.fold.firing() as f64);
        metrics::gauge!(INCIDENTS_OPEN)
            .set(self.fold.reports().filter(|report| report.is_open()).count() as f64);
        let counts = self.fold.take_counts();
        metrics::counter!(ANALYSIS_FINISHED).increment(counts.finished);
        for (limit, hits) in counts.limits() {
            metrics::counter!(LIMIT_HITS, "limit" => limit).increment(hits);
        }
    }
}

/// What is known of what is usual.
fn usual(fold: &Analysis) -> Vec<Usual> {
    fold.usual().filter(|usual| usual.observations > 0.0).collect()
}

fn read_error(source: throughline_log::ReadError) -> WorkerError {
    WorkerError::Read { log: "analysis", partition: LANE, source }
}

/// A record's message; `None`, and said so, where it was not made by this program.
fn decoded<T: Message + Default>(record: &Record) -> Option<T> {
    let decoded = T::decode(record.payload.clone());
    if let Err(error) = &decoded {
        tracing::error!(%error, position = record.position.0, "a record of the analysis log does not decode; it is left out");
    }
    decoded.ok()
}
