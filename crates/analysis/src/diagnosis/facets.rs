//! What transactions can have in common beyond their path: attributes, types of errors, versions, instances, hosts and places.
//!
//! For each type a fading count of what the healthy ones have; what those of an incident have far more often than that is evidence.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

pub(crate) use super::facet::{Facet, FacetKey};
use super::flow::{Fall, Flow};
use super::fluctuation::Entry;
use super::input::Finished;
use super::limits::{MAX_FACETS, MAX_FACETS_SEEN, MAX_VALUE_BYTES, MAX_VALUES};
use super::mix::surprise;
use super::names::EMPTY;
use super::observe::HopNames;
use super::over::{Limit, LimitHits};
use super::table::Table;

/// The attribute of a transaction that says what kind of error it met. It is none that customers have: how many come of each is no flow.
const ERROR_TYPE: &str = "error.type";

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Count {
    healthy: f32,
    /// Of an attribute, as all that follows.
    text: String,
    flow: Flow,
    entry: Entry,
}

/// An attribute, and how many values of it were met.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Values {
    key: u32,
    count: usize,
}

/// What the healthy transactions of one type have.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Facets {
    counts: Table<Facet, Count>,
    keys: Vec<Values>,
    healthy: f32,
    /// A row that hardly counts any more: it may give its place to another.
    stale: Option<u32>,
}

/// What a healthy transaction weighs one slot later: half of it is left after eight minutes.
const FADE: f32 = 0.985;
/// A row of fewer healthy ones may give its place to another.
const STALE: f32 = 0.5;
/// Healthy ones that a comparison needs.
const MIN_HEALTHY: f32 = 20.0;
/// Hit ones that it needs.
const MIN_HITS: u32 = 5;
/// The least effect that is told: difference of shares over the deviation of their mean. 0.8 is called large.
const MIN_EFFECT: f64 = 0.8;
/// Standard deviations by which it must be beyond chance.
const MIN_SURPRISE: f32 = 4.0;
/// Of the others so many come at least, where only one value falls.
const OTHERS: f32 = 0.75;
/// What not even half of those that are hit have is not what they share.
const MIN_SHARE: f64 = 0.5;

/// Something that those that are hit share and healthy ones lack.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shared {
    pub(crate) facet: Facet,
    /// Share of those that are hit.
    pub(crate) hit: f64,
    /// Share of healthy ones of the same types.
    pub(crate) healthy: f64,
    pub(crate) effect: f64,
}

impl Facets {
    /// The attributes of this transaction, into `into`. `attribute` gives the number of an attribute's name.
    pub(crate) fn of_attributes(
        &mut self,
        finished: &Finished<'_>,
        mut attribute: impl FnMut(&str) -> u32,
        into: &mut Vec<Facet>,
        over: &mut LimitHits,
    ) {
        into.clear();
        for (key, value) in finished.attributes {
            let number = attribute(key);
            if value.is_empty() || value.len() > MAX_VALUE_BYTES {
                continue;
            }
            let key = if *key == ERROR_TYPE { FacetKey::ErrorType } else { FacetKey::Attribute(number) };
            let facet = Facet { key, value: xxh3_64(value.as_bytes()) };
            let number = key.attribute().unwrap_or(number);
            if self.is_known(facet, number) || self.learn_value(number, facet, value, over) {
                into.push(facet);
            }
        }
        into.sort_unstable_by_key(Facet::order);
    }

    /// Whether this value of the attribute of this number is told apart already.
    fn is_known(&self, facet: Facet, key: u32) -> bool {
        let is_open = self.keys.iter().any(|known| known.key == key && known.count <= MAX_VALUES);
        is_open && self.counts.find(&facet).is_some()
    }

    /// A value of an attribute that is new; `false` where the attribute has too many to be told apart by.
    fn learn_value(&mut self, key: u32, facet: Facet, value: &str, over: &mut LimitHits) -> bool {
        let at = self.keys.iter().position(|known| known.key == key).unwrap_or_else(|| {
            self.keys.push(Values { key, count: 0 });
            self.keys.len() - 1
        });
        if self.keys[at].count > MAX_VALUES {
            return false;
        }
        let has_row = self.row(facet, value).is_some();
        if !has_row {
            over.hit(Limit::Facets);
        }
        self.keys[at].count += usize::from(has_row);
        has_row
    }

    fn row(&mut self, facet: Facet, text: &str) -> Option<u32> {
        if let Some(number) = self.counts.find(&facet) {
            return Some(number);
        }
        let count =
            Count { healthy: 0.0, text: text.to_owned(), flow: Flow::default(), entry: (EMPTY, EMPTY) };
        if self.counts.len() < MAX_FACETS {
            return Some(self.counts.push(facet, count));
        }
        // Since it was chosen it may have come again.
        let stale = self.stale.take()?;
        self.counts.get(stale).filter(|count| count.healthy < STALE)?;
        self.leave(stale);
        self.counts.replace(stale, facet, count);
        Some(stale)
    }

    /// A row gives its place away: of an attribute that is told apart by its values, that is one value less.
    fn leave(&mut self, number: u32) {
        let attribute = self.counts.key(number).and_then(|facet| facet.key.attribute());
        let of_it = |known: &&mut Values| attribute == Some(known.key) && known.count <= MAX_VALUES;
        if let Some(known) = self.keys.iter_mut().find(of_it) {
            known.count = known.count.saturating_sub(1);
        }
    }

    /// Counts a healthy transaction.
    pub(crate) fn add(&mut self, facets: &[Facet], over: &mut LimitHits) {
        self.healthy += 1.0;
        for facet in facets {
            match self.row(*facet, "").and_then(|number| self.counts.get_mut(number)) {
                Some(count) => count.healthy += 1.0,
                None => over.hit(Limit::Facets),
            }
        }
    }

    /// Counts that one came, healthy or not.
    pub(crate) fn arrive(&mut self, facets: &[Facet], entry: Entry, weight: u32) {
        // Attributes sort first.
        for facet in facets.iter().take_while(|facet| matches!(facet.key, FacetKey::Attribute(_))) {
            let row = self.counts.find(facet).and_then(|number| self.counts.get_mut(number));
            if let Some(count) = row {
                count.flow.add(weight);
                count.entry = entry;
            }
        }
    }

    /// A slot ends.
    pub(crate) fn turn(&mut self, slot: u64, is_silent: bool) {
        self.healthy *= FADE;
        for (facet, count) in self.counts.rows_mut() {
            count.healthy *= FADE;
            if matches!(facet.key, FacetKey::Attribute(_)) {
                count.flow.turn(slot, is_silent);
            }
        }
        if self.counts.len() >= MAX_FACETS && self.stale.is_none() {
            let mut rows = self.counts.iter();
            self.stale = rows.find(|(_, _, count)| count.healthy < STALE).map(|(number, ..)| number);
        }
    }

    /// Share of the healthy ones that have it; `None` where there are too few to say.
    pub(crate) fn share(&self, facet: &Facet) -> Option<f64> {
        let count = self.counts.find(facet).and_then(|number| self.counts.get(number));
        (self.healthy >= MIN_HEALTHY)
            .then(|| f64::from(count.map_or(0.0, |count| count.healthy)) / f64::from(self.healthy))
    }

    /// Services and instances, and the share of the healthy ones that have each; none where there are too few to say.
    pub(crate) fn instances(&self) -> impl Iterator<Item = (u32, u32, f64)> {
        let known = self.counts.iter().filter(|_| self.healthy >= MIN_HEALTHY);
        known.filter_map(|(_, facet, count)| match (facet.key, u32::try_from(facet.value)) {
            (FacetKey::Instance(service), Ok(instance)) => {
                Some((service, instance, f64::from(count.healthy) / f64::from(self.healthy)))
            }
            _ => None,
        })
    }

    /// The value of an attribute of which far fewer come, the others as usual: the one that most are missing of.
    pub(crate) fn fallen(&self) -> Option<(Facet, Fall)> {
        let windows: Vec<(Facet, Fall)> = self
            .counts
            .iter()
            .filter_map(|(_, facet, count)| Some((*facet, count.flow.window_of()?)))
            .collect();
        let fallen = self.counts.iter().filter_map(|(_, facet, count)| Some((*facet, count.flow.fall()?)));
        let stands_out = |(facet, fall): &(Facet, Fall)| {
            let of_key = |other: &&(Facet, Fall)| other.0.key == facet.key && other.0 != *facet;
            let others = windows
                .iter()
                .filter(of_key)
                .fold((0.0, 0.0), |sum, (_, window)| (sum.0 + window.count as f32, sum.1 + window.usual));
            // Where others come in their place it is a new name, no fall.
            let gained = others.0 - others.1;
            others.1 > 0.0 && others.0 > OTHERS * others.1 && gained < 0.5 * (fall.usual - fall.count as f32)
        };
        let missing = |fall: &Fall| fall.usual - fall.count as f32;
        fallen.filter(stands_out).max_by(|a, b| missing(&a.1).total_cmp(&missing(&b.1)))
    }

    /// How many of a value come.
    pub(crate) fn flow(&self, facet: &Facet) -> Option<&Flow> {
        self.counts.find(facet).and_then(|number| self.counts.get(number)).map(|count| &count.flow)
    }

    /// Where transactions with a value begin.
    pub(crate) fn entry(&self, facet: &Facet) -> Option<Entry> {
        self.counts.find(facet).and_then(|number| self.counts.get(number)).map(|count| count.entry)
    }

    /// After a gap nothing is known of how many come.
    pub(crate) fn forget_flows(&mut self) {
        self.counts.values_mut().for_each(|count| count.flow.forget());
    }

    /// The text of an attribute's value.
    pub(crate) fn text(&self, facet: &Facet) -> Option<&str> {
        let count = self.counts.find(facet).and_then(|number| self.counts.get(number))?;
        Some(count.text.as_str())
    }
}

/// Adds what a transaction's resources have to what its attributes say: all in order, each once.
pub(crate) fn add_resources(
    resources: impl Iterator<Item = HopNames>,
    into: &mut Vec<Facet>,
    over: &mut LimitHits,
) {
    for hop in resources.filter(|hop| hop.service != EMPTY) {
        let [region, zone, cluster] = hop.place;
        let of_hop = [
            (FacetKey::Version(hop.service), hop.version),
            (FacetKey::Configuration(hop.service), hop.configuration),
            (FacetKey::Instance(hop.service), hop.instance),
            (FacetKey::Host, hop.host),
            (FacetKey::Region, region),
            (FacetKey::RegionOf(hop.service), region),
            (FacetKey::Zone, zone),
            (FacetKey::ZoneOf(hop.service), zone),
            (FacetKey::Cluster, cluster),
            (FacetKey::Service, hop.service),
        ];
        for (key, value) in of_hop.into_iter().filter(|(_, value)| *value != EMPTY) {
            into.push(Facet { key, value: u64::from(value) });
        }
    }
    into.sort_unstable_by_key(Facet::order);
    into.dedup();
    if into.len() > MAX_FACETS_SEEN {
        over.add(Limit::FacetsSeen, (into.len() - MAX_FACETS_SEEN) as u64);
        into.sort_unstable_by_key(|facet| (facet.key.rank(), facet.order()));
        into.truncate(MAX_FACETS_SEEN);
        into.sort_unstable_by_key(Facet::order);
    }
}

/// What fewer of those that are hit have is not what they share.
pub(crate) fn is_half(hits: u32, of: u32) -> bool {
    f64::from(hits) >= MIN_SHARE * f64::from(of)
}

/// Whether `hits` of `of` have it far more often than the healthy ones, of whom `healthy` is the share.
pub(crate) fn shared(facet: Facet, hits: u32, of: u32, healthy: f64) -> Option<Shared> {
    let hit = f64::from(hits) / f64::from(of.max(1));
    let mean = (hit + healthy) / 2.0;
    let effect = (hit - healthy) / (mean * (1.0 - mean)).max(1e-6).sqrt();
    let is_plain = of >= MIN_HITS
        && hit >= MIN_SHARE
        && effect >= MIN_EFFECT
        && surprise(hits, of, healthy.clamp(0.01, 0.99) as f32) >= MIN_SURPRISE;
    is_plain.then_some(Shared { facet, hit, healthy, effect })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANNEL: Facet = Facet { key: FacetKey::Attribute(7), value: 1 };

    #[test]
    fn what_all_have_is_nothing_and_what_few_healthy_ones_have_is_evidence() {
        assert!(shared(CHANNEL, 20, 20, 0.95).is_none(), "nearly all have it");
        assert!(shared(CHANNEL, 4, 4, 0.1).is_none(), "too few to say");
        assert!(shared(CHANNEL, 10, 30, 0.05).is_none(), "most of those that are hit lack it");
        let found = shared(CHANNEL, 19, 20, 0.3).unwrap();
        assert!(found.effect > 1.0 && found.hit > 0.9);
    }

    #[test]
    fn numbers_sort_as_facets_do() {
        let keys = [
            FacetKey::Attribute(7),
            FacetKey::Version(3),
            FacetKey::Configuration(9),
            FacetKey::Instance(0),
            FacetKey::Instance(u32::MAX),
            FacetKey::Host,
            FacetKey::ErrorType,
            FacetKey::Region,
            FacetKey::Zone,
            FacetKey::Cluster,
            FacetKey::RegionOf(1),
            FacetKey::ZoneOf(0),
            FacetKey::Service,
        ];
        let all = keys.iter().flat_map(|key| [0, 5, u64::MAX].map(|value| Facet { key: *key, value }));
        let all: Vec<Facet> = all.collect();
        for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
            assert_eq!(a.order().cmp(&b.order()), a.cmp(b), "{a:?} and {b:?}");
        }
    }

    #[test]
    fn an_attribute_with_ever_new_values_is_left_out() {
        let mut facets = Facets::default();
        let mut seen = Vec::new();
        for number in 0..1_000 {
            let amount = number.to_string();
            let attributes = [("amount", amount.as_str()), ("channel", "mobile")];
            let finished = crate::diagnosis::input::tests::finished(&attributes);
            let mut over = LimitHits::default();
            facets.of_attributes(&finished, |key| if key == "amount" { 2 } else { 3 }, &mut seen, &mut over);
            facets.add(&seen, &mut over);
        }
        assert_eq!(seen.len(), 1);
        assert_eq!(facets.text(&seen[0]), Some("mobile"));
        assert!(facets.share(&seen[0]).is_some_and(|share| share > 0.99));
    }

    /// Takes a transaction with one value of an attribute, a healthy one.
    fn take(facets: &mut Facets, attribute: (&str, &str), seen: &mut Vec<Facet>) {
        let attributes = [attribute];
        facets.of_attributes(
            &crate::diagnosis::input::tests::finished(&attributes),
            |_| 7,
            seen,
            &mut LimitHits::default(),
        );
        facets.add(seen, &mut LimitHits::default());
    }

    #[test]
    fn a_full_table_does_not_close_an_attribute() {
        let (mut facets, mut seen) = (Facets::default(), Vec::new());
        let hosts = (0..MAX_FACETS as u64).map(|value| Facet { key: FacetKey::Host, value });
        facets.add(&hosts.collect::<Vec<_>>(), &mut LimitHits::default());
        // More than may be told apart come while there is no place.
        for _ in 0..2 * MAX_VALUES {
            take(&mut facets, ("channel", "mobile"), &mut seen);
            assert!(seen.is_empty());
        }
        // And then each has its place for as long as it comes.
        for day in 0..3 * MAX_VALUES {
            (0..60).for_each(|slot| facets.turn(slot, false));
            take(&mut facets, ("channel", &day.to_string()), &mut seen);
            assert_eq!(seen.len(), 1, "value {day}");
        }
    }

    #[test]
    fn what_came_again_keeps_its_place() {
        let (mut facets, mut seen) = (Facets::default(), Vec::new());
        let hosts: Vec<Facet> =
            (0..MAX_FACETS as u64).map(|value| Facet { key: FacetKey::Host, value }).collect();
        facets.add(&hosts, &mut LimitHits::default());
        (0..60).for_each(|slot| facets.turn(slot, false));
        facets.add(&hosts, &mut LimitHits::default());
        take(&mut facets, ("channel", "mobile"), &mut seen);
        assert!(seen.is_empty() && hosts.iter().all(|host| facets.counts.find(host).is_some()));
    }

    #[test]
    fn of_a_wide_transaction_the_error_and_the_places_are_kept() {
        let (mut facets, mut seen) = (Facets::default(), Vec::new());
        let hop = |number: u32| HopNames {
            service: 1_000 + number,
            version: 3,
            instance: 5_000 + number,
            host: 9_000 + number,
            place: [4, 5, 6],
            ..HopNames::default()
        };
        let hops: Vec<HopNames> = (0..200).map(hop).collect();
        let attributes = [("channel", "mobile"), (ERROR_TYPE, "timeout")];
        let finished = crate::diagnosis::input::tests::finished(&attributes);
        let mut over = LimitHits::default();
        facets.of_attributes(&finished, |key| if key == ERROR_TYPE { 8 } else { 7 }, &mut seen, &mut over);
        add_resources(hops.into_iter(), &mut seen, &mut over);
        let has = |key| seen.iter().any(|facet| facet.key == key);
        assert_eq!(seen.len(), MAX_FACETS_SEEN);
        assert!(matches!(seen[0].key, FacetKey::Attribute(7)), "attributes sort first");
        let few = [FacetKey::ErrorType, FacetKey::Region, FacetKey::Zone, FacetKey::Cluster];
        assert!(few.into_iter().all(has));
    }
}
