//! What each method is worth: everything again without it, then each on what it is for.

mod falls;
mod purposes;

pub(crate) use purposes::purposes;

use std::error::Error;

use throughline_analysis::diagnosis::{DiagnosisSettings, Method};
use throughline_assembly::rules::RulesSettings;
use throughline_bank::{Fault, FaultKind};
use throughline_config::{Config, Sources};
use throughline_offline::LOOKS;

use crate::random::Special;
use crate::score::{per_hour, share};
use crate::synthetic::{Answer, HEALTHY_HOURS, bank_rules};
use crate::{Scale, bank, boutique, head, online_boutique, random, stream, work};

/// What is counted without nothing, then without each method.
type Cells = Vec<String>;

/// Prints the first table: everything without each method.
pub(crate) fn ablation(scale: Scale) -> Answer {
    let rules = Config::load(&Sources::default())?.rules;
    let mut columns: Vec<(&str, Cells)> = recorded(&rules)?;
    columns.push(("bank: department and kind", bank_faults(&bank_rules()?, scale)?));
    columns.extend(made_up(&rules, scale)?);
    columns.push(("false incidents", healthy(&rules, scale)?));
    let heads: Vec<&str> = columns.iter().map(|(head, _)| *head).collect();
    head("without", &heads);
    for (at, name) in names().iter().enumerate() {
        let cells: Vec<&str> = columns.iter().map(|(_, cells)| cells[at].as_str()).collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
    println!();
    Ok(())
}

/// Settings without nothing, then without each method.
fn each_off(settings: &DiagnosisSettings) -> Vec<DiagnosisSettings> {
    let one = |method| DiagnosisSettings { without: vec![method], ..settings.clone() };
    std::iter::once(settings.clone()).chain(Method::ALL.map(one)).collect()
}

fn names() -> Vec<&'static str> {
    std::iter::once("nothing").chain(Method::ALL.map(Method::name)).collect()
}

/// Shares of the runs that `is_right`, one for each of the settings that all runs were made with.
fn shares<R>(runs: &[Vec<R>], is_right: impl Fn(&R) -> bool) -> Cells {
    let settings = runs.first().map_or(0, Vec::len);
    let of = |at: usize| runs.iter().filter(|runs| is_right(&runs[at])).count();
    (0..settings).map(|at| share(of(at), runs.len())).collect()
}

/// Recorded faults, where they are.
fn recorded(rules: &RulesSettings) -> Result<Vec<(&'static str, Cells)>, Box<dyn Error>> {
    let Some(folder) = online_boutique() else { return Ok(Vec::new()) };
    let stream = stream::read(rules, std::slice::from_ref(&folder))?;
    let faults = boutique::read_faults(&folder)?;
    let answers = work::each("recorded", &each_off(&DiagnosisSettings::default()), |settings| {
        Ok(boutique::judge(&faults, &stream, &stream::diagnose(&stream, settings.clone(), LOOKS)))
    })?;
    let within = |most: usize| {
        let of = |answers: &Vec<boutique::Answer>| {
            let right = answers.iter().filter(|answer| answer.rank.is_some_and(|rank| rank <= most));
            share(right.count(), answers.len())
        };
        answers.iter().map(of).collect()
    };
    Ok(vec![("recorded: service first", within(1)), ("in three", within(3))])
}

/// The bank's faults, at their usual places.
fn bank_faults(rules: &RulesSettings, scale: Scale) -> Result<Cells, Box<dyn Error>> {
    let mut plans: Vec<(Fault, u64)> = Vec::new();
    for (number, kind) in (0u64..).zip(FaultKind::ALL) {
        for at in 0..scale.seeds.div_ceil(10) {
            plans.push((bank::fault(kind, None)?, 40_000 + 1_000 * number + at));
        }
    }
    let settings = each_off(&bank::settings(rules));
    let runs =
        work::each("bank", &plans, |(fault, seed)| bank::run_each(rules, &[*fault], *seed, &settings))?;
    Ok(shares(&runs, |run| run.department && run.kind))
}

/// Faults of made-up systems with few transactions.
fn made_up(rules: &RulesSettings, scale: Scale) -> Result<Vec<(&'static str, Cells)>, Box<dyn Error>> {
    let seeds = 1..=scale.systems;
    let plans: Vec<(random::Kind, u64)> =
        seeds.flat_map(|seed| random::KINDS.map(|kind| (kind, 100 + seed))).collect();
    let settings = each_off(&DiagnosisSettings::default());
    let special = Special { is_small: true, ..Special::default() };
    let runs = work::each("made-up systems", &plans, |(kind, seed)| {
        random::run_each(rules, *kind, *seed, &special, &settings)
    })?;
    let first = shares(&runs, |run| run.rank == Some(1));
    let kind = shares(&runs, |run| run.rank == Some(1) && run.right_kind);
    Ok(vec![("made-up systems: service first", first), ("and kind", kind)])
}

/// False incidents of made-up systems that are healthy for half a day: those of the section `healthy`.
fn healthy(rules: &RulesSettings, scale: Scale) -> Result<Cells, Box<dyn Error>> {
    let settings = each_off(&DiagnosisSettings::default());
    let seeds: Vec<u64> = (1..=2 * scale.days).collect();
    let told = work::each("healthy", &seeds, |seed| {
        Ok(random::healthy_each(rules, *seed, HEALTHY_HOURS, &settings)?.1)
    })?;
    let hours = HEALTHY_HOURS * seeds.len() as f64;
    let sum = |at: usize| told.iter().map(|told| told[at].len()).sum();
    Ok((0..settings.len()).map(|at| per_hour(sum(at), hours)).collect())
}
