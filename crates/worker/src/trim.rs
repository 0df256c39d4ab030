//! What the logs may forget: nothing that a fold, a snapshot or retention still needs.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use throughline_assembly::transactions::Needed;
use throughline_log::{Log, Position};
use tokio_util::sync::CancellationToken;

use crate::limits::TRIM_EVERY;

/// Ticks remembered for each partition: where the log was at which wall time. An hour by the second, then every other is dropped.
const MAX_MARKS: usize = 7200;

/// How far back bytes are held, beyond what is needed.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Younger bytes are held, as far as size allows.
    pub age: Duration,
    /// Bytes of the span log, all partitions together.
    pub bytes: u64,
}

/// Part of the retention's size that the summary log may take: summaries are a tenth of their spans.
const SUMMARY_SHARE: u64 = 4;

#[derive(Default)]
struct State {
    /// By partition of the span log.
    traces_snapshot: Vec<Option<Position>>,
    /// By partition of the summary log: what its fold needs of each partition of the span log, and of the summary log.
    needed: Vec<Option<Needed>>,
    /// By partition of the summary log: moves to its fold that its snapshot does not cover.
    moving: Vec<Vec<Moving>>,
    /// By partition of the summary log: what its decisions are to write that no snapshot covers.
    unsaved: Vec<Needed>,
    marks: Vec<VecDeque<(u64, Position)>>,
    /// By partition of the summary log: what the analysis needs of it.
    analysis: Vec<AnalysisNeed>,
}

/// What went to another fold is needed by nobody else any more, and by that fold once it has read it: until its snapshot says so, this does.
struct Moving {
    /// Where the move lies, the last of them if it stands for several.
    position: u64,
    needed: Needed,
}

/// Moves to one fold that are told apart; of more, one entry stands for several.
const MAX_MOVING: usize = 64;

/// What the analysis needs of a partition of the summary log after a crash: ranges that its last snapshot does not cover.
#[derive(Clone, Copy)]
struct AnalysisNeed {
    /// Where the first of them begins; all until its first snapshot.
    held: Option<u64>,
    /// Where the last that it was told of ends.
    told: u64,
}

impl State {
    /// By folds, and by moves between them; `None` where a fold has not said it yet.
    fn needed_by_all(&self) -> impl Iterator<Item = Option<&Needed>> {
        let moving = self.moving.iter().flatten().map(|moving| Some(&moving.needed));
        self.needed.iter().map(Option::as_ref).chain(moving).chain(self.unsaved.iter().map(Some))
    }

    /// The position of the span log below which nothing is needed for going on.
    fn span_bound(&self, partition: u32) -> Option<Position> {
        let mut bound = (*self.traces_snapshot.get(partition as usize)?)?;
        for needed in self.needed_by_all() {
            bound = bound.min(Position(*needed?.spans.get(partition as usize)?));
        }
        Some(bound)
    }

    fn summary_bound(&self, partition: u32) -> Option<Position> {
        let analysis = self.analysis.get(partition as usize)?.held;
        let mut bound = Position(analysis.unwrap_or(u64::MAX));
        for needed in self.needed_by_all() {
            bound = bound.min(Position(*needed?.summaries.get(partition as usize)?));
        }
        Some(bound)
    }

    /// The position before which all is older than `since`; what is unknown counts as young.
    fn older(&self, partition: u32, since: u64) -> Option<Position> {
        let marks = self.marks.get(partition as usize)?;
        marks.iter().take_while(|(wall, _)| *wall < since).last().map(|(_, position)| *position)
    }
}

/// What the drivers say they need.
#[derive(Default)]
pub(crate) struct Bounds {
    state: Mutex<State>,
}

impl Bounds {
    pub(crate) fn new(partitions: u32) -> Self {
        let count = partitions as usize;
        let state = State {
            traces_snapshot: vec![None; count],
            needed: vec![None; count],
            moving: (0..count).map(|_| Vec::new()).collect(),
            unsaved: vec![Needed::nothing(partitions); count],
            marks: vec![VecDeque::new(); count],
            analysis: vec![AnalysisNeed { held: Some(0), told: 0 }; count],
        };
        Self { state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fold over the span log starts from here after a crash.
    pub(crate) fn set_traces_snapshot(&self, partition: u32, position: Position) {
        if let Some(known) = self.state().traces_snapshot.get_mut(partition as usize) {
            *known = Some(position);
        }
    }

    /// What a fold over the summary log needs after a crash, when it goes on from `next`.
    pub(crate) fn set_needed(&self, partition: u32, next: Position, needed: Needed) {
        let mut state = self.state();
        if let Some(moving) = state.moving.get_mut(partition as usize) {
            moving.retain(|moving| moving.position >= next.0);
        }
        if let Some(known) = state.needed.get_mut(partition as usize) {
            *known = Some(needed);
        }
    }

    /// What the decisions of a fold are to write that no snapshot of it covers.
    pub(crate) fn set_unsaved(&self, partition: u32, needed: Needed) {
        if let Some(known) = self.state().unsaved.get_mut(partition as usize) {
            *known = needed;
        }
    }

    /// A move to the fold over `to` lies at `position`. It is told before the snapshot of the fold that had it until then.
    pub(crate) fn moved(&self, to: u32, position: Position, needed: Needed) {
        let mut state = self.state();
        let Some(moving) = state.moving.get_mut(to as usize) else { return };
        if moving.len() < MAX_MOVING {
            moving.push(Moving { position: position.0, needed });
        } else if let Some(last) = moving.last_mut() {
            last.position = last.position.max(position.0);
            last.needed.lower(&needed);
        }
    }

    /// The analysis is told of a range of a partition of the summary log.
    pub(crate) fn told_analysis(&self, partition: u32, from: u64, to: u64) {
        if let Some(need) = self.state().analysis.get_mut(partition as usize) {
            need.held = Some(need.held.unwrap_or(from));
            need.told = to;
        }
    }

    /// The analysis has a snapshot that covers each partition of the summary log up to there.
    pub(crate) fn analysis_saved(&self, taken: &[u64]) {
        for (partition, need) in self.state().analysis.iter_mut().enumerate() {
            let taken = taken.get(partition).copied().unwrap_or(0);
            need.held = (taken < need.told).then_some(taken);
        }
    }

    /// Where the span log was at a wall time.
    pub(crate) fn mark(&self, partition: u32, wall: u64, position: Position) {
        let mut state = self.state();
        let Some(marks) = state.marks.get_mut(partition as usize) else { return };
        marks.push_back((wall, position));
        if marks.len() > MAX_MARKS {
            let thinned = marks.iter().copied().step_by(2).collect();
            *marks = thinned;
        }
    }
}

/// Trims both logs now and then, until told to stop.
pub(crate) async fn run(
    span: Log,
    summary: Log,
    bounds: Arc<Bounds>,
    retention: Retention,
    shutdown: CancellationToken,
) {
    let mut interval = tokio::time::interval(TRIM_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = shutdown.cancelled() => return,
        }
        for partition in 0..span.partitions() {
            trim_spans(&span, &bounds, retention, partition);
            trim_summaries(&summary, &bounds, retention, partition);
        }
    }
}

fn trim_spans(log: &Log, bounds: &Bounds, retention: Retention, partition: u32) {
    // Held until it is done: who says what is needed and then finds it there can rely on it.
    let state = bounds.state();
    let Some(bound) = state.span_bound(partition) else { return };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let since = now.saturating_sub(retention.age).as_nanos() as u64;
    let by_age = state.older(partition, since).unwrap_or_default();
    let by_size = beyond(log, partition, retention.bytes / u64::from(log.partitions()));
    log.trim(partition, bound.min(by_age.max(by_size)));
}

fn trim_summaries(log: &Log, bounds: &Bounds, retention: Retention, partition: u32) {
    let state = bounds.state();
    let Some(bound) = state.summary_bound(partition) else { return };
    let size = retention.bytes / SUMMARY_SHARE / u64::from(log.partitions());
    log.trim(partition, bound.min(beyond(log, partition, size)));
}

/// The position before which lies more than `bytes`.
fn beyond(log: &Log, partition: u32, bytes: u64) -> Position {
    Position(log.end(partition).0.saturating_sub(bytes))
}

#[cfg(test)]
mod tests {
    use throughline_assembly::{place::Place, records::Moved, transactions::Member};

    use super::*;

    fn needed(spans: u64, summaries: u64) -> Needed {
        Needed { spans: vec![spans; 2], summaries: vec![summaries; 2] }
    }

    /// The bounds of both logs' first partition.
    fn bounds_of(bounds: &Bounds) -> (Option<u64>, Option<u64>) {
        let state = bounds.state();
        (state.span_bound(0).map(|bound| bound.0), state.summary_bound(0).map(|bound| bound.0))
    }

    /// Folds over two partitions that need nothing before 1000, and an analysis that needs nothing.
    fn saved() -> Bounds {
        let bounds = Bounds::new(2);
        (0..2).for_each(|partition| bounds.set_traces_snapshot(partition, Position(5000)));
        bounds.analysis_saved(&[5000; 2]);
        (0..2).for_each(|partition| bounds.set_needed(partition, Position(1000), needed(2000, 1000)));
        bounds
    }

    #[test]
    fn nothing_is_let_go_before_every_fold_has_said_what_it_needs() {
        let bounds = Bounds::new(2);
        bounds.set_traces_snapshot(0, Position(5000));
        bounds.analysis_saved(&[5000; 2]);
        bounds.set_needed(0, Position(1000), needed(2000, 1000));
        assert_eq!(bounds_of(&bounds), (None, None));
        bounds.set_needed(1, Position(1000), needed(3000, 900));
        assert_eq!(bounds_of(&bounds), (Some(2000), Some(900)));
    }

    #[test]
    fn what_moves_is_held_until_who_takes_it_has_saved() {
        let bounds = saved();
        let moved = Moved {
            members: vec![Member::new(Place::new(0, 70)).written().packed(), Place::new(1, 60).packed()],
            oldest: vec![Place::new(0, 300).packed()],
            kept_from: Place::new(0, 50).packed() + 1,
            ..Moved::default()
        };
        bounds.moved(1, Position(1500), Needed::of(&moved, 2));
        // Who gave it away needs it no more.
        bounds.set_needed(0, Position(4000), needed(4000, 4000));
        assert_eq!(bounds_of(&bounds), (Some(300), Some(50)));
        // A snapshot of before it was read says nothing of it.
        bounds.set_needed(1, Position(1500), needed(4000, 1500));
        assert_eq!(bounds_of(&bounds), (Some(300), Some(50)));
        bounds.set_needed(1, Position(1501), needed(4000, 1501));
        assert_eq!(bounds_of(&bounds), (Some(4000), Some(1501)));
    }

    #[test]
    fn what_is_decided_is_held_until_it_is_saved() {
        let bounds = saved();
        bounds.set_unsaved(1, needed(300, 200));
        assert_eq!(bounds_of(&bounds), (Some(300), Some(200)));
        bounds.set_unsaved(1, Needed::nothing(2));
        assert_eq!(bounds_of(&bounds), (Some(2000), Some(1000)));
    }

    #[test]
    fn many_moves_are_held_as_one() {
        let bounds = saved();
        let count = 3 * MAX_MOVING as u64;
        (0..count).for_each(|at| bounds.moved(1, Position(1500 + at), needed(900 - at, 800 - at)));
        bounds.set_needed(0, Position(4000), needed(4000, 4000));
        assert_eq!(bounds.state().moving[1].len(), MAX_MOVING);
        bounds.set_needed(1, Position(1500 + count - 1), needed(4000, 4000));
        assert_eq!(bounds_of(&bounds), (Some(901 - count), Some(801 - count)));
        bounds.set_needed(1, Position(1500 + count), needed(4000, 4000));
        assert_eq!(bounds_of(&bounds), (Some(4000), Some(4000)));
    }
}
