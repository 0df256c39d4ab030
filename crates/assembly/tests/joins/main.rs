//! Several names of one transaction, owned by different folds: the rules of joins against a model, in any order of arrival and delivery, with folds that die and
//! come back.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use common::{BASE, settings};
use throughline_assembly::{
    names::NameHash,
    records::{Key, Link as SpanLink, Outcome, Resource, Root, TraceSummary},
    rules::RulesSettings,
    transactions::{Link, MAX_ALIASES, link},
};
use world::{Body, PARTITIONS, Random, World};

fn trace_id(number: usize) -> Vec<u8> {
    vec![number as u8 + 1; 16]
}

fn summary(number: usize, keys: &[(u32, String)], links: &[usize], error: bool) -> TraceSummary {
    let span_link = |target: &usize| SpanLink { span: 0, trace_id: trace_id(*target).into(), span_id: 1 };
    let mut summary = TraceSummary {
        trace_id: trace_id(number).into(),
        string_ends: vec![0],
        resources: vec![Resource::default()],
        records: vec![number as u64],
        base: BASE + number as u64,
        root: Some(Root { name: "GET /".into(), service: "bff".into(), kind: 2 }),
        span_id: vec![number as u64 + 1],
        parent_id: vec![0],
        start: vec![0],
        duration: vec![1000],
        flags: vec![2 | if error { u32::from(throughline_otlp::facts::flag::ERROR) } else { 0 }],
        operation: vec![0],
        resource: vec![0],
        peer: vec![0],
        record: vec![0],
        offset: vec![0],
        keys: keys.iter().map(|(place, value)| Key { place: *place, value: value.clone() }).collect(),
        links: links.iter().map(span_link).collect(),
        ..TraceSummary::default()
    };
    summary.string_ends.push(0);
    summary
}

/// Sets of traces, by what they share.
struct Groups(Vec<usize>);

impl Groups {
    fn root(&self, at: usize) -> usize {
        if self.0[at] == at { at } else { self.root(self.0[at]) }
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a] = b;
    }
}

/// A draw of half of all, by the id that a transaction has at the time.
fn draws() -> RulesSettings {
    let policies = r#"[{"name":"half","type":"probabilistic","probabilistic":{"sampling_percentage":50}}]"#;
    RulesSettings { policies: serde_json::from_str(policies).unwrap(), ..settings() }
}

/// One trace.
struct Sent {
    trace: usize,
    keys: Vec<(u32, String)>,
    links: Vec<usize>,
    error: bool,
}

fn run(seed: u64, settings: &RulesSettings) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut world = World::new(settings.clone());
    let traces = 2 + random.next(7);
    let names = 1 + random.next(5);
    let mut groups = Groups((0..traces + names).collect());
    let mut sent: Vec<Sent> = Vec::new();
    for trace in 0..traces {
        let mut keys = BTreeSet::new();
        for _ in 0..random.next(4) {
            let name = random.next(names);
            groups.join(trace, traces + name);
            keys.insert((name as u32 % 2, format!("K-{name}")));
        }
        let links: Vec<usize> = if random.chance(25) { vec![random.next(traces)] } else { Vec::new() };
        links.iter().for_each(|target| groups.join(trace, *target));
        sent.push(Sent { trace, keys: keys.into_iter().collect(), links, error: random.chance(20) });
    }
    for Sent { trace, keys, links, error } in &sent {
        for _ in 0..random.next(40) {
            world.step(&mut random);
        }
        world.send(random.next(PARTITIONS as usize) as u32, summary(*trace, keys, links, *error));
    }
    for _ in 0..random.next(200) {
        world.step(&mut random);
    }
    world.settle(&mut random);

    let mut wanted: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for trace in 0..traces {
        wanted.entry(groups.root(trace)).or_default().insert(trace);
    }
    let live = world.table.live();
    let mut found: Vec<BTreeSet<usize>> =
        live.iter().map(|row| row.trace_ids.iter().map(|id| usize::from(id[0]) - 1).collect()).collect();
    let mut wanted_sets: Vec<BTreeSet<usize>> = wanted.into_values().collect();
    found.sort();
    wanted_sets.sort();
    assert_eq!(found, wanted_sets, "seed {seed}");
    assert_eq!(world.table.spans, traces as i64, "seed {seed}: sums are those of the rows");
    for row in live {
        let own: Vec<_> = row.trace_ids.iter().map(|id| &sent[usize::from(id[0]) - 1]).collect();
        let least = own.iter().flat_map(|sent| &sent.keys).min();
        if let Some((_, value)) = least {
            assert_eq!(&row.transaction_id, value, "seed {seed}: the least key is the id");
        }
        assert_eq!(row.spans as usize, own.len(), "seed {seed}");
        let error = own.iter().any(|sent| sent.error);
        match row.kept_by.as_str() {
            "errors" => assert!(error, "seed {seed}"),
            "limit" => {}
            "half" => assert!(row.weight == 2.0 || row.weight == 0.0, "seed {seed}"),
            _ => {
                let keeps_errors = world.rules.policies.names().any(|name| name == "errors");
                assert!(!row.kept && (!error || !keeps_errors), "seed {seed}");
            }
        }
        for sent in own {
            let written = world.written(sent.trace);
            assert_eq!(
                written,
                u32::from(row.kept),
                "seed {seed}: spans are written once, or never, as a whole"
            );
        }
        assert!(row.outcome() != Outcome::Unspecified);
    }
}

/// Rules 12 and 13: whatever comes in whatever order, with folds that die in between, what shares a name is one transaction in the end, and nothing else is.
#[test]
fn what_shares_a_name_is_one_transaction() {
    (0..3000).for_each(|seed| run(seed, &settings()));
}

/// Rule 19: a draw is made by the final id; what an earlier one kept stays, and weighs nothing where the final one would not have kept it.
#[test]
fn what_a_draw_kept_stays_whole() {
    (0..1500).for_each(|seed| run(seed, &draws()));
}

/// Policies that hang on what came before are asked by records of their own: joins between the question and its answer change nothing of the rest.
#[test]
fn what_waits_for_a_limit_is_joined_too() {
    let policies = r#"[{"name":"limit","type":"rate_limiting","rate_limiting":{"spans_per_second":2}}]"#;
    let settings = RulesSettings { policies: serde_json::from_str(policies).unwrap(), ..settings() };
    (0..1500).for_each(|seed| run(seed, &settings));
}

/// Rule 14: a name with as many traces as one transaction takes joins nothing more: what comes under it from then on stands apart, under its other names.
#[test]
fn a_name_of_too_many_traces_joins_no_more() {
    const MOST: u32 = 6;
    let mut settings = settings();
    settings.transactions.max_traces = MOST;
    for seed in 0..200 {
        let mut random = Random(seed | 1);
        let mut world = World::new(settings.clone());
        let mut counted = 0;
        for trace in 0..30 {
            // An empty id on all of them, and a good one on each three.
            let keys = [(0, String::new()), (1, format!("T-{}", trace / 3))];
            world.send(random.next(PARTITIONS as usize) as u32, summary(trace, &keys, &[], false));
            (0..random.next(20)).for_each(|_| world.step(&mut random));
        }
        world.settle(&mut random);
        let mut traces: Vec<u8> = Vec::new();
        for row in world.table.live() {
            assert!(row.trace_ids.len() <= MOST as usize, "seed {seed}: {}", row.trace_ids.len());
            traces.extend(row.trace_ids.iter().map(|id| id[0]));
        }
        traces.sort_unstable();
        assert_eq!(traces, (1..=30).collect::<Vec<u8>>(), "seed {seed}: each in one transaction");
        world.owners.iter_mut().for_each(|owner| counted += owner.fold.take_counts().over_max_traces);
        assert!(counted > 0, "seed {seed}: it is counted");
    }
}

/// Rule 15: names leave the memory, and what they mean is found all the same.
#[test]
fn names_that_left_the_memory_still_lead_to_their_transaction() {
    let mut random = Random(1);
    let mut world = World::new(settings());
    let links: Vec<Link> = (0..4 * MAX_ALIASES)
        .filter_map(|number| {
            let id = (number as u128).to_be_bytes();
            link(NameHash::of_trace("", &id), NameHash::of_trace("", &trace_id(0)))
        })
        .collect();
    let mut all: BTreeMap<u32, Vec<Link>> = BTreeMap::new();
    links.iter().for_each(|link| all.entry(link.0.partition(PARTITIONS)).or_default().push(*link));
    for (owner, links) in all {
        links.chunks(1000).for_each(|links| world.put(0, owner, Body::Links(links.to_vec())));
    }
    world.settle(&mut random);
    assert!(world.owners.iter().all(|owner| !owner.gone.is_empty()), "some have left");
    // The name of the first of them is a trace that was not seen yet.
    let mut late = summary(0, &[], &[], false);
    late.trace_id = 7u128.to_be_bytes().to_vec().into();
    world.send(0, late);
    world.send(1, summary(0, &[], &[], false));
    world.settle(&mut random);
    let live = world.table.live();
    assert_eq!(live.len(), 1, "both are one transaction");
    assert_eq!(live[0].trace_ids.len(), 2);
}
