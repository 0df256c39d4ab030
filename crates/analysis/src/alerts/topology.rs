//! Which services call which: the paths that transactions really took.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::by_name::ByName;

/// Services that are known; the first of them stay.
pub const MAX_SERVICES: usize = 5_000;

/// Calls between two services that are known.
pub const MAX_CALLS: usize = 50_000;

/// Instances that are known: the latest of a service matter, and pods come and go.
pub const MAX_INSTANCES: usize = 20_000;

/// Types that calls are told apart by; what is beyond shares the last bit.
const MAX_TYPES: usize = 64;

/// Nanoseconds after which a call or an instance that no transaction took any more is forgotten.
const FORGOTTEN: u64 = 26 * 3600 * 1_000_000_000;

/// One hop of a transaction, as its place in the topology asks.
#[derive(Clone, Copy, Debug)]
pub struct CallStep<'a> {
    /// The service.
    pub service: &'a str,
    /// Who owns it.
    pub department: &'a str,
    /// Which one of it.
    pub instance: &'a str,
    /// The service that called it; empty at a root.
    pub caller: &'a str,
}

/// What found no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopologyOver {
    /// Hops of services over [`MAX_SERVICES`].
    pub services: u64,
    /// Hops of calls over [`MAX_CALLS`].
    pub calls: u64,
    /// Hops of instances over [`MAX_INSTANCES`].
    pub instances: u64,
    /// Transactions of types that share the last bit.
    pub types: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Service {
    department: String,
    callees: ByName<Call>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Call {
    seen: u64,
    /// Bits of the types whose transactions took it.
    types: u64,
    count: u64,
}

/// Services, their departments, and who calls whom.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Topology {
    services: ByName<Service>,
    instances: ByName<(String, u64)>,
    departments: BTreeSet<String>,
    types: Vec<String>,
    calls: usize,
    tidied: u64,
    over: TopologyOver,
}

impl Topology {
    /// Learns the hops of one transaction of a type.
    pub fn learn<'a>(&mut self, steps: impl Iterator<Item = CallStep<'a>>, kind: &str, now: u64) {
        let bit = self.type_bit(kind);
        for step in steps {
            self.step(step, bit, now);
        }
        if now.saturating_sub(self.tidied) > FORGOTTEN / 24 {
            self.tidy(now);
        }
    }

    fn step(&mut self, step: CallStep<'_>, bit: u64, now: u64) {
        if step.service.is_empty() || !self.know(step.service, step.department) {
            return;
        }
        if !step.instance.is_empty() && step.instance != step.service {
            if let Some((_, seen)) = self.instances.get_mut(step.instance) {
                *seen = now;
            } else if self.instances.len() < MAX_INSTANCES {
                self.instances.insert(step.instance.to_owned(), (step.service.to_owned(), now));
            } else {
                self.over.instances += 1;
            }
        }
        if step.caller.is_empty() || step.caller == step.service {
            return;
        }
        let Some(caller) = self.services.get_mut(step.caller) else { return };
        if let Some(call) = caller.callees.get_mut(step.service) {
            *call = Call { seen: now, types: call.types | bit, count: call.count + 1 };
        } else if self.calls < MAX_CALLS {
            self.calls += 1;
            caller.callees.insert(step.service.to_owned(), Call { seen: now, types: bit, count: 1 });
        } else {
            self.over.calls += 1;
        }
    }

    fn know(&mut self, service: &str, department: &str) -> bool {
        if let Some(known) = self.services.get_mut(service) {
            if known.department != department {
                department.clone_into(&mut known.department);
                self.departments.insert(department.to_owned());
            }
            return true;
        }
        if self.services.len() >= MAX_SERVICES {
            self.over.services += 1;
            return false;
        }
        let new = Service { department: department.to_owned(), callees: ByName::default() };
        self.departments.insert(department.to_owned());
        self.services.insert(service.to_owned(), new);
        true
    }

    fn type_bit(&mut self, kind: &str) -> u64 {
        let found = self.types.iter().position(|known| known == kind).or_else(|| {
            (self.types.len() < MAX_TYPES).then(|| {
                self.types.push(kind.to_owned());
                self.types.len() - 1
            })
        });
        self.over.types += u64::from(found.is_none());
        1 << found.unwrap_or(MAX_TYPES - 1)
    }

    /// What found no room since the last call.
    pub(super) fn take_over(&mut self) -> TopologyOver {
        std::mem::take(&mut self.over)
    }

    fn tidy(&mut self, now: u64) {
        self.tidied = now;
        let is_young = |seen: u64| now.saturating_sub(seen) < FORGOTTEN;
        self.instances.retain(|_, (_, seen)| is_young(*seen));
        for service in self.services.values_mut() {
            service.callees.retain(|_, call| is_young(call.seen));
        }
        self.calls = self.services.values().map(|service| service.callees.len()).sum();
    }

    /// The service of this name.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&str> {
        self.services.get_key_value(name).map(|(name, _)| name.as_str())
    }

    /// The service that this is an instance of.
    #[must_use]
    pub fn service_of_instance(&self, instance: &str) -> Option<&str> {
        self.instances.get(instance).map(|(service, _)| service.as_str())
    }

    /// Who owns a service.
    #[must_use]
    pub fn department(&self, service: &str) -> Option<&str> {
        self.services.get(service).map(|service| service.department.as_str())
    }

    /// Whether any service belongs to it.
    #[must_use]
    pub fn has_department(&self, name: &str) -> bool {
        self.departments.contains(name)
    }

    /// The bit of a type, if transactions of it were seen.
    pub(super) fn bit_of(&self, kind: &str) -> Option<u64> {
        self.types.iter().position(|known| known == kind).map(|at| 1 << at)
    }

    /// What a service calls, in transactions of these types.
    pub(super) fn callees(&self, service: &str, types: u64) -> impl Iterator<Item = &str> {
        let callees = self.services.get(service).map(|service| service.callees.iter());
        callees
            .into_iter()
            .flatten()
            .filter(move |(_, call)| call.types & types != 0)
            .map(|(name, _)| name.as_str())
    }

    /// All calls: caller, callee, and how many transactions' hops took it.
    pub fn calls(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.services.iter().flat_map(|(caller, service)| {
            service.callees.iter().map(move |(callee, call)| (caller.as_str(), callee.as_str(), call.count))
        })
    }
}
