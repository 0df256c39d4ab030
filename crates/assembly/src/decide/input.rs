//! The spans of all traces of a transaction, each once, under one table of strings.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use throughline_analysis::{LinkInput, Path, Rules as AnalysisRules, SpanInput, SpanKind};
use throughline_otlp::facts::flag;
use throughline_sampling::Sampled;

use super::Positioned;
use crate::{
    departments::UNASSIGNED,
    names::{Name, NameHash},
    records::{Key, TraceSummary},
    rules::Rules,
};

/// Name of the hop that holds what exceeds the limit of hops.
const OTHER: &str = "other";

/// One trace of the transaction.
pub(super) struct TraceOf<'a> {
    pub(super) id: &'a [u8],
    start: u64,
    end: u64,
}

/// Where a span of the input came from: index of its summary and of the span in it.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    pub(super) summary: u32,
    pub(super) span: u32,
}

pub(super) struct Input<'a> {
    pub(super) summaries: Vec<&'a TraceSummary>,
    /// In the order of their start, then of their id.
    pub(super) traces: Vec<TraceOf<'a>>,
    pub(super) spans: Vec<SpanInput>,
    pub(super) origins: Vec<Origin>,
    pub(super) links: Vec<LinkInput>,
    pub(super) names: Names<'a>,
    pub(super) matches: u64,
    /// Bit 0 for unset, 1 for ok, 2 for error: what spans' statuses were seen.
    pub(super) statuses: u8,
    version: u64,
    other: u32,
    network: Option<u32>,
    database: Option<u32>,
}

/// Strings of this transaction; index 0 is empty.
pub(super) struct Names<'a> {
    texts: Vec<&'a str>,
    /// Filled when a second summary comes: one summary has each of its strings once, and most transactions have no more.
    indices: HashMap<&'a str, u32, FixedState>,
    indexed: usize,
}

impl<'a> Names<'a> {
    /// `bound`: how many there will be at most, but for a few.
    fn new(bound: usize) -> Self {
        let mut texts = Vec::with_capacity(bound + 4);
        texts.push("");
        Self { texts, indices: HashMap::default(), indexed: 0 }
    }

    fn of(&mut self, text: &'a str) -> u32 {
        self.among(self.texts.len(), text)
    }

    /// The same, where it is known that only the first `candidates` may be it.
    fn among(&mut self, candidates: usize, text: &'a str) -> u32 {
        let known = self.texts.iter().take(candidates).position(|known| *known == text);
        known.unwrap_or_else(|| {
            self.texts.push(text);
            self.texts.len() - 1
        }) as u32
    }

    /// The strings of one more summary, each of which it has once.
    fn add_all(&mut self, summary: &'a TraceSummary, is_first: bool) -> Vec<u32> {
        let texts = (0..summary.string_ends.len() as u32).map(|index| summary.text(index));
        if is_first {
            let before = self.texts.len();
            return texts.map(|text| self.among(before, text)).collect();
        }
        self.indices.reserve(self.texts.capacity() - self.indices.len());
        for (index, text) in self.texts.iter().enumerate().skip(self.indexed) {
            self.indices.insert(text, index as u32);
        }
        let indices = texts
            .map(|text| {
                *self.indices.entry(text).or_insert_with(|| {
                    self.texts.push(text);
                    (self.texts.len() - 1) as u32
                })
            })
            .collect();
        self.indexed = self.texts.len();
        indices
    }

    pub(super) fn text(&self, index: u32) -> &'a str {
        self.texts.get(index as usize).copied().unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }
}

impl<'a> Input<'a> {
    pub(super) fn collect(summaries: &[Positioned<'a>], rules: &'a Rules) -> Self {
        let mut names = Names::new(summaries.iter().map(|(_, summary)| summary.string_ends.len()).sum());
        let other = names.of(OTHER);
        let network = rules.settings.network_department.as_deref().map(|name| names.of(name));
        let database = rules.settings.database_department.as_deref().map(|name| names.of(name));
        let spans = summaries.iter().map(|(_, summary)| summary.span_id.len()).sum();
        let mut input = Self {
            summaries: summaries.iter().map(|(_, summary)| *summary).collect(),
            traces: traces_of(summaries),
            spans: Vec::with_capacity(spans),
            origins: Vec::with_capacity(spans),
            links: Vec::new(),
            names,
            matches: 0,
            version: rules.version,
            statuses: 0,
            other,
            network,
            database,
        };
        input.take_all();
        input
    }

    fn take_all(&mut self) {
        let indices: HashMap<&[u8], u32, FixedState> =
            self.traces.iter().enumerate().map(|(index, trace)| (trace.id, index as u32)).collect();
        let mut pieces = vec![0u32; self.traces.len()];
        for summary in &self.summaries {
            if let Some(&trace) = indices.get(&summary.trace_id[..]) {
                pieces[trace as usize] += 1;
            }
        }
        let mut seen: HashSet<(u32, u64, u8), FixedState> = HashSet::default();
        for number in 0..self.summaries.len() {
            let summary = self.summaries[number];
            let Some(&trace) = indices.get(&summary.trace_id[..]) else { continue };
            // Within one summary each span stands once; two of one trace may both have it (a fold that began anew, other rules).
            let mut is_new = |id, kind| pieces[trace as usize] < 2 || seen.insert((trace, id, kind));
            let first = self.spans.len();
            let positions = self.take_summary(number as u32, trace, &mut is_new);
            let target = |link: &crate::records::Link| LinkInput {
                span: positions.get(link.span as usize).copied().flatten().unwrap_or(first as u32),
                trace: indices.get(&link.trace_id[..]).copied(),
                span_id: link.span_id,
            };
            let own = summary
                .links
                .iter()
                .filter(|link| positions.get(link.span as usize).is_some_and(Option::is_some));
            self.links.extend(own.map(target));
            // Bits are numbered by the rules: those of others say nothing here.
            self.matches |= if summary.rules_version == self.version { summary.matches } else { 0 };
        }
    }

    /// Takes a summary's spans; says where each stands, if it was taken.
    fn take_summary(
        &mut self,
        number: u32,
        trace: u32,
        is_new: &mut dyn FnMut(u64, u8) -> bool,
    ) -> Vec<Option<u32>> {
        let summary = self.summaries[number as usize];
        let strings = self.names.add_all(summary, number == 0);
        let string = |index: u32| strings.get(index as usize).copied().unwrap_or(0);
        let mut positions =
            Vec::with_capacity(if summary.links.is_empty() { 0 } else { summary.span_id.len() });
        for (index, (&id, &flags)) in summary.span_id.iter().zip(&summary.flags).enumerate() {
            let kind = (flags & u32::from(flag::KIND)) as u8;
            let new = is_new(id, kind);
            if !summary.links.is_empty() {
                positions.push(new.then_some(self.spans.len() as u32));
            }
            if !new {
                continue;
            }
            let column = |column: &[u32]| column.get(index).copied().unwrap_or(0);
            let resource =
                summary.resources.get(column(&summary.resource) as usize).copied().unwrap_or_default();
            let start = summary.base + summary.start.get(index).copied().unwrap_or(0);
            let has = |bit: u16| flags & u32::from(bit) != 0;
            self.statuses |= if has(flag::ERROR) {
                4
            } else if has(flag::OK) {
                2
            } else {
                1
            };
            self.spans.push(SpanInput {
                trace,
                id,
                parent: summary.parent_id.get(index).copied().unwrap_or(0),
                start,
                end: start + summary.duration.get(index).copied().unwrap_or(0),
                kind: SpanKind::from_number(kind),
                error: has(flag::ERROR),
                ok: has(flag::OK),
                database: has(flag::DATABASE),
                service: string(resource.service),
                operation: string(column(&summary.operation)),
                version: string(resource.version),
                instance: string(resource.instance),
                host: string(resource.host),
                department: string(resource.department),
                peer: string(column(&summary.peer)),
            });
            self.origins.push(Origin { summary: number, span: index as u32 });
        }
        positions
    }

    pub(super) fn analysis_rules(&self, rules: &Rules) -> AnalysisRules {
        AnalysisRules {
            max_skew_ns: rules.settings.traces.max_skew,
            network_department: self.network,
            database_department: self.database,
            other: self.other,
        }
    }

    /// The least of its keys, or where it has none the id of the trace that is its name; of the first one where that is not among them.
    pub(super) fn transaction_id(&self, name: NameHash) -> String {
        let tenant = self.summaries.first().map_or("", |summary| &summary.tenant);
        // What stands apart is not the transaction that its other keys name.
        let is_name = |key: &Key| {
            !name.is_apart() || Name { tenant, place: key.place, value: &key.value }.hash().apart() == name
        };
        let keys = self.summaries.iter().flat_map(|summary| &summary.keys).filter(|key| is_name(key));
        if let Some(key) = keys.min_by(|a, b| (a.place, &a.value).cmp(&(b.place, &b.value))) {
            return key.value.clone();
        }
        let trace = match self.traces.as_slice() {
            [only] => Some(only),
            all => all.iter().find(|trace| NameHash::of_trace(tenant, trace.id) == name).or(all.first()),
        };
        trace.map(|trace| hex::encode(trace.id)).unwrap_or_default()
    }

    /// Index of the configured type, by the root of the first trace.
    pub(super) fn kind(&self, rules: &Rules, path: &Path) -> Option<usize> {
        let root = self.root(path, path.first_trace as usize)?;
        rules.type_of(self.names.text(root.operation), self.names.text(root.service), root.kind as u8)
    }

    /// The root of a trace.
    pub(super) fn root(&self, path: &Path, trace: usize) -> Option<&SpanInput> {
        self.spans.get(*path.roots.get(trace)? as usize)
    }

    /// Terminal bits seen.
    pub(super) fn terminals(&self) -> u64 {
        self.summaries.iter().fold(0, |bits, summary| bits | summary.terminals)
    }

    /// What the first trace says of how it was sampled before it came here.
    pub(super) fn sampled(&self) -> Sampled {
        let Some(first) = self.traces.first() else { return Sampled::default() };
        let of_first = self.summaries.iter().filter(|summary| summary.trace_id == first.id);
        let says = of_first.filter(|summary| !summary.sampled.is_empty()).min_by_key(|summary| summary.base);
        says.map(|summary| Sampled::parse(&summary.sampled)).unwrap_or_default()
    }

    pub(super) fn longest_trace(&self) -> u64 {
        self.traces.iter().map(|trace| trace.end - trace.start).max().unwrap_or(0)
    }

    /// The name of a department, never empty.
    pub(super) fn department(&self, index: u32) -> &'a str {
        match self.names.text(index) {
            "" => UNASSIGNED,
            name => name,
        }
    }
}

/// The traces of the summaries, in the order of their start, then of their id: the order of arrival shows nowhere.
fn traces_of<'a>(summaries: &[Positioned<'a>]) -> Vec<TraceOf<'a>> {
    let mut traces: Vec<TraceOf<'a>> = Vec::new();
    let mut indices: HashMap<&[u8], usize, FixedState> = HashMap::default();
    for (_, summary) in summaries {
        let ends = summary.start.iter().zip(&summary.duration).map(|(start, duration)| start + duration);
        let (start, end) = (summary.base, summary.base + ends.max().unwrap_or(0));
        let index = *indices.entry(&summary.trace_id[..]).or_insert_with(|| {
            traces.push(TraceOf { id: &summary.trace_id, start, end });
            traces.len() - 1
        });
        traces[index].start = traces[index].start.min(start);
        traces[index].end = traces[index].end.max(end);
    }
    traces.sort_unstable_by(|a, b| (a.start, a.id).cmp(&(b.start, b.id)));
    traces
}
