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

use throughline_analysis::diagnosis::{DiagnosisSettings, Suspect, SuspectKind};
use throughline_assembly::rules::RulesSettings;

use crate::bank::{outline, wrong_outline};
use crate::stream::diagnose_requests;
use dice::Dice;
use fault::{Fault, Kind};
use system::{Rate, System};
use traffic::Traffic;

pub(crate) use day::{Day, Listed};
pub(crate) use fault::KINDS;

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
    pub(crate) has_status: bool,
    /// Seconds from the start of the fault to the incident.
    pub(crate) delay: Option<f64>,
    pub(crate) false_incidents: usize,
    pub(crate) healthy: f64,
    pub(crate) said: String,
    pub(crate) wrongly_said: Vec<String>,
}

/// A random system of this seed under a fault of this kind.
pub(crate) fn run(rules: &RulesSettings, kind: Kind, seed: u64) -> Result<Run, Box<dyn Error>> {
    let mut dice = Dice::new(seed.wrapping_mul(1_000) + kind as u64);
    let (system, fault) = loop {
        let system = System::random(&mut dice, &Rate::Any);
        if let Some(fault) = Fault::random(kind, &system, &mut dice, BEFORE, BEFORE + LASTS) {
            break (system, fault);
        }
    };
    let traffic = Traffic::new(&system, Some(&fault), dice.next(), BEFORE + LASTS + AFTER);
    let start = traffic.start();
    let begins = start + (BEFORE * 1e9) as u64;
    let (told, _) = diagnose_requests(rules, DiagnosisSettings::default(), traffic, |_, _| {})?;
    let answers: Vec<_> = told.iter().filter(|told| told.first.detected_at >= begins).collect();
    let answer = answers.first().map(|told| &told.last);
    let suspects = answer.map(|incident| incident.suspects.as_slice()).unwrap_or_default();
    let is_right = |suspect: &Suspect| fault.blames(&system, &suspect.service);
    let rank = suspects
        .iter()
        .find(|suspect| is_right(suspect))
        .map(|own| suspects.iter().filter(|other| other.score >= own.score).count());
    let right_kind = suspects.first().is_some_and(|first| kinds(kind, &system, &fault).contains(&first.kind));
    let said = answers.iter().map(|told| outline(&told.last)).collect::<Vec<_>>().join(" / ");
    Ok(Run {
        kind: kind.name(),
        rate: system.rate,
        rank,
        right_kind,
        has_status: system.has_status,
        delay: answers.first().map(|told| (told.first.detected_at as f64 - begins as f64) / 1e9),
        false_incidents: told.len() - answers.len(),
        healthy: BEFORE,
        wrongly_said: told
            .iter()
            .filter(|told| told.first.detected_at < begins)
            .map(|told| wrong_outline(told, start))
            .collect(),
        said: format!("{} | {}", fault.outline(&system), said),
    })
}

/// What a right answer may call it.
fn kinds(kind: Kind, system: &System, fault: &Fault) -> &'static [SuspectKind] {
    match kind {
        Kind::Latency => &[SuspectKind::Own],
        Kind::Cpu if fault.instance.is_some() => &[SuspectKind::Host],
        Kind::Cpu | Kind::Errors | Kind::Return | Kind::Exception | Kind::Delay => &[SuspectKind::Own],
        // Without client spans nobody sees the network: it is the caller's own time.
        Kind::Network if system.has_clients => &[SuspectKind::Network],
        Kind::Network => &[SuspectKind::Own],
        Kind::MissingCall => &[SuspectKind::Own, SuspectKind::Missing],
    }
}

/// Hours of a healthy system of this seed, whose load and times move over the day, and what was wrongly told.
pub(crate) fn healthy(
    rules: &RulesSettings,
    seed: u64,
    hours: f64,
) -> Result<(f64, Vec<String>), Box<dyn Error>> {
    let mut dice = Dice::new(seed.wrapping_mul(7_919) + 77);
    let system = System::random(&mut dice, &Rate::Slow);
    let traffic = Traffic::new(&system, None, dice.next(), hours * 3600.0);
    let start = traffic.start();
    let (told, _) = diagnose_requests(rules, DiagnosisSettings::default(), traffic, |_, _| {})?;
    Ok((system.rate, told.iter().map(|told| wrong_outline(told, start)).collect()))
}
