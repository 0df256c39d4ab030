//! Summaries and what other names held, put to the transaction that they belong to.

use super::{
    StoredDecisions, TraceHead, Transactions,
    content::Content,
    joins::Standing,
    transaction::{State, Transaction},
};
use crate::{names::NameHash, place::Place, timers::Due};

impl Transactions {
    pub(super) fn take_summary(
        &mut self,
        position: u64,
        summary: TraceHead<'_>,
        stored: &mut dyn StoredDecisions,
    ) {
        let name = summary.name();
        let content = Content::new(self.place(position), summary, self.now, &self.rules);
        match self.standing(name, stored) {
            Standing::HasParent(parent) => self.emit_move(name, parent, &content),
            root => {
                let fits = self.room(name) >= 1;
                let others: Vec<NameHash> =
                    if fits { Vec::new() } else { summary.names().filter(|other| *other != name).collect() };
                self.gather((name, root), &others, position, content, stored);
            }
        }
    }

    /// Puts content to the root `name`. One that has as many traces as a transaction takes is no name any more (an empty or constant id, say): what comes under
    /// it from then on stands apart, under the first of its `others` that has room.
    pub(super) fn gather(
        &mut self,
        (name, standing): (NameHash, Standing),
        others: &[NameHash],
        position: u64,
        content: Content,
        stored: &mut dyn StoredDecisions,
    ) {
        let count = content.members.len();
        let (name, standing) = if self.room(name) >= count {
            (name, standing)
        } else {
            self.counts.over_max_traces += 1;
            self.full = Some(name);
            let apart = others.iter().map(|other| other.apart()).find(|apart| self.room(*apart) >= count);
            let apart = apart.unwrap_or_else(|| name.nameless(position));
            (apart, self.standing(apart, stored))
        };
        self.filed = Some(name);
        let slot = self.known_slot(name, standing).unwrap_or_else(|| self.new_slot(name));
        self.merge(slot, content);
    }

    /// Traces that a transaction still takes. One that takes none is asked first: any number fits into an empty one.
    fn room(&self, name: NameHash) -> usize {
        let known = self.names.get(&name).and_then(|slot| self.slots.get(*slot as usize)?.as_ref());
        let limit = self.rules.settings.transactions.max_traces as usize;
        known.map_or(usize::MAX, |transaction| limit.saturating_sub(transaction.members.len()))
    }

    /// Where a transaction is held; one that left this fold is brought back.
    pub(super) fn known_slot(&mut self, name: NameHash, standing: Standing) -> Option<u32> {
        let (position, closed) = match standing {
            Standing::Held(slot) => return Some(slot),
            Standing::Gone(position, closed) => (position, closed),
            Standing::Empty | Standing::HasParent(_) => return None,
        };
        let slot = self.new_slot(name);
        if let Some(Some(transaction)) = self.slots.get_mut(slot as usize) {
            transaction.recall(position, &closed, &self.rules);
            transaction.state = State::Closed;
            self.open -= 1;
        }
        Some(slot)
    }

    fn new_slot(&mut self, name: NameHash) -> u32 {
        self.generation = self.generation.wrapping_add(1);
        self.open += 1;
        let transaction = Transaction::new(name, self.generation, self.now);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u32
        });
        self.slots[slot as usize] = Some(transaction);
        self.names.insert(name, slot);
        slot
    }

    fn merge(&mut self, slot: u32, content: Content) {
        let now = self.now;
        let Some(Some(transaction)) = self.slots.get_mut(slot as usize) else { return };
        if transaction.state == State::Closed {
            transaction.state = State::Waiting;
            transaction.timer = u64::MAX;
            self.open += 1;
        }
        self.counts.late += u64::from(transaction.version > 0);
        let is_new = transaction.members.is_empty();
        transaction.members.extend(content.members);
        transaction.last = if is_new { content.last } else { transaction.last.max(content.last) };
        if content.opened > 0 {
            transaction.opened = transaction.opened.min(content.opened);
        }
        transaction.terminals |= content.terminals;
        transaction.tenant = content.tenant;
        transaction.floor = transaction.floor.max(content.version);
        transaction.kept_from = transaction.kept_from.or(content.kept_from);
        content.oldest.iter().for_each(|place| transaction.needs(*place));
        if content.first_start < transaction.first_start {
            (transaction.kind, transaction.first_start) = (content.kind, content.first_start);
        }
        if content.terminal > 0 && (transaction.terminal == 0 || content.terminal < transaction.terminal) {
            transaction.terminal = content.terminal;
        }
        if !transaction.is_complete(&self.rules) {
            transaction.terminal = 0;
        } else if transaction.terminal == 0 {
            transaction.terminal = now.max(1);
        }
        self.watch(slot);
    }

    /// Makes sure that a timer looks at a waiting transaction no later than its deadline.
    pub(super) fn watch(&mut self, slot: u32) {
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

    /// A place in this fold's own log.
    pub(super) fn place(&self, position: u64) -> Place {
        Place::new(self.partition, position)
    }
}
