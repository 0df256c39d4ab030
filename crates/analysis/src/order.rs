//! A canonical order of spans, so that the order in which they came changes nothing, and an index of their ids.

use crate::{
    forest::{NONE, Node},
    input::SpanInput,
};

/// Spans looked at that share an id: there are no more kinds.
const MAX_SHARING: usize = 6;

/// Reused memory of the order.
#[derive(Debug, Default)]
pub(crate) struct Order {
    keys: Vec<(u64, u32)>,
}

impl Order {
    /// Fills `nodes` with the spans in canonical order: by start, then by everything else that a span has.
    pub(crate) fn fill(&mut self, spans: &[SpanInput], nodes: &mut Vec<Node>) {
        self.keys.clear();
        self.keys.extend((0u32..).zip(spans).map(|(index, span)| (span.start, index)));
        self.keys.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0).then_with(|| spans[a.1 as usize].cmp(&spans[b.1 as usize]))
        });
        nodes.clear();
        nodes.extend(self.keys.iter().map(|&(_, index)| Node::of(index, &spans[index as usize])));
    }
}

/// Ids of spans, sorted. A sorted list and not a hash map: ids come from outside and could be made to collide.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    /// Trace (32 bits), span id (64), index of the node (32).
    keys: Vec<u128>,
}

impl Ids {
    /// Indexes all nodes.
    pub(crate) fn fill(&mut self, nodes: &[Node]) {
        self.keys.clear();
        self.keys.extend((0u128..).zip(nodes).map(|(index, node)| key(node.trace, node.id) | index));
        self.keys.sort_unstable();
    }

    /// The nodes with this id, in canonical order.
    pub(crate) fn find(&self, trace: u32, id: u64) -> impl Iterator<Item = u32> + '_ {
        let wanted = key(trace, id);
        let first = self.keys.partition_point(|&known| known < wanted);
        let found = self.keys[first..].iter().take(MAX_SHARING);
        found.take_while(move |&&known| known >> 32 == wanted >> 32).map(|&known| known as u32)
    }

    /// The parent of a node: the client that shares a server's id (as Zipkin has it), else the span that it names, rather its server side.
    pub(crate) fn parent_of(&self, nodes: &[Node], index: u32) -> u32 {
        use crate::input::SpanKind::{Client, Server};
        let node = &nodes[index as usize];
        let kind = |other: u32| nodes[other as usize].kind;
        if node.kind == Server
            && let Some(client) = self.find(node.trace, node.id).find(|&other| kind(other) == Client)
        {
            return client;
        }
        if node.parent_id == 0 {
            return NONE;
        }
        let mut found = self.find(node.trace, node.parent_id).filter(|&other| other != index);
        let Some(first) = found.next() else { return NONE };
        if kind(first) == Server {
            first
        } else {
            found.find(|&other| kind(other) == Server).unwrap_or(first)
        }
    }
}

fn key(trace: u32, id: u64) -> u128 {
    u128::from(trace) << 96 | u128::from(id) << 32
}
