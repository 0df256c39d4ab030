//! Several names of one transaction: links between them, and moves of what one of them held.
//!
//! A name is a root or has a parent that is before it. A link (greater, lesser) goes to the owner of the greater: a root gets the lesser as its parent, and what it
//! held goes there as a move; one that has a parent already passes the link on to the greater of the two. What reaches a name that is no root goes on to its
//! parent. The greater name falls at each step, so that it ends, and the root is the least name whatever came first.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use super::{
    Emitted, EmittedBody, Found, Pending, StoredDecisions, TakeBack, Transactions, content::Content,
    transaction::State,
};
use crate::{
    names::NameHash,
    records::{Closed, Moved},
};

/// Two names of one transaction: the greater, which is told, and the lesser.
pub type Link = (NameHash, NameHash);

/// A link between two different names, the right way round.
#[must_use]
pub fn link(a: NameHash, b: NameHash) -> Option<Link> {
    if a == b {
        None
    } else if a.is_before(b) {
        Some((b, a))
    } else {
        Some((a, b))
    }
}

/// Links as they are written: each two names of two little-endian words.
#[must_use]
pub fn encode_links(links: &[Link]) -> Bytes {
    let mut bytes = Vec::with_capacity(links.len() * 32);
    for (greater, lesser) in links {
        bytes.extend_from_slice(&greater.0.to_le_bytes());
        bytes.extend_from_slice(&lesser.0.to_le_bytes());
    }
    bytes.into()
}

/// Reads what [`encode_links`] wrote; what is left over at the end is no link.
pub fn decode_links(bytes: &[u8]) -> impl Iterator<Item = Link> + '_ {
    bytes.as_chunks::<32>().0.iter().map(|link| {
        let name = |at: usize| {
            let mut word = [0; 16];
            word.copy_from_slice(&link[at..at + 16]);
            NameHash(u128::from_le_bytes(word))
        };
        (name(0), name(16))
    })
}

/// What a name is to this fold, as far as anybody remembers.
pub(super) enum Standing {
    /// A root: its transaction is held in this slot.
    Held(u32),
    /// A root whose transaction left the fold: its last decision, and where that lies.
    Gone(u64, Arc<Closed>),
    /// A root that holds nothing.
    Empty,
    /// No root.
    HasParent(NameHash),
}

impl Transactions {
    /// Takes the links of the record at `position`.
    pub(super) fn take_links(
        &mut self,
        position: u64,
        links: impl Iterator<Item = Link>,
        stored: &mut dyn StoredDecisions,
    ) {
        for (greater, lesser) in links {
            if !lesser.is_before(greater) {
                continue;
            }
            match self.standing(greater, stored) {
                Standing::HasParent(parent) if parent == lesser => {}
                Standing::HasParent(parent) => self.emit_link(parent, lesser),
                root => {
                    self.aliases.set(greater, lesser, position, self.now);
                    self.hand_over(greater, lesser, root);
                }
            }
        }
    }

    /// Takes what another name held.
    pub(super) fn take_moved(&mut self, position: u64, moved: &Moved, stored: &mut dyn StoredDecisions) {
        let (from, to) = (moved.from(), moved.to());
        let content = Content::from_moved(moved, &self.rules);
        match self.standing(to, stored) {
            Standing::HasParent(parent) => self.emit_move(from, parent, &content),
            root => self.gather((to, root), &[from], position, content, stored),
        }
    }

    /// Asks once: what left the fold is looked up on disk.
    pub(super) fn standing(&self, name: NameHash, stored: &mut dyn StoredDecisions) -> Standing {
        if let Some(parent) = self.aliases.parent(name) {
            return Standing::HasParent(parent);
        }
        if let Some(slot) = self.names.get(&name) {
            return Standing::Held(*slot);
        }
        match if self.next_chunk == 0 { None } else { stored.find(name) } {
            Some(Found::Parent(parent)) => Standing::HasParent(parent),
            Some(Found::Closed(position, closed)) => Standing::Gone(position, closed),
            None => Standing::Empty,
        }
    }

    /// What `name` holds goes to `parent`. Where its row is decided, that is taken back.
    fn hand_over(&mut self, name: NameHash, parent: NameHash, standing: Standing) {
        let Some(slot) = self.known_slot(name, standing) else { return };
        let Some(transaction) = self.slots.get_mut(slot as usize).and_then(Option::take) else { return };
        self.names.remove(&name);
        self.free.push(slot);
        match transaction.state {
            State::Closing(sequence) => {
                self.open -= 1;
                self.closing.remove(&sequence);
            }
            State::Offered => {
                self.open -= 1;
                self.sampling.forget(name);
            }
            State::Waiting => self.open -= 1,
            State::Closed => {}
        }
        let mut content = Content::of(&transaction);
        if let Some(previous) = transaction.previous.checked_sub(1) {
            // The row that is taken back has the next version; where both have one id, what comes after must have a later one.
            content.version = transaction.next_version();
            if transaction.kept && content.kept_from.is_none() {
                content.kept_from = Some(self.place(previous));
            }
            let take_back = TakeBack { name: name.into(), previous, version: content.version };
            self.closing.insert(self.next_sequence, Pending::TakeBack(take_back));
            self.next_sequence += 1;
        }
        self.counts.joined += 1;
        self.emit_move(name, parent, &content);
    }

    pub(super) fn emit_move(&mut self, from: NameHash, to: NameHash, content: &Content) {
        let moved = content.to_moved(from, to, &self.rules);
        self.emit(to, EmittedBody::Move(Box::new(moved)));
    }

    fn emit_link(&mut self, a: NameHash, b: NameHash) {
        if let Some((greater, lesser)) = link(a, b) {
            self.emit(greater, EmittedBody::Links(SmallVec::from_iter([(greater, lesser)])));
        }
    }

    fn emit(&mut self, owner: NameHash, body: EmittedBody) {
        let partition = owner.partition(self.rules.settings.partitions);
        self.emitted.push(Emitted { partition, ordinal: self.emitted.len() as u32, body });
    }
}
