//! What a name holds and hands over: of one summary that has just come, or of a whole transaction.

use smallvec::SmallVec;

use super::{
    Member, TraceHead,
    head::tenant_hash,
    transaction::{NO_TYPE, Transaction},
};
use crate::{names::NameHash, place::Place, records::Moved, rules::Rules};

pub(super) struct Content {
    pub(super) members: SmallVec<[Member; 3]>,
    /// The oldest records that hold bytes of its spans, one for each partition of the span log.
    pub(super) oldest: SmallVec<[Place; 1]>,
    /// Index in the rules' types, or [`NO_TYPE`].
    pub(super) kind: u16,
    /// Hash of the tenant's name.
    pub(super) tenant: u32,
    /// Start of its earliest trace that has a root.
    pub(super) first_start: u64,
    pub(super) opened: u64,
    pub(super) last: u64,
    /// When the terminal step was seen; 0 before.
    pub(super) terminal: u64,
    pub(super) terminals: u64,
    /// The version of a row that comes after must be later.
    pub(super) version: u32,
    /// Decision by which spans of it were written.
    pub(super) kept_from: Option<Place>,
}

impl Content {
    /// A summary that lies at `place`.
    pub(super) fn new(place: Place, summary: TraceHead<'_>, now: u64, rules: &Rules) -> Self {
        let kind = summary.root.and_then(|root| rules.type_of(&root.name, &root.service, root.kind as u8));
        Self {
            members: SmallVec::from_iter([Member::new(place)]),
            oldest: summary
                .oldest()
                .map(|oldest| Place::new(summary.partition, oldest))
                .into_iter()
                .collect(),
            kind: kind.map_or(NO_TYPE, |kind| kind as u16),
            tenant: tenant_hash(summary.tenant),
            first_start: if summary.root.is_some() { summary.base } else { u64::MAX },
            opened: now,
            last: now,
            terminal: 0,
            terminals: summary.terminals,
            version: 0,
            kept_from: None,
        }
    }

    pub(super) fn of(transaction: &Transaction) -> Self {
        Self {
            members: transaction.members.clone(),
            oldest: transaction.oldest.clone(),
            kind: transaction.kind,
            tenant: transaction.tenant,
            first_start: transaction.first_start,
            opened: transaction.opened,
            last: transaction.last,
            terminal: transaction.terminal,
            terminals: transaction.terminals,
            version: transaction.floor,
            kept_from: transaction.kept_from,
        }
    }

    /// Types and terminal steps are numbered by the rules: those of others say nothing here.
    pub(super) fn from_moved(moved: &Moved, rules: &Rules) -> Self {
        let same = moved.rules_version == rules.version;
        let kind = if same { u16::try_from(moved.kind).unwrap_or(NO_TYPE) } else { NO_TYPE };
        Self {
            members: moved.members.iter().copied().map(Member::unpacked).collect(),
            oldest: moved.oldest.iter().copied().map(Place::unpacked).collect(),
            kind,
            tenant: moved.tenant,
            first_start: if same { moved.first_start } else { u64::MAX },
            opened: moved.opened,
            last: moved.last,
            terminal: if same { moved.terminal } else { 0 },
            terminals: if same { moved.terminals } else { 0 },
            version: moved.version,
            kept_from: moved.kept_from.checked_sub(1).map(Place::unpacked),
        }
    }

    pub(super) fn to_moved(&self, from: NameHash, to: NameHash, rules: &Rules) -> Moved {
        let ((from_high, from_low), (to_high, to_low)) = (from.halves(), to.halves());
        Moved {
            from_high,
            from_low,
            to_high,
            to_low,
            rules_version: rules.version,
            members: self.members.iter().map(|member| member.packed()).collect(),
            oldest: self.oldest.iter().map(|place| place.packed()).collect(),
            kind: u32::from(self.kind),
            tenant: self.tenant,
            first_start: self.first_start,
            opened: self.opened,
            last: self.last,
            terminal: self.terminal,
            terminals: self.terminals,
            version: self.version,
            kept_from: self.kept_from.map_or(0, |place| place.packed() + 1),
        }
    }
}

impl Moved {
    /// The name that held it.
    #[must_use]
    pub fn from(&self) -> NameHash {
        NameHash::joined(self.from_high, self.from_low)
    }

    /// The name that it goes to.
    #[must_use]
    pub fn to(&self) -> NameHash {
        NameHash::joined(self.to_high, self.to_low)
    }
}
