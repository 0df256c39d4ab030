//! One finished transaction becomes observations.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::Diagnosis;
use super::baseline::HIT;
use super::facets::Facet;
use super::group::GroupKey;
use super::input::{Finished, FinishedHop};
use super::limits::{MAX_HOPS_SEEN, SLOT_NS};
use super::mix::{Child, Mix, MixKey, Sort};
use super::names::EMPTY;
use super::over::Limit;
use super::scale::position;
use super::series::{Measure, Seen, SeriesKey, Trait};
use super::settings::Method;
use super::unusual::{Clue, Unusual};
use crate::HopKind;

/// Resources that a hop is compared with, the latest ones.
const RESOURCES_COMPARED: usize = 32;

/// Numbers of a hop's names.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct HopNames {
    pub(crate) department: u32,
    pub(crate) service: u32,
    pub(crate) operation: u32,
    pub(crate) version: u32,
    pub(crate) instance: u32,
    pub(crate) host: u32,
    pub(crate) configuration: u32,
    /// Region, zone and cluster.
    pub(crate) place: [u32; 3],
}

/// One time of one hop.
#[derive(Clone, Copy, Debug)]
struct Sample {
    series: u32,
    position: f32,
    time_ns: f64,
    version: u32,
    instance: u32,
    host: u32,
    configuration: u32,
}

impl Sample {
    /// What it ran as, of which version and configuration, and where.
    fn traits(&self) -> impl Iterator<Item = (Trait, u32)> {
        let known = [(Trait::Host, self.host), (Trait::Configuration, self.configuration)];
        [(Trait::Instance, self.instance), (Trait::Version, self.version)]
            .into_iter()
            .chain(known.into_iter().filter(|(_, value)| *value != EMPTY))
    }
}

/// Memory of an observation, reused from one to the next; no part of the state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) names: Vec<HopNames>,
    /// Hops that were the first of their resource.
    pub(crate) firsts: Vec<usize>,
    samples: Vec<Sample>,
    children: Vec<(u32, Child)>,
    odd_below: Vec<bool>,
    failed_below: Vec<bool>,
    /// Calls of a service's own that fail and never worked.
    alone: Vec<bool>,
    pub(crate) facets: Vec<Facet>,
}

impl Diagnosis {
    /// Counts what this transaction shows.
    pub(crate) fn take(&mut self, finished: &Finished<'_>, weight: u32) {
        let hops = &finished.hops[..finished.hops.len().min(MAX_HOPS_SEEN)];
        if hops.len() < finished.hops.len() {
            self.over.hit(Limit::Hops);
        }
        let tenant = self.names.id(finished.tenant);
        let transaction_type = self.names.id(finished.transaction_type);
        let group = self.group_of(GroupKey { tenant, transaction_type });
        let mut scratch = std::mem::take(&mut self.scratch);
        self.name_hops(hops, &mut scratch);
        let mut unusual = Unusual::of(finished, group, self.now, weight);
        self.take_times(group, hops, &mut scratch, &mut unusual);
        self.take_errors(group, hops, &mut scratch, &mut unusual);
        self.take_shapes(group, hops, &mut scratch, &mut unusual);
        self.take_roots(group, hops, &scratch, &mut unusual);
        self.take_end(group, finished, &mut unusual);
        self.take_whole(group, finished, &mut scratch, &mut unusual);
        self.scratch = scratch;
        if !unusual.clues.is_empty() {
            self.claim(unusual);
        }
    }

    /// Numbers of the hops' names. What the resource says is looked up once for those of the same one.
    fn name_hops(&mut self, hops: &[FinishedHop<'_>], scratch: &mut Scratch) {
        scratch.names.clear();
        scratch.firsts.clear();
        for (at, hop) in hops.iter().enumerate() {
            let known = scratch.firsts.iter().rev().take(RESOURCES_COMPARED);
            let known = known.copied().find(|first| is_of_resource(hop, &hops[*first]));
            let operation = self.names.id(hop.operation);
            let names = match known {
                Some(first) => HopNames { operation, ..scratch.names[first] },
                None => {
                    scratch.firsts.push(at);
                    let names = HopNames {
                        department: self.names.id(hop.department),
                        service: self.names.id(hop.service),
                        operation,
                        version: self.names.id(hop.version),
                        instance: self.names.id(hop.instance),
                        host: self.names.id(hop.host),
                        configuration: self.names.id(hop.configuration),
                        place: [hop.region, hop.zone, hop.cluster].map(|name| self.names.id(name)),
                    };
                    self.note_host(names.instance, names.host);
                    names
                }
            };
            scratch.names.push(names);
        }
    }

    fn take_times(
        &mut self,
        group: u32,
        hops: &[FinishedHop<'_>],
        scratch: &mut Scratch,
        unusual: &mut Unusual,
    ) {
        scratch.samples.clear();
        for (index, hop) in hops.iter().enumerate() {
            let names = scratch.names[index];
            let caller = usize::try_from(hop.parent)
                .ok()
                .and_then(|at| scratch.names.get(at))
                .map(|names| names.service);
            let (own, caller_of_own) = match hop.kind {
                HopKind::Own => (Measure::Own, EMPTY),
                HopKind::Database => (Measure::Database, EMPTY),
                HopKind::Partner => (Measure::Partner, EMPTY),
                HopKind::Network => (Measure::Network, caller.unwrap_or(EMPTY)),
                HopKind::Queue => (Measure::Queue, EMPTY),
            };
            let mut sample = |diagnosis: &mut Self, measure, caller, time: u64| {
                let key =
                    SeriesKey { group, measure, caller, service: names.service, operation: names.operation };
                let Some(series) = diagnosis.series_of(key, names.department) else { return };
                let per_call = time / u64::from(hop.count.max(1));
                scratch.samples.push(Sample {
                    series,
                    position: position(per_call),
                    time_ns: time as f64 / f64::from(hop.count.max(1)),
                    version: names.version,
                    instance: names.instance,
                    host: names.host,
                    configuration: names.configuration,
                });
            };
            sample(self, own, caller_of_own, hop.self_time);
            if hop.kind != HopKind::Network
                && caller.is_some_and(|caller| hop.network > 0 || caller != names.service)
            {
                sample(self, Measure::Network, caller.unwrap_or(EMPTY), hop.network);
            }
            if hop.queue > 0 && hop.kind != HopKind::Queue {
                sample(self, Measure::Queue, EMPTY, hop.queue);
            }
        }
        scratch.samples.sort_by_key(|sample| sample.series);
        self.add_samples(&scratch.samples, unusual);
    }

    /// All samples of one series in one transaction are one observation: they are not independent.
    fn add_samples(&mut self, samples: &[Sample], unusual: &mut Unusual) {
        let (slot, with_seasons) = (self.slot, self.settings.has(Method::Seasons));
        let ended = unusual.end / SLOT_NS;
        for part in samples.chunk_by(|a, b| a.series == b.series) {
            let over = &mut self.over;
            let Some(series) = self.series.get_mut(part[0].series) else { continue };
            series.prepare(slot, with_seasons);
            let (n, is_mature) = (part.len() as f32, series.is_mature());
            let mut seen = Seen::default();
            for sample in part {
                let shift = series.shift_of(sample.position);
                let position = sample.position - shift;
                seen.shift += shift / n;
                let deviation = if is_mature { series.baseline.deviation(position) } else { 0.0 };
                seen.position += position / n;
                seen.deviation += deviation / n;
                seen.offset += if is_mature { series.baseline.offset(position) / n } else { 0.0 };
                seen.excess_ns += if is_mature { sample.time_ns - series.usual_ns } else { 0.0 };
                for (what, value) in sample.traits() {
                    if !series.add_trait((ended, slot), what, value, deviation) {
                        over.hit(Limit::Traits);
                    }
                }
            }
            seen.strange = is_mature && series.baseline.is_strange(seen.position);
            seen.hit = seen.deviation > HIT || seen.strange;
            series.add(slot, &seen);
            if seen.hit {
                unusual.add(Clue::Time(part[0].series), seen.excess_ns);
            }
        }
    }

    fn take_shapes(
        &mut self,
        group: u32,
        hops: &[FinishedHop<'_>],
        scratch: &mut Scratch,
        unusual: &mut Unusual,
    ) {
        // Where hops were folded away for there are too many, what an operation calls is not known.
        if hops.len() >= MAX_HOPS_SEEN {
            return;
        }
        scratch.children.clear();
        for (hop, names) in hops.iter().zip(&scratch.names) {
            if let Ok(parent) = u32::try_from(hop.parent) {
                scratch.children.push((parent, (names.service, names.operation)));
            }
        }
        // Stable: the children of one parent stay in the order of their start.
        scratch.children.sort_by_key(|child| child.0);
        scratch.odd_below.clear();
        scratch.odd_below.resize(hops.len(), false);
        let mut end = scratch.children.len();
        let slot = self.slot;
        for index in (0..hops.len()).rev() {
            let mut from = end;
            while from > 0 && scratch.children[from - 1].0 as usize >= index {
                from -= 1;
            }
            let called = &scratch.children[from..end];
            end = from;
            if hops[index].kind != HopKind::Own {
                continue;
            }
            let mut set: Vec<Child> = called.iter().map(|child| child.1).collect();
            let last = set.last().copied();
            set.sort_unstable();
            set.dedup();
            let hash = hash_of(&set);
            let names = scratch.names[index];
            let key = MixKey { group, sort: Sort::Shape, service: names.service, operation: names.operation };
            // What failed is known already, and explains what it left undone.
            let failed = hops[index].errors > 0 && !scratch.alone[index];
            let below = scratch.odd_below[index] || scratch.failed_below[index] || failed;
            let Some(number) = self.mix_of(key, names.department) else { continue };
            let Some(mix) = self.mixes.get_mut(number) else { continue };
            let (rare, suspicious) = (mix.is_rare(hash), mix.is_suspicious(hash));
            if !mix.add(slot, hash, below, || (in_order(called), last)) {
                self.over.hit(Limit::Categories);
            }
            if suspicious && !below {
                unusual.add(Clue::Category(number, hash), 0.0);
            }
            if (rare || below)
                && let Ok(parent) = usize::try_from(hops[index].parent)
                && parent < index
            {
                scratch.odd_below[parent] = true;
            }
        }
    }

    /// Which traces a transaction is made of.
    fn take_roots(&mut self, group: u32, hops: &[FinishedHop<'_>], scratch: &Scratch, unusual: &mut Unusual) {
        if hops.len() >= MAX_HOPS_SEEN {
            return;
        }
        let roots = hops.iter().zip(&scratch.names).filter(|(hop, _)| hop.parent < 0);
        let mut set: Vec<Child> = roots.map(|(_, names)| (names.service, names.operation)).collect();
        set.sort_unstable();
        set.dedup();
        let below =
            scratch.failed_below.iter().any(|failed| *failed) || hops.iter().any(|hop| hop.errors > 0);
        let below = below || scratch.odd_below.iter().any(|odd| *odd);
        let hash = hash_of(&set);
        let key = MixKey { group, sort: Sort::Shape, service: EMPTY, operation: EMPTY };
        let Some(number) = self.mix_of(key, EMPTY) else { return };
        let slot = self.slot;
        let Some(mix) = self.mixes.get_mut(number) else { return };
        let rare = mix.is_rare(hash);
        if !mix.add(slot, hash, below, || (set, None)) {
            self.over.hit(Limit::Categories);
        }
        if rare && !below {
            unusual.add(Clue::Category(number, hash), 0.0);
        }
    }

    fn take_errors(
        &mut self,
        group: u32,
        hops: &[FinishedHop<'_>],
        scratch: &mut Scratch,
        unusual: &mut Unusual,
    ) {
        scratch.failed_below.clear();
        scratch.failed_below.resize(hops.len(), false);
        scratch.alone.clear();
        scratch.alone.resize(hops.len(), false);
        let slot = self.slot;
        for index in (0..hops.len()).rev() {
            let hop = &hops[index];
            let failed = hop.errors > 0;
            let below = scratch.failed_below[index];
            let names = scratch.names[index];
            let key = MixKey { group, sort: Sort::Error, service: names.service, operation: names.operation };
            let number = self.mix_of(key, names.department);
            let parent = usize::try_from(hop.parent).ok().filter(|parent| *parent < index);
            // A call of a service's own that never worked explains nothing: it stands where another service should have answered.
            let is_own = parent.is_some_and(|parent| scratch.names[parent].service == names.service);
            let has_worked = || number.and_then(|at| self.mixes.get(at)).is_none_or(Mix::has_worked);
            scratch.alone[index] = failed && !below && is_own && !has_worked();
            if let Some(parent) = parent
                && (below || failed && !scratch.alone[index])
            {
                scratch.failed_below[parent] = true;
            }
            let Some(mix) = number.and_then(|at| self.mixes.get_mut(at)) else { continue };
            let source = failed && !below;
            mix.add(slot, u64::from(source), false, Default::default);
            if source && let Some(number) = number {
                unusual.add(Clue::Category(number, 1), 0.0);
            }
        }
    }

    fn take_end(&mut self, group: u32, finished: &Finished<'_>, unusual: &mut Unusual) {
        let key = MixKey { group, sort: Sort::Missing, service: EMPTY, operation: EMPTY };
        let Some(number) = self.mix_of(key, EMPTY) else { return };
        let operation = self.names.id(finished.reason);
        let slot = self.slot;
        let Some(mix) = self.mixes.get_mut(number) else { return };
        if finished.missing_terminal {
            let hash = hash_of(&[(EMPTY, operation)]);
            if !mix.add(slot, hash, false, || (vec![(EMPTY, operation)], None)) {
                self.over.hit(Limit::Categories);
            }
            unusual.add(Clue::Category(number, hash), 0.0);
        } else {
            mix.add(slot, 0, false, Default::default);
        }
    }
}

/// Children in the order of their first calls, each once.
fn in_order(called: &[(u32, Child)]) -> Vec<Child> {
    let mut children: Vec<Child> = Vec::new();
    for (_, child) in called {
        if !children.contains(child) {
            children.push(*child);
        }
    }
    children
}

/// Whether two hops are of the same resource, by where their names lie: mostly in one table of strings. Those that only read the same are told apart, to no harm.
fn is_of_resource(hop: &FinishedHop<'_>, other: &FinishedHop<'_>) -> bool {
    // The first two tell most apart.
    std::ptr::eq(hop.service, other.service)
        && std::ptr::eq(hop.instance, other.instance)
        && std::ptr::eq(hop.version, other.version)
        && std::ptr::eq(hop.host, other.host)
        && std::ptr::eq(hop.department, other.department)
        && std::ptr::eq(hop.configuration, other.configuration)
        && std::ptr::eq(hop.region, other.region)
        && std::ptr::eq(hop.zone, other.zone)
        && std::ptr::eq(hop.cluster, other.cluster)
}

/// The hash of a set of children; never 0 or 1, which mean other things.
fn hash_of(children: &[Child]) -> u64 {
    let mut bytes = Vec::with_capacity(children.len() * 8);
    for child in children {
        bytes.extend_from_slice(&child.0.to_le_bytes());
        bytes.extend_from_slice(&child.1.to_le_bytes());
    }
    xxh3_64(&bytes) | 2
}
