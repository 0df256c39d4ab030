//! What a span came from by a link, and how long it waited for it.

use crate::{
    forest::{Forest, NONE, Node, Place},
    input::{LinkInput, SpanKind},
    windows::waited_for,
};

/// Reused memory of links.
#[derive(Debug, Default)]
pub(crate) struct Causes {
    /// Canonical index of each input span.
    node_of: Vec<u32>,
}

impl Causes {
    /// Finds, for each span that has links, the one that it had to wait for longest, and the wait of each span that came from a queue.
    pub(crate) fn find(&mut self, forest: &mut Forest, links: &[LinkInput]) {
        if !links.is_empty() {
            self.node_of.clear();
            self.node_of.resize(forest.nodes.len(), NONE);
            for (index, node) in (0u32..).zip(&forest.nodes) {
                self.node_of[node.input as usize] = index;
            }
            for link in links {
                self.consider(forest, link);
            }
        }
        for index in 0..forest.nodes.len() {
            let node = forest.nodes[index];
            let from = if node.cause != NONE { node.cause } else { node.parent };
            if from == NONE {
                continue;
            }
            let from = &forest.nodes[from as usize];
            if node.cause != NONE || waited_for(&node, from) {
                forest.nodes[index].queue = node.start.saturating_sub(from.end);
            }
        }
    }

    fn consider(&self, forest: &mut Forest, link: &LinkInput) {
        let Some(&from) = self.node_of.get(link.span as usize) else { return };
        let target = target_of(forest, link);
        if target == NONE || target == from {
            return;
        }
        let node = forest.nodes[from as usize];
        let explains = node.place != Place::Nested
            || node.kind == SpanKind::Consumer
            || forest.nodes[target as usize].kind == SpanKind::Producer;
        let better =
            node.cause == NONE || rank(&forest.nodes, &node, target) > rank(&forest.nodes, &node, node.cause);
        if explains && better {
            forest.nodes[from as usize].cause = target;
        }
    }
}

/// Of several causes the one that came last before the start held it up.
fn rank(nodes: &[Node], node: &Node, cause: u32) -> (u64, u64, u32) {
    let found = &nodes[cause as usize];
    (found.end.min(node.start), found.start, cause)
}

/// The span that a link points to, rather its producer; where it is not here, the root of its trace.
fn target_of(forest: &Forest, link: &LinkInput) -> u32 {
    let Some(trace) = link.trace else { return NONE };
    let kind = |index: u32| forest.nodes[index as usize].kind;
    let mut found = forest.ids.find(trace, link.span_id);
    let Some(first) = found.next() else {
        return forest.roots.get(trace as usize).copied().unwrap_or(NONE);
    };
    if kind(first) == SpanKind::Producer {
        return first;
    }
    found.find(|&other| kind(other) == SpanKind::Producer).unwrap_or(first)
}
