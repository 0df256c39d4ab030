//! Spans to hops: client and server become one, identical neighbours fold.

use crate::{
    forest::{Forest, NONE, Node},
    input::{Rules, SpanInput, SpanKind},
    path::{Hop, HopKind, Path},
};

/// A group of neighbours that fold into one hop: a range of [`Folding::pool`].
#[derive(Clone, Copy, Debug)]
struct Group {
    first: u32,
    end: u32,
    /// Index of the hop above.
    parent: i32,
    /// What the neighbours have in common; its times are not yet told.
    identity: Hop,
}

/// Reused memory of folding.
#[derive(Debug, Default)]
pub(crate) struct Folding {
    pool: Vec<u32>,
    stack: Vec<Group>,
}

impl Folding {
    /// Lists the hops of the path: callers before callees, neighbours by start.
    pub(crate) fn fold(&mut self, forest: &Forest, spans: &[SpanInput], rules: &Rules, path: &mut Path) {
        path.hops.clear();
        self.pool.clear();
        self.stack.clear();
        let tops = (0u32..).zip(&forest.nodes).filter(|(_, node)| node.parent == NONE);
        self.pool.extend(tops.map(|(index, _)| index));
        self.group(forest, spans, rules, 0, -1);
        while let Some(group) = self.stack.pop() {
            let mut hop = Hop { parent: group.parent, ..group.identity };
            let first_child = self.pool.len();
            for position in group.first..group.end {
                let index = self.pool[position as usize];
                add(&mut hop, forest, spans, index, path.start);
                self.list_children(forest, index);
            }
            let own_index = i32::try_from(path.hops.len()).unwrap_or(i32::MAX);
            path.hops.push(hop);
            self.pool[first_child..]
                .sort_unstable_by_key(|&child| (forest.nodes[child as usize].start, child));
            self.group(forest, spans, rules, first_child, own_index);
        }
    }

    /// Appends what a hop calls: children of the span and of the server that is one with it.
    fn list_children(&mut self, forest: &Forest, index: u32) {
        let server = forest.merged_server(index);
        let own = forest.children_of(index).iter().filter(|&&child| Some(child) != server);
        self.pool.extend(own);
        if let Some(server) = server {
            self.pool.extend_from_slice(forest.children_of(server));
        }
    }

    /// Cuts the rest of the pool into groups and stacks them so that the first comes out first.
    fn group(&mut self, forest: &Forest, spans: &[SpanInput], rules: &Rules, from: usize, parent: i32) {
        let stacked = self.stack.len();
        for position in from..self.pool.len() {
            let identity = identity_of(forest, spans, rules, self.pool[position]);
            let end = position as u32 + 1;
            match self.stack.get_mut(stacked..).and_then(<[Group]>::last_mut) {
                Some(group) if group.identity == identity => group.end = end,
                _ => self.stack.push(Group { first: position as u32, end, parent, identity }),
            }
        }
        self.stack[stacked..].reverse();
    }
}

fn identity_of(forest: &Forest, spans: &[SpanInput], rules: &Rules, index: u32) -> Hop {
    let node = &forest.nodes[index as usize];
    let span = &spans[node.input as usize];
    let server =
        forest.merged_server(index).map(|server| &spans[forest.nodes[server as usize].input as usize]);
    let shown = server.unwrap_or(span);
    let kind = kind_of(node, span, server.is_some());
    let owner = match kind {
        HopKind::Database => rules.database_department,
        HopKind::Network => rules.network_department,
        HopKind::Own | HopKind::Queue | HopKind::Partner => None,
    };
    Hop {
        department: owner.unwrap_or(shown.department),
        service: shown.service,
        operation: shown.operation,
        version: shown.version,
        instance: shown.instance,
        host: host_of(shown),
        kind,
        ..Hop::default()
    }
}

/// A host that is a stand-in for one that nobody named is none.
fn host_of(span: &SpanInput) -> u32 {
    if span.host == span.instance || span.host == span.service { 0 } else { span.host }
}

fn kind_of(node: &Node, span: &SpanInput, merged: bool) -> HopKind {
    match node.kind {
        _ if span.database && node.kind != SpanKind::Server => HopKind::Database,
        SpanKind::Client if merged => HopKind::Own,
        // Several servers answer: what the client has beyond them is the way to them and back.
        SpanKind::Client if node.servers > 1 => HopKind::Network,
        SpanKind::Client if span.peer != 0 => HopKind::Partner,
        _ => HopKind::Own,
    }
}

fn add(hop: &mut Hop, forest: &Forest, spans: &[SpanInput], index: u32, start: u64) {
    let node = &forest.nodes[index as usize];
    let (mut first, mut last) = (node.start, node.end);
    let mut failed = spans[node.input as usize].error;
    plus(&mut hop.queue, node.queue.max(node.critical_queue));
    plus(&mut hop.critical_queue, node.critical_queue);
    plus(&mut hop.critical, node.critical.saturating_add(node.critical_queue));
    if let Some(server) = forest.merged_server(index) {
        let server = &forest.nodes[server as usize];
        (first, last) = (first.min(server.start), last.max(server.end));
        failed |= spans[server.input as usize].error;
        plus(&mut hop.network, node.self_time);
        plus(&mut hop.critical_network, critical_network(node));
        plus(&mut hop.self_time, server.self_time);
        plus(&mut hop.queue, server.queue.max(server.critical_queue));
        plus(&mut hop.critical_queue, server.critical_queue);
        plus(&mut hop.critical, server.critical.saturating_add(server.critical_queue));
    } else if hop.kind == HopKind::Network {
        plus(&mut hop.network, node.self_time);
        plus(&mut hop.critical_network, critical_network(node));
    } else {
        plus(&mut hop.self_time, node.self_time);
    }
    if hop.count == 0 {
        hop.start = i64::try_from(first.saturating_sub(start)).unwrap_or(i64::MAX);
    }
    plus(&mut hop.duration, last - first);
    hop.count += 1;
    hop.errors += u32::from(failed);
}

/// As much of its network time as lies on the path. The rest of a client's time there ran beside a call that did not matter, and is its own.
fn critical_network(node: &Node) -> u64 {
    node.critical.min(node.self_time)
}

/// Sums of durations that overlap can exceed what a number holds, where times are nonsense.
fn plus(sum: &mut u64, value: u64) {
    *sum = sum.saturating_add(value);
}
