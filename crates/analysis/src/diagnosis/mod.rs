//! What is wrong, since when, whom it hits, who and what is the cause, and why we say so.
//!
//! [`Diagnosis`] holds, for each type of transaction, what is normal: how long each hop works, waits for its database, its partner, the network or a
//! queue, which children each operation calls, how often it fails. What is out of the normal is a finding; findings speak against services; what comes
//! together is one incident, which is updated, never duplicated, and recovers by itself.
//!
//! It is driven by time that it is told: no clock, no I/O; the same calls give the same answers. All of it goes into a snapshot. Its limits are in
//! `limits`.

mod again;
mod baseline;
mod blame;
mod case;
mod ending;
mod facet;
mod facets;
mod finding;
mod flow;
mod fluctuation;
mod group;
mod habits;
mod hosts;
mod incident;
mod input;
mod judge;
mod left_out;
mod limits;
mod mix;
mod names;
mod observe;
mod onset;
mod over;
mod pooled;
mod retold;
mod rows;
mod scale;
mod season;
mod series;
mod settings;
mod table;
mod times;
mod told;
mod unanswered;
mod unusual;
mod usual;
mod whole;
mod words;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use case::Case;
use fluctuation::OpenFall;
use group::{Group, GroupKey};
use habits::Habits;
use limits::{SLOT_NS, SLOTS};
use mix::{Mix, MixKey};
use names::Names;
use observe::Scratch;
use series::{Series, SeriesKey};
use table::Table;
use told::Told;
use unusual::{Clue, Unusual};

pub use incident::{Change, Common, Figure, Incident, State, Suspect, SuspectKind};
pub use input::{Finished, FinishedHop, Outcome};
pub use over::LimitHits;
pub use retold::retell;
pub use settings::{DiagnosisSettings, Method, Thresholds};
pub use told::ToldChange;
pub use usual::Usual;

/// Baselines of all types of transactions, and what is or was wrong. Its state goes into a snapshot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Diagnosis {
    settings: DiagnosisSettings,
    /// Unix nanoseconds.
    now: u64,
    slot: u64,
    names: Names,
    groups: Table<GroupKey, Group>,
    series: Table<SeriesKey, Series>,
    /// For each work, whatever the type, a series that a new one may borrow from.
    lenders: Table<SeriesKey, u32>,
    mixes: Table<MixKey, Mix>,
    /// Where each instance runs, by the numbers of their names.
    hosts: Vec<u32>,
    recent: VecDeque<Unusual>,
    streaks: BTreeMap<Clue, u32>,
    cases: Vec<Case>,
    incidents: Vec<Incident>,
    falls: Vec<OpenFall>,
    told: Told,
    numbered: u64,
    /// Transactions in this slot.
    observed: u64,
    /// This is a later look at the same transactions.
    is_again: bool,
    stale_series: Option<u32>,
    stale_mix: Option<u32>,
    habits: Habits,
    /// What found no room since somebody asked.
    #[serde(skip)]
    over: LimitHits,
    #[serde(skip)]
    scratch: Scratch,
}

impl Diagnosis {
    /// One that knows nothing yet.
    #[must_use]
    pub fn new(settings: DiagnosisSettings) -> Self {
        Self {
            settings,
            now: 0,
            slot: 0,
            names: Names::default(),
            groups: Table::default(),
            series: Table::default(),
            lenders: Table::default(),
            mixes: Table::default(),
            hosts: Vec::new(),
            recent: VecDeque::new(),
            streaks: BTreeMap::new(),
            cases: Vec::new(),
            incidents: Vec::new(),
            falls: Vec::new(),
            told: Told::default(),
            numbered: 0,
            observed: 0,
            is_again: false,
            stale_series: None,
            stale_mix: None,
            habits: Habits::default(),
            over: LimitHits::default(),
            scratch: Scratch::default(),
        }
    }

    /// Takes one finished transaction: it counts at the time of the last [`advance`](Self::advance), whatever its own times are.
    pub fn observe(&mut self, finished: &Finished<'_>) {
        self.take(finished, 1);
    }

    /// The same, where it stands for `weight` transactions of which only it is looked at: what is counted of an incident is then an estimate, and
    /// says so.
    pub fn observe_weighted(&mut self, finished: &Finished<'_>, weight: u32) {
        self.take(finished, weight.max(1));
    }

    /// What it goes by from now on; what is known stays.
    pub fn set(&mut self, settings: DiagnosisSettings) {
        self.settings = settings;
    }

    /// What it goes by.
    #[must_use]
    pub fn settings(&self) -> &DiagnosisSettings {
        &self.settings
    }

    /// Time is `now`, Unix nanoseconds, never back: judges what has been observed, every ten seconds, and says what became of incidents.
    pub fn advance(&mut self, now: u64) -> Vec<Change> {
        let mut changes = Vec::new();
        if now <= self.now {
            return changes;
        }
        let slot = now / SLOT_NS;
        // After so many slots nothing is left to judge; the rest of a gap may be skipped.
        let quiet = 2 * SLOTS;
        if self.slot + quiet < slot {
            for _ in 0..quiet {
                self.end_slot(&mut changes);
            }
            self.slot = slot;
            self.forget_flows();
        }
        while self.slot < slot {
            self.end_slot(&mut changes);
        }
        self.now = now;
        changes
    }

    /// What is wrong, and what was until lately, the oldest first.
    #[must_use]
    pub fn incidents(&self) -> &[Incident] {
        &self.incidents
    }

    fn end_slot(&mut self, changes: &mut Vec<Change>) {
        self.now = self.now.max((self.slot + 1) * SLOT_NS);
        let (slot, is_silent) = (self.slot, self.observed == 0);
        changes.extend(self.judge(slot));
        for group in self.groups.values_mut() {
            group.turn(slot, is_silent);
        }
        for series in self.series.values_mut() {
            series.turn(slot);
        }
        let with_habits = self.settings.has(Method::Habits);
        for (number, (key, mix)) in (0u32..).zip(self.mixes.rows_mut()) {
            mix.turn(slot, (number, key.sort), &mut self.habits, with_habits);
        }
        self.judge_falls(slot, changes);
        self.observed = 0;
        self.find_stale();
        let oldest = slot.saturating_sub(SLOTS) * SLOT_NS;
        self.recent.retain(|unusual| unusual.seen >= oldest);
        self.slot += 1;
    }
}
