//! Which spans are nested, which are branches of their own, and what is left of each when it is cut at its parent's edges.

use crate::{
    forest::{Forest, NONE, Node, Place},
    input::SpanKind,
};

/// Places every span and lists, for each parent, the children that the walk may chain, the last finisher first.
pub(crate) fn place(forest: &mut Forest) {
    for position in 0..forest.down.len() {
        let index = forest.down[position] as usize;
        let node = forest.nodes[index];
        let root = forest.roots.get(node.trace as usize).map_or(NONE, |&root| root);
        let root_end = if root == NONE { node.end } else { forest.nodes[root as usize].end };
        let placed = if node.parent == NONE {
            window(&node, Place::Top, (node.start, node.end), node.end.max(root_end))
        } else {
            below(&node, &forest.nodes[node.parent as usize])
        };
        forest.nodes[index] = placed;
    }
    list_by_end(forest);
}

fn window(node: &Node, place: Place, (low, high): (u64, u64), runs_until: u64) -> Node {
    Node { place, low, high, runs_until, ..*node }
}

fn below(node: &Node, parent: &Node) -> Node {
    let whole = (node.start, node.end);
    if node.end > parent.end && node.end > parent.runs_until {
        return window(node, Place::Branch, whole, node.end);
    }
    let after = node.start >= parent.high && node.end > parent.high;
    let before = node.end <= parent.low && node.start < parent.low;
    if after || before {
        return window(node, Place::Outside, whole, parent.runs_until);
    }
    let cut = (node.start.max(parent.low), node.end.min(parent.high));
    window(node, Place::Nested, cut, parent.runs_until)
}

fn list_by_end(forest: &mut Forest) {
    let Forest { nodes, children, by_end, .. } = forest;
    by_end.clear();
    by_end.extend_from_slice(children);
    for index in 0..nodes.len() {
        let (first, end) = (nodes[index].first_child, nodes[index].end_child);
        nodes[index].next = first;
        let range = &mut by_end[first as usize..end as usize];
        if range.len() > 1 {
            range.sort_unstable_by(|&a, &b| {
                let (x, y) = (&nodes[a as usize], &nodes[b as usize]);
                // The last finisher first; of two that end together the longer one explains more.
                (y.high, y.end, x.low, a).cmp(&(x.high, x.end, y.low, b))
            });
        }
    }
}

/// Whether a span waited for its parent's message: the parent is a producer and had ended.
pub(crate) fn waited_for(node: &Node, parent: &Node) -> bool {
    parent.kind == SpanKind::Producer && node.place != Place::Nested && parent.end <= node.start
}
