//! Two sets of rules over the same requests: what each keeps, and what changes from one to the other.

use std::borrow::Cow;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use throughline_assembly::{
    records::{Outcome, Transaction},
    rules::{RuleFault, RulesSettings},
    time::SECOND,
};

use crate::{
    offline::{Event, Offline, Taken},
    report::{Counts, Line, Recorded, Report, Side},
};

/// Transactions of each direction of change that are named as examples.
const EXAMPLES: usize = 5;

/// What one set of rules says of one transaction.
#[derive(Clone, Debug)]
struct Verdict {
    /// Index in the names.
    kind: u32,
    /// Index in the names; what kept it, 0 where nothing did.
    policy: u32,
    outcome: Outcome,
    version: u32,
    bytes: u64,
}

/// The rules of before, if there are any to compare with, and the new ones.
const OLD: usize = 0;
const NEW: usize = 1;

/// Both, over the same requests. Holds some 150 bytes of each transaction.
pub struct Comparison {
    folds: [Option<Offline>; 2],
    verdicts: Verdicts,
    recorded: Recorded,
    first: u64,
    last: u64,
}

#[derive(Default)]
struct Verdicts {
    /// By id, that of a tenant behind its name.
    of: HashMap<String, [Option<Verdict>; 2], FixedState>,
    names: Vec<String>,
    indices: HashMap<String, u32, FixedState>,
}

impl Comparison {
    /// `old` is what holds now: without it, nothing is compared.
    ///
    /// # Errors
    /// Every fault of either.
    pub fn new(old: Option<&RulesSettings>, new: &RulesSettings) -> Result<Self, Vec<RuleFault>> {
        let mut verdicts = Verdicts::default();
        verdicts.name("");
        Ok(Self {
            folds: [old.map(Offline::new).transpose()?, Some(Offline::new(new)?)],
            verdicts,
            recorded: Recorded::default(),
            first: 0,
            last: 0,
        })
    }

    /// Takes a request of a tenant that came at `time`, Unix nanoseconds. One that is no valid request is counted and left out.
    pub fn take(&mut self, tenant: &str, time: u64, request: &[u8]) {
        let mut taken = Ok(Taken::default());
        for (side, fold) in self.folds.iter_mut().enumerate() {
            let mut see = |event: Event<'_>| self.verdicts.see(side, &event);
            if let Some(fold) = fold {
                taken = fold.take(tenant, time, request, &mut see);
            }
        }
        self.recorded.requests += 1;
        match taken {
            Ok(taken) => {
                self.recorded.spans += taken.spans;
                self.recorded.refused_spans += taken.rejected;
            }
            Err(_) => self.recorded.refused_requests += 1,
        }
        self.first = if self.first == 0 { time } else { self.first.min(time) };
        self.last = self.last.max(time);
    }

    /// What was recorded so far: requests and spans.
    #[must_use]
    pub fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    /// No more requests come. `price` is that of a GiB of spans.
    #[must_use]
    pub fn finish(mut self, price: f64) -> Report {
        let compares = self.folds[OLD].is_some();
        for (side, fold) in self.folds.iter_mut().enumerate() {
            if let Some(fold) = fold.take() {
                fold.finish(&mut |event| self.verdicts.see(side, &event));
            }
        }
        let seconds = (self.last - self.first).max(SECOND) as f64 / SECOND as f64;
        let mut recorded = self.recorded;
        (recorded.from, recorded.to, recorded.seconds) = (self.first, self.last, seconds);
        self.verdicts.report(recorded, compares, price)
    }
}

/// What names a transaction among those of all tenants.
fn key(row: &Transaction) -> Cow<'_, str> {
    if row.tenant.is_empty() {
        Cow::Borrowed(&row.transaction_id)
    } else {
        Cow::Owned(format!("{}/{}", row.tenant, row.transaction_id))
    }
}

impl Verdicts {
    fn name(&mut self, name: &str) -> u32 {
        if let Some(index) = self.indices.get(name) {
            return *index;
        }
        self.names.push(name.to_owned());
        let index = (self.names.len() - 1) as u32;
        self.indices.insert(name.to_owned(), index);
        index
    }

    fn text(&self, index: u32) -> &str {
        self.names.get(index as usize).map_or("", String::as_str)
    }

    /// The last decision is what counts: an amended row replaces its own.
    fn see(&mut self, side: usize, event: &Event<'_>) {
        let Event::Closed { closed, row, bytes, .. } = event else { return };
        if closed.row.is_none() {
            // One of the same id may have come since.
            if let Some(both) = self.of.get_mut(&*key(row)) {
                both[side].take_if(|known| known.version < closed.version);
            }
            return;
        }
        let policy = if row.kept { self.name(&row.kept_by) } else { 0 };
        let kind = self.name(&row.r#type);
        let (outcome, version) = (row.outcome(), closed.version);
        let verdict = Verdict { kind, policy, outcome, version, bytes: *bytes };
        let both = self.of.entry_ref(&*key(row)).or_default();
        both[side] = Some(verdict);
    }

    fn report(&self, recorded: Recorded, compares: bool, price: f64) -> Report {
        let mut report = Report { recorded, price_per_gib: price, ..Report::default() };
        let mut sides = [Counts::default(), Counts::default()];
        let (mut types, mut policies, mut outcomes) = (Lines::default(), Lines::default(), Lines::default());
        let mut all: Vec<_> = self.of.iter().collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        for (id, both) in all {
            let Some(one) = both[NEW].as_ref().or(both[OLD].as_ref()) else { continue };
            report.recorded.transactions += 1;
            report.recorded.bytes += one.bytes;
            let change = Change::of(both, compares);
            match change {
                Change::Kept if report.newly_kept.len() < EXAMPLES => report.newly_kept.push(id.clone()),
                Change::Dropped if report.newly_dropped.len() < EXAMPLES => {
                    report.newly_dropped.push(id.clone());
                }
                _ => {}
            }
            types.add(self.text(one.kind), both, change);
            outcomes.add(one.outcome.as_text(), both, change);
            for (side, verdict) in both.iter().enumerate() {
                let Some(verdict) = verdict else { continue };
                sides[side].add(verdict);
                if verdict.policy != 0 {
                    policies.line(self.text(verdict.policy)).side(side).add(verdict);
                }
            }
        }
        let per_day = 86_400.0 / report.recorded.seconds;
        let side = |counts: Counts| Side::new(counts, per_day, price);
        let [old, new] = sides;
        report.old = compares.then(|| side(old));
        report.new = side(new);
        report.types = types.sorted();
        report.policies = policies.sorted();
        report.outcomes = outcomes.sorted();
        report
    }
}

/// From the old rules to the new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    None,
    Kept,
    Dropped,
}

impl Change {
    fn of(both: &[Option<Verdict>; 2], compares: bool) -> Self {
        let kept = |side: usize| both[side].as_ref().is_some_and(|verdict| verdict.policy != 0);
        match (kept(OLD), kept(NEW)) {
            (false, true) if compares => Self::Kept,
            (true, false) => Self::Dropped,
            _ => Self::None,
        }
    }
}

impl Counts {
    fn add(&mut self, verdict: &Verdict) {
        self.transactions += 1;
        self.bytes += verdict.bytes;
        if verdict.policy != 0 {
            self.kept += 1;
            self.kept_bytes += verdict.bytes;
        }
    }
}

/// Lines of a table, by name.
#[derive(Default)]
struct Lines(HashMap<String, Line, FixedState>);

impl Lines {
    fn line(&mut self, name: &str) -> &mut Line {
        self.0.entry_ref(name).or_insert_with(|| Line { name: name.to_owned(), ..Line::default() })
    }

    fn add(&mut self, name: &str, both: &[Option<Verdict>; 2], change: Change) {
        let line = self.line(name);
        line.newly_kept += u64::from(change == Change::Kept);
        line.newly_dropped += u64::from(change == Change::Dropped);
        for (side, verdict) in both.iter().enumerate() {
            if let Some(verdict) = verdict {
                line.side(side).add(verdict);
            }
        }
    }

    /// Those with most bytes first.
    fn sorted(self) -> Vec<Line> {
        let mut lines: Vec<Line> = self.0.into_values().collect();
        lines.sort_unstable_by(|a, b| {
            let most = |line: &Line| line.old.bytes.max(line.new.bytes);
            most(b).cmp(&most(a)).then_with(|| a.name.cmp(&b.name))
        });
        lines
    }
}

impl Line {
    fn side(&mut self, side: usize) -> &mut Counts {
        if side == OLD { &mut self.old } else { &mut self.new }
    }
}
