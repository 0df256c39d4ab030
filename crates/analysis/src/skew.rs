//! Clocks of two hosts that differ: a server that does not fit into its client is moved, and with it what ran on the same host.
//!
//! The formula is that of Jaeger's clock skew adjuster: a server that fits is left alone; a shorter one is centred in its client, as if the network
//! took as long there as back; a longer one is moved only where it seems to start before its client. Only servers are judged: a consumer, or a branch
//! that runs after its parent, looks just as a skewed server would.

use crate::{
    forest::{Forest, NONE, Node},
    input::SpanKind,
};

/// What was moved.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Skew {
    pub(crate) corrected: u64,
    pub(crate) refused: u32,
}

/// Moves what must be moved by at most `limit` nanoseconds.
pub(crate) fn correct(forest: &mut Forest, limit: u64) -> Skew {
    let mut skew = Skew::default();
    let mut moved = false;
    for position in 0..forest.down.len() {
        let index = forest.down[position] as usize;
        let parent = forest.nodes[index].parent;
        if parent == NONE {
            continue;
        }
        let parent = forest.nodes[parent as usize];
        let node = &mut forest.nodes[index];
        let shift = if node.host == parent.host {
            parent.shift
        } else if parent.kind == SpanKind::Client && node.kind == SpanKind::Server {
            skew.allow(shift_into(node, &parent), limit)
        } else {
            0
        };
        if shift != 0 {
            moved = true;
            node.shift = shift;
            node.start = node.start.saturating_add_signed(shift);
            node.end = node.end.saturating_add_signed(shift);
        }
    }
    if moved {
        sort_children(forest);
    }
    skew
}

impl Skew {
    fn allow(&mut self, shift: i128, limit: u64) -> i64 {
        match i64::try_from(shift) {
            Ok(shift) if shift.unsigned_abs() <= limit => {
                self.corrected = self.corrected.saturating_add(shift.unsigned_abs());
                shift
            }
            _ => {
                self.refused += 1;
                0
            }
        }
    }
}

fn shift_into(server: &Node, client: &Node) -> i128 {
    let (outer, inner) = (client.end - client.start, server.end - server.start);
    let fits = client.start <= server.start && server.end <= client.end;
    let target = if fits || (inner > outer && client.start <= server.start) {
        return 0;
    } else if inner > outer {
        client.start
    } else {
        client.start + (outer - inner) / 2
    };
    i128::from(target) - i128::from(server.start)
}

/// Children are in the order of start; after a shift that order is another.
fn sort_children(forest: &mut Forest) {
    let Forest { nodes, children, .. } = forest;
    for node in nodes.iter() {
        let range = &mut children[node.first_child as usize..node.end_child as usize];
        range.sort_unstable_by_key(|&child| (nodes[child as usize].start, child));
    }
}
