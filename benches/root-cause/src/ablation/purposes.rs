//! Each method on what it is for: with it, and without it.

use std::error::Error;

use throughline_analysis::diagnosis::{DiagnosisSettings, Method};
use throughline_assembly::rules::RulesSettings;
use throughline_bank::FaultKind;
use throughline_config::{Config, Sources};

use crate::random::{Changed, Kind, Naming, Special, run_each};
use crate::score::share;
use crate::synthetic::{Answer, bank_rules};
use crate::{Scale, bank, head, random, work};

use super::{Cells, falls, shares};

/// A new type of transaction begins so many seconds before the fault.
const NEW: f64 = 700.0;

/// One line: the method, on what it is measured, what is counted, and both counts.
struct Line {
    method: Method,
    on: &'static str,
    asked: &'static str,
    counts: Cells,
}

/// Prints the table.
pub(crate) fn purposes(scale: Scale) -> Answer {
    let rules = Config::load(&Sources::default())?.rules;
    let mut lines = of_made_up(&rules, scale)?;
    lines.extend(of_nights(&rules, scale)?);
    lines.extend(of_bank(&bank_rules()?, scale)?);
    lines.sort_by_key(|line| Method::ALL.iter().position(|method| *method == line.method));
    head("method", &["on", "asked", "with it", "without it"]);
    for Line { method, on, asked, counts } in lines {
        println!("| {} | {on} | {asked} | {} |", method.name(), counts.join(" | "));
    }
    println!();
    Ok(())
}

/// These settings, and the same without a method.
fn with_and_without(mut settings: DiagnosisSettings, method: Method) -> [DiagnosisSettings; 2] {
    // Where a type ends for another begins, that nobody asks for it any more is the first incident.
    settings.without.extend((method == Method::Borrowing).then_some(Method::Volume));
    let mut without = settings.clone();
    without.without.push(method);
    [settings, without]
}

type Judge = fn(&random::Run) -> bool;

/// What is measured on made-up systems: faults of a kind, or of all the usual ones where there is none.
struct OnSystems {
    method: Method,
    on: &'static str,
    kind: Option<Kind>,
    special: Special,
    asked: &'static [(&'static str, Judge)],
}

/// What may be asked of a run.
const FIRST: (&str, Judge) = ("service first", |run| run.rank == Some(1));
const AS_CHANGE: (&str, Judge) = ("service first, as a change", |run| run.rank == Some(1) && run.is_change);
const NAMED: (&str, Judge) = ("named", |run| run.right_kind);
const CALM: (&str, Judge) = ("no false incident before", |run| run.false_incidents == 0);

/// Nothing is.
const PLAIN: Special = Special { naming: Naming::Plain, change: None, is_small: true };

/// Faults of one kind.
fn of_kinds() -> Vec<OnSystems> {
    let one = |method, on, kind, asked| OnSystems { method, on, kind: Some(kind), special: PLAIN, asked };
    vec![
        one(Method::Strange, "one call in twenty is slow", Kind::Rare, &[FIRST]),
        one(Method::Unanswered, "a service does not answer", Kind::Gone, &[FIRST]),
        one(Method::Ways, "all ways of a service are slow", Kind::Ways, &[FIRST]),
        one(Method::Confined, "work is slow, often on one instance", Kind::Cpu, &[NAMED]),
        one(Method::Shared, "all is slow on one host", Kind::Machine, &[NAMED]),
        one(Method::Shared, "an operation is slow for one channel", Kind::Channel, &[NAMED]),
        one(Method::Shapes, "a call is left out", Kind::MissingCall, &[FIRST]),
        one(Method::Errors, "calls fail", Kind::Errors, &[FIRST]),
        one(Method::Families, "calls end early, no status says so", Kind::Silent, &[FIRST]),
        one(Method::Together, "work is a little slow", Kind::Slight, &[FIRST]),
    ]
}

/// Those where something else is special.
fn of_specials() -> Vec<OnSystems> {
    let told = |change| Special { change: Some(change), ..PLAIN };
    let named = |naming| Special { naming, ..PLAIN };
    vec![
        OnSystems {
            method: Method::Names,
            on: "names with an id each time",
            kind: None,
            special: named(Naming::Ids),
            asked: &[FIRST],
        },
        OnSystems {
            method: Method::Borrowing,
            on: "types that are 20 s old",
            kind: None,
            special: named(Naming::NewFrom(NEW)),
            asked: &[FIRST, CALM],
        },
        OnSystems {
            method: Method::Changes,
            on: "any fault; a change of the one at fault is told of",
            kind: None,
            special: told(Changed::Guilty),
            asked: &[FIRST, AS_CHANGE],
        },
        OnSystems {
            method: Method::Changes,
            on: "any fault; a change of another is told of",
            kind: None,
            special: told(Changed::Innocent),
            asked: &[FIRST],
        },
        OnSystems {
            method: Method::Changes,
            on: "a service does not answer; its change is told of",
            kind: Some(Kind::Gone),
            special: told(Changed::Guilty),
            asked: &[FIRST],
        },
        OnSystems {
            method: Method::Changes,
            on: "a service does not answer; a change of another is told of",
            kind: Some(Kind::Gone),
            special: told(Changed::Innocent),
            asked: &[FIRST],
        },
    ]
}

fn of_made_up(rules: &RulesSettings, scale: Scale) -> Result<Vec<Line>, Box<dyn Error>> {
    let mut rules = rules.clone();
    rules.transactions.attributes.push("channel".to_owned());
    let mut lines = Vec::new();
    for OnSystems { method, on, kind, special, asked } in of_kinds().into_iter().chain(of_specials()) {
        let seeds = 500..500 + scale.seeds;
        let plans: Vec<(Kind, u64)> =
            seeds.map(|seed| (kind.unwrap_or(random::KINDS[seed as usize % 5]), seed)).collect();
        let settings = with_and_without(DiagnosisSettings::default(), method);
        let runs =
            work::each(on, &plans, |(kind, seed)| run_each(&rules, *kind, *seed, &special, &settings))?;
        if scale.is_verbose {
            for (both, plan) in runs.iter().zip(&plans) {
                both.iter().for_each(|run| {
                    eprintln!("   {on} {plan:?}, {:.1}/s: {:?}: {}", run.rate, run.rank, run.said);
                });
            }
        }
        lines.extend(asked.iter().map(|(asked, judge)| Line {
            method,
            on,
            asked,
            counts: shares(&runs, judge),
        }));
    }
    Ok(lines)
}

/// The same goes wrong each night: it ought to be told of on the first ones alone.
fn of_nights(rules: &RulesSettings, scale: Scale) -> Result<Vec<Line>, Box<dyn Error>> {
    let sets = [
        (Method::Seasons, "a job makes a service slow each night", Kind::Cpu),
        (Method::Habits, "calls fail each night", Kind::Errors),
    ];
    let mut lines = Vec::new();
    for (method, on, kind) in sets {
        let seeds: Vec<u64> = (1..=scale.seeds.div_ceil(2)).collect();
        let settings = with_and_without(DiagnosisSettings::default(), method);
        let nights = work::each(on, &seeds, |seed| random::nights(rules, kind, *seed, &settings))?;
        let all: usize = nights.iter().map(|(_, all)| all).sum();
        let judged = || nights.iter().filter(|(_, all)| *all > 0);
        let quiet = |at: usize| all - judged().map(|(told, _)| told[at]).sum::<usize>();
        let counts = (0..settings.len()).map(|at| share(quiet(at), all)).collect();
        lines.push(Line { method, on, asked: "no incident from the fourth on", counts });
    }
    Ok(lines)
}

/// What is measured on the bank.
fn of_bank(rules: &RulesSettings, scale: Scale) -> Result<Vec<Line>, Box<dyn Error>> {
    let faults = [
        (Method::Strange, "the bank's queue-backlog", FaultKind::QueueBacklog),
        (Method::Missing, "the bank's missing-step", FaultKind::MissingStep),
        (Method::Confined, "the bank's bad-version", FaultKind::BadVersion),
        (Method::Confined, "the bank's bad-pod", FaultKind::BadPod),
    ];
    let seeds: Vec<u64> = (0..scale.seeds.div_ceil(2)).map(|seed| 60_000 + seed).collect();
    let mut lines = Vec::new();
    for (method, on, kind) in faults {
        let settings = with_and_without(bank::settings(rules), method);
        let runs = work::each(on, &seeds, |seed| {
            bank::run_each(rules, &[bank::fault(kind, Some(*seed))?], *seed, &settings)
        })?;
        let counts = shares(&runs, |run| run.department && run.kind);
        lines.push(Line { method, on, asked: "department and kind", counts });
    }
    for (on, of_one) in [("three in four customers stay away", false), ("those of one channel do", true)] {
        let method = Method::Volume;
        let settings = with_and_without(bank::settings(rules), method);
        let found = work::each(on, &seeds, |seed| falls::found(rules, *seed, of_one, &settings))?;
        lines.push(Line {
            method,
            on,
            asked: "told as from outside",
            counts: shares(&found, |found| *found),
        });
    }
    Ok(lines)
}
