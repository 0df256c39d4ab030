//! The driver of the second fold: one partition of the summary log to decisions and batches.

use std::sync::Arc;

use bytes::Bytes;
use throughline_assembly::{
    decide::{Decided, Decider, Positioned},
    records::{Closed, ClosedBy, Outcome, TraceSummary, Transaction},
    rules::Rules,
    transactions::{Closing, SummaryEvent, TraceHead, Transactions},
};
use throughline_clickhouse::outbox::{Batch, Outbox, OutboxError};
use throughline_log::{FetchError, Kind, Log, Position, Reader, Record, Snapshots};
use throughline_sampling::OVERLOAD;
use tokio_util::sync::CancellationToken;

use crate::{
    WorkerError,
    append::append,
    batch::BatchBuilder,
    drafts::Drafts,
    events::{
        cause_of, closed_of, closed_record, control, head_of, offer_of, offer_record, rules_of,
        source_time_of,
    },
    in_flight::InFlight,
    limits::{DECISIONS_PER_APPEND, RECORDS_PER_TURN, RETRY},
    metrics::{DECISIONS, LAG, LATE_SPANS, LIMIT_HITS, SNAPSHOTS, TRANSACTIONS_CLOSED, TRANSACTIONS_OPEN},
    save::{Schedule, save},
    stored::{Decisions, Index},
    summaries::Summaries,
    traces::lag,
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
    builder: BatchBuilder,
    outbox: Outbox,
    snapshots: Snapshots,
    bounds: Arc<Bounds>,
    in_flight: InFlight,
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
            Some(saved) => (Transactions::restore(&saved.bytes)?, Position(saved.position)),
            None => (Transactions::new(Arc::clone(&parts.rules)), log.start(partition)),
        };
        let (spans, summaries) = fold.needed();
        bounds.set_needed(partition, spans, summaries.min(next.0));
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
            log,
            span_log: parts.span_log.clone(),
            retention: parts.retention,
            decider: Decider::default(),
            summaries: Summaries::default(),
            builder: BatchBuilder::new(partition, parts.span_log.clone(), parts.summary_log.clone()),
            outbox: parts.outbox.clone(),
            snapshots: parts.snapshots.clone(),
            bounds,
            in_flight,
            cut_asked: false,
            looked: 0,
            next,
            schedule: Schedule::new(next, parts.snapshot_bytes()),
        };
        driver.show_open();
        Ok(driver)
    }

    /// What was open at the snapshot is in flight again.
    fn show_open(&self) {
        let open = self.fold.open_transactions();
        for (name, position) in
            open.flat_map(|(name, list)| list.iter().map(move |position| (name, position)))
        {
            let record = self.log.fetch(self.partition, Position(*position)).ok();
            if let Some(head) = record.as_ref().and_then(head_of) {
                self.in_flight.add(name, TraceHead::from(&head), self.partition, *position);
            }
        }
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
                () = shutdown.cancelled(), if !stopping => continue,
            }
            for _ in 0..RECORDS_PER_TURN {
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
            Kind::SourceTime => {
                if let (Some((source, cause)), Some((now, oldest))) =
                    (cause_of(&record), source_time_of(&record))
                {
                    let event = SummaryEvent::SourceTime { source, cause, now, oldest };
                    self.fold.apply(position.0, event, &mut self.decisions);
                    self.close_early();
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
                    self.fold.apply(position.0, SummaryEvent::Rules(rules), &mut self.decisions);
                }
            }
            Kind::Spans | Kind::Tick | Kind::Link | Kind::Move => {}
        }
        while let Some(chunk) = self.fold.take_chunk() {
            self.decisions.index.add(chunk)?;
        }
        self.next = record.next;
        Ok(())
    }

    fn take_summary(&mut self, record: &Record) {
        let cached = record.cache.as_ref().and_then(|cache| cache.downcast_ref::<TraceSummary>());
        let decoded = if cached.is_some() { None } else { head_of(record) };
        let head = cached.map(TraceHead::from).or(decoded.as_ref().map(TraceHead::from));
        let (Some((source, cause)), Some(summary)) = (cause_of(record), head) else {
            tracing::error!(
                position = record.position.0,
                "a summary in the log does not decode; it is left out"
            );
            return;
        };
        let position = record.position.0;
        let event = SummaryEvent::Summary { source, cause, summary };
        if self.fold.apply(position, event, &mut self.decisions) {
            self.in_flight.add(self.fold.filed(), summary, self.partition, position);
        }
    }

    fn take_closed(&mut self, record: &Record) -> Result<(), WorkerError> {
        let Some(closed) = closed_of(record) else {
            tracing::error!(
                position = record.position.0,
                "a decision in the log does not decode; it is left out"
            );
            return Ok(());
        };
        if !self.fold.apply(record.position.0, SummaryEvent::Closed(&closed), &mut self.decisions) {
            return Ok(());
        }
        self.in_flight.remove(closed.name());
        self.count(&closed);
        self.builder.add(&closed)
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
        self.put_in_outbox(batches).await?;
        if self.schedule.is_due(next) {
            self.save(next)?;
        }
        Ok(())
    }

    /// A disk that is full is waited for: a batch cannot be left out.
    async fn put_in_outbox(&self, batches: Vec<Batch>) -> Result<(), WorkerError> {
        let mut wait = RETRY.0;
        loop {
            match self.outbox.seal(batches.clone()).await {
                // What was sealed first stays: it may be in the store already.
                Err(error @ OutboxError::Differs { .. }) => {
                    tracing::warn!(%error, "a cut was sealed before, by another version");
                    return Ok(());
                }
                Err(error) if error.is_retryable() => {
                    tracing::warn!(%error, "the outbox takes nothing at the moment; trying again");
                    metrics::counter!(LIMIT_HITS, "limit" => "disk").increment(1);
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(RETRY.1);
                }
                result => return Ok(result?),
            }
        }
    }

    /// What is to be done outside the log: decisions, and the end of a batch.
    async fn act(&mut self) -> Result<(), WorkerError> {
        while self.decide().await? {}
        if self.fold.wants_cut() && !self.cut_asked {
            self.cut().await?;
        }
        Ok(())
    }

    async fn cut(&mut self) -> Result<(), WorkerError> {
        self.cut_asked = true;
        append(&self.log, vec![(self.partition, control(Kind::Cut, Bytes::new()))]).await?;
        Ok(())
    }

    /// Decides some of what is closing; whether there was any.
    async fn decide(&mut self) -> Result<bool, WorkerError> {
        let settled: Vec<_> = self.fold.settled(self.settled).take(DECISIONS_PER_APPEND).collect();
        self.settled = settled.last().map_or(self.settled, |(number, _)| number + 1);
        let room = DECISIONS_PER_APPEND - settled.len();
        let closings: Vec<Closing> = self.fold.closing(self.decided).take(room).collect();
        self.decided = closings.last().map_or(self.decided, |last| last.sequence + 1);
        let mut records = Vec::with_capacity(settled.len() + closings.len());
        for closing in settled.iter().map(|(_, closing)| closing).chain(&closings) {
            let record = match self.decide_one(closing)? {
                Decided::Closed(closed) => closed_record(closed.into()),
                Decided::Offer(offer, draft) => {
                    self.drafts.add(*draft);
                    offer_record(offer.into())
                }
            };
            records.push((self.partition, record));
        }
        if records.is_empty() {
            return Ok(false);
        }
        append(&self.log, records).await?;
        Ok(true)
    }

    fn decide_one(&mut self, closing: &Closing) -> Result<Decided, WorkerError> {
        if !self.fold.rules().settings.sampling.dry_run
            && let Some(closed) = self.drafts.take(closing)
        {
            return Ok(Decided::Closed(closed.into()));
        }
        self.summaries.clear();
        for position in &closing.summaries {
            match self.log.fetch(self.partition, Position(*position)) {
                Ok(record) => self.summaries.read(&record),
                Err(FetchError::Trimmed { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let before = match closing.previous {
            Some(position) => self.decisions.at(position)?,
            None => None,
        };
        let summaries: Vec<_> = self.summaries.iter().collect();
        let by = (&**self.fold.rules(), self.fold.sampler());
        let mut decided = self.decider.decide(by, closing, &summaries, before.as_deref());
        if let Decided::Closed(closed) = &mut decided {
            mark_lost(closed, &summaries, |partition| self.span_log.start(partition).0);
        }
        Ok(decided)
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
        let (spans, summaries) = self.fold.needed();
        self.bounds.set_needed(self.partition, spans, summaries.min(next.0));
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

    fn report(&mut self, wall: u64) {
        let partition = self.partition.to_string();
        metrics::gauge!(TRANSACTIONS_OPEN, "partition" => partition.clone()).set(self.fold.sizes().0 as f64);
        metrics::gauge!(LAG, "stage" => "transactions", "partition" => partition).set(lag(wall));
        let counts = self.fold.take_counts();
        for (limit, hits) in [
            ("log.retention.size_gib", counts.closed_by_limit),
            ("transactions.max_traces", counts.over_max_traces),
        ] {
            if hits > 0 {
                metrics::counter!(LIMIT_HITS, "limit" => limit).increment(hits);
            }
        }
    }

    /// Counts what was decided. Types that are not configured share a label: their names come from outside.
    fn count(&self, closed: &Closed) {
        let Some(row) = &closed.row else { return };
        let decision = if row.kept { "kept" } else { "dropped" };
        if closed.version > 1 {
            let known = closed.before.as_ref().map_or(0, |before| before.spans);
            let late = row.spans.saturating_sub(known);
            metrics::counter!(LATE_SPANS, "decision" => decision).increment(u64::from(late));
            return;
        }
        let outcome = Outcome::try_from(row.outcome).unwrap_or_default().as_text();
        let closed_by = ClosedBy::try_from(row.closed_by).unwrap_or_default().as_text();
        let known = self.fold.rules().types.iter().any(|kind| *kind.name == *row.r#type);
        let kind = if known { row.r#type.clone() } else { "(other)".to_owned() };
        let labels = [("type", kind), ("closed_by", closed_by.into()), ("outcome", outcome.into())];
        metrics::counter!(TRANSACTIONS_CLOSED, &labels).increment(1);
        if is_shed(row) {
            metrics::counter!(LIMIT_HITS, "limit" => "sampling.max_transactions_per_second").increment(1);
        }
        let policy = policy_of(row);
        metrics::counter!(DECISIONS, "policy" => policy, "decision" => decision).increment(1);
    }
}

/// Whether overload kept it from the policies.
fn is_shed(row: &Transaction) -> bool {
    !row.kept && row.keep_reason.starts_with(OVERLOAD)
}

/// The policy that kept or dropped it, as a label: what says more than a name would make as many labels as there are transactions.
fn policy_of(row: &Transaction) -> String {
    match row.votes.first() {
        _ if row.kept => row.kept_by.clone(),
        _ if is_shed(row) => format!("({OVERLOAD})"),
        Some(vote) if vote.verdict == "drop" => vote.policy.clone(),
        _ => String::new(),
    }
}

/// Spans whose bytes are gone are left out, and the row says how many: those of a keep that comes after the log was trimmed.
fn mark_lost(closed: &mut Closed, summaries: &[Positioned<'_>], start: impl Fn(u32) -> u64) {
    let Some(row) = &mut closed.row else { return };
    for kept in &mut closed.kept {
        let Some((_, summary)) = summaries.iter().find(|(position, _)| *position == kept.summary) else {
            continue;
        };
        let start = start(summary.partition);
        if summary.records.iter().all(|record| *record >= start) {
            continue;
        }
        let is_gone = |index: u32| summary.records.get(index as usize).is_none_or(|record| *record < start);
        let gone = summary.record.iter().enumerate().filter(|(_, record)| is_gone(**record));
        let gone: Vec<u32> =
            gone.map(|(span, _)| span as u32).filter(|span| kept.skip.binary_search(span).is_err()).collect();
        row.spans_lost += gone.len() as u32;
        kept.skip.extend(gone);
        kept.skip.sort_unstable();
    }
}

fn name(partition: u32) -> String {
    format!("transactions-{partition}")
}
