//! One time that is watched: its baseline, its last two minutes, and who of its instances and versions deviates.

use serde::{Deserialize, Serialize};

use super::baseline::Baseline;
use super::limits::{MAX_TRAITS, SLOTS, WINDOWS};
use super::scale::bucket;
use super::season::Season;

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Measure {
    Own,
    Database,
    Partner,
    Network,
    Queue,
}

/// Which time: names are numbers of [`super::names::Names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct SeriesKey {
    /// Type of transaction, of a tenant.
    pub(crate) group: u32,
    pub(crate) measure: Measure,
    /// Calling service; empty unless the way from it is what is timed.
    pub(crate) caller: u32,
    pub(crate) service: u32,
    pub(crate) operation: u32,
}

/// Ten seconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Slot {
    number: u64,
    transactions: u32,
    hits: u32,
    deviation: f32,
    /// Shifts that were taken for normal, and how far off the median its transactions were beyond that, in all; octaves.
    shift: f32,
    offset: f32,
    strange: u32,
    excess_ns: f64,
    buckets: Vec<(u8, u16)>,
    learnt: bool,
    /// It belongs to an incident and never becomes baseline.
    bad: bool,
}

/// What distinguishes hops of one series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Trait {
    Instance,
    Version,
    Host,
    Configuration,
}

/// One instance or version: its observations of late.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TraitCount {
    pub(crate) what: Trait,
    pub(crate) value: u32,
    pub(crate) since: u64,
    pub(crate) last: u64,
    /// Fades by a fifth each slot, as the deviation.
    pub(crate) weight: f32,
    pub(crate) deviation: f32,
}

/// What one transaction showed of a series.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Without what is normal at this time.
    pub(crate) position: f32,
    pub(crate) deviation: f32,
    pub(crate) offset: f32,
    pub(crate) shift: f32,
    pub(crate) excess_ns: f64,
    pub(crate) strange: bool,
    pub(crate) hit: bool,
}

/// A window that is out of the normal.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Deviant {
    pub(crate) score: f32,
    /// How unusual the number of hits alone is.
    pub(crate) hit_score: f32,
    pub(crate) transactions: u32,
    pub(crate) hits: u32,
    pub(crate) excess_ns: f64,
    pub(crate) deviation: f32,
    /// In which of the last slots there are hits, as bits.
    pub(crate) slots: u16,
}

impl Deviant {
    /// Nanoseconds that a transaction takes longer, on average.
    pub(crate) fn per_transaction(&self) -> f64 {
        self.excess_ns / f64::from(self.transactions.max(1))
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Series {
    /// Of times without the shift of their hour.
    pub(crate) baseline: Baseline,
    pub(crate) season: Season,
    /// What is normal now beyond the baseline, octaves, from and to, and the mean time with it; taken anew in each slot.
    range: (f32, f32),
    pub(crate) usual_ns: f64,
    pub(crate) department: u32,
    pub(crate) traits: Vec<TraitCount>,
    pub(crate) last: u64,
    slots: Vec<Slot>,
    held: u32,
    /// In a later look at the same: what is learnt for the one after it.
    next: Option<Box<Baseline>>,
}

/// The bit of one of the last slots.
pub(crate) fn slot_bit(number: u64, slot: u64) -> u16 {
    1u16.checked_shl(slot.saturating_sub(number) as u32).unwrap_or(0)
}

/// A baseline of less weight learns each slot at once: it has nothing yet to judge by.
const YOUNG: f32 = 60.0;
/// The least weight of a baseline that judges.
pub(crate) const MATURE: f32 = 20.0;
/// Slots of an incident after which what it brought is the new normal: an hour.
const ADAPT_SLOTS: u32 = 360;
/// What a trait's past weighs one slot later.
const FADE: f32 = 0.8;

impl Series {
    pub(crate) fn new(baseline: Baseline, season: Season, department: u32) -> Self {
        let usual_ns = baseline.mean_ns();
        Self {
            baseline,
            season,
            range: (0.0, 0.0),
            usual_ns,
            department,
            traits: Vec::new(),
            last: 0,
            slots: Vec::new(),
            held: 0,
            next: None,
        }
    }

    /// Before the first observation of a slot: what is normal in it.
    pub(crate) fn prepare(&mut self, slot: u64, with_seasons: bool) {
        if self.last != slot {
            self.last = slot;
            self.range = if with_seasons { self.season.range(slot) } else { (0.0, 0.0) };
            self.usual_ns = self.baseline.shifted_ns(self.range.1);
        }
    }

    pub(crate) fn is_mature(&self) -> bool {
        self.baseline.weight() >= MATURE
    }

    /// The shift that is normal for a time at this position: of what is normal now, what suits it best.
    pub(crate) fn shift_of(&self, position: f32) -> f32 {
        self.baseline.above_median(position).clamp(self.range.0, self.range.1)
    }

    pub(crate) fn add(&mut self, slot: u64, seen: &Seen) {
        if self.slots.last().is_none_or(|last| last.number != slot) {
            self.slots.push(Slot { number: slot, ..Slot::default() });
        }
        let Some(last) = self.slots.last_mut() else { return };
        last.transactions += 1;
        last.hits += u32::from(seen.hit);
        last.strange += u32::from(seen.strange);
        last.deviation += seen.deviation;
        last.offset += seen.offset;
        last.shift += seen.shift;
        last.excess_ns += seen.excess_ns;
        let at = bucket(seen.position) as u8;
        match last.buckets.iter_mut().find(|(other, _)| *other == at) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => last.buckets.push((at, 1)),
        }
    }

    /// Counts an instance, version, host or configuration; `false` where there is no room for it.
    /// `since` is the slot in which the transaction ended: it is told of later.
    pub(crate) fn add_trait(
        &mut self,
        (since, slot): (u64, u64),
        what: Trait,
        value: u32,
        deviation: f32,
    ) -> bool {
        let found = self.traits.iter_mut().find(|entry| entry.what == what && entry.value == value);
        if let Some(entry) = found {
            entry.weight += 1.0;
            entry.deviation += deviation;
            entry.last = slot;
            return true;
        }
        let new = TraitCount { what, value, since: since.min(slot), last: slot, weight: 1.0, deviation };
        if self.traits.len() < MAX_TRAITS {
            self.traits.push(new);
            return true;
        }
        let oldest = self.traits.iter_mut().min_by_key(|entry| entry.last);
        let Some(oldest) = oldest.filter(|oldest| oldest.last + SLOTS < slot) else { return false };
        *oldest = new;
        true
    }

    /// The window up to `slot` that is furthest out.
    pub(crate) fn judge(&self, slot: u64, with_strange: bool) -> Option<Deviant> {
        if !self.is_mature() {
            return None;
        }
        let windows = WINDOWS.iter().filter_map(|&length| self.window(slot, length, with_strange));
        windows.max_by(|a, b| a.score.total_cmp(&b.score))
    }

    /// The window of so many slots up to `slot`, if there is anything in it.
    pub(crate) fn window(&self, slot: u64, length: u64, with_strange: bool) -> Option<Deviant> {
        let mut sum = Deviant::default();
        let mut strange = 0;
        for part in self.slots.iter().filter(|part| part.number + length > slot) {
            strange += if with_strange { part.strange } else { 0 };
            sum.transactions += part.transactions;
            sum.hits += part.hits;
            sum.excess_ns += part.excess_ns;
            sum.deviation += part.deviation;
        }
        if sum.transactions == 0 {
            return None;
        }
        for part in self.slots.iter().filter(|part| part.hits > 0 && part.number + SLOTS > slot) {
            sum.slots |= slot_bit(part.number, slot);
        }
        let n = sum.transactions as f32;
        sum.deviation /= n;
        sum.score =
            self.baseline.score(n, sum.deviation).max(self.baseline.strange_score(sum.transactions, strange));
        sum.hit_score = self.baseline.hit_score(sum.transactions, sum.hits);
        Some(sum)
    }

    /// How many transactions had it in a window of so many slots.
    pub(crate) fn population(&self, slot: u64, length: u64) -> u32 {
        self.slots.iter().filter(|part| part.number + length > slot).map(|part| part.transactions).sum()
    }

    /// The current window belongs to an incident: in a later look all of it, for there is more to learn from.
    pub(crate) fn mark_bad(&mut self, slot: u64) {
        let length = if self.next.is_some() { SLOTS } else { 2 };
        for part in self.slots.iter_mut().filter(|part| part.number + length > slot) {
            part.bad = true;
        }
    }

    /// What came will come again.
    pub(crate) fn look_again(&mut self) {
        if let Some(next) = self.next.take().filter(|next| next.weight() >= MATURE) {
            self.baseline = *next;
        }
        (self.season, self.range, self.usual_ns) = (Season::default(), (0.0, 0.0), self.baseline.mean_ns());
        (self.last, self.held) = (0, 0);
        self.slots.clear();
        self.traits.clear();
        self.next = Some(Box::default());
    }

    /// A slot ends: what is old enough becomes baseline.
    pub(crate) fn turn(&mut self, slot: u64) {
        for entry in &mut self.traits {
            entry.weight *= FADE;
            entry.deviation *= FADE;
        }
        let young = self.next.is_none() && self.baseline.weight() < YOUNG;
        let Self { slots, baseline, season, held, next, .. } = self;
        slots.retain_mut(|part| {
            let leaves = part.number + SLOTS <= slot;
            if (leaves || young) && !part.learnt {
                part.learnt = true;
                *held = if part.bad { *held + 1 } else { 0 };
                let n = part.transactions.max(1) as f32;
                let shift = (part.shift + part.offset) / n - baseline.mean_offset();
                let is_known = baseline.weight() >= MATURE;
                if part.bad && is_known {
                    season.learn_bad(part.number, shift, n);
                }
                if !part.bad || *held > ADAPT_SLOTS {
                    if is_known {
                        season.learn(part.number, shift, n);
                    }
                    let learns = next.as_deref_mut().unwrap_or(baseline);
                    learns.learn(&part.buckets, part.deviation / part.transactions.max(1) as f32);
                }
            }
            !leaves
        });
    }
}
