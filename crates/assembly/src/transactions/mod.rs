//! The second fold: traces to transactions, over one partition of the summary log.

mod aliases;
mod batch;
mod closing;
mod content;
mod encoding;
mod gather;
mod head;
mod joins;
mod load;
mod member;
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
use smallvec::SmallVec;

use self::{
    aliases::Aliases,
    closing::{Begun, Pending, TakeBack},
    sampling::Sampling,
    transaction::{State, Transaction},
};
pub use self::{
    aliases::MAX_ALIASES,
    batch::BatchState,
    closing::Closing,
    encoding::encode_closed,
    head::TraceHead,
    joins::{Link, decode_links, encode_links, link},
    member::Member,
    needs::Needed,
    recall::{Found, StoredDecisions},
};
use crate::{
    chunk::ClosedChunk,
    names::NameHash,
    records::{Closed, Moved, Offer},
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
    /// Names that mean one transaction: of a trace, or passed on by a fold like this one.
    Links {
        /// Who wrote it: see [`SummaryEvent::source_of_fold`].
        source: u32,
        /// Why.
        cause: CauseKey,
        /// The greater name first.
        links: &'a [Link],
    },
    /// What another name held.
    Move {
        /// Who wrote it: see [`SummaryEvent::source_of_fold`].
        source: u32,
        /// Why.
        cause: CauseKey,
        /// It and its names.
        moved: &'a Moved,
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

impl SummaryEvent<'_> {
    /// The source that the fold over a partition of the summary log is to others like it; partitions of the span log come first.
    #[must_use]
    pub fn source_of_fold(partition: u32, partitions: u32) -> u32 {
        partitions + partition
    }
}

/// What the fold has written to the summary log because of a record.
#[derive(Clone, Debug)]
pub struct Emitted {
    /// Partition of the summary log.
    pub partition: u32,
    /// Which of those the record caused, from 0.
    pub ordinal: u32,
    /// What it is.
    pub body: EmittedBody,
}

/// What is written.
#[derive(Clone, Debug)]
pub enum EmittedBody {
    /// Names that mean one transaction.
    Links(SmallVec<[Link; 1]>),
    /// What a name held.
    Move(Box<Moved>),
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
    /// Times that a name had as many traces already as one transaction takes.
    pub over_max_traces: u64,
    /// Names whose transaction turned out to be that of another name.
    pub joined: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Source {
    last: CauseKey,
    now: u64,
    oldest: u64,
}

/// The fold of one partition.
pub struct Transactions {
    partition: u32,
    rules: Arc<Rules>,
    /// Partitions of the span log, then the folds over the summary log.
    sources: Vec<Source>,
    now: u64,
    names: HashMap<NameHash, u32, FixedState>,
    slots: Vec<Option<Transaction>>,
    free: Vec<u32>,
    generation: u32,
    timers: Timers,
    /// Those being decided, in order.
    closing: BTreeMap<u64, Pending>,
    next_sequence: u64,
    /// Closed transactions that are held, and since when.
    closed: VecDeque<(u64, Due)>,
    chunks: VecDeque<ClosedChunk>,
    /// Number of the next chunk.
    next_chunk: u64,
    batch: BatchState,
    open: u64,
    counts: TransactionCounts,
    aliases: Aliases,
    emitted: Vec<Emitted>,
    sampling: Sampling,
    /// The name that the last record's content was put under; none where it went elsewhere.
    filed: Option<NameHash>,
    /// A name that had no room for the last record's content.
    full: Option<NameHash>,
}

impl Transactions {
    /// An empty fold over `partition`.
    #[must_use]
    pub fn new(partition: u32, rules: Arc<Rules>) -> Self {
        Self {
            partition,
            sources: vec![Source::default(); 2 * rules.settings.partitions as usize],
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
            aliases: Aliases::default(),
            emitted: Vec::new(),
            filed: None,
            full: None,
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
        (self.filed, self.full) = (None, None);
        match event {
            SummaryEvent::Summary { source, cause, summary } => {
                if !self.is_later(source, cause) {
                    return false;
                }
                self.take_summary(position, summary, stored);
            }
            SummaryEvent::Links { source, cause, links } => {
                if !self.is_later(source, cause) {
                    return false;
                }
                self.take_links(position, links.iter().copied(), stored);
            }
            SummaryEvent::Move { source, cause, moved } => {
                if !self.is_later(source, cause) {
                    return false;
                }
                self.take_moved(position, moved, stored);
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
        let least = self.span_sources().iter().map(|source| source.now).min().unwrap_or(0);
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

    /// The partitions of the span log.
    fn span_sources(&self) -> &[Source] {
        self.sources.get(..self.rules.settings.partitions as usize).unwrap_or_default()
    }

    /// Time begins once every source has told its own: what came before counts from here.
    fn begin(&mut self, now: u64) {
        self.now = now;
        self.aliases.begin(now);
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
        let (tenant, kind) = (transaction.tenant, transaction.kind);
        let is_new = transaction.previous == 0;
        let share = if is_new { self.sampling.begin_close(&self.rules, tenant, kind) } else { 0.0 };
        self.closing.insert(
            self.next_sequence,
            Pending::Row(Begun { slot: due.slot, closed_by: closed_by.into(), share, at: self.now }),
        );
        self.next_sequence += 1;
    }

    /// The name that the last record's content was put under, if it was put somewhere here.
    #[must_use]
    pub fn filed(&self) -> Option<NameHash> {
        self.filed
    }

    /// The name that had no room for the last record's content, if there was one.
    #[must_use]
    pub fn full(&self) -> Option<NameHash> {
        self.full
    }

    /// What the last record caused: to be appended, and durable before a snapshot is taken.
    pub fn take_emitted(&mut self) -> Vec<Emitted> {
        std::mem::take(&mut self.emitted)
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

    /// Open transactions, and names that are remembered in memory.
    #[must_use]
    pub fn sizes(&self) -> (u64, usize) {
        (self.open, self.names.len() + self.aliases.len())
    }

    /// What was counted since the last call.
    pub fn take_counts(&mut self) -> TransactionCounts {
        std::mem::take(&mut self.counts)
    }
}
