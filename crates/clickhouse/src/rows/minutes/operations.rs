//! `operation_minutes`: what each operation of a service did in a minute.

use throughline_assembly::records::Hops;

use super::sums::{Clock, Sums};
use crate::native::Numbering;
use crate::rows::Encoded;
use crate::rows::transactions::Words;

const WORDS: [&str; 6] = ["Tenant", "Type", "Department", "Service", "Operation", "Version"];
const SUMS: [&str; 5] = ["Count", "Errors", "Duration", "Self", "Critical"];

/// The columns of a block, in order, for the statement that inserts it.
pub(crate) const COLUMNS: [&str; 13] = [
    WORDS[0],
    WORDS[1],
    WORDS[2],
    WORDS[3],
    WORDS[4],
    WORDS[5],
    "Minute",
    SUMS[0],
    SUMS[1],
    SUMS[2],
    SUMS[3],
    SUMS[4],
    "Durations",
];

/// Sums of hops by the minute of their start, type, department, service, operation and version.
#[derive(Debug, Default)]
pub(in crate::rows) struct OperationMinutes {
    sums: Sums<5>,
}

impl OperationMinutes {
    /// Adds the hops of a transaction from `start` that `words` has just read, `sign` times: 1, or -1 to take back what was written of it.
    pub(in crate::rows) fn add(&mut self, words: &Words, group: u32, start: u64, hops: &Hops, sign: i64) {
        let clock = Clock::of(start);
        let counts = hops.count.iter().zip(&hops.errors);
        let times = hops.duration.iter().zip(&hops.self_).zip(&hops.critical);
        for (((&name, &offset), (&count, &errors)), ((&duration, &own), &critical)) in
            words.hops.iter().zip(&hops.start).zip(counts).zip(times)
        {
            let added = [count.into(), errors.into(), duration, own, critical]
                .map(|sum: u64| sum.cast_signed().wrapping_mul(sign));
            let operation = words.hop(name).operation;
            self.sums.cell(clock.minute(offset), group, operation).add(added, duration, added[0]);
        }
    }

    /// A block for each day, in order, and nothing left after; rows that add up to nothing are left out.
    pub(in crate::rows) fn finish(&mut self, words: &Words, numbering: &mut Numbering) -> Vec<Encoded> {
        self.sums.finish(&words.strings, numbering, (WORDS, SUMS), |cell| {
            let [tenant, kind] = words.groups.get(cell.group);
            let [department, service, operation, version] = words.operations.get(cell.of);
            [tenant, kind, department, service, operation, version]
        })
    }
}
