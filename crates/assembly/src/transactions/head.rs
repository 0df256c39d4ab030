//! What the fold asks of a summary: the head alone, so that spans of a waiting transaction are not decoded.

use crate::{
    names::{Name, NameHash},
    records::{Key, Root, SummaryHead, TraceSummary},
};

/// The head of a summary, borrowed from what was decoded of it.
#[derive(Clone, Copy)]
pub struct TraceHead<'a> {
    trace_id: &'a [u8],
    tenant: &'a str,
    keys: &'a [Key],
    records: &'a [u64],
    pub(super) root: Option<&'a Root>,
    /// Partition of the span log that holds its bytes.
    pub(super) partition: u32,
    /// Start, Unix nanoseconds.
    pub(super) base: u64,
    /// Version of the rules that it was made under.
    pub rules_version: u64,
    /// Terminal bits, as those rules number them.
    pub terminals: u64,
}

impl<'a> From<&'a TraceSummary> for TraceHead<'a> {
    fn from(summary: &'a TraceSummary) -> Self {
        Self {
            trace_id: &summary.trace_id,
            tenant: &summary.tenant,
            keys: &summary.keys,
            records: &summary.records,
            root: summary.root.as_ref(),
            partition: summary.partition,
            base: summary.base,
            rules_version: summary.rules_version,
            terminals: summary.terminals,
        }
    }
}

impl<'a> From<&'a SummaryHead> for TraceHead<'a> {
    fn from(head: &'a SummaryHead) -> Self {
        Self {
            trace_id: &head.trace_id,
            tenant: &head.tenant,
            keys: &head.keys,
            records: &head.records,
            root: head.root.as_ref(),
            partition: head.partition,
            base: head.base,
            rules_version: head.rules_version,
            terminals: head.terminals,
        }
    }
}

impl TraceHead<'_> {
    /// The name under which the trace belongs to a transaction: its least key, or itself.
    #[must_use]
    pub fn name(&self) -> NameHash {
        match self.keys.first() {
            Some(key) => Name { tenant: self.tenant, place: key.place, value: &key.value }.hash(),
            None => self.own_name(),
        }
    }

    /// What it may be asked by: its keys and its id.
    pub fn names(&self) -> impl Iterator<Item = NameHash> {
        let tenant = self.tenant;
        let keys = self.keys.iter();
        let keys = keys.map(move |key| Name { tenant, place: key.place, value: &key.value }.hash());
        keys.chain([self.own_name()])
    }

    /// Whether a business key names it.
    pub(super) fn has_key(&self) -> bool {
        !self.keys.is_empty()
    }

    /// The name of the trace alone.
    pub(super) fn own_name(&self) -> NameHash {
        NameHash::of_trace(self.tenant, self.trace_id)
    }

    /// The oldest record that holds bytes of it.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.records.iter().copied().min()
    }
}
