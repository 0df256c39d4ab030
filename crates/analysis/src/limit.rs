//! At most [`MAX_HOPS`] hops: those that are alike become one, then those that matter least become one, called `other`.
//!
//! What folds first is told by names alone, so that a transaction with more hops than a path lists still looks the same each time: what is chosen by its
//! time looks different whenever times wander.

use std::cmp::Reverse;

use hashbrown::HashMap;

use crate::path::{Hop, MAX_HOPS};

/// Reused memory of the limit.
#[derive(Debug, Default)]
pub(crate) struct Limit {
    order: Vec<u32>,
    /// New index of each hop that stays.
    places: Vec<i32>,
    added: Vec<usize>,
    /// Hops that stay, by what they have in common with others.
    alike: HashMap<Hop, i32, foldhash::fast::FixedState>,
}

/// Not decided yet, or folded.
const FOLDED: i32 = -1;
/// Stays; its index is not yet known.
const STAYS: i32 = 0;

impl Limit {
    /// Folds siblings that are alike, neighbours or not. Where that is not enough, keeps those that failed and those with most time on the path, and all
    /// that lead to them, and folds the rest into one.
    pub(crate) fn apply(&mut self, hops: &mut Vec<Hop>, other: u32) {
        if hops.len() <= MAX_HOPS {
            return;
        }
        self.fold_alike(hops);
        if hops.len() <= MAX_HOPS {
            return;
        }
        self.order.clear();
        self.order.extend(0..hops.len() as u32);
        self.order.sort_unstable_by_key(|&index| {
            let hop = &hops[index as usize];
            (hop.errors == 0, Reverse(hop.critical), Reverse(hop.duration), index)
        });
        self.places.clear();
        self.places.resize(hops.len(), FOLDED);
        let mut room = MAX_HOPS - 1;
        for position in 0..self.order.len() {
            if room == 0 {
                break;
            }
            room -= self.keep(hops, self.order[position] as usize, room);
        }
        self.compact(hops, other);
    }

    /// Makes one of siblings that are alike, and so on down. Callers stay before callees.
    fn fold_alike(&mut self, hops: &mut Vec<Hop>) {
        self.alike.clear();
        self.places.clear();
        let mut kept = 0;
        for index in 0..hops.len() {
            let mut hop = hops[index];
            if let Ok(parent) = usize::try_from(hop.parent) {
                hop.parent = self.places[parent];
            }
            let place = *self.alike.entry(identity(&hop)).or_insert(kept as i32);
            self.places.push(place);
            if place as usize == kept {
                hops[kept] = hop;
                kept += 1;
            } else {
                fold(&mut hops[place as usize], &hop);
            }
        }
        hops.truncate(kept);
    }

    /// Keeps a hop and all above it if there is room; answers how many that were.
    fn keep(&mut self, hops: &[Hop], index: usize, room: usize) -> usize {
        self.added.clear();
        let mut at = Some(index);
        while let Some(index) = at.filter(|&index| self.places[index] == FOLDED) {
            if self.added.len() == room {
                return 0;
            }
            self.added.push(index);
            at = usize::try_from(hops[index].parent).ok();
        }
        for &index in &self.added {
            self.places[index] = STAYS;
        }
        self.added.len()
    }

    fn compact(&mut self, hops: &mut Vec<Hop>, other: u32) {
        let mut rest = Hop { operation: other, parent: -1, start: i64::MAX, ..Hop::default() };
        let mut kept = 0;
        for index in 0..hops.len() {
            let mut hop = hops[index];
            if self.places[index] == FOLDED {
                fold(&mut rest, &hop);
                continue;
            }
            self.places[index] = kept as i32;
            if let Ok(parent) = usize::try_from(hop.parent) {
                hop.parent = self.places[parent];
            }
            hops[kept] = hop;
            kept += 1;
        }
        hops.truncate(kept);
        hops.push(rest);
    }
}

/// A hop without what differs among those that are alike: its times and counts.
fn identity(hop: &Hop) -> Hop {
    Hop {
        department: hop.department,
        service: hop.service,
        operation: hop.operation,
        version: hop.version,
        instance: hop.instance,
        host: hop.host,
        kind: hop.kind,
        parent: hop.parent,
        ..Hop::default()
    }
}

fn fold(rest: &mut Hop, hop: &Hop) {
    rest.start = rest.start.min(hop.start);
    rest.count = rest.count.saturating_add(hop.count);
    rest.errors = rest.errors.saturating_add(hop.errors);
    for (sum, value) in [
        (&mut rest.duration, hop.duration),
        (&mut rest.self_time, hop.self_time),
        (&mut rest.network, hop.network),
        (&mut rest.queue, hop.queue),
        (&mut rest.critical, hop.critical),
        (&mut rest.critical_network, hop.critical_network),
        (&mut rest.critical_queue, hop.critical_queue),
    ] {
        *sum = sum.saturating_add(value);
    }
}
