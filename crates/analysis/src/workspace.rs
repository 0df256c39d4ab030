//! The analysis from end to end.

use crate::{
    causes::Causes,
    forest::Forest,
    hops::Folding,
    input::{LinkInput, Rules, SpanInput},
    limit::Limit,
    path::Path,
    self_time, skew,
    walk::Walk,
    windows,
};

/// Memory of an analysis, reused from one transaction to the next.
#[derive(Debug, Default)]
pub struct Workspace {
    forest: Forest,
    causes: Causes,
    walk: Walk,
    folding: Folding,
    limit: Limit,
    path: Path,
}

impl Workspace {
    /// The critical path of the transaction that these spans and links make up. `traces` is the number of its traces; a span of a trace beyond that
    /// still counts, but its trace has no entry in [`Path::roots`].
    pub fn analyse(&mut self, spans: &[SpanInput], links: &[LinkInput], traces: u32, rules: &Rules) -> &Path {
        let Self { forest, causes, walk, folding, limit, path } = self;
        forest.build(spans, traces);
        let skew = skew::correct(forest, rules.max_skew_ns);
        windows::place(forest);
        causes.find(forest, links);
        self_time::measure(forest);
        path.start = forest.nodes.iter().map(|node| node.start).min().unwrap_or(0);
        path.end = forest.nodes.iter().map(|node| node.end).max().unwrap_or(0);
        walk.run(forest, path.start, path.end);
        folding.fold(forest, spans, rules, path);
        limit.apply(&mut path.hops, rules.other);
        path.skew_corrected = skew.corrected;
        path.skew_refused = skew.refused;
        describe_spans(forest, path);
        path
    }
}

fn describe_spans(forest: &Forest, path: &mut Path) {
    for list in [&mut path.span_self, &mut path.span_critical] {
        list.clear();
        list.resize(forest.nodes.len(), 0);
    }
    for node in &forest.nodes {
        path.span_self[node.input as usize] = node.self_time;
        path.span_critical[node.input as usize] = node.critical;
    }
    let input_of = |&root: &u32| forest.nodes.get(root as usize).map_or(u32::MAX, |node| node.input);
    path.roots.clear();
    path.roots.extend(forest.roots.iter().map(input_of));
    path.first_trace =
        forest.roots.iter().min().and_then(|&root| forest.nodes.get(root as usize)).map_or(0, |n| n.trace);
}
