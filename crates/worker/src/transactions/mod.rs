//! The driver of the second fold: one partition of the summary log to decisions and batches.

mod deciding;
mod intake;
mod leaving;
mod lost;
mod report;
#[cfg(test)]
mod tests;
mod unsaved;

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use throughline_assembly::{
    decide::Decider,
    names::NameHash,
    place::Place,
    rules::Rules,
    transactions::{Needed, SummaryEvent, Transactions},
};
use throughline_clickhouse::outbox::Outbox;
use throughline_log::{Kind, Log, Position, Reader, Record, Snapshots};
use tokio_util::sync::CancellationToken;

use self::{intake::undecodable, leaving::Leaving, report::Tally, unsaved::Unsaved};
use crate::{
    WorkerError,
    again::Again,
    analysis::FinishedRanges,
    append::append,
    batch::{BatchBuilder, put_in_outbox},
    drafts::Drafts,
    events::{cause_of, closed_of, control, offer_of, rules_of, source_time_of},
    in_flight::InFlight,
    limits::{DECISIONS_PER_APPEND, MAX_UNDECIDED, MAX_UNREAD_BYTES, RECORDS_PER_TURN},
    metrics::{LIMIT_HITS, ROWS_LEFT, SNAPSHOTS},
    passing::Passing,
    save::{Schedule, save},
    stored::{Decisions, Index},
    summaries::Summaries,
    trim::{Bounds, Retention},
    worker::Parts,
};

/// Drives one partition.
pub(crate) struct TransactionsDriver {
    partition: u32,
    fold: Transactions,
    log: Log,
    span_log: Log,
    decisions: Decisions,
    reader: Reader,
    decider: Decider,
    /// Of the transaction that is being decided.
    summaries: Summaries,
    again: Again,
    builder: BatchBuilder,
    /// What is told to the analysis at the next cut.
    finished: FinishedRanges,
    passing: Passing,
    outbox: Outbox,
    snapshots: Snapshots,
    bounds: Arc<Bounds>,
    /// What the last snapshot needs, until all is read that the log held at start: what moves there to this fold is needed too, and nobody else says so.
    held: Option<(Position, Needed)>,
    unsaved: Unsaved,
    in_flight: InFlight,
    leaving: Leaving,
    /// The next closing to decide.
    decided: u64,
    /// The next verdict to make a record of.
    settled: u64,
    drafts: Drafts,
    /// A cut is in the log and not yet read.
    cut_asked: bool,
    next: Position,
    schedule: Schedule,
    retention: Retention,
    /// Names whose having too many traces was told, the last of them.
    told_full: VecDeque<NameHash>,
    /// What was decided since the last report.
    tallies: Vec<Tally>,
    /// Fold time of the last look for what is to be decided early.
    looked: u64,
}

impl TransactionsDriver {
    /// Restores the last snapshot, or begins anew.
    pub(crate) fn open(
        partition: u32,
        parts: &Parts,
        bounds: Arc<Bounds>,
        in_flight: InFlight,
    ) -> Result<Self, WorkerError> {
        let log = parts.summary_log.clone();
        let (fold, next) = match parts.snapshots.latest(&name(partition))? {
            Some(saved) => (Transactions::restore(partition, &saved.bytes)?, Position(saved.position)),
            None => (Transactions::new(partition, Arc::clone(&parts.rules)), log.start(partition)),
        };
        let needed = needed(partition, &fold, next);
        // Closings of before the snapshot that have no record yet are decided again.
        let decided = fold.closing(0).next().map_or(fold.next_sequence(), |closing| closing.sequence);
        let driver = Self {
            partition,
            decided,
            settled: 0,
            drafts: Drafts::default(),
            decisions: Decisions {
                log: log.clone(),
                partition,
                index: Index::open(&parts.index, &name(partition), fold.next_chunk())?,
            },
            fold,
            reader: log.reader(partition, next),
            passing: Passing::new(log.clone(), Arc::clone(&bounds)),
            held: Some((next, needed)),
            unsaved: Unsaved::new(log.partitions()),
            log,
            span_log: parts.span_log.clone(),
            retention: parts.retention,
            decider: Decider::default(),
            summaries: Summaries::default(),
            again: Again::new(parts.span_log.clone()),
            builder: BatchBuilder::new(partition, parts.span_log.clone(), parts.summary_log.clone()),
            finished: FinishedRanges::new(
                partition,
                parts.analysis_log.clone(),
                Arc::clone(&bounds),
                next,
                parts.rules.settings.diagnosis.max_per_second,
            ),
            outbox: parts.outbox.clone(),
            snapshots: parts.snapshots.clone(),
            bounds,
            in_flight,
            leaving: Leaving::default(),
            cut_asked: false,
            told_full: VecDeque::new(),
            tallies: Vec::new(),
            looked: 0,
            next,
            schedule: Schedule::new(next, parts.snapshot_bytes()),
        };
        driver.show_open();
        driver.in_flight.read_to(partition, next);
        Ok(driver)
    }

    /// Reads until told to stop, then to the end of what the log holds, and cuts; then saves.
    pub(crate) async fn run(
        mut self,
        rules: Arc<Rules>,
        shutdown: CancellationToken,
    ) -> Result<(), WorkerError> {
        self.replay(&rules).await?;
        loop {
            self.act().await?;
            let stopping = shutdown.is_cancelled();
            if stopping && self.next >= self.log.end(self.partition) {
                break;
            }
            tokio::select! {
                record = self.reader.next() => self.apply(record.map_err(|source| self.read_error(source))?).await?,
                sent = self.passing.sent() => sent?,
                () = shutdown.cancelled(), if !stopping => continue,
            }
            for _ in 0..DECISIONS_PER_APPEND + RECORDS_PER_TURN {
                match self.reader.try_next().map_err(|source| self.read_error(source))? {
                    Some(record) => self.apply(record).await?,
                    None => break,
                }
            }
        }
        self.finish().await
    }

    /// What the log holds was decided: nothing is decided anew before its last record.
    async fn replay(&mut self, rules: &Arc<Rules>) -> Result<(), WorkerError> {
        let end = self.log.end(self.partition);
        while self.next < end {
            let record = self.reader.next().await.map_err(|source| self.read_error(source))?;
            self.apply(record).await?;
        }
        if let Some((next, needed)) = self.held.take() {
            self.bounds.set_unsaved(self.partition, self.unsaved.needed());
            self.bounds.set_needed(self.partition, next, needed);
        }
        if self.fold.rules().version != rules.version || end == self.log.start(self.partition) {
            let record = control(Kind::Rules, rules.to_record().into());
            append(&self.log, vec![(self.partition, record)]).await?;
        }
        Ok(())
    }

    fn read_error(&self, source: throughline_log::ReadError) -> WorkerError {
        WorkerError::Read { log: "summary", partition: self.partition, source }
    }

    async fn apply(&mut self, record: Record) -> Result<(), WorkerError> {
        let position = record.position;
        match record.kind {
            Kind::Summary => self.take_summary(&record),
            Kind::Link => self.take_links(&record),
            Kind::Move => self.take_moved(&record),
            Kind::SourceTime => {
                if let (Some((source, cause)), Some((now, oldest))) =
                    (cause_of(&record), source_time_of(&record))
                {
                    let event = SummaryEvent::SourceTime { source, cause, now, oldest };
                    self.fold.apply(position.0, event, &mut self.decisions);
                    self.close_early();
                    self.leave();
                    self.report(record.wall_ns);
                }
            }
            Kind::Offer => {
                if let Some(offer) = offer_of(&record) {
                    self.fold.apply(position.0, SummaryEvent::Offer(&offer), &mut self.decisions);
                }
            }
            Kind::Closed => self.take_closed(&record)?,
            Kind::Cut => self.seal(position, record.next).await?,
            Kind::Rules => {
                if let Some(rules) = rules_of(&record) {
                    self.drafts.clear();
                    self.tell_counts();
                    self.fold.apply(position.0, SummaryEvent::Rules(rules), &mut self.decisions);
                }
            }
            Kind::Spans
            | Kind::Tick
            | Kind::Finished
            | Kind::Alerts
            | Kind::Feedback
            | Kind::Changes
            | Kind::Found => {}
        }
        while let Some(chunk) = self.fold.take_chunk() {
            self.decisions.index.add(chunk)?;
        }
        self.pass_on(position).await?;
        self.next = record.next;
        self.in_flight.read_to(self.partition, self.next);
        Ok(())
    }

    fn take_closed(&mut self, record: &Record) -> Result<(), WorkerError> {
        let Some(closed) = closed_of(record) else {
            undecodable(record, "a decision");
            return Ok(());
        };
        if !self.fold.apply(record.position.0, SummaryEvent::Closed(&closed), &mut self.decisions) {
            return Ok(());
        }
        if closed.row.is_none() && closed.before.is_none() {
            tracing::warn!(name = ?closed.name(), "the row of a transaction that belongs to another now is gone from the log: it stays in the table");
            metrics::counter!(ROWS_LEFT).increment(1);
        }
        if let Some(over) = self.leaving.add(closed.name()) {
            self.in_flight.set_short(self.partition, true);
            self.hide(over);
        }
        self.count(&closed);
        self.finished.add(record.position, &closed);
        let replaying = self.held.is_some();
        self.builder.add(&closed, |place, summary| {
            if replaying {
                self.unsaved.read(place, summary);
            }
        })
    }

    /// What the store has by now is in flight no more.
    fn leave(&mut self) {
        let first = self.outbox.first_cut(self.partition);
        while let Some(name) = self.leaving.stored(first) {
            self.hide(name);
        }
        self.in_flight.set_short(self.partition, self.leaving.is_short());
    }

    fn hide(&self, name: NameHash) {
        if !self.fold.is_open(name) {
            self.in_flight.remove(name);
        }
    }

    /// The end of a batch: its blocks are made and lie in the outbox before anything after it is read.
    async fn seal(&mut self, cut: Position, next: Position) -> Result<(), WorkerError> {
        self.fold.apply(cut.0, SummaryEvent::Cut, &mut self.decisions);
        self.cut_asked = false;
        let batches = self.builder.seal(cut, self.fold.now())?;
        if self.outbox.is_full() {
            metrics::counter!(LIMIT_HITS, "limit" => "outbox").increment(1);
            self.outbox.wait_for_room().await;
        }
        put_in_outbox(&self.outbox, batches).await?;
        self.leaving.seal(cut.0);
        // Before a snapshot: what the analysis is to know is durable then.
        let per_second = self.fold.rules().settings.diagnosis.max_per_second;
        self.finished.send(cut, self.fold.now(), per_second).await?;
        if self.schedule.is_due(next) {
            self.passing.drain().await?;
            self.save(next)?;
        }
        Ok(())
    }

    /// What is to be done outside the log: decisions, and the end of a batch.
    async fn act(&mut self) -> Result<(), WorkerError> {
        // Some at a time, which are read before the next are made: while they are the newest of the log they need not be decoded. So what the log
        // holds already is read first, and a transaction is decided with all of it.
        let behind = self.unread() > MAX_UNREAD_BYTES;
        let too_many = self.undecided() > MAX_UNDECIDED;
        if behind && too_many {
            metrics::counter!(LIMIT_HITS, "limit" => "transactions.undecided").increment(1);
        }
        if !behind || too_many {
            self.decide().await?;
        }
        if self.fold.wants_cut() && !self.cut_asked {
            self.cut().await?;
        }
        Ok(())
    }

    /// Bytes of the log that are to be read.
    fn unread(&self) -> u64 {
        self.log.end(self.partition).0.saturating_sub(self.next.0)
    }

    /// Transactions that are closing, at most.
    fn undecided(&self) -> u64 {
        self.fold.next_sequence().saturating_sub(self.decided)
    }

    async fn cut(&mut self) -> Result<(), WorkerError> {
        self.cut_asked = true;
        self.unsaved.cut();
        append(&self.log, vec![(self.partition, control(Kind::Cut, Bytes::new()))]).await?;
        Ok(())
    }

    /// At the end: all that is closing is decided, what is pending is cut and sealed, the state is saved.
    async fn finish(mut self) -> Result<(), WorkerError> {
        self.act().await?;
        self.read_to_end().await?;
        // What was offered is decided now, but for those that wait for the end of a window.
        while self.decide().await? {
            self.read_to_end().await?;
        }
        if self.fold.batch().rows > 0 {
            self.cut().await?;
            self.read_to_end().await?;
        }
        self.tell_counts();
        self.passing.drain().await?;
        if self.fold.batch().rows == 0 {
            self.save(self.next)?;
        }
        Ok(())
    }

    async fn read_to_end(&mut self) -> Result<(), WorkerError> {
        while self.next < self.log.end(self.partition) {
            let record = self.reader.next().await.map_err(|source| self.read_error(source))?;
            self.apply(record).await?;
        }
        Ok(())
    }

    /// Only at a cut, with its batches in the outbox: what comes after is made again from the log.
    fn save(&mut self, next: Position) -> Result<(), WorkerError> {
        let index = self.decisions.index.save(self.fold.next_chunk());
        let saved = index
            .map_err(WorkerError::from)
            .and_then(|()| save(&self.snapshots, &name(self.partition), next, |out| self.fold.snapshot(out)));
        if !self.schedule.saved(next, saved)? {
            return Ok(());
        }
        let retention = self.fold.rules().settings.retention;
        self.decisions.index.saved(self.fold.now(), retention)?;
        let needed = needed(self.partition, &self.fold, next);
        self.unsaved.saved();
        match &mut self.held {
            Some(held) => *held = (next, needed),
            None => {
                self.bounds.set_needed(self.partition, next, needed);
                self.bounds.set_unsaved(self.partition, self.unsaved.needed());
            }
        }
        metrics::counter!(SNAPSHOTS, "fold" => "transactions").increment(1);
        Ok(())
    }

    /// Over its size, the log is held by nothing but what is undecided: the oldest of it is decided early.
    fn close_early(&mut self) {
        // Sources tell their times one after the other: once for all of them is enough.
        if std::mem::replace(&mut self.looked, self.fold.now()) == self.fold.now() {
            return;
        }
        let partitions = self.span_log.partitions();
        let share = self.retention.bytes / u64::from(partitions);
        let beyond = |partition| self.span_log.end(partition).0.saturating_sub(share);
        let limits: Vec<u64> = (0..partitions).map(beyond).collect();
        if limits.iter().any(|limit| *limit > 0) {
            let count = self.fold.close_early(&limits);
            if count > 0 {
                tracing::warn!(
                    count,
                    "the log is over log.retention.size_gib: transactions are decided early"
                );
            }
        }
    }
}

/// What the fold needs, and of its own log what comes after the snapshot.
fn needed(partition: u32, fold: &Transactions, next: Position) -> Needed {
    let mut needed = fold.needed();
    needed.summary(Place::new(partition, next.0));
    needed
}

fn name(partition: u32) -> String {
    format!("transactions-{partition}")
}
