//! Groups of alerts with one cause, and their life: forming, open, recovered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Active, Fingerprint, MAX_GROUPS, SECOND,
    attribute::{Attribution, CauseKey},
};

/// Log time that a group forms before it is told of, nanoseconds: in a storm the deepest alert is not the first.
const SETTLE: u64 = 15 * SECOND;

/// Different alerts of one service that make a group an incident; alerts of two services always do. One that comes and goes stays one.
const MIN_ALERTS: usize = 3;

/// The same for alerts that fit no service and no department, and have nothing in common but a name: fewer stay visible as explained by none.
const MIN_UNPLACED: usize = 20;

/// Log time without an alert after which a group has recovered, nanoseconds.
const HOLD: u64 = 60 * SECOND;

/// Log time between two reports of one group, nanoseconds.
const REPORT_EVERY: u64 = 10 * SECOND;

/// How long a group that recovered is remembered, nanoseconds.
const REMEMBER: u64 = 3600 * SECOND;

/// Names and services that a group tells of.
const MAX_TOLD: usize = 50;

/// Where a group is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupState {
    /// Too young or too small to be an incident: its alerts are shown as explained by none.
    #[default]
    Forming,
    /// An incident.
    Open,
    /// Over.
    Recovered,
    /// Its alerts belong to another group now.
    Merged,
}

/// Alerts with one cause.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Group {
    /// Its identity, from 1.
    pub number: u64,
    /// What its alerts have in common.
    pub cause: CauseKey,
    /// Where it is in its life.
    pub state: GroupState,
    /// Log time at which it was formed, nanoseconds.
    pub formed: u64,
    /// Log time at which it became an incident, nanoseconds; 0 for not yet.
    pub opened: u64,
    /// When its first alert began, Unix nanoseconds.
    pub start: u64,
    /// Log time of its end, nanoseconds; 0 while it lasts.
    pub end: u64,
    /// Alerts that belong or belonged to it.
    pub alerts: u64,
    /// Those that fire.
    pub firing: u64,
    /// Alerts that fire by service, the most first.
    pub services: Vec<(String, u64)>,
    /// Alerts that fire by name, the most first.
    pub names: Vec<(String, u64)>,
    /// What its first alert says.
    pub first: String,
    /// Different alerts, as many as matter.
    different: Vec<Fingerprint>,
    over: u64,
    quiet_since: u64,
    reported: u64,
    changed: bool,
}

/// All groups.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Groups {
    groups: BTreeMap<u64, Group>,
    next: u64,
    over: u64,
}

impl Groups {
    /// The group of this number.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&Group> {
        self.groups.get(&number)
    }

    /// Causes that found no room since the last call.
    pub(super) fn take_over(&mut self) -> u64 {
        std::mem::take(&mut self.over)
    }

    /// Gives every alert that fires its group: that which most alerts of the same cause are in already, else a new one.
    pub(super) fn assign(
        &mut self,
        active: &mut BTreeMap<Fingerprint, Active>,
        attribution: &Attribution,
        now: u64,
    ) {
        let numbers = self.numbers(active, attribution, now);
        for (fingerprint, cause) in &attribution.of {
            let (Some(active), Some(number)) = (active.get_mut(fingerprint), numbers.get(cause)) else {
                continue;
            };
            if active.group != *number {
                active.group = *number;
                active.changed = true;
            }
        }
        self.count(active, now);
    }

    /// The group of each cause.
    fn numbers<'a>(
        &mut self,
        active: &BTreeMap<Fingerprint, Active>,
        attribution: &'a Attribution,
        now: u64,
    ) -> BTreeMap<&'a CauseKey, u64> {
        let mut votes: BTreeMap<(&CauseKey, u64), u64> = BTreeMap::new();
        for (fingerprint, cause) in &attribution.of {
            let group = active.get(fingerprint).map_or(0, |active| active.group);
            *votes.entry((cause, group)).or_default() += 1;
        }
        // A group that has this very cause is asked first.
        let weight = |cause: &CauseKey, group: u64, votes: u64| {
            let is_its = self.groups.get(&group).is_some_and(|group| group.cause == *cause);
            if is_its { votes + u64::from(u32::MAX) } else { votes }
        };
        let mut order: Vec<(u64, &CauseKey, u64)> = votes
            .iter()
            .filter(|((_, group), _)| *group != 0)
            .map(|((cause, group), votes)| (weight(cause, *group, *votes), *cause, *group))
            .collect();
        order.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.cmp(b)));
        let mut numbers: BTreeMap<&CauseKey, u64> = BTreeMap::new();
        let mut taken = std::collections::BTreeSet::new();
        for (_, cause, group) in order {
            if !numbers.contains_key(cause) && taken.insert(group) {
                numbers.insert(cause, group);
                if let Some(group) = self.groups.get_mut(&group) {
                    group.changed |= group.cause != *cause;
                    group.cause = cause.clone();
                }
            }
        }
        let causes: std::collections::BTreeSet<&CauseKey> = attribution.of.values().collect();
        for cause in causes {
            if !numbers.contains_key(cause)
                && let Some(number) = self.open(cause, now)
            {
                numbers.insert(cause, number);
            }
        }
        numbers
    }

    /// A group of this cause that recovered a moment ago, or a new one; `None` where there are as many as may be.
    fn open(&mut self, cause: &CauseKey, now: u64) -> Option<u64> {
        let again = self
            .groups
            .values_mut()
            .find(|group| group.cause == *cause && group.state != GroupState::Merged && group.firing == 0);
        if let Some(group) = again {
            if group.state == GroupState::Recovered {
                (group.state, group.end) = (GroupState::Open, 0);
            }
            group.changed = true;
            return Some(group.number);
        }
        if self.groups.len() >= MAX_GROUPS {
            self.over += 1;
            return None;
        }
        self.next += 1;
        let group = Group {
            number: self.next,
            cause: cause.clone(),
            state: GroupState::Forming,
            formed: now,
            opened: 0,
            start: now,
            end: 0,
            alerts: 0,
            firing: 0,
            services: Vec::new(),
            names: Vec::new(),
            first: String::new(),
            different: Vec::new(),
            over: 0,
            quiet_since: 0,
            reported: 0,
            changed: true,
        };
        self.groups.insert(self.next, group);
        Some(self.next)
    }

    /// Sums up what belongs to each group.
    fn count(&mut self, active: &BTreeMap<Fingerprint, Active>, now: u64) {
        let mut tallies: BTreeMap<u64, Tally<'_>> = BTreeMap::new();
        for (fingerprint, active) in active.iter().filter(|(_, active)| active.group != 0) {
            tallies.entry(active.group).or_default().add(active);
            if let Some(group) = self.groups.get_mut(&active.group) {
                group.knows(*fingerprint);
            }
        }
        let none = Tally::default();
        for (number, group) in &mut self.groups {
            group.take(tallies.get(number).unwrap_or(&none), now);
        }
    }

    /// Moves groups along their life; those to be told of. Alerts that are over are counted, as they are forgotten next.
    pub(super) fn advance(&mut self, active: &mut BTreeMap<Fingerprint, Active>, now: u64) -> Vec<Group> {
        for over in active.values().filter(|active| active.resolved && active.group != 0) {
            if let Some(group) = self.groups.get_mut(&over.group) {
                group.over += 1;
            }
        }
        let mut told = Vec::new();
        for group in self.groups.values_mut() {
            if group.step(now) {
                told.push(group.clone());
            }
        }
        self.groups.retain(|_, group| {
            let is_over = matches!(group.state, GroupState::Recovered | GroupState::Merged)
                || group.state == GroupState::Forming && group.firing == 0;
            !is_over || now.saturating_sub(group.quiet_since) < REMEMBER
        });
        told
    }
}

#[derive(Default)]
struct Tally<'a> {
    firing: u64,
    first: Option<(u64, &'a Active)>,
    services: BTreeMap<&'a str, u64>,
    names: BTreeMap<&'a str, u64>,
}

impl<'a> Tally<'a> {
    fn add(&mut self, active: &'a Active) {
        if self.first.is_none_or(|(first, _)| active.alert.starts_at < first) {
            self.first = Some((active.alert.starts_at, active));
        }
        if active.resolved {
            return;
        }
        self.firing += 1;
        if !active.service.is_empty() {
            *self.services.entry(&active.service).or_default() += 1;
        }
        *self.names.entry(active.alert.name()).or_default() += 1;
    }
}

fn most(counts: &BTreeMap<&str, u64>) -> Vec<(String, u64)> {
    let mut list: Vec<(String, u64)> =
        counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    list.truncate(MAX_TOLD);
    list
}

impl Group {
    /// What it is about: the service, the department or the alert's name.
    #[must_use]
    pub fn about(&self) -> &str {
        match &self.cause {
            CauseKey::Service(name) | CauseKey::Department(name) | CauseKey::Name(name) => name,
        }
    }

    fn knows(&mut self, alert: Fingerprint) {
        if self.different.len() < MIN_UNPLACED && !self.different.contains(&alert) {
            self.different.push(alert);
        }
    }

    fn take(&mut self, tally: &Tally<'_>, now: u64) {
        if tally.firing == 0 && self.firing > 0 {
            self.quiet_since = now;
        }
        self.changed |= self.firing != tally.firing;
        self.firing = tally.firing;
        self.alerts = self.alerts.max(self.over + tally.firing);
        if let Some((start, first)) = tally.first
            && (start < self.start || self.first.is_empty())
        {
            self.start = start;
            let at = if first.service.is_empty() { &first.department } else { &first.service };
            let at = if at.is_empty() { String::new() } else { format!(" ({at})") };
            self.first = format!("{}{at}", first.alert.name());
        }
        if tally.firing > 0 {
            self.services = most(&tally.services);
            self.names = most(&tally.names);
        }
    }

    /// Whether it is to be told of.
    fn step(&mut self, now: u64) -> bool {
        let before = self.state;
        let least = if matches!(self.cause, CauseKey::Name(_)) { MIN_UNPLACED } else { MIN_ALERTS };
        let is_large = self.different.len() >= least || self.services.len() > 1;
        match self.state {
            GroupState::Forming if self.firing > 0 && is_large && now >= self.formed + SETTLE => {
                (self.state, self.opened) = (GroupState::Open, now);
            }
            GroupState::Open if self.firing == 0 && now >= self.quiet_since + HOLD => {
                (self.state, self.end) = (GroupState::Recovered, self.quiet_since);
            }
            _ => {}
        }
        let is_told = self.state != GroupState::Forming;
        let is_due = self.changed && now >= self.reported + REPORT_EVERY;
        if is_told && (before != self.state || is_due) {
            self.changed = false;
            self.reported = now;
            return true;
        }
        false
    }
}
