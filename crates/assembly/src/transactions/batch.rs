//! What the next batch will hold, and what batches are called.

use serde::{Deserialize, Serialize};

use crate::records::Closed;

/// Rows decided since the last cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchState {
    /// Transactions and kept spans.
    pub rows: u64,
    /// Fold time of the first of them.
    pub since: u64,
}

impl BatchState {
    pub(super) fn add(&mut self, closed: &Closed, now: u64) {
        if self.rows == 0 {
            self.since = now;
        }
        self.rows += 1 + closed.kept.iter().map(|kept| kept.critical.len() as u64).sum::<u64>();
    }

    pub(super) fn cut(&mut self) {
        *self = Self::default();
    }

    pub(super) fn is_due(&self, now: u64, max_rows: u64, max_delay: u64) -> bool {
        self.rows > 0 && (self.rows >= max_rows || now.saturating_sub(self.since) >= max_delay)
    }
}

/// The name of a batch, which is its token of deduplication. `log` is the random id of the log, so that a restored log never repeats a name.
#[must_use]
pub fn batch_name(log: &str, partition: u32, cut: u64, table: &str, day: &str, chunk: u32) -> String {
    format!("{log}/{partition}/{cut}/{table}/{day}/{chunk}")
}
