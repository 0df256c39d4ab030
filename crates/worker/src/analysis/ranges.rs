//! What was decided between two cuts, told to the analysis: positions, not rows.

use std::sync::Arc;

use prost::Message;
use throughline_assembly::records::{Closed, FinishedRange};
use throughline_log::{Cause, Kind, Log, NewRecord, Position};

use super::{LANE, waiting::Waiting};
use crate::{
    WorkerError,
    append::append,
    limits::{FINISHED_SECONDS, MIN_FINISHED_PER_CUT},
    trim::Bounds,
};

/// Decisions of one partition since its last cut, those that the analysis is to look at.
pub(crate) struct FinishedRanges {
    partition: u32,
    log: Log,
    bounds: Arc<Bounds>,
    from: u64,
    count: u64,
    waiting: Waiting,
    /// Log time of the last cut.
    sent: u64,
    /// What is looked at in a second of it.
    per_second: usize,
}

/// What travels with a record in memory: decisions, and for how many of its kind each stands.
pub(super) type Travelling = Vec<(u32, Arc<Closed>)>;

impl FinishedRanges {
    /// From `next` on, which is the start of what lies after a cut.
    pub(crate) fn new(
        partition: u32,
        log: Log,
        bounds: Arc<Bounds>,
        next: Position,
        per_second: u32,
    ) -> Self {
        let (from, per_second) = (next.0, per_second as usize);
        Self { partition, log, bounds, from, count: 0, waiting: Waiting::default(), sent: 0, per_second }
    }

    /// Takes a decision. Over its limit some are left out.
    pub(crate) fn add(&mut self, position: Position, closed: &Arc<Closed>) {
        // What amends was told of before.
        let Some(row) = closed.row.as_ref().filter(|_| closed.before.is_none()) else { return };
        self.count += 1;
        self.waiting.add(position.0, row, closed);
        self.waiting.thin(self.per_second * FINISHED_SECONDS);
    }

    /// Tells of what was decided up to the cut at `cut`, in log time `now` (nanoseconds), at most so many a second; durable when it returns.
    pub(crate) async fn send(&mut self, cut: Position, now: u64, per_second: u32) -> Result<(), WorkerError> {
        self.per_second = per_second as usize;
        let from = std::mem::replace(&mut self.from, cut.0);
        let since = std::mem::replace(&mut self.sent, now);
        self.waiting.thin(allowed(now.saturating_sub(since), self.per_second));
        if self.count == 0 {
            return Ok(());
        }
        let chosen = self.waiting.take();
        let weights: Vec<u32> = chosen.iter().map(|chosen| chosen.weight).collect();
        let range = FinishedRange {
            partition: self.partition,
            from,
            to: cut.0,
            count: std::mem::take(&mut self.count),
            positions: chosen.iter().map(|chosen| chosen.position).collect(),
            weights: if weights.iter().all(|weight| *weight == 1) { Vec::new() } else { weights },
        };
        let travelling: Travelling =
            chosen.into_iter().map(|chosen| (chosen.weight, chosen.closed)).collect();
        self.bounds.told_analysis(self.partition, from, cut.0);
        let record = NewRecord {
            kind: Kind::Finished,
            tenant: Arc::from(""),
            cause: Some(Cause { source: self.partition, position: cut, ordinal: 0 }),
            payload: range.encode_to_vec().into(),
            cache: Some(Arc::new(travelling)),
        };
        append(&self.log, vec![(LANE, record)]).await?;
        Ok(())
    }
}

/// How many are looked at of what was decided in so long: cuts come sooner where batches fill, and are not to make more of it. Some are always looked at.
fn allowed(elapsed_ns: u64, per_second: usize) -> usize {
    let milliseconds = usize::try_from(elapsed_ns / 1_000_000).unwrap_or(usize::MAX);
    let most = (per_second * FINISHED_SECONDS).max(MIN_FINISHED_PER_CUT);
    (milliseconds.saturating_mul(per_second) / 1000).clamp(MIN_FINISHED_PER_CUT, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_that_follow_close_upon_each_other_allow_no_more() {
        assert_eq!(allowed(5_000_000_000, 400), 2000);
        assert_eq!(allowed(u64::MAX, 400), 2000, "what waits is bounded");
        assert_eq!(allowed(1_000_000_000, 400), 400);
        assert_eq!(allowed(0, 400), MIN_FINISHED_PER_CUT, "some are always looked at");
        assert_eq!(allowed(u64::MAX, 1), MIN_FINISHED_PER_CUT);
    }
}
