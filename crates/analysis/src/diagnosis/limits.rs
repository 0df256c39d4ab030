//! Limits of what a diagnosis holds, and the numbers that its judgement is made of, each with its reason.

/// Different names (services, operations, versions, instances, attributes): beyond it they are one, called `other`.
pub(crate) const MAX_NAMES: usize = 65_536;
/// Types of transactions, of all tenants: beyond it they are one, called `other`. At some 2 kB each that is 8 MB.
pub(crate) const MAX_TYPES: usize = 4_096;
/// A longer name is `other`.
pub(crate) const MAX_NAME_BYTES: usize = 512;
/// Baselines of times. At 1 kB each, and up to 4 kB once all hours of the week are known, a full table is 40 MB.
pub(crate) const MAX_SERIES: usize = 8_192;
/// Populations whose mix is watched.
pub(crate) const MAX_MIXES: usize = 4_096;
/// Hours of the week in which a category of a mix came more often, over all mixes: 1.6 MB and their keys.
pub(crate) const MAX_HABITS: usize = 65_536;
/// Categories of one mix; what is over it is counted with the population only.
pub(crate) const MAX_CATEGORIES: usize = 32;
/// Instances and versions told apart for one baseline.
pub(crate) const MAX_TRAITS: usize = 32;
/// Attribute values, versions, instances, hosts and places told apart for one type of transaction.
pub(crate) const MAX_FACETS: usize = 512;
/// Types of transactions for which they are told apart.
pub(crate) const MAX_FACET_GROUPS: u32 = 256;
/// Of these, so many of one transaction.
pub(crate) const MAX_FACETS_SEEN: usize = 128;
/// Values of one attribute: one that has more (an amount, an id) says nothing.
pub(crate) const MAX_VALUES: usize = 32;
/// A longer value is no category.
pub(crate) const MAX_VALUE_BYTES: usize = 96;
/// Falls of the number of transactions that are told of at one time.
pub(crate) const MAX_FALLS: usize = 64;
/// Changes that were told of and are remembered: a busy bank makes some hundred a day, and only those of the last quarter of an hour count.
pub(crate) const MAX_TOLD: usize = 500;
/// Facets counted of one incident.
pub(crate) const MAX_CASE_FACETS: usize = 2_048;
/// A row not seen for so many slots may give its place to a new one: a day.
pub(crate) const STALE_SLOTS: u64 = 8_640;
/// Unusual transactions remembered until an incident claims them.
pub(crate) const MAX_RECENT: usize = 512;
/// Incidents remembered, the open ones included.
pub(crate) const MAX_INCIDENTS: usize = 256;
/// Customers of one incident that are told apart.
pub(crate) const MAX_CUSTOMERS: usize = 4_096;
/// Suspects and examples listed: a person reads no more.
pub(crate) const MAX_SUSPECTS: usize = 10;
/// Transactions named as examples.
pub(crate) const MAX_EXAMPLES: usize = 5;
/// Hops of one transaction that are looked at: what a path lists, without the one that all the rest are folded into.
pub(crate) const MAX_HOPS_SEEN: usize = crate::MAX_HOPS - 1;

/// Length of a slot: judgement comes so often, well under the minute that detection may take.
pub(crate) const SLOT_NS: u64 = 10_000_000_000;
/// Slots of an hour.
pub(crate) const SLOTS_AN_HOUR: u64 = 3_600_000_000_000 / SLOT_NS;
/// Slots held before they become baseline: two minutes, so that what is found within them never does.
pub(crate) const SLOTS: u64 = 12;
/// Windows that are judged, in slots: short for what is plain, long for what is rare.
pub(crate) const WINDOWS: [u64; 3] = [2, 6, 12];
/// Slots of an incident that are looked at to say when it began.
pub(crate) const MAX_ONSET_SLOTS: usize = 36;
