//! Policies that limit a rate.

use std::collections::BTreeSet;

use super::{Compiler, Place, named};
use crate::{
    decide::Branch,
    draw::Salt,
    key::Field,
    limit::{Limit, Unit},
    rule::Rule,
    settings::{self, PolicySettings},
};

/// A bucket holds so many seconds of a rate where no burst is written, as in the Collector.
const DEFAULT_BURST: f64 = 2.0;

impl Compiler<'_> {
    pub(super) fn rate_limiting(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::RateLimiting = self.block(policy, place)?;
        let rate = self.positive(place, "rate_limiting.spans_per_second", block.spans_per_second);
        let fair_by = self.fields(place, &block.fair_by, false);
        let burst = block.burst_capacity;
        Some(self.bucket(place, Unit::Spans, (rate, burst), fair_by, "rate_limiting.burst_capacity"))
    }

    pub(super) fn bytes_limiting(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::BytesLimiting = self.block(policy, place)?;
        let rate = self.positive(place, "bytes_limiting.bytes_per_second", block.bytes_per_second);
        let fair_by = self.fields(place, &block.fair_by, false);
        let burst = block.burst_capacity;
        Some(self.bucket(place, Unit::Bytes, (rate, burst), fair_by, "bytes_limiting.burst_capacity"))
    }

    pub(super) fn throughput_limiting(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::ThroughputLimiting = self.block(policy, place)?;
        let key = "throughput_limiting.transactions_per_second";
        let rate = self.positive(place, key, block.transactions_per_second);
        let fair_by = self.fields(place, &block.fair_by, false);
        let key = "throughput_limiting.burst_capacity";
        Some(self.bucket(place, Unit::Transactions, (rate, block.burst_capacity), fair_by, key))
    }

    /// A limit of the whole, of which this partition has its part; a burst also says how large one transaction may be, so it is not divided.
    fn bucket(
        &mut self,
        place: Place<'_>,
        unit: Unit,
        (rate, burst): (f64, f64),
        fair_by: Vec<Field>,
        key: &str,
    ) -> Rule {
        if burst < 0.0 || !burst.is_finite() {
            self.fault(place.path, key, &burst.to_string(), "0, for twice the rate, or more is expected");
        }
        let part = rate / f64::from(self.options.partitions.max(1));
        let burst = if burst > 0.0 { burst } else { part * DEFAULT_BURST };
        let what = match unit {
            Unit::Spans => "spans",
            Unit::Bytes => "bytes",
            Unit::Transactions => "transactions",
        };
        let fair = if fair_by.is_empty() { "" } else { ", shared fairly" };
        self.limit(place.path, unit, (part, burst), fair_by, format!("within {rate} {what} a second{fair}"))
    }

    fn limit(
        &mut self,
        name: &str,
        unit: Unit,
        (rate, burst): (f64, f64),
        fair_by: Vec<Field>,
        about: String,
    ) -> Rule {
        let name = unused(name, self.out.limits.iter().map(|limit| &*limit.name));
        let salt = self.salt_of("limit", &name);
        self.out.limits.push(Limit {
            name: name.into(),
            about: about.into(),
            salt,
            unit,
            rate,
            burst,
            fair_by,
        });
        Rule::Limit { limit: self.out.limits.len() - 1 }
    }

    /// A salt that no draw of a policy can have: what has it is independent of all else.
    pub(super) fn salt_of(&mut self, kind: &str, name: &str) -> usize {
        let text = format!("{kind}\0{name}");
        let known = self.out.salts.iter().position(|salt| *salt.text == *text);
        known.unwrap_or_else(|| {
            self.out.salts.push(Salt::new(&text));
            self.out.salts.len() - 1
        })
    }

    pub(super) fn composite(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Vec<Branch>> {
        let block: settings::Composite = self.block(policy, place)?;
        let total = block.max_total_spans_per_second;
        let total = self.positive(place, "composite.max_total_spans_per_second", total);
        let list = &block.composite_sub_policy;
        if list.is_empty() {
            self.fault(place.path, "composite.composite_sub_policy", "[]", "at least one policy is needed");
            return None;
        }
        self.composite_names(&block, place);
        let mut branches = Vec::new();
        for (index, sub) in list.iter().enumerate() {
            let allocated = block.rate_allocation.iter().rfind(|rate| rate.policy == sub.name);
            // What has no part of its own gets an equal part, as in the Collector.
            let share = allocated.map(|rate| rate.percent / 100.0).filter(|share| *share > 0.0);
            let rate = total * share.unwrap_or(1.0 / list.len() as f64).min(1.0);
            let part = rate / f64::from(self.options.partitions.max(1));
            let path = format!("{}/{}", place.path, named(sub, index));
            let keep = self.limit(
                &path,
                Unit::Spans,
                (part, part),
                Vec::new(),
                format!("within {rate} spans a second"),
            );
            if let Some(condition) = self.nested(sub, index, place) {
                branches.push(Branch { name: path.into(), condition, keep });
            }
        }
        (branches.len() == list.len()).then_some(branches)
    }

    /// Names that are no sub-policy's are mistakes.
    fn composite_names(&mut self, block: &settings::Composite, place: Place<'_>) {
        let mut known = BTreeSet::new();
        for sub in &block.composite_sub_policy {
            if !known.insert(sub.name.as_str()) {
                let key = "composite.composite_sub_policy";
                self.fault(place.path, key, &sub.name, "two sub-policies have this name");
            }
        }
        for name in block.policy_order.iter().filter(|name| !known.contains(name.as_str())) {
            self.fault(place.path, "composite.policy_order", name, "no sub-policy has this name");
        }
        for rate in &block.rate_allocation {
            if !known.contains(rate.policy.as_str()) {
                let key = "composite.rate_allocation";
                self.fault(place.path, key, &rate.policy, "no sub-policy has this name");
            }
        }
    }
}

/// A name that no other has: nested policies may share theirs.
pub(super) fn unused<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    match known.filter(|known| known.split('#').next() == name.split('#').next()).count() {
        0 => name.to_owned(),
        before => format!("{name}#{before}"),
    }
}
