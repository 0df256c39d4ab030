//! The walk back from the last finisher, which gives each nanosecond of the transaction to one span.
//!
//! Two times move: `at`, where the walk is in the span that it is in, and `left`, before which nothing has an owner yet. Mostly they are equal. Where a
//! trace overlaps a later finisher, the walk starts at that trace's own end and gives nothing away until it is before `left`.
//!
//! There is no stack: from a finished child the walk goes on in its parent, at the child that the parent's list says is next. Lists only move forward,
//! so the walk is linear but for the climbs that follow links; those have a budget.

use crate::forest::{Forest, NONE, Place};
use crate::windows::waited_for;

/// Steps for each span until links are no longer followed. Chains of queues need two or three; without a bound, 100,000 spans that link to each other's
/// depths would need their square.
const STEPS_PER_SPAN: u64 = 16;

/// Steps that even the smallest transaction may take.
const MIN_STEPS: u64 = 4096;

/// Reused memory of the walk.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Roots and branches, the last finisher first.
    units: Vec<u32>,
    /// Spans that start before their trace's root, the last finisher first.
    early: Vec<u32>,
    /// All units before this one are used up.
    next_unit: usize,
    at: u64,
    left: u64,
    steps: u64,
}

impl Walk {
    /// Gives all time between the two to spans.
    pub(crate) fn run(&mut self, forest: &mut Forest, start: u64, end: u64) {
        self.list(forest);
        self.left = end;
        self.steps = MIN_STEPS + STEPS_PER_SPAN * forest.nodes.len() as u64;
        let mut last = NONE;
        while self.left > start
            && let Some(unit) = self.select(forest, last == NONE)
        {
            self.at = forest.nodes[unit as usize].end;
            self.wait(forest, last);
            last = self.unit(forest, unit, start);
        }
        self.finish_early(forest, last);
    }

    fn list(&mut self, forest: &Forest) {
        let Forest { nodes, roots, .. } = forest;
        self.units.clear();
        self.early.clear();
        self.next_unit = 0;
        for (index, node) in (0u32..).zip(nodes) {
            match node.place {
                Place::Top | Place::Branch => self.units.push(index),
                Place::Nested | Place::Outside => {}
            }
            let root = roots.get(node.trace as usize).map_or(NONE, |&root| root);
            if root == NONE || node.start < nodes[root as usize].start {
                self.early.push(index);
            }
        }
        for list in [&mut self.units, &mut self.early] {
            list.sort_unstable_by(|&a, &b| {
                let (x, y) = (&nodes[a as usize], &nodes[b as usize]);
                (y.end, x.start, a).cmp(&(x.end, y.start, b))
            });
        }
    }

    /// The last finisher of what started before `left` and has not been passed; the very last one also where it took no time, for it may have waited.
    fn select(&mut self, forest: &Forest, very_last: bool) -> Option<u32> {
        while let Some(&unit) = self.units.get(self.next_unit) {
            let node = &forest.nodes[unit as usize];
            if !node.finished && (node.start < self.left || very_last) {
                return Some(unit);
            }
            self.next_unit += 1;
        }
        None
    }

    /// Walks from `from` until nothing says where it came from; answers the span that the walk ended at.
    fn unit(&mut self, forest: &mut Forest, from: u32, start: u64) -> u32 {
        let mut current = from;
        loop {
            if let Some(child) = self.next_child(forest, current) {
                let end = forest.nodes[child as usize].high;
                self.own(forest, current, end);
                current = child;
                continue;
            }
            let low = forest.nodes[current as usize].low;
            self.own(forest, current, low);
            forest.nodes[current as usize].finished = true;
            if self.left <= start {
                return current;
            }
            match self.origin(forest, current) {
                Some(origin) => current = origin,
                None => return current,
            }
        }
    }

    /// The next child that had ended where the walk is.
    fn next_child(&mut self, forest: &mut Forest, current: u32) -> Option<u32> {
        let Forest { nodes, by_end, .. } = forest;
        loop {
            let node = &mut nodes[current as usize];
            if node.next >= node.end_child {
                return None;
            }
            let child = by_end[node.next as usize];
            node.next += 1;
            let child_node = &nodes[child as usize];
            if child_node.place == Place::Nested && child_node.high <= self.at {
                return Some(child);
            }
        }
    }

    /// Where the path comes from before the start of `current`.
    fn origin(&mut self, forest: &mut Forest, current: u32) -> Option<u32> {
        self.steps = self.steps.saturating_sub(1);
        let node = forest.nodes[current as usize];
        if node.cause != NONE && !node.followed && self.steps > 0 {
            forest.nodes[current as usize].followed = true;
            self.wait_until(forest, current, forest.nodes[node.cause as usize].end);
            return Some(node.cause);
        }
        if node.parent == NONE {
            return None;
        }
        let parent = forest.nodes[node.parent as usize];
        if node.place == Place::Nested {
            return Some(node.parent);
        }
        if waited_for(&node, &parent) {
            self.wait_until(forest, current, parent.end);
            return Some(node.parent);
        }
        self.running_ancestor(forest, node.parent)
    }

    /// The nearest ancestor that still ran where the walk is.
    fn running_ancestor(&mut self, forest: &Forest, mut ancestor: u32) -> Option<u32> {
        while ancestor != NONE && self.steps > 0 {
            let node = &forest.nodes[ancestor as usize];
            if node.end >= self.at {
                return Some(ancestor);
            }
            self.steps = self.steps.saturating_sub(1);
            ancestor = node.parent;
        }
        None
    }

    /// Gives the time down to `low` to this span.
    fn own(&mut self, forest: &mut Forest, index: u32, low: u64) {
        let time = self.take(low);
        forest.nodes[index as usize].critical += time;
    }

    /// The time down to `low` is this span's wait.
    fn wait_until(&mut self, forest: &mut Forest, index: u32, low: u64) {
        let time = self.take(low);
        forest.nodes[index as usize].critical_queue += time;
    }

    /// What lies between a unit's end and what the walk has covered is the wait of the span that it came to before.
    fn wait(&mut self, forest: &mut Forest, last: u32) {
        if self.at < self.left && last != NONE {
            let node = &mut forest.nodes[last as usize];
            node.critical_queue += self.left - self.at;
            self.left = self.at;
        }
    }

    /// Moves both times down to `low`; answers how much of that had no owner.
    fn take(&mut self, low: u64) -> u64 {
        let time = self.left.min(self.at).saturating_sub(low);
        self.at = self.at.min(low);
        self.left = self.left.min(low);
        time
    }

    /// Spans that start before their trace's root own what lies before it.
    fn finish_early(&mut self, forest: &mut Forest, mut last: u32) {
        for position in 0..self.early.len() {
            let index = self.early[position];
            let node = &forest.nodes[index as usize];
            let (low, high) = (node.start, node.end);
            if low < self.left {
                self.at = high;
                self.wait(forest, last);
                self.own(forest, index, low);
                last = index;
            }
        }
    }
}
