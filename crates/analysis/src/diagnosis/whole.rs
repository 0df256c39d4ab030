//! What a transaction shows as a whole: how many come, what they have, and whom an unusual one belongs to.

use super::Diagnosis;
use super::facets::add_resources;
use super::input::Finished;
use super::limits::{MAX_FACET_GROUPS, MAX_RECENT};
use super::names::EMPTY;
use super::observe::Scratch;
use super::over::Limit;
use super::retold::retell;
use super::settings::Method;
use super::unusual::Unusual;

impl Diagnosis {
    /// What a transaction shows as a whole.
    pub(crate) fn take_whole(
        &mut self,
        group: u32,
        finished: &Finished<'_>,
        scratch: &mut Scratch,
        unusual: &mut Unusual,
    ) {
        self.observed += 1;
        let (slot, names) = (self.slot, &mut self.names);
        let over = &mut self.over;
        let Some(entry) = self.groups.get_mut(group) else { return };
        let is_healthy = unusual.clues.is_empty();
        // What healthy ones have is a share: some of them tell it as well as all.
        let is_counted = !is_healthy || entry.counts_facets(slot, finished.id, unusual.weight);
        entry.add(slot, finished.end.saturating_sub(finished.start), unusual.weight);
        let has_facets = group < MAX_FACET_GROUPS && self.settings.has(Method::Shared);
        scratch.facets.clear();
        if has_facets {
            entry.facets.of_attributes(finished, |key| names.id(key), &mut scratch.facets, over);
        } else if group >= MAX_FACET_GROUPS {
            over.hit(Limit::FacetTypes);
        }
        let first = scratch.names.first().map_or((EMPTY, EMPTY), |first| (first.service, first.operation));
        entry.arrive(&scratch.facets, first, unusual.weight);
        if is_healthy {
            entry.remember_usual(finished.id, finished.end);
        }
        if !has_facets || !is_counted {
            return;
        }
        let resources = scratch.firsts.iter().map(|first| scratch.names[*first]);
        if is_healthy {
            add_resources(resources, &mut scratch.facets, over);
            entry.facets.add(&scratch.facets, over);
        } else {
            // What it has is put together where it turns out to be hit.
            unusual.facets.clone_from(&scratch.facets);
            unusual.resources = resources.collect();
        }
    }

    /// Gives an unusual transaction to the incident that has its clues, or keeps it for one to come.
    pub(crate) fn claim(&mut self, unusual: Unusual) {
        for case in &mut self.cases {
            if case.claims(&unusual)
                && let Some(incident) = self.incidents.iter_mut().find(|incident| incident.id == case.id)
            {
                let over = &mut self.over;
                retell(incident, |incident| case.hit(incident, &unusual, over));
                return;
            }
        }
        if self.recent.len() >= MAX_RECENT {
            self.recent.pop_front();
            self.over.hit(Limit::Unusual);
        }
        self.recent.push_back(unusual);
    }
}
