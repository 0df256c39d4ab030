//! `operation_minutes`: what each operation of a service did in a minute.

use throughline_assembly::records::Transaction;

use super::sums::{Sums, minute};
use crate::rows::transactions::HopColumns;
use crate::rows::{Encoded, RowsError};

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
pub struct OperationMinutes {
    sums: Sums<6, 5>,
    numbers: Vec<u32>,
}

impl OperationMinutes {
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
        let number = |string: u32| numbers[string as usize];
        for hop in hops.iter() {
            let [department, service] = [hop.department, hop.service].map(number);
            let words = [tenant, kind, department, service, number(hop.operation), number(hop.version)];
            let added = [u64::from(hop.count), u64::from(hop.errors), hop.duration, hop.own, hop.critical]
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
