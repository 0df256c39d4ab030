//! Fewer transactions than usual: outside (fewer come), inside (an incident has it already), or a change (a version came).

use serde::{Deserialize, Serialize};

use super::Diagnosis;
use super::facets::{Facet, FacetKey};
use super::flow::{Fall, Flow};
use super::group::Group;
use super::incident::{Change, Incident, State, Suspect, SuspectKind};
use super::limits::{MAX_FALLS, SLOT_NS};
use super::mix::Child;
use super::names::EMPTY;
use super::over::Limit;
use super::series::Trait;
use super::settings::Method;
use super::times;
use super::words::named;

/// A version that came so many slots ago is new: a quarter of an hour.
const NEW_SLOTS: u64 = 90;
/// Falls of several types that come within so many slots are one: three minutes.
const TOGETHER_SLOTS: u64 = 18;

/// A version or configuration that is new.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewChange {
    pub(crate) service: u32,
    what: Trait,
    /// Its name.
    pub(crate) value: u32,
    /// Slot of its first call.
    pub(crate) since: u64,
}

impl NewChange {
    /// What a suspect is that came with it.
    pub(crate) fn kind(&self) -> SuspectKind {
        if self.what == Trait::Configuration { SuspectKind::Configuration } else { SuspectKind::Version }
    }
}

/// A fall that is an incident.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OpenFall {
    id: String,
    tenant: u32,
    first_slot: u64,
    /// Types, each with the value of an attribute that it is confined to.
    parts: Vec<(u32, Option<Facet>)>,
}

impl Diagnosis {
    /// Looks at how many came in the slot that ends.
    pub(crate) fn judge_falls(&mut self, slot: u64, changes: &mut Vec<Change>) {
        if !self.settings.has(Method::Volume) || !self.settings.thresholds.enabled {
            return;
        }
        self.end_falls(changes);
        if self.observed == 0 {
            return;
        }
        let fallen: Vec<(u32, Option<Facet>, Fall)> = self
            .groups
            .iter()
            .filter_map(|(number, _, group)| group.fallen().map(|(facet, fall)| (number, facet, fall)))
            .collect();
        for (number, facet, fall) in fallen {
            let has_case = self.cases.iter().any(|case| case.groups.contains(&number));
            let is_known = self.falls.iter().any(|open| open.parts.iter().any(|part| part.0 == number));
            if has_case || is_known {
                continue;
            }
            if self.falls.len() < MAX_FALLS {
                self.open_fall(slot, number, facet, fall, changes);
            } else {
                self.over.hit(Limit::Falls);
            }
        }
    }

    fn open_fall(
        &mut self,
        slot: u64,
        number: u32,
        facet: Option<Facet>,
        fall: Fall,
        changes: &mut Vec<Change>,
    ) {
        let tenant = self.groups.key(number).map_or(EMPTY, |key| key.tenant);
        let joins = |open: &&mut OpenFall| open.tenant == tenant && open.first_slot + TOGETHER_SLOTS >= slot;
        if let Some(open) = self.falls.iter_mut().find(joins) {
            open.parts.push((number, facet));
            let id = open.id.clone();
            self.tell_fall(&id, number, facet, fall, slot, changes);
            return;
        }
        let id = self.new_id(slot);
        self.falls.push(OpenFall { id: id.clone(), tenant, first_slot: slot, parts: vec![(number, facet)] });
        let mut incident = Incident::new(id.clone(), self.names.name(tenant).to_owned(), self.now);
        let low = self.groups.get(number).map_or(0, |group| group.flow_of(facet).map_or(0, Flow::low_slots));
        incident.start = (slot + 1).saturating_sub(low as u64) * SLOT_NS;
        self.remember(incident);
        self.tell_fall(&id, number, facet, fall, slot, changes);
    }

    /// Adds a type that has fallen to an incident.
    fn tell_fall(
        &mut self,
        id: &str,
        number: u32,
        facet: Option<Facet>,
        fall: Fall,
        slot: u64,
        changes: &mut Vec<Change>,
    ) {
        let Some(told) = self.fall_suspect(number, facet, fall, slot) else { return };
        let name = self.groups.key(number).map_or(EMPTY, |key| key.transaction_type);
        let name = self.names.name(name).to_owned();
        let Some(incident) = self.incidents.iter_mut().find(|incident| incident.id == id) else { return };
        let is_new = incident.suspects.is_empty();
        incident.types.push(name);
        incident.types.sort();
        match incident.suspects.iter_mut().find(|known| known.service == told.service) {
            Some(known) => known.evidence.extend(told.evidence),
            None => incident.suspects.push(told),
        }
        let (count, mut rank) = (incident.suspects.len() as f64, 0);
        for suspect in &mut incident.suspects {
            rank += 1;
            (suspect.rank, suspect.score) = (rank, 1.0 / count);
        }
        incident.summary = fall_summary(incident);
        changes.push(if is_new {
            Change::Opened(incident.clone())
        } else {
            Change::Updated(incident.clone())
        });
    }

    fn fall_suspect(&self, number: u32, facet: Option<Facet>, fall: Fall, slot: u64) -> Option<Suspect> {
        let group = self.groups.get(number)?;
        let (service, operation) = group.entry_of(facet);
        let only = facet.map_or_else(String::new, |facet| format!(" with {}", self.facet_text(group, facet)));
        let kind_name = self.groups.key(number).map_or(EMPTY, |key| key.transaction_type);
        let mut evidence = vec![format!(
            "{}{only}: {} came in three minutes where {:.0} are usual",
            self.names.name(kind_name),
            fall.count,
            fall.usual
        )];
        evidence.push(match facet {
            Some(_) => "the others come as usual".to_owned(),
            None => "no value of an attribute stands out".to_owned(),
        });
        evidence.push("those that come are as fast and fail as little as usual".to_owned());
        let change = self.new_change(number, slot, |_| true);
        let mut suspect = Suspect {
            rank: 1,
            service: self.names.name(service).to_owned(),
            department: self.names.name(self.department_of(service)).to_owned(),
            operation: self.names.name(operation).to_owned(),
            instance: String::new(),
            version: String::new(),
            kind: SuspectKind::Outside,
            score: 1.0,
            excess_ms: 0.0,
            transactions: 0,
            evidence,
            figures: Vec::new(),
        };
        if let Some(new) = change {
            self.names.name(new.service).clone_into(&mut suspect.service);
            suspect.department = self.names.name(self.department_of(new.service)).to_owned();
            (suspect.operation, suspect.kind) = (String::new(), new.kind());
            self.names.name(new.value).clone_into(&mut suspect.version);
            let since = times::text(new.since * SLOT_NS);
            suspect.evidence.push(format!("that {} is new since {since}", new.kind().name()));
        }
        let tenant = self.groups.key(number).map_or(EMPTY, |key| key.tenant);
        let start =
            (slot + 1).saturating_sub(group.flow_of(facet).map_or(0, Flow::low_slots) as u64) * SLOT_NS;
        if let Some((service, told)) = self.told_on(number, tenant, start) {
            if change.is_none() {
                self.names.name(service).clone_into(&mut suspect.service);
                suspect.department = self.names.name(self.department_of(service)).to_owned();
                (suspect.operation, suspect.kind) = (String::new(), told.suspect_kind());
            }
            suspect.evidence.push(format!("there was a change: {}", told.in_words()));
        }
        Some(suspect)
    }

    fn facet_text(&self, group: &Group, facet: Facet) -> String {
        match facet.key {
            FacetKey::Attribute(key) => {
                format!("{} {}", self.names.name(key), group.facets.text(&facet).unwrap_or_default())
            }
            // Only attributes have flows.
            _ => String::new(),
        }
    }

    /// A version or configuration that came lately to a service that is asked for and that transactions of a type meet.
    pub(crate) fn new_change(
        &self,
        group: u32,
        slot: u64,
        is_asked: impl Fn(u32) -> bool,
    ) -> Option<NewChange> {
        let of_group = self.series.iter().filter(|(_, key, _)| key.group == group && is_asked(key.service));
        let mut found: Option<NewChange> = None;
        for (_, key, series) in of_group {
            for what in [Trait::Version, Trait::Configuration] {
                let those = || series.traits.iter().filter(|entry| entry.what == what);
                let first = those().map(|entry| entry.since).min().unwrap_or(slot);
                let is_new = |since: u64| since > first && since + NEW_SLOTS > slot;
                for entry in those().filter(|entry| is_new(entry.since)) {
                    if found.is_none_or(|other| entry.since > other.since) {
                        let (service, value, since) = (key.service, entry.value, entry.since);
                        found = Some(NewChange { service, what, value, since });
                    }
                }
            }
        }
        found
    }

    /// Falls that are over.
    fn end_falls(&mut self, changes: &mut Vec<Change>) {
        let groups = &self.groups;
        let is_back = |part: &(u32, Option<Facet>)| {
            groups.get(part.0).and_then(|group| group.flow_of(part.1)).is_none_or(Flow::is_back)
        };
        let (over, open): (Vec<OpenFall>, Vec<OpenFall>) =
            std::mem::take(&mut self.falls).into_iter().partition(|fall| fall.parts.iter().all(is_back));
        self.falls = open;
        for fall in over {
            let Some(incident) = self.incidents.iter_mut().find(|incident| incident.id == fall.id) else {
                continue;
            };
            incident.state = State::Recovered;
            incident.end = Some(self.now.max(incident.start));
            changes.push(Change::Recovered(incident.clone()));
        }
    }

    /// After a gap nothing is known of how many come.
    pub(crate) fn forget_flows(&mut self) {
        self.groups.values_mut().for_each(Group::forget_flows);
    }

    /// How many came lately, of these types, against what is usual: 1 where as many; `None` where it is not known.
    pub(crate) fn volume(&self, groups: &[u32]) -> Option<f32> {
        let flows = groups.iter().filter_map(|&group| self.groups.get(group)).filter_map(Group::volume);
        let (count, usual) =
            flows.fold((0.0, 0.0), |sum, window| (sum.0 + window.count as f32, sum.1 + window.usual));
        (usual > 0.0).then(|| count / usual)
    }
}

fn fall_summary(incident: &Incident) -> String {
    let Some(first) = incident.suspects.first() else { return String::new() };
    let what = first.evidence.first().map_or("", String::as_str);
    let cause = match first.kind {
        SuspectKind::Outside => format!("The cause lies outside, before {}: fewer ask.", first.service),
        _ if first.version.is_empty() => {
            let told = first.evidence.last().map_or("", String::as_str);
            format!("A change is likely; {told}.")
        }
        kind => format!("A change is likely: {} {} of {}.", kind.name(), first.version, first.service),
    };
    format!(
        "Since {}, fewer transactions of {} come: {what}. {cause}",
        times::text(incident.start),
        named(&incident.types)
    )
}

/// Where transactions begin.
pub(crate) type Entry = Child;
