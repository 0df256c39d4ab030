//! What was decided between two cuts, told to the analysis: positions, not rows.

use std::sync::Arc;

use prost::Message;
use throughline_assembly::records::{Closed, FinishedRange};
use throughline_log::{Cause, Kind, Log, NewRecord, Position};

use super::LANE;
use crate::{WorkerError, append::append, limits::MAX_FINISHED_PER_CUT, trim::Bounds};

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
}

/// What travels with a record in memory.
pub(super) type Travelling = Vec<Arc<Closed>>;

impl FinishedRanges {
    /// From `next` on, which is the start of what lies after a cut.
    pub(crate) fn new(partition: u32, log: Log, bounds: Arc<Bounds>, next: Position) -> Self {
        let none = (Vec::new(), Vec::new());
        Self { partition, log, bounds, from: next.0, count: 0, each: 1, positions: none.0, closed: none.1 }
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
        while self.closed.len() > MAX_FINISHED_PER_CUT {
            self.each *= 2;
            let kept: Vec<bool> = self.closed.iter().map(|closed| is_looked_at(closed, self.each)).collect();
            let mut each = kept.iter();
            self.positions.retain(|_| *each.next().unwrap_or(&false));
            let mut each = kept.iter();
            self.closed.retain(|_| *each.next().unwrap_or(&false));
        }
    }

    /// Tells of what was decided up to the cut at `cut`; durable when it returns.
    pub(crate) async fn send(&mut self, cut: Position) -> Result<(), WorkerError> {
        let from = std::mem::replace(&mut self.from, cut.0);
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

/// By the upper half of the name: the lowest bits of the lower one are its place, the same for all of a kind.
fn is_looked_at(closed: &Closed, each: u32) -> bool {
    closed.name_high.is_multiple_of(u64::from(each))
}

#[cfg(test)]
mod tests {
    use throughline_assembly::names::NameHash;

    use super::*;

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
