//! A slot ends: findings open incidents, feed them, or let them go.

use std::collections::{BTreeMap, VecDeque};

use super::Diagnosis;
use super::blame::Charge;
use super::case::Case;
use super::finding::{Finding, Sign};
use super::incident::{Change, Incident, State};
use super::limits::{MAX_INCIDENTS, SLOT_NS};
use super::over::Limit;
use super::settings::Method;
use super::unusual::{Clue, Unusual};

/// A finding this strong opens an incident at once.
const PLAIN: f32 = 6.5;
/// One this strong does so when it lasts.
const LASTING: f32 = 4.5;
/// Several findings against one service do so when the root of the sum of their squares is this strong.
const TOGETHER: f32 = 8.0;
/// So unusual must their number be by itself, however far out they are: two outliers that meet are chance.
const SURE: f32 = 3.0;
/// Errors in less than this share open one only where they are beyond doubt: what fails now and then does so in bursts.
const SMALL: f64 = 0.03;
/// So strong they must be.
const PLAIN_OF_SMALL: f32 = 9.0;
/// So many are enough, whatever is usual.
const MANY_HITS: u32 = 12;
/// What is known of all of a recording is surer than what was learnt on the way: in a later look so much of a score is enough, where hits come in so many
/// slots: outliers come in bursts, what is broken stays so.
const AGAIN: f64 = 0.5;
const SPREAD: u32 = 3;
/// How many slots in a row it has to last.
const LASTS: u32 = 2;

impl Diagnosis {
    /// Judges the slot that ends.
    pub(crate) fn judge(&mut self, slot: u64) -> Vec<Change> {
        // Where nothing happens nothing new is known.
        let judges = self.observed > 0 && self.settings.thresholds.enabled;
        let findings = if judges { self.find(slot) } else { Vec::new() };
        if self.observed > 0 {
            self.keep_streaks(&findings);
        }
        let charges = self.blame(&findings, slot);
        let mut changes = Vec::new();
        for tenant in self.tenants_of(&findings) {
            self.judge_tenant(tenant, slot, &findings, &charges, &mut changes);
        }
        self.let_go(slot, &mut changes);
        changes
    }

    /// What scores are multiplied by that open an incident, or keep it open, where there are hits in these slots.
    fn caution(&self, slots: u16) -> f64 {
        let is_surer = self.is_again && slots.count_ones() >= SPREAD;
        self.settings.thresholds.caution() * if is_surer { AGAIN } else { 1.0 }
    }

    fn tenants_of(&self, findings: &[Finding]) -> Vec<u32> {
        let mut tenants: Vec<u32> = findings.iter().map(|finding| self.tenant_of(finding.group)).collect();
        tenants.sort_unstable();
        tenants.dedup();
        tenants
    }

    fn tenant_of(&self, group: u32) -> u32 {
        self.groups.key(group).map_or(0, |key| key.tenant)
    }
    /// How many slots in a row each finding has lasted.
    fn keep_streaks(&mut self, findings: &[Finding]) {
        let mut streaks: BTreeMap<Clue, u32> = BTreeMap::new();
        for finding in findings.iter().filter(|finding| finding.score >= LASTING) {
            let before = self.streaks.get(&finding.clue).copied().unwrap_or(0);
            streaks.insert(finding.clue, before + 1);
        }
        self.streaks = streaks;
    }

    fn judge_tenant(
        &mut self,
        tenant: u32,
        slot: u64,
        findings: &[Finding],
        charges: &[Charge],
        changes: &mut Vec<Change>,
    ) {
        let of_tenant = |charge: &&Charge| self.tenant_of(findings[charge.finding].group) == tenant;
        let charges: Vec<Charge> = charges.iter().filter(of_tenant).cloned().collect();
        let opens = self.opens(findings, &charges);
        let mut touched: Vec<String> = Vec::new();
        let mut opened: Option<String> = None;
        for charge in &charges {
            let finding = &findings[charge.finding];
            let Some(at) = self.case_for(tenant, slot, charge, opens, &mut opened) else { continue };
            let lasts = f64::from(finding.score) >= f64::from(LASTING) * self.caution(finding.slots);
            let case = &mut self.cases[at];
            case.charge(charge.service, charge.weight, finding);
            if lasts {
                case.last_slot = slot;
            }
            if !touched.contains(&case.id) {
                touched.push(case.id.clone());
            }
            self.hold(finding.clue, slot);
        }
        for id in touched {
            let is_new = opened.as_ref() == Some(&id);
            self.render(&id, slot, is_new, changes);
        }
    }

    /// Whether these charges are enough for an incident: one finding that is plain or lasts, or several against one service.
    fn opens(&self, findings: &[Finding], charges: &[Charge]) -> bool {
        let mut together: BTreeMap<u32, (f64, BTreeMap<u32, u32>, u16)> = BTreeMap::new();
        let min_transactions = self.settings.thresholds.min_transactions;
        for charge in charges {
            let finding = &findings[charge.finding];
            let caution = self.caution(finding.slots);
            let lasts = self.streaks.get(&finding.clue).is_some_and(|&streak| streak >= LASTS);
            let reaches = |score: f32| f64::from(finding.score) >= f64::from(score) * caution;
            let alone = reaches(PLAIN) || reaches(LASTING) && (lasts || finding.is_new);
            let enough = finding.hits >= min_transactions
                && (finding.hit_score >= SURE || finding.hits >= MANY_HITS.max(min_transactions));
            let is_small = finding.sign == Sign::Error && finding.now < SMALL;
            let enough = enough && (!is_small || reaches(PLAIN_OF_SMALL));
            if alone && enough {
                return true;
            }
            let sum = together.entry(charge.service).or_default();
            sum.0 += charge.weight;
            // One transaction may show several of a type's findings: it is one all the same.
            let of_type = sum.1.entry(finding.group).or_default();
            *of_type = finding.hits.max(*of_type);
            sum.2 |= finding.slots;
        }
        self.settings.has(Method::Together)
            && together.values().any(|(weight, hits, slots)| {
                *weight >= (f64::from(TOGETHER) * self.caution(*slots)).powi(2)
                    && hits.values().sum::<u32>() > min_transactions
            })
    }

    /// Which open incident a charge belongs to; a new one where none fits.
    fn case_for(
        &mut self,
        tenant: u32,
        slot: u64,
        charge: &Charge,
        opens: bool,
        opened: &mut Option<String>,
    ) -> Option<usize> {
        let knows = |case: &Case| case.tenant == tenant && case.accounts.contains_key(&charge.service);
        let apart = self.settings.thresholds.apart / SLOT_NS;
        let young = |case: &Case| case.tenant == tenant && case.first_slot + apart > slot;
        if let Some(at) = self.cases.iter().position(knows).or_else(|| self.cases.iter().position(young)) {
            return Some(at);
        }
        if !opens {
            return None;
        }
        let id = self.new_id(slot);
        self.cases.push(Case::new(id.clone(), tenant, slot));
        self.remember(Incident::new(id.clone(), self.names.name(tenant).to_owned(), self.now));
        *opened = Some(id);
        Some(self.cases.len() - 1)
    }

    pub(crate) fn new_id(&mut self, slot: u64) -> String {
        self.numbered += 1;
        format!("inc-{}-{}", slot, self.numbered)
    }

    /// Holds a new incident; the oldest that is over makes room.
    pub(crate) fn remember(&mut self, incident: Incident) {
        if self.incidents.len() >= MAX_INCIDENTS {
            match self.incidents.iter().position(|incident| incident.state == State::Recovered) {
                Some(old) => drop(self.incidents.remove(old)),
                None => self.over.hit(Limit::Incidents),
            }
        }
        self.incidents.push(incident);
    }

    /// What an incident explains does not become baseline.
    fn hold(&mut self, clue: Clue, slot: u64) {
        if !self.settings.has(Method::Holding) {
            return;
        }
        match clue {
            Clue::Time(number) => {
                if let Some(series) = self.series.get_mut(number) {
                    series.mark_bad(slot);
                }
            }
            Clue::Category(number, _) => {
                if let Some(mix) = self.mixes.get_mut(number) {
                    mix.mark_bad(slot);
                }
            }
        }
    }

    /// Writes down what is known of an incident now.
    fn render(&mut self, id: &str, slot: u64, is_new: bool, changes: &mut Vec<Change>) {
        let Some(at) = self.cases.iter().position(|case| case.id == id) else { return };
        let Some(number) = self.incidents.iter().position(|incident| incident.id == id) else { return };
        let recent = std::mem::take(&mut self.recent);
        let case = &mut self.cases[at];
        let is_its = |unusual: &Unusual| {
            case.claims(unusual)
                && self.groups.key(unusual.group).is_some_and(|key| key.tenant == case.tenant)
        };
        let (claimed, others): (VecDeque<_>, VecDeque<_>) = recent.into_iter().partition(is_its);
        self.recent = others;
        case.hit_before(&mut self.incidents[number], claimed, &mut self.over);
        let described = self.describe(&self.cases[at], &self.incidents[number], slot);
        self.incidents[number] = described.clone();
        changes.push(if is_new { Change::Opened(described) } else { Change::Updated(described) });
    }

    /// Ends incidents that nothing speaks for any more.
    fn let_go(&mut self, slot: u64, changes: &mut Vec<Change>) {
        let after = (self.settings.thresholds.recovered_after / SLOT_NS).max(1);
        let over = |case: &Case| case.last_slot + after <= slot;
        for case in self.cases.iter().filter(|case| over(case)) {
            let Some(incident) = self.incidents.iter_mut().find(|incident| incident.id == case.id) else {
                continue;
            };
            incident.state = State::Recovered;
            incident.end = Some(case.end().max(incident.start));
            changes.push(Change::Recovered(incident.clone()));
        }
        self.cases.retain(|case| !over(case));
    }
}
