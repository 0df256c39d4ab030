//! What the fold asks of a summary: the head alone, so that spans of a waiting transaction are not decoded.

use xxhash_rust::xxh3::xxh3_64;

use crate::{
    names::{Name, NameHash},
    records::{Key, Root, SummaryHead, TraceSummary},
    rules::Rules,
};

/// The head of a summary, borrowed from what was decoded of it.
#[derive(Clone, Copy)]
pub struct TraceHead<'a> {
    trace_id: &'a [u8],
    pub(super) tenant: &'a str,
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

/// Tells tenants apart where all that hangs on it is a share: two may have the same.
pub(super) fn tenant_hash(tenant: &str) -> u32 {
    xxh3_64(tenant.as_bytes()) as u32
}

impl TraceHead<'_> {
    /// The name under which the trace belongs to a transaction: the least of its names, which is a key where there is one.
    #[must_use]
    pub fn name(&self) -> NameHash {
        let keys = self
            .keys
            .iter()
            .map(|key| Name { tenant: self.tenant, place: key.place, value: &key.value }.hash());
        keys.reduce(|least, name| if name.is_before(least) { name } else { least })
            .unwrap_or_else(|| self.own_name())
    }

    /// What it may be asked by: its keys and its id.
    pub fn names(&self) -> impl Iterator<Item = NameHash> {
        let tenant = self.tenant;
        let keys = self.keys.iter();
        let keys = keys.map(move |key| Name { tenant, place: key.place, value: &key.value }.hash());
        keys.chain([self.own_name()])
    }

    /// The key, and its value, whose name this is.
    #[must_use]
    pub fn key_of<'r>(&self, name: NameHash, rules: &'r Rules) -> Option<(&'r str, &str)> {
        let is_it = |key: &&Key| {
            let its = Name { tenant: self.tenant, place: key.place, value: &key.value }.hash();
            its == name || its.apart() == name
        };
        let key = self.keys.iter().find(is_it)?;
        Some((rules.settings.transactions.keys.get(key.place as usize)?, &key.value))
    }

    /// The name of the trace alone.
    fn own_name(&self) -> NameHash {
        NameHash::of_trace(self.tenant, self.trace_id)
    }

    /// The oldest record that holds bytes of it.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.records.iter().copied().min()
    }
}
