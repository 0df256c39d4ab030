//! What was decided between two cuts, told to the analysis: positions, not rows.

use std::sync::Arc;

use prost::Message;
use throughline_assembly::records::{Closed, FinishedRange};
use throughline_log::{Cause, Kind, Log, NewRecord, Position};

use super::LANE;
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
    each: u32,
    positions: Vec<u64>,
    closed: Vec<Arc<Closed>>,
    /// Log time of the last cut.
    sent: u64,
    /// What is looked at in a second of it.
    per_second: usize,
}

/// One in so many is always looked at.
const MOST_LEFT_OUT: u32 = 1 << 20;

/// What travels with a record in memory.
pub(super) type Travelling = Vec<Arc<Closed>>;

impl FinishedRanges {
    /// From `next` on, which is the start of what lies after a cut.
    pub(crate) fn new(
        partition: u32,
        log: Log,
        bounds: Arc<Bounds>,
        next: Position,
        per_second: u32,
    ) -> Self {
        let per_second = per_second as usize;
        let (positions, closed) = (Vec::new(), Vec::new());
        Self {
            partition,
            log,
            bounds,
            from: next.0,
            count: 0,
            each: 1,
            positions,
            closed,
            sent: 0,
            per_second,
        }
    }

    /// Takes a decision. Over its limit, every other one is left out, by its name: the same ones however often it is done.
    pub(crate) fn add(&mut self, position: Position, closed: &Arc<Closed>) {
        // What amends was told of before.
        if closed.row.is_none() || closed.before.is_some() {
            return;
        }
        self.count += 1;
        if !is_looked_at(closed, self.each) {
            return;
        }
        self.positions.push(position.0);
        self.closed.push(Arc::clone(closed));
        self.thin(self.per_second * FINISHED_SECONDS);
    }

    /// Leaves every other one out until so many are left.
    fn thin(&mut self, most: usize) {
        while self.closed.len() > most && self.each < MOST_LEFT_OUT {
            self.each *= 2;
            let kept: Vec<bool> = self.closed.iter().map(|closed| is_looked_at(closed, self.each)).collect();
            let mut each = kept.iter();
            self.positions.retain(|_| *each.next().unwrap_or(&false));
            let mut each = kept.iter();
            self.closed.retain(|_| *each.next().unwrap_or(&false));
        }
    }

    /// Tells of what was decided up to the cut at `cut`, in log time `now` (nanoseconds), at most so many a second; durable when it returns.
    pub(crate) async fn send(&mut self, cut: Position, now: u64, per_second: u32) -> Result<(), WorkerError> {
        self.per_second = per_second as usize;
        let from = std::mem::replace(&mut self.from, cut.0);
        let since = std::mem::replace(&mut self.sent, now);
        self.thin(allowed(now.saturating_sub(since), self.per_second));
        if self.count == 0 {
            return Ok(());
        }
        let range = FinishedRange {
            partition: self.partition,
            from,
            to: cut.0,
            count: std::mem::take(&mut self.count),
            each: std::mem::replace(&mut self.each, 1),
            positions: std::mem::take(&mut self.positions),
        };
        let travelling: Travelling = std::mem::take(&mut self.closed);
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

/// By the upper half of the name: the lowest bits of the lower one are its place, the same for all of a kind.
fn is_looked_at(closed: &Closed, each: u32) -> bool {
    closed.name_high.is_multiple_of(u64::from(each))
}

#[cfg(test)]
mod tests {
    use throughline_assembly::names::NameHash;

    use super::*;

    #[test]
    fn cuts_that_follow_close_upon_each_other_allow_no_more() {
        assert_eq!(allowed(5_000_000_000, 400), 2000);
        assert_eq!(allowed(u64::MAX, 400), 2000, "what waits is bounded");
        assert_eq!(allowed(1_000_000_000, 400), 400);
        assert_eq!(allowed(0, 400), MIN_FINISHED_PER_CUT, "some are always looked at");
        assert_eq!(allowed(u64::MAX, 1), MIN_FINISHED_PER_CUT);
    }

    #[test]
    fn every_other_one_is_looked_at_whatever_names_it() {
        let of_traces = (0..4000u32).map(|number| NameHash::of_trace("", &u128::from(number).to_be_bytes()));
        let all = of_traces.map(|name| {
            let (name_high, name_low) = name.halves();
            Closed { name_high, name_low, ..Closed::default() }
        });
        let looked_at = all.filter(|closed| is_looked_at(closed, 4)).count();
        assert!((800..1200).contains(&looked_at), "{looked_at} of 4000, one in four");
    }
}
