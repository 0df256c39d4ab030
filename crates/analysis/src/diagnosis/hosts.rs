//! A host that several services are slow on, and what else those that are hit have in common: said of the first suspect.

use std::collections::BTreeMap;

use super::Diagnosis;
use super::case::{Account, Case};
use super::facets::{FacetKey, Shared};
use super::incident::Common;
use super::mix::surprise;
use super::names::EMPTY;
use super::series::Trait;
use super::settings::Method;
use super::words::confined_to;

/// What is shared where it is a service that all went through.
pub(super) const SERVICE: &str = "service";

/// Things in common that are told of one incident.
const MAX_SHARED: usize = 3;
/// What the other services on a host weigh at least, against the heaviest: less is chance.
const OTHERS: f64 = 0.2;

/// Those that are hit share an instance where nearly all have it that have one of its service.
const NEARLY_ALL: f64 = 0.8;
/// Not one that most healthy ones have too.
const HALF: f32 = 0.7;
/// Standard deviations by which that is beyond chance.
const NO_CHANCE: f32 = 2.5;

/// Services that are slow on one host only.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) host: u32,
    /// The heaviest first.
    pub(crate) services: Vec<u32>,
    /// Of all of them.
    pub(crate) weight: f64,
}

impl Diagnosis {
    /// The host that several services of a case have in common.
    pub(crate) fn common_host(&self, case: &Case, slot: u64) -> Option<Host> {
        if !self.settings.has(Method::Shared) {
            return None;
        }
        let mut found: Vec<Host> = Vec::new();
        let mut accounts: Vec<(&u32, &Account)> = case.accounts.iter().collect();
        accounts.sort_by(|a, b| b.1.weight.total_cmp(&a.1.weight).then(a.0.cmp(b.0)));
        for (&service, account) in accounts {
            let Some((host, is_plain)) = self.host_of(service, account, slot) else { continue };
            match found.iter_mut().find(|other| other.host == host) {
                Some(other) => {
                    other.services.push(service);
                    other.weight += account.weight;
                }
                // A service with one instance says nothing of the host by itself.
                None if is_plain => {
                    found.push(Host { host, services: vec![service], weight: account.weight });
                }
                None => {}
            }
        }
        let heaviest = |host: &Host| case.accounts.get(&host.services[0]).map_or(0.0, |first| first.weight);
        found.retain(|host| host.services.len() > 1 && host.weight >= heaviest(host) * (1.0 + OTHERS));
        found.into_iter().max_by(|a, b| a.weight.total_cmp(&b.weight))
    }

    /// The host that a service is slow on, and whether it runs on others too, where it is not.
    fn host_of(&self, service: u32, account: &Account, slot: u64) -> Option<(u32, bool)> {
        let known = |instance: u32| self.hosts.get(instance as usize).copied().filter(|host| *host != EMPTY);
        match confined_to(account) {
            Some((Trait::Host, host)) => Some((host, true)),
            Some((Trait::Instance, instance)) => known(instance).map(|host| (host, true)),
            Some((Trait::Version | Trait::Configuration, _)) => None,
            None => self.only_instance(service, slot).and_then(known).map(|host| (host, false)),
        }
    }

    /// Where an instance was seen last.
    pub(crate) fn note_host(&mut self, instance: u32, host: u32) {
        if instance == EMPTY || host == EMPTY {
            return;
        }
        let at = instance as usize;
        if self.hosts.len() <= at {
            self.hosts.resize(at + 1, EMPTY);
        }
        self.hosts[at] = host;
    }

    /// The instance of each service that those that are hit share, where healthy ones have others of it; in a later look, which knows enough healthy ones.
    pub(crate) fn shared_instances(&self, case: &Case) -> BTreeMap<u32, u32> {
        if !self.is_again || !self.settings.has(Method::Shared) {
            return BTreeMap::new();
        }
        let shares = case.instances(&self.groups).into_iter().filter_map(|(service, of)| {
            let (hits, healthy) = of.values().fold((0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            let (instance, (hit, usual)) = of.into_iter().max_by_key(|(_, one)| one.0)?;
            let usual = (usual / f64::max(healthy, f64::MIN_POSITIVE)).clamp(0.01, 1.0) as f32;
            let is_plain = f64::from(hit) >= NEARLY_ALL * f64::from(hits) && usual < HALF;
            (is_plain && surprise(hit, hits, usual) >= NO_CHANCE).then_some((service, instance))
        });
        shares.collect()
    }

    /// What those that are hit have in common.
    pub(crate) fn in_common(&self, case: &Case) -> Vec<Common> {
        let mut told: Vec<&Shared> = Vec::new();
        let shared = case.shared(&self.groups);
        for one in &shared {
            // The pod, its host and its version are one thing where they go together.
            let is_same = |other: &&Shared| {
                other.facet.key != one.facet.key
                    && !is_of_itself(other.facet.key)
                    && !is_of_itself(one.facet.key)
                    && (other.hit - one.hit).abs() < 0.02
                    && (other.healthy - one.healthy).abs() < 0.05
            };
            if told.len() < MAX_SHARED && !told.iter().any(is_same) {
                told.push(one);
            }
        }
        told.into_iter()
            .map(|one| {
                let (what, value) = self.what(case, one);
                Common { what, value, share: one.hit, healthy: one.healthy }
            })
            .collect()
    }

    fn what(&self, case: &Case, shared: &Shared) -> (String, String) {
        let name = |id: u32| self.names.name(id).to_owned();
        let named = || name(u32::try_from(shared.facet.value).unwrap_or(EMPTY));
        match shared.facet.key {
            FacetKey::Attribute(_) | FacetKey::ErrorType => {
                let mut groups = case.groups_hit().filter_map(|group| self.groups.get(group));
                let text = groups.find_map(|group| group.facets.text(&shared.facet));
                let what = if let FacetKey::Attribute(key) = shared.facet.key {
                    name(key)
                } else {
                    "error type".to_owned()
                };
                (what, text.unwrap_or_default().to_owned())
            }
            FacetKey::Version(service) => (format!("{} version", name(service)), named()),
            FacetKey::Configuration(service) => (format!("{} configuration", name(service)), named()),
            FacetKey::Instance(service) => (format!("{} instance", name(service)), named()),
            FacetKey::Host => ("host".to_owned(), named()),
            FacetKey::Region => ("region".to_owned(), named()),
            FacetKey::Zone => ("zone".to_owned(), named()),
            FacetKey::Cluster => ("cluster".to_owned(), named()),
            FacetKey::RegionOf(service) => (format!("{} region", name(service)), named()),
            FacetKey::ZoneOf(service) => (format!("{} zone", name(service)), named()),
            FacetKey::Service => (SERVICE.to_owned(), named()),
        }
    }
}

/// Whether it says something of the transaction, not of where it went.
fn is_of_itself(key: FacetKey) -> bool {
    matches!(key, FacetKey::Attribute(_) | FacetKey::ErrorType)
}
