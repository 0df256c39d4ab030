//! Other rules from here on: open traces stay open, and what they hold is numbered as these rules number it.

use std::sync::Arc;

use super::{
    Traces,
    trace::{ERROR_TYPE, Side},
};
use crate::rules::Rules;

impl Traces {
    /// What was seen of an open trace is not scanned again: a key or an attribute that only these rules ask for is found in spans from here on. What policies match
    /// says nothing for spans of before, and the summary tells so.
    pub(super) fn switch(&mut self, rules: Arc<Rules>) {
        self.scanner.set_plan(Arc::clone(&rules.plan));
        let before = std::mem::replace(&mut self.rules, rules);
        if before.version == self.rules.version {
            return;
        }
        let (old, new) = (&before.settings.transactions, &self.rules.settings.transactions);
        let keys = places(&old.keys, &new.keys);
        let attributes = places(&before.captured, &self.rules.captured);
        for slot in 0..self.slots.len() as u32 {
            if let Some(Some(trace)) = self.slots.get_mut(slot as usize) {
                trace.mixed = true;
                trace.matches = 0;
                if let Some(side) = &mut trace.side {
                    side.renumber(&keys, &attributes);
                }
            }
            self.watch(slot);
        }
    }
}

/// Where each of the old names stands among the new ones.
fn places<T: PartialEq>(old: &[T], new: &[T]) -> Vec<Option<u32>> {
    let place = |name: &T| new.iter().position(|other| other == name).map(|place| place as u32);
    old.iter().map(place).collect()
}

impl Side {
    fn renumber(&mut self, keys: &[Option<u32>], attributes: &[Option<u32>]) {
        let new = |places: &[Option<u32>], old: u32| places.get(old as usize).copied().flatten();
        let known = std::mem::take(&mut self.keys);
        self.keys = known.into_iter().filter_map(|(place, value)| Some((new(keys, place)?, value))).collect();
        self.keys.sort_unstable();
        self.attributes.retain_mut(|captured| match new(attributes, captured.index) {
            _ if captured.index == ERROR_TYPE => true,
            Some(index) => {
                captured.index = index;
                true
            }
            None => false,
        });
    }
}
