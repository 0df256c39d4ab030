//! Where a transfer's duration went, from what its hops did in order.

use super::model::Hop;
use super::script::{Branch, Course, Entry, Stage, Step};

/// Sets `queue` of roots and all `critical` columns, so that the sum of `critical` is the time from the first start to the last end.
///
/// The path enters each trace at its root. It leaves a trace that a later one follows at the end of the producer; what goes on there beside the
/// later trace is covered by it.
pub(super) fn mark(stage: &mut Stage<'_>) {
    let entries = std::mem::take(&mut stage.entries);
    let mut ended = 0;
    for (number, entry) in entries.iter().enumerate() {
        let leave = entries.get(number + 1).and_then(|next| next.follows);
        if number > 0 {
            enter(&mut stage.hops, entry, ended);
        }
        Path { hops: &mut stage.hops, courses: &stage.courses, leave }.walk(entry.root);
        ended = ended.max(stage.hops[entry.root].end);
    }
    stage.entries = entries;
}

/// Time before a root: in the queue since the producer's end, or since all that came before.
fn enter(hops: &mut [Hop], entry: &Entry, ended: u64) {
    let since = entry.follows.map_or(ended, |producer| hops[producer].end);
    let root = &mut hops[entry.root];
    root.queue = root.start - since;
    root.critical += root.queue;
    root.critical_queue = root.queue;
}

struct Path<'a> {
    hops: &'a mut [Hop],
    courses: &'a [Course],
    leave: Option<usize>,
}

impl Path<'_> {
    /// Whether the path left the trace within this hop.
    fn walk(&mut self, at: usize) -> bool {
        let course = &self.courses[at];
        self.on_network(at, course.before);
        if self.walk_steps(at, &course.steps) {
            return true;
        }
        self.on_network(at, course.after);
        self.leave == Some(at)
    }

    fn walk_steps(&mut self, at: usize, steps: &[Step]) -> bool {
        steps.iter().any(|step| match step {
            Step::Own(nanos) => {
                self.hops[at].critical += nanos;
                false
            }
            Step::Child(child) => self.walk(*child),
            Step::Parallel(branches) => self.walk_longest(at, branches),
        })
    }

    /// Of branches side by side, the one that was waited for counts; until it started the time is the caller's own.
    fn walk_longest(&mut self, at: usize, branches: &[Branch]) -> bool {
        let start = branches.iter().map(|branch| branch.start).min();
        let longest = branches.iter().max_by_key(|branch| branch.end);
        let (Some(start), Some(longest)) = (start, longest) else { return false };
        self.hops[at].critical += longest.start - start;
        self.walk_steps(at, &longest.steps)
    }

    fn on_network(&mut self, at: usize, nanos: u64) {
        self.hops[at].critical += nanos;
        self.hops[at].critical_network += nanos;
    }
}
