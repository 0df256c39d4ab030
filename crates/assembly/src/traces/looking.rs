//! Open traces as they would be if they closed now, for whoever asks before they do. Nothing in the fold changes by it.

use std::collections::BTreeSet;

use super::{Traces, trace::Trace};
use crate::records::{ClosedBy, Key, TraceSummary};

/// Which open traces are asked for.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// All of them.
    All,
    /// Those of one tenant that have one of the names.
    Named {
        /// Whose they are.
        tenant: String,
        /// Place in `transactions.keys`, and value.
        keys: Vec<(u32, String)>,
        /// Ids: of these traces themselves, and where span links join, of those that others link to.
        traces: BTreeSet<[u8; 16]>,
    },
}

/// How many open traces are enough.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// Traces.
    pub traces: usize,
    /// Spans of them.
    pub spans: usize,
}

impl Traces {
    /// Looks at the next `count` places for open traces from `from` on, and adds what is wanted of them to `found`, until these are
    /// `most` or more. Gives the place to go on from; `None` once there is no more.
    pub fn look(
        &mut self,
        wanted: &Wanted,
        (from, count): (usize, usize),
        most: Most,
        found: &mut Vec<TraceSummary>,
    ) -> Option<usize> {
        let mut spans: usize = found.iter().map(|summary| summary.span_id.len()).sum();
        let until = self.slots.len().min(from + count);
        for slot in from..until {
            if spans >= most.spans || found.len() >= most.traces {
                return None;
            }
            let is_wanted = |trace: &Trace| trace.chain.len > 0 && self.is_wanted(trace, wanted);
            if !self.slots[slot].as_ref().is_some_and(is_wanted) {
                continue;
            }
            let Some(trace) = self.slots[slot].take() else { continue };
            spans += trace.chain.len as usize;
            found.extend(self.summaries(&trace, ClosedBy::Unspecified));
            self.slots[slot] = Some(trace);
        }
        (until < self.slots.len()).then_some(until)
    }

    /// Whether a closed trace is one of those that are asked for.
    #[must_use]
    pub fn wants(&self, summary: &TraceSummary, wanted: &Wanted) -> bool {
        let Wanted::Named { tenant, keys, traces } = wanted else { return true };
        let names = |id: &[u8]| <[u8; 16]>::try_from(id).is_ok_and(|id| traces.contains(&id));
        let is_asked = |key: &Key| keys.iter().any(|(asked, text)| *asked == key.place && *text == key.value);
        let links = self.rules.settings.transactions.links;
        summary.tenant == *tenant
            && (names(&summary.trace_id)
                || summary.keys.iter().any(is_asked)
                || links && summary.links.iter().any(|link| names(&link.trace_id)))
    }

    fn is_wanted(&self, trace: &Trace, wanted: &Wanted) -> bool {
        let Wanted::Named { tenant, keys, traces } = wanted else { return true };
        if self.strings.text(trace.tenant) != tenant {
            return false;
        }
        if traces.contains(&trace.id.0) {
            return true;
        }
        let Some(side) = trace.side.as_deref() else { return false };
        let is_asked = |(place, value): &(u32, Box<str>)| {
            keys.iter().any(|(asked, text)| asked == place && **text == **value)
        };
        let links = self.rules.settings.transactions.links;
        side.keys.iter().any(is_asked)
            || links && side.links.iter().any(|link| traces.contains(&link.trace_id))
    }
}
