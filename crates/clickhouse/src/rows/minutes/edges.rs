//! `edge_minutes`: what each service asked of another, of a database or of a partner in a minute.

use throughline_assembly::records::Hops;

use super::sums::{Clock, Sums};
use crate::native::Numbering;
use crate::rows::Encoded;
use crate::rows::transactions::{Words, kind_word};

const WORDS: [&str; 7] =
    ["Tenant", "Type", "CallerDepartment", "CallerService", "CalleeDepartment", "CalleeService", "Kind"];
const SUMS: [&str; 5] = ["Count", "Errors", "Duration", "Network", "Queue"];

/// The columns of a block, in order, for the statement that inserts it.
pub(crate) const COLUMNS: [&str; 14] = [
    WORDS[0],
    WORDS[1],
    WORDS[2],
    WORDS[3],
    WORDS[4],
    WORDS[5],
    WORDS[6],
    "Minute",
    SUMS[0],
    SUMS[1],
    SUMS[2],
    SUMS[3],
    SUMS[4],
    "Durations",
];

/// Sums of the hops that cross from one service to another, or to a database or partner, by the minute of their start.
#[derive(Debug, Default)]
pub(in crate::rows) struct EdgeMinutes {
    sums: Sums<5>,
}

impl EdgeMinutes {
    /// Adds the hops of a transaction from `start` that `words` has just read, `sign` times: 1, or -1 to take back what was written of it.
    pub(in crate::rows) fn add(&mut self, words: &mut Words, group: u32, start: u64, hops: &Hops, sign: i64) {
        let clock = Clock::of(start);
        let counts = hops.count.iter().zip(&hops.errors);
        let times = hops.duration.iter().zip(&hops.network).zip(&hops.queue);
        for (at, (((&parent, &offset), (&count, &errors)), ((&duration, &network), &queue))) in
            hops.parent.iter().zip(&hops.start).zip(counts).zip(times).enumerate()
        {
            let Some(&caller) = usize::try_from(parent).ok().and_then(|at| words.hops.get(at)) else {
                continue;
            };
            let Some(call) = words.call(words.hop(caller).place, words.hops[at]) else { continue };
            let added = [count.into(), errors.into(), duration, network, queue]
                .map(|sum: u64| sum.cast_signed().wrapping_mul(sign));
            self.sums.cell(clock.minute(offset), group, call).add(added, duration, added[0]);
        }
    }

    /// A block for each day, in order, and nothing left after; rows that add up to nothing are left out.
    pub(in crate::rows) fn finish(&mut self, words: &Words, numbering: &mut Numbering) -> Vec<Encoded> {
        self.sums.finish(&words.strings, numbering, (WORDS, SUMS), |cell| {
            let [tenant, kind] = words.groups.get(cell.group);
            let [from, to, how] = words.calls.get(cell.of);
            let ([caller, by], [callee, of]) = (words.places.get(from), words.places.get(to));
            [tenant, kind, caller, by, callee, of, kind_word(how)]
        })
    }
}
