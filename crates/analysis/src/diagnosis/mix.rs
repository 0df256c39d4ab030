//! How often what happens at one place: which children an operation calls, whether it fails, how transactions end.

use serde::{Deserialize, Serialize};

use super::habits::{Habits, Part};
use super::limits::{MAX_CATEGORIES, SLOTS, WINDOWS};
use super::series::slot_bit;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Sort {
    /// The set of an operation's children.
    Shape,
    /// Whether an operation failed by itself.
    Error,
    /// Whether a transaction lacks its last step.
    Missing,
}

impl Sort {
    /// The greatest share that an hour of the week makes usual. Of errors and of what lacks its end no hour brings so many that nothing may be said
    /// any more: a finding needs twice what is usual, so that from half of them on it is always one.
    fn most_of_habit(self) -> f32 {
        if self == Self::Shape { 1.0 } else { MAX_HABIT }
    }

    /// The share that is usual in a slot by the hour of the week, where over all it is `base`.
    pub(crate) fn usual_at(self, habits: &Habits, of: (u32, u64), slot: u64, base: f32) -> f32 {
        habits.usual(of.0, of.1, slot, base).min(self.most_of_habit()).max(base)
    }
}

/// At which place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct MixKey {
    pub(crate) group: u32,
    pub(crate) sort: Sort,
    pub(crate) service: u32,
    pub(crate) operation: u32,
}

/// A child as a shape knows it: service and operation.
pub(crate) type Child = (u32, u32);

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Count {
    slot: u64,
    all: u32,
    /// Of these, so many that something further down explains.
    explained: u32,
}

/// One of the things that happen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Category {
    pub(crate) hash: u64,
    /// Children of a shape, in the order in which they were called when it was seen first.
    pub(crate) children: Vec<Child>,
    /// The child that was called last when it was seen first.
    pub(crate) last_child: Option<Child>,
    pub(crate) weight: f32,
    /// In a later look at the same: what is learnt for the one after it.
    next: f32,
    counts: Vec<Count>,
}

/// A category that happens more often than it should.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Odd {
    pub(crate) category: usize,
    pub(crate) score: f32,
    pub(crate) hits: u32,
    pub(crate) of: u32,
    pub(crate) usual: f32,
    /// It never was before.
    pub(crate) is_new: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Mix {
    pub(crate) department: u32,
    pub(crate) last: u64,
    pub(crate) categories: Vec<Category>,
    pub(crate) total: f32,
    /// Slot, population, whether it is learnt, whether it belongs to an incident.
    slots: Vec<(u64, u32, bool, bool)>,
    held: u32,
    /// Slots that it has learnt from, as far as they matter.
    age: u32,
    /// In a later look at the same: total and age for the one after it.
    next: Option<(f32, u32)>,
}

/// Below this weight each slot is learnt at once.
const YOUNG: f32 = 60.0;
/// The least weight that judges.
const MATURE: f32 = 30.0;
/// From here on the past is halved.
const MAX_WEIGHT: f32 = 20_000.0;
/// What happens more often than this is no rarity.
const RARE: f32 = 0.02;
/// Occurrences that are worth a word.
const MIN_HITS: u32 = 2;
/// Counts of what is known to happen wander more than chance allows: scores are divided by it.
const WANDER: f32 = 1.4;
/// Scores are divided by one and so many for each slot learnt: after a minute and a half by two, after a quarter of an hour hardly.
const UNSEEN: f32 = 6.0;
/// The mix of what is usual wanders with what customers do.
const WANDER_OF_USUAL: f32 = 2.5;
/// More of what is as usual as this is no finding.
const MAX_USUAL: f32 = 0.25;
/// The greatest share of errors that is a habit of an hour: a quarter.
const MAX_HABIT: f32 = 0.25;
/// Slots of an incident after which what it brought is the new normal: an hour.
const ADAPT_SLOTS: u32 = 360;

impl Category {
    /// In which of the last slots it came by itself, as bits.
    pub(crate) fn slots(&self, slot: u64) -> u16 {
        let own = self.counts.iter().filter(|count| count.all > count.explained);
        own.fold(0, |bits, count| bits | slot_bit(count.slot, slot))
    }

    /// How often it came in a window by itself: nothing further down explains it.
    pub(crate) fn own_count(&self, slot: u64, length: u64) -> u32 {
        let counts = self.counts.iter().filter(|count| count.slot + length > slot);
        counts.map(|count| count.all - count.explained.min(count.all)).sum()
    }
}

impl Mix {
    pub(crate) fn new(department: u32) -> Self {
        Self {
            department,
            last: 0,
            categories: Vec::new(),
            total: 0.0,
            slots: Vec::new(),
            held: 0,
            age: 0,
            next: None,
        }
    }

    fn usual(&self, category: &Category) -> f32 {
        (category.weight + 0.5) / (self.total + 1.0)
    }

    /// Whether a category is so rare that one occurrence is worth a remark.
    pub(crate) fn is_rare(&self, hash: u64) -> bool {
        let known = self.categories.iter().find(|category| category.hash == hash);
        self.total >= MATURE && known.is_none_or(|category| self.usual(category) < RARE)
    }

    /// Whether a category may become a finding.
    pub(crate) fn is_suspicious(&self, hash: u64) -> bool {
        let known = self.categories.iter().find(|category| category.hash == hash);
        self.total >= MATURE && known.is_none_or(|category| self.usual(category) < MAX_USUAL)
    }

    /// Of errors: whether there was a time in which it did not fail.
    pub(crate) fn has_worked(&self) -> bool {
        self.categories.iter().any(|category| category.hash == 0 && category.weight >= MATURE / 2.0)
    }

    /// Counts one occurrence; `false` where there is no room to tell it from others.
    pub(crate) fn add(
        &mut self,
        slot: u64,
        hash: u64,
        explained: bool,
        shape: impl FnOnce() -> (Vec<Child>, Option<Child>),
    ) -> bool {
        self.last = slot;
        match self.slots.last_mut() {
            Some(last) if last.0 == slot => last.1 += 1,
            _ => self.slots.push((slot, 1, false, false)),
        }
        let at = match self.categories.iter().position(|category| category.hash == hash) {
            Some(at) => at,
            None if self.categories.len() < MAX_CATEGORIES => {
                let (children, last_child) = shape();
                self.categories.push(Category {
                    hash,
                    children,
                    last_child,
                    weight: 0.0,
                    next: 0.0,
                    counts: Vec::new(),
                });
                self.categories.len() - 1
            }
            None => return false,
        };
        let counts = &mut self.categories[at].counts;
        if counts.last().is_none_or(|count| count.slot != slot) {
            counts.push(Count { slot, all: 0, explained: 0 });
        }
        if let Some(count) = counts.last_mut() {
            count.all += 1;
            count.explained += u32::from(explained);
        }
        true
    }

    /// The categories that are out of the normal in a window up to `slot`, each in the window in which it is furthest out.
    /// `usual_now` says what share of a category this hour brings, where over all it is the second.
    pub(crate) fn judge(&self, slot: u64, sort: Sort, usual_now: impl Fn(u64, f32) -> f32) -> Vec<Odd> {
        let mut odd: Vec<Odd> = Vec::new();
        if self.total < MATURE {
            return odd;
        }
        // A short history has not seen how a mix wanders.
        let unseen = 1.0 + UNSEEN / (self.age.max(1) as f32);
        for length in WINDOWS {
            let of: u32 = self.slots.iter().filter(|part| part.0 + length > slot).map(|part| part.1).sum();
            for (category, entry) in self.categories.iter().enumerate() {
                let base = self.usual(entry);
                let usual = usual_now(entry.hash, base);
                let is_known = entry.weight >= 0.5 || usual > base;
                // That something does not fail is no finding.
                if (sort != Sort::Shape && entry.hash == 0) || (sort == Sort::Shape && usual >= MAX_USUAL) {
                    continue;
                }
                let counts = entry.counts.iter().filter(|count| count.slot + length > slot);
                let (all, explained) = counts.fold((0, 0), |sum, c| (sum.0 + c.all, sum.1 + c.explained));
                let hits = all - explained.min(all);
                if hits < MIN_HITS {
                    continue;
                }
                let wander = match usual {
                    _ if !is_known => 1.0,
                    _ if sort != Sort::Shape || usual < RARE => WANDER,
                    _ => WANDER_OF_USUAL,
                };
                let new = Odd {
                    category,
                    score: surprise(hits, of, usual) / (wander * unseen),
                    hits,
                    of,
                    usual,
                    is_new: !is_known,
                };
                match odd.iter_mut().find(|other| other.category == category) {
                    Some(other) if other.score >= new.score => {}
                    Some(other) => *other = new,
                    None => odd.push(new),
                }
            }
        }
        odd
    }

    /// The usual category that this one, without what is new in it, is a part of: what is missing is what it lacks, in the order of calls.
    pub(crate) fn missing(&self, odd: usize) -> Vec<Child> {
        let Some(category) = self.categories.get(odd) else { return Vec::new() };
        let gained = self.new_children(odd);
        let known: Vec<&Child> = category.children.iter().filter(|child| !gained.contains(child)).collect();
        let whole = self
            .categories
            .iter()
            .filter(|other| other.children.len() > known.len() && self.usual(other) >= RARE)
            .filter(|other| known.iter().all(|child| other.children.contains(child)))
            .max_by(|a, b| a.weight.total_cmp(&b.weight));
        let lacks =
            whole.map(|whole| whole.children.iter().filter(|child| !category.children.contains(child)));
        lacks.map(|children| children.copied().collect()).unwrap_or_default()
    }

    /// Children of the usual categories, those of each in the order of calls.
    pub(crate) fn usual_children(&self) -> impl Iterator<Item = Child> {
        let usual = self.categories.iter().filter(|category| self.usual(category) >= RARE);
        usual.flat_map(|category| category.children.iter().copied())
    }

    /// Categories that are no usual ones and came in a window of so many slots, and how often.
    pub(crate) fn odd_ones(&self, slot: u64, length: u64) -> impl Iterator<Item = (usize, u32)> {
        let count = move |category: &Category| -> u32 {
            category.counts.iter().filter(|count| count.slot + length > slot).map(|count| count.all).sum()
        };
        let odd = self.categories.iter().enumerate().filter(|(_, category)| self.usual(category) < RARE);
        odd.map(move |(at, category)| (at, count(category))).filter(|(_, count)| *count > 0)
    }

    /// How many came in a window of so many slots, and how many usually do.
    pub(crate) fn population(&self, slot: u64, length: u64) -> (u32, f32) {
        let now = self.slots.iter().filter(|part| part.0 + length > slot).map(|part| part.1).sum();
        (now, self.total / self.age.max(1) as f32 * length as f32)
    }

    /// Children that no usual category has.
    pub(crate) fn new_children(&self, odd: usize) -> Vec<Child> {
        let Some(category) = self.categories.get(odd) else { return Vec::new() };
        let known = |child: &&Child| {
            !self.categories.iter().any(|other| self.usual(other) >= RARE && other.children.contains(child))
        };
        category.children.iter().filter(known).copied().collect()
    }

    /// What came will come again.
    pub(crate) fn look_again(&mut self) {
        if let Some((total, age)) = self.next.filter(|(total, _)| *total >= MATURE) {
            (self.total, self.age) = (total, age);
            self.categories.iter_mut().for_each(|category| category.weight = category.next);
        }
        for category in &mut self.categories {
            category.next = 0.0;
            category.counts.clear();
        }
        self.slots.clear();
        (self.last, self.held, self.next) = (0, 0, Some((0.0, 0)));
    }

    /// The current window belongs to an incident: in a later look all of it, for there is more to learn from.
    pub(crate) fn mark_bad(&mut self, slot: u64) {
        let length = if self.next.is_some() { SLOTS } else { 2 };
        for part in self.slots.iter_mut().filter(|part| part.0 + length > slot) {
            part.3 = true;
        }
    }

    /// A slot ends: what is old enough becomes normal. What this hour brings anyway does not become normal for others.
    pub(crate) fn turn(
        &mut self,
        slot: u64,
        (number, sort): (u32, Sort),
        habits: &mut Habits,
        with_habits: bool,
    ) {
        let young = self.next.is_none() && self.total < YOUNG;
        let is_again = self.next.is_some();
        for at in 0..self.slots.len() {
            let (part, population, learnt, bad) = self.slots[at];
            if learnt || !(young || part + SLOTS <= slot) {
                continue;
            }
            self.slots[at].2 = true;
            self.held = if bad { self.held + 1 } else { 0 };
            let total = self.total;
            let learns = !bad || self.held > ADAPT_SLOTS;
            for category in &mut self.categories {
                let counts = category.counts.iter().filter(|count| count.slot == part);
                let hits: u32 = counts.map(|count| count.all).sum();
                let base = (category.weight + 0.5) / (total + 1.0);
                let is_told = if sort == Sort::Shape { base < MAX_USUAL } else { category.hash != 0 };
                let of = (number, category.hash);
                let usual = if is_told && with_habits { sort.usual_at(habits, of, part, base) } else { base };
                if is_told && (hits > 0 || !bad) {
                    let seen = Part { slot: part, hits, of: population, bad, base, usual };
                    habits.learn(number, category.hash, seen);
                }
                if learns {
                    let learnt = if is_again { &mut category.next } else { &mut category.weight };
                    *learnt += hits as f32 * base / usual;
                }
            }
            if learns {
                let (total, age) = match &mut self.next {
                    Some((total, age)) => (total, age),
                    None => (&mut self.total, &mut self.age),
                };
                *total += population as f32;
                *age = age.saturating_add(1);
            }
        }
        self.slots.retain(|part| part.0 + SLOTS > slot);
        for category in &mut self.categories {
            category.counts.retain(|count| count.slot + SLOTS > slot);
        }
        if self.total > MAX_WEIGHT {
            self.total *= 0.5;
            self.categories.iter_mut().for_each(|category| category.weight *= 0.5);
        }
        if self.categories.len() == MAX_CATEGORIES {
            self.categories
                .retain(|category| category.weight.max(category.next) >= 1.0 || !category.counts.is_empty());
        }
    }
}

/// Standard deviations by which `hits` of `of` exceed a usual share: root of the likelihood ratio.
pub(crate) fn surprise(hits: u32, of: u32, usual: f32) -> f32 {
    let (k, n) = (hits as f32, of.max(hits) as f32);
    let share = k / n;
    if share <= usual {
        return 0.0;
    }
    let inside = k * (share / usual).ln();
    let outside = if k < n { (n - k) * ((1.0 - share) / (1.0 - usual)).ln() } else { 0.0 };
    (2.0 * (inside + outside)).max(0.0).sqrt()
}
