//! What the next batch will hold.

use serde::{Deserialize, Serialize};

use crate::records::Closed;

/// Rows decided since the last cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchState {
    /// Rows of the table that a fold's batches are about.
    pub rows: u64,
    /// Spans that are kept, about.
    pub spans: u64,
    /// Fold time of the first of them.
    pub since: u64,
}

impl BatchState {
    pub(super) fn add(&mut self, closed: &Closed, now: u64) {
        if self.rows == 0 {
            self.since = now;
        }
        self.rows += 1;
        let times: u64 = closed.kept.iter().map(|kept| kept.critical.len() as u64).sum();
        // Of very large ones the times are left out: then all of its spans, at most.
        let all = closed.row.as_ref().map_or(0, |row| u64::from(row.spans));
        self.spans += if times == 0 && !closed.kept.is_empty() { all } else { times };
    }

    pub(super) fn cut(&mut self) {
        *self = Self::default();
    }

    /// A batch is of one table: as large as it may be is the one that gets most.
    pub(super) fn is_due(&self, now: u64, max_rows: u64, max_delay: u64) -> bool {
        self.rows > 0
            && (self.rows.max(self.spans) >= max_rows || now.saturating_sub(self.since) >= max_delay)
    }
}
