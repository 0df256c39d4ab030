//! The second fold: traces to transactions, over one partition of the summary log.

mod batch;
mod head;
mod needs;
mod recall;
mod sampling;
mod snapshot;
mod switch;
mod transaction;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

pub use self::{batch::BatchState, head::TraceHead, recall::StoredDecisions};
use self::{
    sampling::Sampling,
    transaction::{NO_TYPE, State, Transaction},
};
use crate::{
    chunk::ClosedChunk,
    decide::Verdict,
    names::NameHash,
    place::Place,
    records::{Closed, ClosedBy, Offer},
    rules::Rules,
    timers::{Due, Timers},
};

/// Closed transactions that one fold holds in memory; older ones leave in chunks and are asked for.
pub const MAX_CLOSED_TRANSACTIONS: usize = 1 << 15;

/// Which record of another log caused this one: (position, ordinal) of its source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CauseKey {
    /// Position of the record in the span log, plus one, so that the default is before all.
    pub position: u64,
    /// Which of those it caused.
    pub ordinal: u32,
}

/// What a record of the summary log is to this fold.
pub enum SummaryEvent<'a> {
    /// A trace, or a piece of one.
    Summary {
        /// Partition of the span log that wrote it.
        source: u32,
        /// Why.
        cause: CauseKey,
        /// What it says.
        summary: TraceHead<'a>,
    },
    /// A source's time.
    SourceTime {
        /// Partition of the span log that wrote it.
        source: u32,
        /// Why.
        cause: CauseKey,
        /// Its log time.
        now: u64,
        /// Oldest position that its open traces need.
        oldest: u64,
    },
    /// A transaction, offered to policies that hang on what was offered before.
    Offer(&'a Offer),
    /// A decision.
    Closed(&'a Closed),
    /// The end of a batch.
    Cut,
    /// From here on these rules hold.
    Rules(Arc<Rules>),
}

/// A transaction whose row is to be decided: see [`crate::decide`].
#[derive(Clone, Debug, PartialEq)]
pub struct Closing {
    /// In the order of closing.
    pub sequence: u64,
    /// Its name.
    pub name: NameHash,
    /// Why it closes.
    pub closed_by: ClosedBy,
    /// Positions of its summaries, in the order of arrival.
    pub summaries: Vec<u64>,
    /// How many of them the row before covers.
    pub covered: u32,
    /// Position of the record that holds the row before.
    pub previous: Option<u64>,
    /// Version of the row to be.
    pub version: u32,
    /// The share of transactions that overload leaves to policies; 0 for all.
    pub share: f64,
    /// What policies made of it, where it was offered to them.
    pub verdict: Option<Verdict>,
}

/// What was counted since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionCounts {
    /// Records that came twice.
    pub repeated: u64,
    /// Summaries of closed transactions.
    pub late: u64,
    /// Transactions closed early, because the log is over its size.
    pub closed_by_limit: u64,
    /// Traces whose key had as many traces already as one transaction takes.
    pub over_max_traces: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Source {
    last: CauseKey,
    now: u64,
    oldest: u64,
}

/// The fold of one partition.
pub struct Transactions {
    rules: Arc<Rules>,
    sources: Vec<Source>,
    now: u64,
    names: HashMap<NameHash, u32, FixedState>,
    slots: Vec<Option<Transaction>>,
    free: Vec<u32>,
    generation: u32,
    timers: Timers,
    /// Those being decided, in order.
    closing: BTreeMap<u64, (u32, ClosedBy, f64)>,
    next_sequence: u64,
    /// Closed transactions that are held, and since when.
    closed: VecDeque<(u64, Due)>,
    chunks: VecDeque<ClosedChunk>,
    /// Number of the next chunk.
    next_chunk: u64,
    batch: BatchState,
    open: u64,
    counts: TransactionCounts,
    sampling: Sampling,
    /// The name that the last summary was filed under.
    filed: NameHash,
}

impl Transactions {
    /// An empty fold.
    #[must_use]
    pub fn new(rules: Arc<Rules>) -> Self {
        Self {
            sources: vec![Source::default(); rules.settings.partitions as usize],
            sampling: Sampling::new(&rules),
            rules,
            now: 0,
            names: HashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            generation: 0,
            timers: Timers::default(),
            closing: BTreeMap::new(),
            next_sequence: 0,
            closed: VecDeque::new(),
            chunks: VecDeque::new(),
            next_chunk: 0,
            batch: BatchState::default(),
            open: 0,
            filed: NameHash(0),
            counts: TransactionCounts::default(),
        }
    }

    /// Takes the next record, lying at `position`. Returns whether it had an effect: one that came twice has none.
    pub fn apply(
        &mut self,
        position: u64,
        event: SummaryEvent<'_>,
        stored: &mut dyn StoredDecisions,
    ) -> bool {
        match event {
            SummaryEvent::Summary { source, cause, summary } => {
                if !self.is_later(source, cause) {
                    return false;
                }
                self.take_summary(position, summary, stored);
            }
            SummaryEvent::SourceTime { source, cause, now, oldest } => {
                if !self.is_later(source, cause) {
                    return false;
                }
                if let Some(source) = self.sources.get_mut(source as usize) {
                    (source.now, source.oldest) = (now, oldest);
                }
                self.advance();
            }
            SummaryEvent::Offer(offer) => return self.take_offer(offer),
            SummaryEvent::Closed(closed) => return self.take_closed(position, closed),
            SummaryEvent::Cut => self.batch.cut(),
            SummaryEvent::Rules(rules) => self.switch(rules),
        }
        true
    }

    /// Whether a source's record was not seen before; it is from now on.
    fn is_later(&mut self, source: u32, cause: CauseKey) -> bool {
        let Some(source) = self.sources.get_mut(source as usize) else { return false };
        let later = cause > source.last;
        if later {
            source.last = cause;
        } else {
            self.counts.repeated += 1;
        }
        later
    }

    /// The fold's time is the least of its sources' times, so that a partition that lags closes nothing without its traces.
    fn advance(&mut self) {
        let least = self.sources.iter().map(|source| source.now).min().unwrap_or(0);
        if self.now == 0 && least > 0 {
            self.begin(least);
        }
        self.now = self.now.max(least);
        self.sampling.advance(&self.rules, self.now);
        while let Some(due) = self.timers.take_due(self.now) {
            for due in due {
                self.look_at(due);
            }
        }
        self.let_go();
    }

    /// Time begins once every source has told its own: what came before counts from here.
    fn begin(&mut self, now: u64) {
        self.now = now;
        for slot in 0..self.slots.len() as u32 {
            if let Some(Some(transaction)) = self.slots.get_mut(slot as usize) {
                (transaction.opened, transaction.last, transaction.timer) = (now, now, u64::MAX);
                transaction.terminal = if transaction.terminal == 0 { 0 } else { now };
            }
            self.watch(slot);
        }
    }

    fn look_at(&mut self, due: Due) {
        let Some(Some(transaction)) = self.slots.get_mut(due.slot as usize) else { return };
        if transaction.generation != due.generation || transaction.state != State::Waiting {
            return;
        }
        let (deadline, closed_by) = transaction.deadline(&self.rules);
        if deadline > self.now {
            if transaction.timer <= self.now {
                transaction.timer = deadline;
                self.timers.add(deadline, due);
            }
            return;
        }
        transaction.state = State::Closing(self.next_sequence);
        // Only what was not decided before is asked about.
        let share = if transaction.version == 0 { self.sampling.begin_close() } else { 0.0 };
        self.closing.insert(self.next_sequence, (due.slot, closed_by, share));
        self.next_sequence += 1;
    }

    fn take_summary(&mut self, position: u64, summary: TraceHead<'_>, stored: &mut dyn StoredDecisions) {
        let name = self.name_of(summary);
        self.filed = name;
        let slot = self.slot_of(name, stored);
        let now = self.now;
        let Some(Some(transaction)) = self.slots.get_mut(slot as usize) else { return };
        if transaction.state == State::Closed {
            transaction.state = State::Waiting;
            transaction.timer = u64::MAX;
            self.open += 1;
        }
        self.counts.late += u64::from(transaction.version > 0);
        transaction.last = now;
        transaction.summaries.push(position);
        transaction.terminals |= summary.terminals;
        if let Some(oldest) = summary.oldest() {
            transaction.needs(Place::new(summary.partition, oldest));
        }
        if summary.base < transaction.first_start
            && let Some(root) = summary.root
        {
            let kind = self.rules.type_of(&root.name, &root.service, root.kind as u8);
            transaction.kind = kind.map_or(NO_TYPE, |kind| kind as u16);
            transaction.first_start = summary.base;
        }
        if transaction.terminal == 0 && transaction.is_complete(&self.rules) {
            transaction.terminal = now.max(1);
        }
        self.watch(slot);
    }

    /// The name that a summary belongs to. A key that has as many traces as one transaction takes is no name any more (an empty or constant id, say): what
    /// comes under it from then on stands for itself.
    fn name_of(&mut self, summary: TraceHead<'_>) -> NameHash {
        let name = summary.name();
        let known = self.names.get(&name).and_then(|slot| self.slots.get(*slot as usize)?.as_ref());
        let limit = self.rules.settings.transactions.max_traces as usize;
        if !summary.has_key() || known.is_none_or(|transaction| transaction.summaries.len() < limit) {
            return name;
        }
        self.counts.over_max_traces += 1;
        summary.own_name()
    }

    fn slot_of(&mut self, name: NameHash, stored: &mut dyn StoredDecisions) -> u32 {
        if let Some(slot) = self.names.get(&name) {
            return *slot;
        }
        self.generation = self.generation.wrapping_add(1);
        self.open += 1;
        let mut transaction = Transaction::new(name, self.generation, self.now);
        if self.next_chunk > 0
            && let Some((position, closed)) = stored.decision(name)
        {
            transaction.recall(position, &closed, &self.rules);
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u32
        });
        self.slots[slot as usize] = Some(transaction);
        self.names.insert(name, slot);
        slot
    }

    /// Makes sure that a timer looks at a waiting transaction no later than its deadline.
    fn watch(&mut self, slot: u32) {
        let Some(Some(transaction)) = self.slots.get_mut(slot as usize) else { return };
        if transaction.state != State::Waiting {
            return;
        }
        let (deadline, _) = transaction.deadline(&self.rules);
        if transaction.timer == u64::MAX || deadline < transaction.timer {
            transaction.timer = deadline;
            self.timers.add(deadline, Due { slot, generation: transaction.generation });
        }
    }

    fn take_closed(&mut self, position: u64, closed: &Closed) -> bool {
        let name = NameHash(u128::from(closed.name_high) << 64 | u128::from(closed.name_low));
        let Some(&slot) = self.names.get(&name) else { return false };
        let Some(Some(transaction)) = self.slots.get_mut(slot as usize) else { return false };
        if closed.version <= transaction.version {
            return false;
        }
        if closed.version > transaction.version + 1 {
            transaction.adopt(closed);
        }
        match transaction.state {
            State::Closing(sequence) => drop(self.closing.remove(&sequence)),
            // Closed early by a driver: its decision says so, nothing else does.
            State::Waiting => {}
            State::Offered => self.sampling.forget(name),
            State::Closed => return false,
        }
        transaction.version = closed.version;
        transaction.previous = position + 1;
        transaction.covered = closed.summaries;
        self.batch.add(closed, self.now);
        if transaction.summaries.len() > closed.summaries as usize {
            // More came while it was decided: the row is amended.
            transaction.state = State::Waiting;
            transaction.timer = u64::MAX;
            self.watch(slot);
            return true;
        }
        transaction.state = State::Closed;
        transaction.closed_at = self.now;
        transaction.oldest.clear();
        self.open -= 1;
        self.closed.push_back((self.now, Due { slot, generation: transaction.generation }));
        true
    }

    /// Those to be decided, from `sequence` on. A driver that replays waits until it has read all that the log holds: a decision may be among it.
    pub fn closing(&self, sequence: u64) -> impl Iterator<Item = Closing> {
        self.closing.range(sequence..).filter_map(|(sequence, (slot, closed_by, share))| {
            let transaction = self.slots.get(*slot as usize)?.as_ref()?;
            Some(Closing {
                sequence: *sequence,
                name: transaction.name.into(),
                closed_by: *closed_by,
                summaries: transaction.summaries.to_vec(),
                covered: transaction.covered,
                previous: transaction.previous.checked_sub(1),
                version: transaction.version + 1,
                share: *share,
                verdict: None,
            })
        })
    }

    /// The name under which the last summary was filed that had an effect.
    #[must_use]
    pub fn filed(&self) -> NameHash {
        self.filed
    }

    /// Sequence of the next to close.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// The rows since the last cut.
    #[must_use]
    pub fn batch(&self) -> &BatchState {
        &self.batch
    }

    /// Whether a cut is due: enough rows, or the oldest of them waits long enough.
    #[must_use]
    pub fn wants_cut(&self) -> bool {
        self.batch.is_due(self.now, self.rules.settings.batch_rows, self.rules.settings.batch_delay)
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// Fold time, nanoseconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Open transactions, and those remembered.
    #[must_use]
    pub fn sizes(&self) -> (u64, usize) {
        (self.open, self.names.len())
    }

    /// What was counted since the last call.
    pub fn take_counts(&mut self) -> TransactionCounts {
        std::mem::take(&mut self.counts)
    }
}
