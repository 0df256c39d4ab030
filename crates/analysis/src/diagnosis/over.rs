//! What found no room, by limit: whoever drives the diagnosis tells of it.

use super::Diagnosis;

/// A limit of what is held (their values and reasons are in `limits`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Different names, and their length: what is over it is `other`.
    Names,
    /// Types of transactions: those over it are one, called `other`.
    Types,
    /// Hops of one transaction.
    Hops,
    /// Baselines of times.
    Series,
    /// Populations whose mix is watched.
    Mixes,
    /// Categories of one mix.
    Categories,
    /// Instances, versions, hosts and configurations of one baseline.
    Traits,
    /// Values told apart for one type.
    Facets,
    /// Of these, those of one transaction.
    FacetsSeen,
    /// Types for which they are told apart.
    FacetTypes,
    /// Of these, those counted of one incident.
    CaseFacets,
    /// Unusual transactions that wait for an incident.
    Unusual,
    /// Incidents remembered.
    Incidents,
    /// Falls at one time.
    Falls,
    /// Customers told apart for one incident.
    Customers,
    /// Hours of the week in which errors or shapes came often.
    Habits,
}

impl Limit {
    const ALL: [(Self, &str); 16] = [
        (Self::Names, "analysis.names"),
        (Self::Types, "analysis.types"),
        (Self::Hops, "analysis.hops"),
        (Self::Series, "analysis.series"),
        (Self::Mixes, "analysis.mixes"),
        (Self::Categories, "analysis.categories"),
        (Self::Traits, "analysis.traits"),
        (Self::Facets, "analysis.facets"),
        (Self::FacetsSeen, "analysis.facets_seen"),
        (Self::FacetTypes, "analysis.facet_types"),
        (Self::CaseFacets, "analysis.case_facets"),
        (Self::Unusual, "analysis.unusual"),
        (Self::Incidents, "analysis.incidents"),
        (Self::Falls, "analysis.falls"),
        (Self::Customers, "analysis.customers"),
        (Self::Habits, "analysis.habits"),
    ];
}

/// How often each limit was hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitHits([u64; Limit::ALL.len()]);

impl LimitHits {
    pub(crate) fn hit(&mut self, limit: Limit) {
        self.add(limit, 1);
    }

    pub(crate) fn add(&mut self, limit: Limit, hits: u64) {
        self.0[limit as usize] += hits;
    }

    /// Each limit by its name in metrics, and how often it was hit.
    pub fn by_name(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Limit::ALL.iter().zip(self.0).map(|((_, name), hits)| (*name, hits))
    }
}

impl Diagnosis {
    /// What found no room since the last call.
    pub fn take_limit_hits(&mut self) -> LimitHits {
        let mut hits = std::mem::take(&mut self.over);
        hits.add(Limit::Habits, self.habits.take_refused());
        hits.add(Limit::Names, self.names.take_refused());
        hits
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DiagnosisSettings, Finished, FinishedHop, input::tests::finished, limits};
    use super::*;

    fn hits(diagnosis: &mut Diagnosis) -> Vec<(&'static str, u64)> {
        diagnosis.take_limit_hits().by_name().filter(|(_, hits)| *hits > 0).collect()
    }

    #[test]
    fn each_limit_has_its_own_place() {
        for (at, (limit, _)) in Limit::ALL.iter().enumerate() {
            assert_eq!(*limit as usize, at);
        }
    }

    #[test]
    fn values_and_types_that_find_no_room_are_counted() {
        let mut diagnosis = Diagnosis::new(DiagnosisSettings::default());
        diagnosis.advance(limits::SLOT_NS);
        // Two of each hop, and the service.
        let instances: Vec<String> =
            (0..limits::MAX_FACETS_SEEN / 2 + 2).map(|at| format!("pod-{at}")).collect();
        let hops: Vec<FinishedHop<'_>> = instances
            .iter()
            .map(|instance| FinishedHop {
                service: "s",
                instance,
                version: instance,
                parent: -1,
                count: 1,
                ..FinishedHop::default()
            })
            .collect();
        diagnosis.observe(&Finished { hops: &hops, ..finished(&[]) });
        let seen = hits(&mut diagnosis);
        assert!(seen.contains(&("analysis.facets_seen", 5)), "{seen:?}");
        assert_eq!(hits(&mut diagnosis), [], "once");
        for at in 0..limits::MAX_FACETS + 7 {
            let instance = format!("one-{at}");
            let hop = FinishedHop {
                service: "s",
                instance: &instance,
                parent: -1,
                count: 1,
                ..FinishedHop::default()
            };
            diagnosis.observe(&Finished { hops: &[hop], ..finished(&[]) });
        }
        let rows = hits(&mut diagnosis);
        let of = |name| rows.iter().find(|(known, _)| *known == name).map_or(0, |(_, hits)| *hits);
        assert_eq!(of("analysis.facets"), (limits::MAX_FACETS_SEEN + 8) as u64, "{rows:?}");
        assert!(of("analysis.traits") > 0, "{rows:?}");
        for at in 0..limits::MAX_FACET_GROUPS + 4 {
            let transaction_type = format!("type-{at}");
            diagnosis.observe(&Finished { transaction_type: &transaction_type, ..finished(&[]) });
        }
        assert!(hits(&mut diagnosis).contains(&("analysis.facet_types", 5)));
        for at in 0..limits::MAX_TYPES {
            let transaction_type = format!("more-{at}");
            diagnosis.observe(&Finished { transaction_type: &transaction_type, ..finished(&[]) });
        }
        assert!(diagnosis.groups.len() <= limits::MAX_TYPES + 1);
        assert!(hits(&mut diagnosis).iter().any(|(name, _)| *name == "analysis.types"));
        let long = "x".repeat(limits::MAX_NAME_BYTES + 1);
        diagnosis.observe(&Finished { transaction_type: &long, ..finished(&[]) });
        assert!(hits(&mut diagnosis).iter().any(|(name, _)| *name == "analysis.names"));
    }
}
