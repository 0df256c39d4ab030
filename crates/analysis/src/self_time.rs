//! Time of a span in which none of its children ran.

use crate::forest::Forest;

/// Finds the self time of every span: its duration less what its children cover together.
pub(crate) fn measure(forest: &mut Forest) {
    for index in 0..forest.nodes.len() {
        let node = forest.nodes[index];
        let mut free = node.end - node.start;
        let mut covered_to = node.start;
        for &child in forest.children_of(index as u32) {
            let child = &forest.nodes[child as usize];
            let (from, to) = (child.start.max(covered_to), child.end.min(node.end));
            if from < to {
                free -= to - from;
                covered_to = to;
            }
        }
        forest.nodes[index].self_time = free;
    }
}
