//! Changes that somebody tells of: a deployment's pipeline, a person who turns a switch. One at a service that is hit, told for a moment shortly before it
//! began, is suspected and named.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Diagnosis;
use super::case::Case;
use super::incident::{Incident, Suspect, SuspectKind};
use super::limits::{MAX_SUSPECTS, MAX_TOLD};
use super::names::EMPTY;
use super::settings::Method;
use super::times;

/// What began so long after a change may come of it, nanoseconds: as long as a version counts as new.
const AFTER: u64 = 900_000_000_000;
/// What began so long after it is taken to come of it.
const SHORTLY: u64 = 300_000_000_000;
/// A change is told of when it is through, and may have begun to act before.
const BEFORE: u64 = 120_000_000_000;
/// Who was changed shortly before weighs so much more among suspects.
pub(crate) const CHANGED: f64 = 1.5;

/// A change that was told of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldChange {
    /// Whose; empty where there is one tenant.
    pub tenant: String,
    /// What was changed: a service, by its name; empty where it is all of a department.
    pub service: String,
    /// Whose services were changed, where none is named.
    pub department: String,
    /// `version`, `configuration`, or another word for it.
    pub kind: String,
    /// What was done, in the words of who tells.
    pub text: String,
    /// Who tells; may be empty.
    pub by: String,
    /// When it was done, Unix nanoseconds; RFC 3339 in readable formats.
    #[serde(with = "times")]
    pub time: u64,
}

impl ToldChange {
    /// In words: what, where and when.
    #[must_use]
    pub fn in_words(&self) -> String {
        let place = if self.service.is_empty() { &self.department } else { &self.service };
        let text = if self.text.is_empty() { String::new() } else { format!(" ({})", self.text) };
        let by = if self.by.is_empty() { String::new() } else { format!(" by {}", self.by) };
        format!("{} of {place}{text}, told of{by} for {}", self.kind, times::text(self.time))
    }

    /// Whether what began at `start` may come of it.
    fn precedes(&self, start: u64) -> bool {
        start + BEFORE >= self.time && start <= self.time.saturating_add(AFTER)
    }

    fn is_shortly_before(&self, start: u64) -> bool {
        self.precedes(start) && start <= self.time.saturating_add(SHORTLY)
    }

    fn is_at(&self, service: &str, department: &str) -> bool {
        if self.service.is_empty() { self.department == department } else { self.service == service }
    }

    /// What a suspect is that came with it.
    pub(crate) fn suspect_kind(&self) -> SuspectKind {
        if self.kind == "version" { SuspectKind::Version } else { SuspectKind::Configuration }
    }
}

/// Changes as they were told.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The oldest first.
    changes: VecDeque<ToldChange>,
    /// How many were forgotten, for there were too many, since somebody asked.
    #[serde(skip)]
    forgotten: u64,
}

impl Told {
    /// Takes a change; whether it is new.
    fn take(&mut self, change: ToldChange) -> bool {
        if self.changes.contains(&change) {
            return false;
        }
        let at = self.changes.partition_point(|known| known.time <= change.time);
        self.changes.insert(at, change);
        if self.changes.len() > MAX_TOLD {
            self.changes.pop_front();
            self.forgotten += 1;
        }
        true
    }

    /// The latest change at a service after which something began at `start`.
    fn before(&self, tenant: &str, (service, department): (&str, &str), start: u64) -> Option<&ToldChange> {
        let mut fitting = self.changes.iter().rev().filter(|change| change.precedes(start));
        fitting.find(|change| change.tenant == tenant && change.is_at(service, department))
    }
}

impl Diagnosis {
    /// Takes a change that somebody tells of; told twice, it counts once. Whether it is new.
    pub fn tell(&mut self, change: ToldChange) -> bool {
        self.told.take(change)
    }

    /// Changes that were told of, the latest first; of more than a limit, the oldest are forgotten.
    pub fn told(&self) -> impl Iterator<Item = &ToldChange> {
        self.told.changes.iter().rev()
    }

    /// How many changes were forgotten since the last call, for more were told of than are remembered.
    pub fn take_told_over_limit(&mut self) -> u64 {
        std::mem::take(&mut self.told.forgotten)
    }

    /// The change at a service, or of all of its department, after which something began at `start`.
    #[must_use]
    pub fn told_before(
        &self,
        tenant: &str,
        service: &str,
        department: &str,
        start: u64,
    ) -> Option<&ToldChange> {
        self.told.before(tenant, (service, department), start)
    }

    /// How much more a service weighs among suspects of what began at `start`.
    pub(crate) fn changed(&self, tenant: u32, service: u32, start: u64) -> f64 {
        let change = self.told_of(tenant, service, start);
        if change.is_some_and(|change| change.is_shortly_before(start)) { CHANGED } else { 1.0 }
    }

    fn knows_changes(&self) -> bool {
        !self.told.changes.is_empty() && self.settings.has(Method::Changes)
    }

    fn told_of(&self, tenant: u32, service: u32, start: u64) -> Option<&ToldChange> {
        if !self.knows_changes() {
            return None;
        }
        let department = self.names.name(self.department_of(service));
        self.told.before(self.names.name(tenant), (self.names.name(service), department), start)
    }

    /// Says of suspects that they were changed; who was changed on the paths that are hit and is no suspect yet becomes the last.
    pub(crate) fn suspect_changed(&self, case: &Case, incident: &mut Incident) {
        if !self.knows_changes() {
            return;
        }
        let (tenant, start) = (incident.tenant.clone(), incident.start);
        for suspect in &mut incident.suspects {
            let place = (suspect.service.as_str(), suspect.department.as_str());
            let Some(change) = self.told.before(&tenant, place, start) else { continue };
            suspect.evidence.push(format!("it was changed: {}", change.in_words()));
            if suspect.kind == SuspectKind::Own && change.is_shortly_before(start) {
                suspect.kind = change.suspect_kind();
            }
        }
        for service in self.services_of(&case.groups) {
            let known = |suspect: &Suspect| suspect.service == self.names.name(service);
            if incident.suspects.len() >= MAX_SUSPECTS || incident.suspects.iter().any(known) {
                continue;
            }
            if let Some(change) = self.told_of(case.tenant, service, start)
                && !change.service.is_empty()
            {
                let rank = incident.suspects.len() as u32 + 1;
                incident.suspects.push(self.changed_only(rank, service, change));
            }
        }
    }

    /// A suspect of which nothing is known but that it was changed.
    fn changed_only(&self, rank: u32, service: u32, change: &ToldChange) -> Suspect {
        Suspect {
            rank,
            service: self.names.name(service).to_owned(),
            department: self.names.name(self.department_of(service)).to_owned(),
            operation: String::new(),
            instance: String::new(),
            version: String::new(),
            kind: change.suspect_kind(),
            score: 0.0,
            excess_ms: 0.0,
            transactions: 0,
            evidence: vec![format!(
                "nothing in it is out of the normal, but it lies on the paths that are hit and was changed: {}",
                change.in_words()
            )],
            figures: Vec::new(),
        }
    }

    /// The latest change at a service that transactions of a type meet, after which something began at `start`.
    pub(crate) fn told_on(&self, group: u32, tenant: u32, start: u64) -> Option<(u32, &ToldChange)> {
        let told = self.services_of(&[group]).into_iter();
        let told = told.filter_map(|service| Some((service, self.told_of(tenant, service, start)?)));
        told.max_by_key(|(service, change)| (change.time, *service))
    }

    /// Services that transactions of these types meet.
    fn services_of(&self, groups: &[u32]) -> Vec<u32> {
        if !self.knows_changes() {
            return Vec::new();
        }
        let met = self.mixes.iter().filter(|(_, key, _)| groups.contains(&key.group));
        let mut services: Vec<u32> = met.map(|(_, key, _)| key.service).filter(|id| *id != EMPTY).collect();
        services.sort_unstable();
        services.dedup();
        services
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(service: &str, time: u64) -> ToldChange {
        let (kind, text) = ("configuration".to_owned(), "pool of 5".to_owned());
        ToldChange { service: service.to_owned(), kind, text, time, ..ToldChange::default() }
    }

    #[test]
    fn a_change_is_found_for_what_begins_after_it_at_its_place() {
        const MINUTE: u64 = 60_000_000_000;
        let (mut told, at) = (Told::default(), 100 * MINUTE);
        assert!(told.take(change("ledger", at)));
        assert!(!told.take(change("ledger", at)), "told twice");
        assert!(told.take(ToldChange { department: "payments".to_owned(), ..change("", at) }));
        let finds = |place, start| told.before("", place, start).is_some();
        assert!(finds(("ledger", "core"), at + MINUTE) && finds(("ledger", "core"), at - MINUTE));
        assert!(!finds(("ledger", "core"), at + 16 * MINUTE) && !finds(("ledger", "core"), at - 3 * MINUTE));
        assert!(!finds(("limits", "core"), at) && finds(("clearing", "payments"), at));
        assert!(told.before("other", ("ledger", "core"), at).is_none(), "of another tenant");
    }

    #[test]
    fn the_oldest_of_too_many_are_forgotten() {
        let mut told = Told::default();
        for time in 0..2 * MAX_TOLD as u64 {
            told.take(change("ledger", time));
        }
        assert_eq!((told.changes.len(), told.changes[0].time), (MAX_TOLD, MAX_TOLD as u64));
        assert_eq!(told.forgotten, MAX_TOLD as u64, "and counted");
    }
}
