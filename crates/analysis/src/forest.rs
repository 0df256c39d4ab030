//! The spans of a transaction as trees: nodes in canonical order, children by start, parents before children.

use crate::{
    input::{SpanInput, SpanKind},
    order::{Ids, Order},
};

/// No node.
pub(crate) const NONE: u32 = u32::MAX;

/// How a span stands to its parent on the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It has no parent here.
    Top,
    /// It runs inside its parent, or is cut at the parent's edges.
    Nested,
    /// It outlives its parent and the root: an asynchronous branch.
    Branch,
    /// It lies wholly outside its parent while the root still runs: only a path that comes from one of its descendants leads through it.
    Outside,
}

/// One span, by its canonical index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) id: u64,
    pub(crate) parent_id: u64,
    /// Corrected for skew, as all times.
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// What is left of it when it is cut at its ancestors' edges.
    pub(crate) low: u64,
    pub(crate) high: u64,
    /// Until when the branch or trace that it is part of runs.
    pub(crate) runs_until: u64,
    pub(crate) self_time: u64,
    /// On the path, the wait before its start not included.
    pub(crate) critical: u64,
    pub(crate) queue: u64,
    pub(crate) critical_queue: u64,
    pub(crate) shift: i64,
    pub(crate) trace: u32,
    pub(crate) input: u32,
    pub(crate) host: u32,
    pub(crate) parent: u32,
    /// The span that a link says it came from.
    pub(crate) cause: u32,
    /// Children, a range of [`Forest::children`].
    pub(crate) first_child: u32,
    pub(crate) end_child: u32,
    /// The next child that the walk looks at, in the same range of [`Forest::by_end`].
    pub(crate) next: u32,
    /// How many servers answer this client, and the last of them.
    pub(crate) servers: u32,
    pub(crate) server: u32,
    pub(crate) kind: SpanKind,
    pub(crate) place: Place,
    /// The walk has passed its start.
    pub(crate) finished: bool,
    /// The walk has followed its link.
    pub(crate) followed: bool,
}

impl Node {
    pub(crate) fn of(input: u32, span: &SpanInput) -> Self {
        let end = span.end.max(span.start);
        Self {
            id: span.id,
            parent_id: span.parent,
            start: span.start,
            end,
            low: span.start,
            high: end,
            runs_until: end,
            self_time: 0,
            critical: 0,
            queue: 0,
            critical_queue: 0,
            shift: 0,
            trace: span.trace,
            input,
            host: span.host,
            parent: NONE,
            cause: NONE,
            first_child: 0,
            end_child: 0,
            next: 0,
            servers: 0,
            server: NONE,
            kind: span.kind,
            place: Place::Top,
            finished: false,
            followed: false,
        }
    }
}

/// All spans of a transaction. Memory is kept from one transaction to the next.
#[derive(Debug, Default)]
pub(crate) struct Forest {
    pub(crate) nodes: Vec<Node>,
    pub(crate) ids: Ids,
    /// Children of all nodes, each node's in the order of start.
    pub(crate) children: Vec<u32>,
    /// The same ranges in the order in which the walk looks at them.
    pub(crate) by_end: Vec<u32>,
    /// All nodes, each after its parent.
    pub(crate) down: Vec<u32>,
    /// Root of each trace.
    pub(crate) roots: Vec<u32>,
    order: Order,
    seen: Vec<u32>,
}

impl Forest {
    /// Builds the trees of these spans.
    pub(crate) fn build(&mut self, spans: &[SpanInput], traces: u32) {
        self.order.fill(spans, &mut self.nodes);
        self.ids.fill(&self.nodes);
        self.connect();
        self.list_children();
        self.list_down();
        self.find_roots(traces);
    }

    /// The children of a node, in the order of start.
    pub(crate) fn children_of(&self, index: u32) -> &[u32] {
        let node = &self.nodes[index as usize];
        &self.children[node.first_child as usize..node.end_child as usize]
    }

    /// The only server that answers this client: the two are one hop.
    pub(crate) fn merged_server(&self, index: u32) -> Option<u32> {
        let node = &self.nodes[index as usize];
        (node.servers == 1).then_some(node.server)
    }

    fn connect(&mut self) {
        let mut backward = false;
        for index in 0..self.nodes.len() as u32 {
            let parent = self.ids.parent_of(&self.nodes, index);
            self.nodes[index as usize].parent = parent;
            // Only an edge to a later node can close a cycle.
            backward |= parent != NONE && parent >= index;
        }
        if backward {
            self.break_cycles();
        }
    }

    /// Where parents go round in a circle, the earliest of them becomes a root.
    fn break_cycles(&mut self) {
        self.seen.clear();
        self.seen.resize(self.nodes.len(), NONE);
        for from in 0..self.nodes.len() as u32 {
            let mut at = from;
            while at != NONE && self.seen[at as usize] == NONE {
                self.seen[at as usize] = from;
                at = self.nodes[at as usize].parent;
            }
            if at == NONE || self.seen[at as usize] != from {
                continue;
            }
            let (mut earliest, mut other) = (at, self.nodes[at as usize].parent);
            while other != at {
                earliest = earliest.min(other);
                other = self.nodes[other as usize].parent;
            }
            self.nodes[earliest as usize].parent = NONE;
        }
    }

    fn list_children(&mut self) {
        for index in 0..self.nodes.len() {
            let node = self.nodes[index];
            if node.parent != NONE {
                let parent = &mut self.nodes[node.parent as usize];
                parent.end_child += 1;
                if node.kind == SpanKind::Server && parent.kind == SpanKind::Client {
                    parent.servers += 1;
                    parent.server = index as u32;
                }
            }
        }
        let mut total = 0;
        for node in &mut self.nodes {
            let count = node.end_child;
            (node.first_child, node.end_child) = (total, total);
            total += count;
        }
        self.children.clear();
        self.children.resize(total as usize, NONE);
        for index in 0..self.nodes.len() {
            let parent = self.nodes[index].parent;
            if parent != NONE {
                let parent = &mut self.nodes[parent as usize];
                self.children[parent.end_child as usize] = index as u32;
                parent.end_child += 1;
            }
        }
    }

    fn list_down(&mut self) {
        let Self { nodes, children, down, .. } = self;
        down.clear();
        down.extend(
            (0u32..).zip(nodes.iter()).filter(|(_, node)| node.parent == NONE).map(|(index, _)| index),
        );
        let mut next = 0;
        while let Some(&index) = down.get(next) {
            let node = &nodes[index as usize];
            down.extend_from_slice(&children[node.first_child as usize..node.end_child as usize]);
            next += 1;
        }
    }

    fn find_roots(&mut self, traces: u32) {
        self.roots.clear();
        self.roots.resize(traces as usize, NONE);
        for (index, node) in (0u32..).zip(&self.nodes) {
            if node.parent == NONE
                && let Some(root) = self.roots.get_mut(node.trace as usize)
                && *root == NONE
            {
                *root = index;
            }
        }
    }
}
