//! What is in flight as a person asks for it: the closed traces of open transactions, and traces that are still open themselves. Each is shown as it would be
//! if it closed now.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use thiserror::Error;
use throughline_assembly::{
    decide::{Decided, Decider, Verdict},
    names::{Name, NameHash},
    place::Place,
    records::{ClosedBy, TraceSummary, Transaction},
    traces::Wanted,
    transactions::{Closing, Member, TraceHead},
};
use throughline_log::Position;
use throughline_sampling::Sampler;
use tokio::time::Instant;

use crate::{
    events::summary_of,
    in_flight::InFlight,
    limits::{LISTED, LOOK_FOR, MAX_NAMES_FOLLOWED, ROUNDS, SHOWN},
    looking::Shown,
};

/// The highest position: places of what lies nowhere count down from it.
const NOWHERE: u64 = (1 << 48) - 1;

/// What is asked for may be there: not all that was acknowledged is shown yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("what came last is still being read: ask again in a moment")]
pub struct Behind;

impl Behind {
    /// Always: it is found once it was read.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        true
    }
}

/// The names of one transaction, as far as they are known.
struct Known<'a> {
    tenant: &'a str,
    keys: BTreeSet<(u32, String)>,
    traces: BTreeSet<[u8; 16]>,
}

impl<'a> Known<'a> {
    /// What a text may be the name of: any key, or a trace.
    fn new(tenant: &'a str, key: &str, places: u32) -> Self {
        let keys = (0..places).map(|place| (place, key.to_owned())).collect();
        Self { tenant, keys, traces: trace_id(key).into_iter().collect() }
    }

    fn wanted(&self) -> Wanted {
        Wanted::Named {
            tenant: self.tenant.to_owned(),
            keys: self.keys.iter().cloned().collect(),
            traces: self.traces.clone(),
        }
    }

    fn hashes(&self) -> impl Iterator<Item = NameHash> {
        let tenant = self.tenant;
        let keys = self.keys.iter().map(move |(place, value)| Name { tenant, place: *place, value }.hash());
        keys.chain(self.traces.iter().map(move |trace| NameHash::of_trace(tenant, trace)))
    }

    /// Takes the names that a trace brings; whether one of them is new.
    fn follow(&mut self, summary: &TraceSummary, links: bool) -> bool {
        let before = self.len();
        let linked = summary.links.iter().filter(|_| links).map(|link| &link.trace_id);
        for trace in linked.chain([&summary.trace_id]) {
            if self.len() < MAX_NAMES_FOLLOWED
                && let Ok(trace) = trace[..].try_into()
            {
                self.traces.insert(trace);
            }
        }
        for key in &summary.keys {
            if self.len() < MAX_NAMES_FOLLOWED {
                self.keys.insert((key.place, key.value.clone()));
            }
        }
        self.len() > before
    }

    fn len(&self) -> usize {
        self.keys.len() + self.traces.len()
    }
}

/// The id that a text is in hex.
fn trace_id(text: &str) -> Option<[u8; 16]> {
    let is_hex = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)).flatten()
}

impl InFlight {
    /// An open transaction by any of its keys, or by the id of any of its traces: the row as it would be if all of it closed now. It is found as soon as the
    /// first of its spans is acknowledged; waits for at most [`LOOK_FOR`]. `None` where there is nothing of it, stored transactions aside.
    ///
    /// # Errors
    /// [`Behind`] where nothing of it was found, but could not be looked for everywhere.
    pub async fn find(&self, tenant: &str, key: &str) -> Result<Option<Transaction>, Behind> {
        let deadline = Instant::now() + LOOK_FOR;
        let mut known = Known::new(tenant, key, self.key_places());
        let links = self.rules.load().settings.transactions.links;
        let mut rounds = ROUNDS;
        let mut open = Vec::new();
        loop {
            // In the order of a trace's way: what closes after it was asked for is in the summary log before that is waited for.
            let is_all = self.ask(&known, deadline, &mut open).await & self.caught_up(deadline).await;
            let (name, summaries) = self.summaries(&known, &open);
            let follow = |new, (_, summary): &(Place, Arc<TraceSummary>)| known.follow(summary, links) || new;
            let is_new = summaries.iter().fold(false, follow);
            rounds -= 1;
            if rounds == 0 || !is_new {
                let row = self.row(name, &summaries);
                return if row.is_none() && !is_all { Err(Behind) } else { Ok(row) };
            }
        }
    }

    /// Asks for open traces; whether all were looked at. What a round before found stays where this one is not answered in time.
    async fn ask(&self, known: &Known<'_>, deadline: Instant, open: &mut Vec<Arc<TraceSummary>>) -> bool {
        let Shown { summaries, is_all } = self.open_traces.ask(&known.wanted(), SHOWN, deadline).await;
        open.retain(|before| summaries.iter().all(|now| now.trace_id != before.trace_id));
        open.extend(summaries.into_iter().map(Arc::new));
        is_all
    }

    /// Those of open traces were asked for first: one that closes meanwhile is found twice, which shows nowhere.
    fn summaries(
        &self,
        known: &Known<'_>,
        open: &[Arc<TraceSummary>],
    ) -> (Option<NameHash>, Vec<(Place, Arc<TraceSummary>)>) {
        let mut owners: Vec<NameHash> = Vec::new();
        let mut summaries = Vec::new();
        for name in known.hashes() {
            if let Some((owner, transaction)) = self.get(name)
                && !owners.contains(&owner)
            {
                owners.push(owner);
                summaries.extend(self.read(&transaction.summaries));
            }
        }
        summaries.extend(nowhere(open.iter().map(Arc::clone)));
        (owners.into_iter().reduce(least), summaries)
    }

    /// Some open transactions, as they would be if they closed now, in no order: up to `limit` that have closed traces, and up to a limit of open traces.
    pub async fn list(&self, limit: usize) -> Vec<Transaction> {
        let open = self.open_traces.ask(&Wanted::All, LISTED, Instant::now() + LOOK_FOR).await;
        let mut all: HashMap<NameHash, (Vec<Place>, Vec<TraceSummary>)> = HashMap::new();
        for (name, transaction) in self.some(limit) {
            all.insert(name, (transaction.summaries, Vec::new()));
        }
        for summary in open.summaries {
            let head = TraceHead::from(&summary);
            let owner = head.names().find_map(|name| self.get(name));
            let (name, places) = match owner {
                Some((name, transaction)) => (name, transaction.summaries),
                None => (head.name(), Vec::new()),
            };
            all.entry(name).or_insert_with(|| (places, Vec::new())).1.push(summary);
        }
        let row = |(name, (places, open)): (NameHash, (Vec<Place>, Vec<TraceSummary>))| {
            let summaries: Vec<_> =
                self.read(&places).chain(nowhere(open.into_iter().map(Arc::new))).collect();
            self.row(Some(name), &summaries)
        };
        all.into_iter().filter_map(row).collect()
    }

    fn read(&self, places: &[Place]) -> impl Iterator<Item = (Place, Arc<TraceSummary>)> {
        places.iter().filter_map(|place| {
            let record = self.summary_log.fetch(place.partition(), Position(place.position())).ok()?;
            Some((*place, summary_of(&record)?))
        })
    }

    /// The row of a transaction under the name that owns it, or under the least that its traces have.
    fn row(&self, name: Option<NameHash>, summaries: &[(Place, Arc<TraceSummary>)]) -> Option<Transaction> {
        let summaries: Vec<_> = summaries.iter().map(|(place, summary)| (*place, &**summary)).collect();
        let of_traces =
            || summaries.iter().map(|(_, summary)| TraceHead::from(*summary).name()).reduce(least);
        let name = name.or_else(of_traces)?;
        if summaries.is_empty() {
            return None;
        }
        let rules = self.rules.load();
        let closing = Closing {
            sequence: 0,
            name,
            closed_by: ClosedBy::Unspecified,
            members: summaries.iter().map(|(place, _)| Member::new(*place)).collect(),
            covered: 0,
            previous: None,
            kept_from: None,
            version: 1,
            share: 0.0,
            begun: 0,
            // What hangs on others is not known before it closes.
            verdict: rules.policies.is_stateful().then(Verdict::default),
            take_back: false,
        };
        let by = (&**rules, &Sampler::default());
        match Decider::default().decide(by, &closing, &summaries, None, None) {
            Decided::Closed(closed) => closed.row,
            Decided::Offer(..) => None,
        }
    }
}

/// Summaries that lie nowhere yet, under places that nothing else has.
fn nowhere(
    open: impl Iterator<Item = Arc<TraceSummary>>,
) -> impl Iterator<Item = (Place, Arc<TraceSummary>)> {
    (0..).map(|number| Place::new(0, NOWHERE - number)).zip(open)
}

fn least(one: NameHash, other: NameHash) -> NameHash {
    if other.is_before(one) { other } else { one }
}

#[cfg(test)]
mod tests {
    use throughline_assembly::records::{Key, Link};

    use super::*;

    #[test]
    fn a_text_may_be_any_key_or_a_trace() {
        let hex = "0AF7651916CD43DD8448EB211C80319C";
        let known = Known::new("", hex, 2);
        assert_eq!((known.keys.len(), known.traces.len()), (2, 1));
        let lower =
            Name { tenant: "", place: throughline_assembly::names::TRACE_PLACE, value: &hex.to_lowercase() };
        assert!(known.hashes().any(|hash| hash == lower.hash()), "as the folds name it");
        for other in ["", "U-1", "+af7651916cd43dd8448eb211c80319c", &format!("{hex}00")] {
            assert!(Known::new("", other, 2).traces.is_empty(), "{other}");
        }
    }

    #[test]
    fn names_lead_to_names_up_to_a_limit() {
        let mut known = Known::new("", "U-1", 1);
        let link = Link { span: 0, trace_id: vec![2; 16].into(), span_id: 1 };
        let mut summary =
            TraceSummary { trace_id: vec![1; 16].into(), links: vec![link], ..TraceSummary::default() };
        summary.keys.push(Key { place: 0, value: "U-2".into() });
        assert!(known.follow(&summary, false));
        assert_eq!((known.keys.len(), known.traces.len()), (2, 1), "span links do not join");
        assert!(known.follow(&summary, true));
        assert_eq!(known.traces.len(), 2);
        assert!(!known.follow(&summary, true), "nothing new");
        summary.keys = (0..2 * MAX_NAMES_FOLLOWED).map(|n| Key { place: 0, value: n.to_string() }).collect();
        assert!(known.follow(&summary, true));
        assert_eq!(known.len(), MAX_NAMES_FOLLOWED);
    }
}
