//! A plan, compiled: from the name of an attribute to what is asked of it, in time that does not grow with the plan.

use std::ops::Range;

use crate::{
    failure::{FAILURES, Failure},
    plan::{MatchScope, Matcher, ScanPlan},
};

/// A [`ScanPlan`] ready for scanning; share it by `Arc`.
#[derive(Debug)]
pub struct CompiledPlan {
    plan: ScanPlan,
    pub(crate) span: Lookup,
    pub(crate) resource: Lookup,
}

impl CompiledPlan {
    /// Compiles a plan.
    #[must_use]
    pub fn new(plan: ScanPlan) -> Self {
        let told = Told {
            database: &["db.system", "db.system.name"],
            failures: if plan.failures { &FAILURES } else { &[] },
        };
        let span = Lookup::new(&plan.span_keys, &plan.matchers, told, |scope| scope != MatchScope::Resource);
        let resource = Lookup::new(&plan.resource_keys, &plan.matchers, Told::default(), |scope| {
            scope != MatchScope::Span
        });
        Self { plan, span, resource }
    }

    /// What was compiled.
    #[must_use]
    pub fn plan(&self) -> &ScanPlan {
        &self.plan
    }

    /// Version of the configuration.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.plan.version
    }
}

impl From<ScanPlan> for CompiledPlan {
    fn from(plan: ScanPlan) -> Self {
        Self::new(plan)
    }
}

/// What is asked of attributes of one name.
#[derive(Debug, Default)]
pub(crate) struct Interest {
    key: Box<[u8]>,
    /// Range of [`Lookup::slots`]: where its text goes. A name configured twice has two.
    slots: Range<usize>,
    /// Range of [`Lookup::matchers`].
    matchers: Range<usize>,
    /// Its presence says that the span calls a database.
    pub(crate) database: bool,
    /// Its value may say that the span failed.
    pub(crate) failure: Option<Failure>,
}

/// Names that tell of a span itself, whatever else is asked of them.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    database: &'static [&'static str],
    failures: &'static [(&'static str, Failure)],
}

/// Names to interests.
#[derive(Debug)]
pub(crate) struct Lookup {
    /// Bit n: some name has n bytes (the last one: 63 or more). Most attributes end here.
    lengths: u64,
    /// Open addressing, at most a quarter full, so that a search ends. 0 is empty, else the index of an interest plus 1.
    table: Box<[(u32, u16)]>,
    interests: Vec<Interest>,
    slots: Vec<u16>,
    matchers: Vec<Matcher>,
    /// Number of slots.
    pub(crate) slot_count: usize,
}

impl Lookup {
    fn new(keys: &[Box<str>], matchers: &[Matcher], told: Told, looks_here: fn(MatchScope) -> bool) -> Self {
        let wanted = || matchers.iter().filter(|matcher| looks_here(matcher.scope));
        let mut names: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
        names.extend(wanted().map(|matcher| &*matcher.key));
        names.extend(told.database);
        names.extend(told.failures.iter().map(|(name, _)| name));
        names.sort_unstable();
        names.dedup();

        let size = (names.len() * 4).next_power_of_two().max(64);
        let mut lookup = Self {
            lengths: 0,
            table: vec![(0, 0); size].into_boxed_slice(),
            interests: Vec::with_capacity(names.len()),
            slots: Vec::new(),
            matchers: Vec::new(),
            slot_count: keys.len(),
        };
        for name in names {
            let (first_slot, first_matcher) = (lookup.slots.len(), lookup.matchers.len());
            // Slots and interests are configured by people; 65,535 of them are more than any wire can use.
            lookup.slots.extend((0u16..).zip(keys).filter(|(_, key)| &***key == name).map(|(slot, _)| slot));
            lookup.matchers.extend(wanted().filter(|matcher| &*matcher.key == name).cloned());
            lookup.insert(Interest {
                key: name.as_bytes().into(),
                slots: first_slot..lookup.slots.len(),
                matchers: first_matcher..lookup.matchers.len(),
                database: told.database.contains(&name),
                failure: told.failures.iter().find(|(key, _)| *key == name).map(|(_, failure)| *failure),
            });
        }
        lookup
    }

    fn insert(&mut self, interest: Interest) {
        let Ok(index) = u16::try_from(self.interests.len() + 1) else { return };
        self.lengths |= length_bit(&interest.key);
        let (fingerprint, mut at) = self.place(&interest.key);
        while self.table[at].1 != 0 {
            at = (at + 1) & (self.table.len() - 1);
        }
        self.table[at] = (fingerprint, index);
        self.interests.push(interest);
    }

    /// What is asked of an attribute.
    #[inline(always)]
    pub(crate) fn find(&self, key: &[u8]) -> Option<&Interest> {
        if self.lengths & length_bit(key) == 0 { None } else { self.search(key) }
    }

    #[inline]
    fn search(&self, key: &[u8]) -> Option<&Interest> {
        let (fingerprint, mut at) = self.place(key);
        loop {
            let (print, index) = self.table[at];
            if index == 0 {
                return None;
            }
            if print == fingerprint {
                let interest = self.interests.get(usize::from(index) - 1)?;
                if *interest.key == *key {
                    return Some(interest);
                }
            }
            at = (at + 1) & (self.table.len() - 1);
        }
    }

    #[inline]
    fn place(&self, key: &[u8]) -> (u32, usize) {
        let hash = hash(key);
        ((hash >> 32) as u32, hash as usize & (self.table.len() - 1))
    }

    /// Slots that an attribute's text goes to.
    #[inline]
    pub(crate) fn slots(&self, interest: &Interest) -> &[u16] {
        self.slots.get(interest.slots.clone()).unwrap_or_default()
    }

    /// Questions to an attribute's value.
    #[inline]
    pub(crate) fn matchers(&self, interest: &Interest) -> &[Matcher] {
        self.matchers.get(interest.matchers.clone()).unwrap_or_default()
    }
}

#[inline]
fn length_bit(key: &[u8]) -> u64 {
    1 << key.len().min(63)
}

/// Mixes the ends of a name and its length. Collisions cost a comparison, and only names of the plan are in the table, so nobody outside can lengthen a search.
#[inline]
fn hash(key: &[u8]) -> u64 {
    let ends = match (key.first_chunk(), key.last_chunk()) {
        (Some(first), Some(last)) => u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(29),
        _ => key.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte)),
    };
    let mixed = (ends ^ key.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::AttributeTest;

    #[test]
    fn finds_every_key_and_nothing_else() {
        let keys: Vec<Box<str>> = (0..500).map(|n| format!("app.attribute.{n}").into()).collect();
        let lookup =
            Lookup::new(&keys, &[], Told { database: &["db.system"], failures: &FAILURES }, |_| true);
        for (slot, key) in keys.iter().enumerate() {
            let interest = lookup.find(key.as_bytes()).unwrap();
            assert_eq!(lookup.slots(interest), [slot as u16]);
            assert!(!interest.database && interest.failure.is_none());
        }
        assert_eq!(lookup.find(b"http.status_code").unwrap().failure, Some(Failure::Http));
        assert!(lookup.find(b"db.system").unwrap().database);
        for other in ["", "a", "db.systeM", "app.attribute.500", "app.attribute.1x", &"x".repeat(200)] {
            assert!(lookup.find(other.as_bytes()).is_none(), "{other}");
        }
    }

    #[test]
    fn one_name_may_have_several_slots_and_matchers() {
        let keys: Vec<Box<str>> = vec!["a".into(), "b".into(), "a".into()];
        let matcher = |scope, bit| Matcher { scope, key: "a".into(), test: AttributeTest::Bool(true), bit };
        let matchers =
            [matcher(MatchScope::Span, 1), matcher(MatchScope::Resource, 2), matcher(MatchScope::Any, 3)];
        let lookup = Lookup::new(&keys, &matchers, Told::default(), |scope| scope != MatchScope::Resource);
        let interest = lookup.find(b"a").unwrap();
        assert_eq!(lookup.slots(interest), [0, 2]);
        let bits: Vec<u8> = lookup.matchers(interest).iter().map(|matcher| matcher.bit).collect();
        assert_eq!(bits, [1, 3]);
    }
}
