//! Made-up systems of random shape under random faults: nothing here was looked at when the diagnosis was designed.
//!
//! A system has random services, operations, calls, instances, rates, spreads, slow wander and a load that moves; it may or may not have client spans and
//! status codes. Only what is told as OTLP is seen.

mod day;
mod dice;
mod fault;
mod system;
mod traffic;

use std::error::Error;

use throughline_analysis::diagnosis::{DiagnosisSettings, Incident, Suspect, SuspectKind, ToldChange};
use throughline_assembly::rules::RulesSettings;

use crate::bank::{outline, wrong_outline};
use crate::stream::{Told, diagnose_each};
use dice::Dice;
use fault::{DAY, Fault};
use system::{Rate, System};
use traffic::{START, Traffic};

pub(crate) use day::{Day, Listed};
pub(crate) use fault::{KINDS, Kind};
pub(crate) use traffic::Naming;

/// Healthy seconds before a fault, its length, and how long traffic goes on.
const BEFORE: f64 = 720.0;
const LASTS: f64 = 240.0;
const AFTER: f64 = 60.0;

/// How one system under one fault fared.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) kind: &'static str,
    pub(crate) rate: f64,
    /// Strict rank of the right service in the end.
    pub(crate) rank: Option<usize>,
    pub(crate) right_kind: bool,
    /// The first suspect is a change of a configuration.
    pub(crate) is_change: bool,
    pub(crate) has_status: bool,
    /// Seconds from the start of the fault to the incident.
    pub(crate) delay: Option<f64>,
    pub(crate) false_incidents: usize,
    pub(crate) healthy: f64,
    pub(crate) said: String,
    pub(crate) wrongly_said: Vec<String>,
}

/// What is special about a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Special {
    pub(crate) naming: Naming,
    /// Whom a change is told of, a minute before the fault.
    pub(crate) change: Option<Changed>,
    /// Only what can be looked at many times over.
    pub(crate) is_small: bool,
}

/// Whom a change is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// Whoever the fault is at.
    Guilty,
    /// Another service on the path.
    Innocent,
}

/// A random system of this seed under a fault of this kind.
pub(crate) fn run(rules: &RulesSettings, kind: Kind, seed: u64) -> Result<Run, Box<dyn Error>> {
    let runs = run_each(rules, kind, seed, &Special::default(), &[DiagnosisSettings::default()])?;
    runs.into_iter().next().ok_or_else(|| "no run".into())
}

/// The same, with each of these settings.
pub(crate) fn run_each(
    rules: &RulesSettings,
    kind: Kind,
    seed: u64,
    special: &Special,
    settings: &[DiagnosisSettings],
) -> Result<Vec<Run>, Box<dyn Error>> {
    let mut dice = Dice::new(seed.wrapping_mul(1_000) + kind as u64);
    let rate = if special.is_small { Rate::Few } else { Rate::Any };
    let (system, fault) = loop {
        let system = System::random(&mut dice, &rate);
        if let Some(fault) = Fault::random(kind, &system, &mut dice, BEFORE, BEFORE + LASTS) {
            break (system, fault);
        }
    };
    let mut traffic = Traffic::new(&system, Some(&fault), dice.next(), BEFORE + LASTS + AFTER);
    traffic.naming = special.naming;
    let start = traffic.start();
    let changes: Vec<ToldChange> =
        special.change.map(|whom| change(whom, &fault, &system)).into_iter().collect();
    let told = diagnose_each(rules, settings, &changes, traffic, |_, _| {})?;
    Ok(told.iter().map(|told| judge(&system, &fault, told, start)).collect())
}

/// A change of a service's configuration a minute before the fault.
fn change(whom: Changed, fault: &Fault, system: &System) -> ToldChange {
    let guilty = system.operations[fault.operation].service;
    // Transactions of every type begin somewhere: that is on the path.
    let entry = system.operations[system.entries[0].0].service;
    let service = match whom {
        Changed::Guilty => guilty,
        Changed::Innocent if entry != guilty => entry,
        Changed::Innocent => system.operations[fault.operation]
            .calls
            .first()
            .map_or(entry, |call| system.operations[call.to].service),
    };
    ToldChange {
        service: system.services[service].name.clone(),
        kind: "configuration".to_owned(),
        text: "pool of 5".to_owned(),
        time: START + ((BEFORE - 60.0) * 1e9) as u64,
        ..ToldChange::default()
    }
}

/// How what was told of a fault fares against the truth.
fn judge(system: &System, fault: &Fault, told: &[Told], start: u64) -> Run {
    let begins = start + (BEFORE * 1e9) as u64;
    let answers: Vec<_> = told.iter().filter(|told| told.first.detected_at >= begins).collect();
    let answer = answers.first().map(|told| &told.last);
    let suspects = answer.map(|incident| incident.suspects.as_slice()).unwrap_or_default();
    let is_right = |suspect: &Suspect| fault.blames(system, &suspect.service);
    let rank = suspects
        .iter()
        .find(|suspect| is_right(suspect))
        .map(|own| suspects.iter().filter(|other| other.score >= own.score).count());
    let said = answers.iter().map(|told| outline(&told.last)).collect::<Vec<_>>().join(" / ");
    Run {
        kind: fault.kind.name(),
        rate: system.rate,
        rank,
        right_kind: answer.is_some_and(|incident| is_kind_right(incident, system, fault)),
        is_change: suspects.first().is_some_and(|first| first.kind == SuspectKind::Configuration),
        has_status: system.has_status,
        delay: answers.first().map(|told| (told.first.detected_at as f64 - begins as f64) / 1e9),
        false_incidents: told.len() - answers.len(),
        healthy: BEFORE,
        wrongly_said: told
            .iter()
            .filter(|told| told.first.detected_at < begins)
            .map(|told| wrong_outline(told, start))
            .collect(),
        said: format!("{} | {}", fault.outline(system), said),
    }
}

/// Whether the first suspect is of the right kind; of a host and of a channel, whether it is named.
fn is_kind_right(incident: &Incident, system: &System, fault: &Fault) -> bool {
    let Some(first) = incident.suspects.first() else { return false };
    let which = fault.instance.unwrap_or_default();
    match fault.kind {
        Kind::Machine => first.kind == SuspectKind::Host && first.instance == format!("host-{which}"),
        Kind::Channel => {
            let name = format!("channel-{which}");
            incident.shared.iter().any(|one| one.what == "channel" && one.value == name)
        }
        kind => kinds(kind, system, fault).contains(&first.kind),
    }
}

/// What a right answer may call it.
fn kinds(kind: Kind, system: &System, fault: &Fault) -> &'static [SuspectKind] {
    match kind {
        Kind::Latency => &[SuspectKind::Own],
        Kind::Cpu if fault.instance.is_some() => &[SuspectKind::Host],
        Kind::Cpu
        | Kind::Slight
        | Kind::Errors
        | Kind::Silent
        | Kind::Return
        | Kind::Exception
        | Kind::Delay => &[SuspectKind::Own],
        // Without client spans nobody sees the network: it is the caller's own time.
        Kind::Network if system.has_clients => &[SuspectKind::Network],
        Kind::Network => &[SuspectKind::Own],
        Kind::MissingCall => &[SuspectKind::Own, SuspectKind::Missing],
        Kind::Gone | Kind::Channel | Kind::Rare => &[SuspectKind::Own],
        Kind::Ways => &[SuspectKind::Network],
        Kind::Machine => &[SuspectKind::Host],
    }
}

/// Hours of a healthy system of this seed, whose load and times move over the day, and what was wrongly told.
pub(crate) fn healthy(
    rules: &RulesSettings,
    seed: u64,
    hours: f64,
) -> Result<(f64, Vec<String>), Box<dyn Error>> {
    let (rate, told) = healthy_each(rules, seed, hours, &[DiagnosisSettings::default()])?;
    Ok((rate, told.into_iter().next().unwrap_or_default()))
}

/// What was wrongly told, a line each.
type Said = Vec<String>;

/// The same, with each of these settings.
pub(crate) fn healthy_each(
    rules: &RulesSettings,
    seed: u64,
    hours: f64,
    settings: &[DiagnosisSettings],
) -> Result<(f64, Vec<Said>), Box<dyn Error>> {
    let mut dice = Dice::new(seed.wrapping_mul(7_919) + 77);
    let system = System::random(&mut dice, &Rate::Slow);
    let traffic = Traffic::new(&system, None, dice.next(), hours * 3600.0);
    let start = traffic.start();
    let told = diagnose_each(rules, settings, &[], traffic, |_, _| {})?;
    let said = told.iter().map(|told| told.iter().map(|told| wrong_outline(told, start)).collect());
    Ok((system.rate, said.collect()))
}

/// Nights that are played, and those of them after which nothing new may be told.
const NIGHTS: u32 = 6;
const LEARNT: u32 = 3;
/// From when to when each is played, and from when to when the same goes wrong in each, hours.
const OPEN: (f64, f64) = (1.5, 3.2);
const WRONG: (f64, f64) = (2.0, 3.0);

/// Of a system in which the same goes wrong each night: of how many nights that ought to be known an incident was told, by settings; and of how many:
/// of none where the first night was not told of.
pub(crate) fn nights(
    rules: &RulesSettings,
    kind: Kind,
    seed: u64,
    settings: &[DiagnosisSettings],
) -> Result<(Vec<usize>, usize), Box<dyn Error>> {
    let mut dice = Dice::new(seed.wrapping_mul(6_007) + kind as u64);
    let (system, fault) = loop {
        let system = System::random(&mut dice, &Rate::Slow);
        let fault = Fault::random(kind, &system, &mut dice, WRONG.0 * 3600.0, WRONG.1 * 3600.0);
        if let Some(fault) = fault {
            // Of more than a quarter no hour is wont.
            let few = if kind == Kind::Errors { dice.between(0.1, 0.2) } else { fault.amount };
            break (system, Fault { is_daily: true, amount: few, ..fault });
        }
    };
    let mut traffic = Traffic::new(&system, Some(&fault), dice.next(), f64::from(NIGHTS) * DAY);
    traffic.open = Some((OPEN.0 * 3600.0, OPEN.1 * 3600.0));
    let told = diagnose_each(rules, settings, &[], traffic, |_, _| {})?;
    let is_told = |told: &[Told], night: u32| {
        let from = START + (f64::from(night) * DAY * 1e9) as u64;
        let until = from + (DAY * 1e9) as u64;
        told.iter().any(|told| (from..until).contains(&told.first.detected_at))
    };
    let count = |told: &Vec<Told>| (LEARNT..NIGHTS).filter(|night| is_told(told, *night)).count();
    // What is not found on the first night says nothing of the others.
    let is_found = told.first().is_some_and(|told| is_told(told, 0));
    Ok((told.iter().map(count).collect(), if is_found { (NIGHTS - LEARNT) as usize } else { 0 }))
}
