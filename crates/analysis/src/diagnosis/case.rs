//! An open incident: what speaks against whom, and whom it has hit.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::ending::Ending;
use super::facets::{self, Facet, FacetKey, Shared, add_resources, is_half};
use super::finding::{Finding, Sign};
use super::group::{Group, GroupKey};
use super::incident::Incident;
use super::limits::{MAX_CASE_FACETS, MAX_CUSTOMERS, MAX_EXAMPLES};
use super::onset::Onset;
use super::over::{Limit, LimitHits};
use super::series::Trait;
use super::table::Table;
use super::unusual::{Clue, Unusual};

/// One kind of evidence against a service, as last seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Proof {
    pub(crate) sign: Sign,
    pub(crate) caller: u32,
    pub(crate) service: u32,
    pub(crate) operation: u32,
    pub(crate) department: u32,
    pub(crate) weight: f64,
    pub(crate) peak: f32,
    pub(crate) hits: u32,
    pub(crate) of: u32,
    pub(crate) usual: f64,
    pub(crate) now: f64,
    pub(crate) confined: Option<(Trait, u32)>,
    pub(crate) lacks: Vec<(u32, u32)>,
    pub(crate) gained: Vec<(u32, u32)>,
}

/// What speaks against one service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) weight: f64,
    pub(crate) excess_ns: f64,
    pub(crate) transactions: u64,
    pub(crate) proofs: BTreeMap<Clue, Proof>,
}

/// An open incident.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Case {
    /// Of its incident.
    pub(crate) id: String,
    pub(crate) tenant: u32,
    pub(crate) first_slot: u64,
    pub(crate) last_slot: u64,
    pub(crate) groups: Vec<u32>,
    pub(crate) accounts: BTreeMap<u32, Account>,
    /// Who is charged first with a clue.
    pub(crate) clues: BTreeMap<Clue, u32>,
    customers: Vec<u64>,
    /// Transactions hit, by type, and how many of them have what.
    hits: BTreeMap<u32, u32>,
    facets: BTreeMap<(Facet, u32), u32>,
    onset: Onset,
    ending: Ending,
}

impl Case {
    pub(crate) fn new(id: String, tenant: u32, slot: u64) -> Self {
        Self {
            id,
            tenant,
            first_slot: slot,
            last_slot: slot,
            groups: Vec::new(),
            accounts: BTreeMap::new(),
            clues: BTreeMap::new(),
            customers: Vec::new(),
            hits: BTreeMap::new(),
            facets: BTreeMap::new(),
            onset: Onset::default(),
            ending: Ending::default(),
        }
    }

    /// Adds what a finding says against a service.
    pub(crate) fn charge(&mut self, service: u32, weight: f64, finding: &Finding) {
        if let Err(at) = self.groups.binary_search(&finding.group) {
            self.groups.insert(at, finding.group);
        }
        let account = self.accounts.entry(service).or_default();
        account.weight += weight;
        let proof = account.proofs.entry(finding.clue).or_insert_with(|| Proof {
            sign: finding.sign,
            caller: finding.caller,
            service: finding.service,
            operation: finding.operation,
            department: finding.department,
            weight: 0.0,
            peak: 0.0,
            hits: 0,
            of: 0,
            usual: finding.usual,
            now: finding.now,
            confined: None,
            lacks: Vec::new(),
            gained: Vec::new(),
        });
        proof.weight += weight;
        if finding.score >= proof.peak {
            proof.peak = finding.score;
            (proof.hits, proof.of) = (finding.hits, finding.of);
            (proof.usual, proof.now) = (finding.usual, finding.now);
            proof.confined = finding.confined;
            proof.lacks.clone_from(&finding.lacks);
            proof.gained.clone_from(&finding.gained);
        }
        let strongest = self.clues.entry(finding.clue).or_insert(service);
        let other = self.accounts.get(strongest).and_then(|account| account.proofs.get(&finding.clue));
        if other.is_none_or(|other| other.weight < self.accounts[&service].proofs[&finding.clue].weight) {
            *strongest = service;
        }
    }

    /// Whether a transaction is hit by this.
    pub(crate) fn claims(&self, unusual: &Unusual) -> bool {
        unusual.clues.iter().any(|(clue, _)| self.clues.contains_key(clue))
    }

    /// Learns of transactions that were hit before it was known: those that came before it began have nothing to do with it.
    pub(crate) fn hit_before(
        &mut self,
        incident: &mut Incident,
        mut unusual: VecDeque<Unusual>,
        over: &mut LimitHits,
    ) {
        if unusual.is_empty() {
            return;
        }
        unusual.iter().for_each(|one| self.onset.add(one.end));
        let start = self.onset.start();
        unusual.retain(|one| one.end >= start);
        incident.start = start;
        for one in &unusual {
            self.count(incident, one, over);
        }
    }

    /// Counts a transaction that is hit.
    pub(crate) fn hit(&mut self, incident: &mut Incident, unusual: &Unusual, over: &mut LimitHits) {
        self.onset.add(unusual.end);
        incident.start = self.onset.start();
        self.count(incident, unusual, over);
    }

    /// When the last of those that it hit ended; 0 where it hit none.
    pub(crate) fn end(&self) -> u64 {
        self.ending.end()
    }

    fn count(&mut self, incident: &mut Incident, unusual: &Unusual, over: &mut LimitHits) {
        let weight = unusual.weight;
        incident.transactions += u64::from(weight);
        incident.amount += unusual.amount * f64::from(weight);
        incident.estimated |= weight > 1;
        self.ending.add(unusual.end);
        self.count_facets(unusual, over);
        if incident.examples.len() < MAX_EXAMPLES {
            incident.examples.push(unusual.id.clone());
        }
        if unusual.customer != 0
            && let Err(at) = self.customers.binary_search(&unusual.customer)
        {
            if self.customers.len() < MAX_CUSTOMERS {
                self.customers.insert(at, unusual.customer);
                // One that is seen stands for as many as the transaction that shows it.
                incident.customers += u64::from(weight);
            } else {
                over.hit(Limit::Customers);
            }
        }
        let mut counted: Vec<u32> = Vec::new();
        for (clue, excess_ns) in &unusual.clues {
            let Some(service) = self.clues.get(clue) else { continue };
            let Some(account) = self.accounts.get_mut(service) else { continue };
            let excess_ns = excess_ns.max(0.0) * f64::from(weight);
            account.excess_ns += excess_ns;
            incident.excess_ms += excess_ns / 1e6;
            if !counted.contains(service) {
                counted.push(*service);
                account.transactions += u64::from(weight);
            }
        }
    }

    fn count_facets(&mut self, unusual: &Unusual, over: &mut LimitHits) {
        *self.hits.entry(unusual.group).or_default() += 1;
        let mut facets = unusual.facets.clone();
        add_resources(unusual.resources.iter().copied(), &mut facets, over);
        for facet in facets {
            let key = (facet, unusual.group);
            if self.facets.len() < MAX_CASE_FACETS || self.facets.contains_key(&key) {
                *self.facets.entry(key).or_default() += 1;
            } else {
                over.hit(Limit::CaseFacets);
            }
        }
    }

    /// Types whose transactions it has hit.
    pub(crate) fn groups_hit(&self) -> impl Iterator<Item = u32> {
        self.hits.keys().copied()
    }

    /// By service and instance: how many that are hit have it, and how many would, were they as healthy ones of their types.
    pub(crate) fn instances(
        &self,
        groups: &Table<GroupKey, Group>,
    ) -> BTreeMap<u32, BTreeMap<u32, (u32, f64)>> {
        let mut found: BTreeMap<u32, BTreeMap<u32, (u32, f64)>> = BTreeMap::new();
        for ((facet, _), count) in &self.facets {
            if let (FacetKey::Instance(service), Ok(instance)) = (facet.key, u32::try_from(facet.value)) {
                found.entry(service).or_default().entry(instance).or_default().0 += count;
            }
        }
        for (group, hits) in &self.hits {
            let Some(facets) = groups.get(*group).map(|group| &group.facets) else { continue };
            for (service, instance, share) in facets.instances() {
                if let Some(of) = found.get_mut(&service) {
                    of.entry(instance).or_default().1 += share * f64::from(*hits);
                }
            }
        }
        found
    }

    /// What its transactions share and healthy ones of the same types lack, the largest effect first.
    pub(crate) fn shared(&self, groups: &Table<GroupKey, Group>) -> Vec<Shared> {
        let healthy =
            |facet: &Facet, group: u32| groups.get(group).and_then(|group| group.facets.share(facet));
        let of: u32 = self.hits.values().sum();
        let mut hits: BTreeMap<Facet, u32> = BTreeMap::new();
        for ((facet, _), count) in &self.facets {
            *hits.entry(*facet).or_default() += count;
        }
        let expected = |facet: &Facet| {
            let mut expected = 0.0;
            for (group, count) in &self.hits {
                expected += healthy(facet, *group)? * f64::from(*count);
            }
            Some(expected)
        };
        let judge = |(facet, count): (&Facet, &u32)| {
            // A pod that all have who met its service is nothing that they share beyond that.
            let met =
                facet.key.service().and_then(|service| Some((*hits.get(&service)?, expected(&service)?)));
            let (met, expected_to_meet) = met.unwrap_or((of, f64::from(of)));
            let healthy = (expected(facet)? / expected_to_meet.max(f64::MIN_POSITIVE)).min(1.0);
            facets::shared(*facet, *count, met, healthy).filter(|_| is_half(*count, of))
        };
        let mut found: Vec<Shared> = hits.iter().filter_map(judge).collect();
        let is_beyond_service = |shared: &Shared| shared.facet.key != FacetKey::Service;
        found.sort_by(|a, b| {
            let by_effect = b.effect.total_cmp(&a.effect);
            by_effect
                .then_with(|| is_beyond_service(a).cmp(&is_beyond_service(b)))
                .then(a.facet.cmp(&b.facet))
        });
        found
    }
}
