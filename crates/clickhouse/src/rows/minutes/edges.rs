//! `edge_minutes`: what each service asked of another, of a database or of a partner in a minute.

use throughline_assembly::records::Transaction;

use super::sums::{Sums, minute};
use crate::rows::transactions::{HopColumns, KINDS};
use crate::rows::{Encoded, RowsError};

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

/// `HopKind` of a service's own work.
const OWN: u32 = 0;

/// Sums of the hops that cross from one service to another, or to a database or partner, by the minute of their start.
#[derive(Debug, Default)]
pub struct EdgeMinutes {
    sums: Sums<7, 5>,
    numbers: Vec<u32>,
}

impl EdgeMinutes {
    /// Nothing summed yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a transaction's hops `sign` times: 1, or -1 to take back what was written of it.
    ///
    /// # Errors
    /// [`RowsError::Hops`] where the record does not hold together: nothing of it is added.
    pub fn add(&mut self, row: &Transaction, sign: i64) -> Result<(), RowsError> {
        let hops = HopColumns::of(row)?;
        let Self { sums, numbers } = self;
        numbers.clear();
        numbers.extend(hops.strings().iter().map(|string| sums.word(string)));
        let (tenant, kind) = (sums.word(&row.tenant), sums.word(&row.r#type));
        let kinds = KINDS.map(|kind| sums.word(kind));
        let owners: Vec<(u32, u32)> = hops.iter().map(|hop| (hop.department, hop.service)).collect();
        let number = |string: u32| numbers[string as usize];
        for hop in hops.iter() {
            let Some(&(department, service)) = usize::try_from(hop.parent).ok().and_then(|at| owners.get(at))
            else {
                continue;
            };
            if hop.kind == OWN && number(service) == number(hop.service) {
                continue;
            }
            let [from, by, to, of] = [department, service, hop.department, hop.service].map(number);
            let words = [tenant, kind, from, by, to, of, kinds[hop.kind as usize]];
            let added = [u64::from(hop.count), u64::from(hop.errors), hop.duration, hop.network, hop.queue]
                .map(|sum| sum.cast_signed().wrapping_mul(sign));
            sums.add(minute(row.start, hop.start), words, added, hop.duration, added[0]);
        }
        Ok(())
    }

    /// How many rows there would be at most.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sums.len()
    }

    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sums.len() == 0
    }

    /// A block for each day, in order; rows that add up to nothing are left out.
    #[must_use]
    pub fn finish(self) -> Vec<Encoded> {
        self.sums.finish(WORDS, SUMS)
    }
}
