//! What names of a closed trace mean one transaction.

use super::{Emit, EmitBody, Traces};
use crate::{
    names::NameHash,
    records::TraceSummary,
    transactions::{TraceHead, link},
};

/// Links in one record, 32 bytes each: far from the largest record.
const MAX_LINKS_A_RECORD: usize = 16 * 1024;

impl Traces {
    /// Notes that the trace's other keys, its own name and the traces that it links to mean what its least name does. The last two only where span links join:
    /// nobody else asks for a trace by its id.
    pub(super) fn note_links(&mut self, summary: &TraceSummary) {
        let partitions = self.rules.settings.partitions;
        let head = TraceHead::from(summary);
        let least = head.name();
        let by_links = self.rules.settings.transactions.links;
        let mut note = |name: NameHash| {
            if let Some(link) = link(name, least) {
                self.links.push((link.0.partition(partitions), link));
            }
        };
        head.names().filter(|name| by_links || !name.is_of_trace()).for_each(&mut note);
        if by_links {
            let mut last: &[u8] = &summary.trace_id;
            for target in summary.links.iter().map(|link| &link.trace_id[..]) {
                if target != last {
                    note(NameHash::of_trace(&summary.tenant, target));
                    last = target;
                }
            }
        }
    }

    /// Writes what was noted, in few records.
    pub(super) fn emit_links(&mut self, out: &mut Vec<Emit>) {
        self.links.sort_by_key(|(partition, _)| *partition);
        for links in self.links.chunk_by(|a, b| a.0 == b.0) {
            for links in links.chunks(MAX_LINKS_A_RECORD) {
                let Some((partition, _)) = links.first() else { continue };
                let body = EmitBody::Links(links.iter().map(|(_, link)| *link).collect());
                out.push(Emit { partition: *partition, ordinal: 0, body });
            }
        }
        self.links.clear();
    }
}
