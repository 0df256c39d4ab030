//! Tables of the simulated bank and of made-up systems.

use std::error::Error;
use std::time::Duration;

use throughline_assembly::rules::RulesSettings;
use throughline_bank::plan::PlanOptions;
use throughline_bank::{Fault, FaultKind};
use throughline_config::{Config, Sources};

use crate::score::{median, per_hour, share};
use crate::{Scale, bank, head, random, stream, work};

/// How the server looks at the bank.
const BANK: &str = "deploy/bank.yaml";
/// Hours that a made-up system is healthy.
pub(crate) const HEALTHY_HOURS: f64 = 12.0;

pub(crate) type Answer = Result<(), Box<dyn Error>>;

pub(crate) fn bank_rules() -> Result<RulesSettings, Box<dyn Error>> {
    Ok(Config::load(&Sources::of_process(vec![BANK.into()], Vec::new(), None))?.rules)
}

/// One fault after the other: at its usual place, then anywhere. No two runs share a seed.
pub(crate) fn bank(scale: Scale) -> Answer {
    let rules = bank_rules()?;
    for anywhere in [false, true] {
        let mut plans: Vec<(FaultKind, u64, Fault)> = Vec::new();
        for (number, kind) in (0u64..).zip(FaultKind::ALL) {
            let seeds = if anywhere { scale.seeds.div_ceil(4) } else { scale.seeds };
            for at in 0..seeds {
                let seed = 1_000 * (number + 1) + at + if anywhere { 500 } else { 0 };
                plans.push((kind, seed, bank::fault(kind, anywhere.then_some(at))?));
            }
        }
        let what = if anywhere { "synthetic, other places" } else { "synthetic" };
        let runs = work::each(what, &plans, |(_, seed, fault)| bank::run(&rules, &[*fault], *seed))?;
        head(
            what,
            &[
                "department first",
                "when first told",
                "kind",
                "median s to the incident",
                "at most s",
                "false before",
            ],
        );
        for kind in FaultKind::ALL {
            let of: Vec<(&bank::Run, u64)> = runs
                .iter()
                .zip(&plans)
                .filter(|(_, plan)| plan.0 == kind)
                .map(|(run, plan)| (run, plan.1))
                .collect();
            bank_row(kind, &of, scale.is_verbose);
        }
        let wrong: usize = runs.iter().map(|run| run.false_incidents).sum();
        let hours = runs.iter().map(|run| run.healthy).sum::<f64>() / 3600.0;
        println!("\nFalse incidents before the faults: {}\n", per_hour(wrong, hours));
    }
    Ok(())
}

fn bank_row(kind: FaultKind, runs: &[(&bank::Run, u64)], is_verbose: bool) {
    let count = |right: &dyn Fn(&bank::Run) -> bool| {
        share(runs.iter().filter(|(run, _)| right(run)).count(), runs.len())
    };
    let delays = || runs.iter().filter_map(|(run, _)| run.delay);
    println!(
        "| {} | {} | {} | {} | {:.0} | {:.0} | {} |",
        kind.name(),
        count(&|run| run.department),
        count(&|run| run.at_once),
        count(&|run| run.kind),
        median(delays().collect()).unwrap_or(f64::NAN),
        delays().fold(f64::NAN, f64::max),
        runs.iter().map(|(run, _)| run.false_incidents).sum::<usize>(),
    );
    for (run, seed) in runs.iter().filter(|(run, _)| is_verbose && !(run.department && run.kind)) {
        eprintln!("   {} seed {seed}: {}", kind.name(), run.said);
    }
    for (run, seed) in runs.iter().filter(|_| is_verbose) {
        run.wrongly_said.iter().for_each(|said| eprintln!("   false, {} seed {seed}: {said}", kind.name()));
    }
}

/// Two faults at once, drawn at random.
pub(crate) fn pairs(scale: Scale) -> Answer {
    let rules = bank_rules()?;
    let mut plans = Vec::new();
    for seed in 0..scale.seeds {
        let mix = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        let kinds = FaultKind::ALL.len() as u64;
        let (one, other) = (mix % kinds, (mix % kinds + 1 + (mix / kinds) % (kinds - 1)) % kinds);
        let faults = [one, other].map(|kind| bank::fault(FaultKind::ALL[kind as usize], None));
        let [one, other] = faults;
        plans.push((20_000 + seed, [one?, other?]));
    }
    let runs = work::each("pairs", &plans, |(seed, faults)| bank::run(&rules, faults, *seed))?;
    let right = runs.iter().filter(|run| run.all_in_three).count();
    println!(
        "Two of the bank's faults at once, both departments in the first three: {}\n",
        share(right, runs.len())
    );
    for (run, (seed, faults)) in
        runs.iter().zip(&plans).filter(|(run, _)| scale.is_verbose && !run.all_in_three)
    {
        eprintln!("   {} + {} seed {seed}: {}", faults[0].kind.name(), faults[1].kind.name(), run.said);
    }
    Ok(())
}

/// Faults of made-up systems.
pub(crate) fn random(scale: Scale) -> Answer {
    let rules = Config::load(&Sources::default())?.rules;
    let mut plans = Vec::new();
    for seed in 1..=scale.systems {
        plans.extend(random::KINDS.map(|kind| (kind, seed)));
    }
    let runs = work::each("made-up systems", &plans, |(kind, seed)| random::run(&rules, *kind, *seed))?;
    head("made-up systems", &["service first", "in three", "kind", "found", "median s"]);
    for kind in random::KINDS {
        random_row(kind.name(), &runs, &|run| run.kind == kind.name());
    }
    random_row("all", &runs, &|_| true);
    random_row("below 5 a second", &runs, &|run| run.rate < 5.0);
    random_row("5 to 30", &runs, &|run| (5.0..30.0).contains(&run.rate));
    random_row("above 30", &runs, &|run| run.rate >= 30.0);
    random_row("without status codes", &runs, &|run| !run.has_status);
    let wrong: usize = runs.iter().map(|run| run.false_incidents).sum();
    let hours = runs.iter().map(|run| run.healthy).sum::<f64>() / 3600.0;
    println!("\nFalse incidents before the faults: {}\n", per_hour(wrong, hours));
    for (run, (_, seed)) in runs.iter().zip(&plans).filter(|(run, _)| scale.is_verbose && run.rank != Some(1))
    {
        eprintln!("   seed {seed}, {:.1}/s: rank {:?}: {}", run.rate, run.rank, run.said);
    }
    for (run, (_, seed)) in runs.iter().zip(&plans).filter(|_| scale.is_verbose) {
        let name = run.kind;
        run.wrongly_said
            .iter()
            .for_each(|said| eprintln!("   false, {name} seed {seed}, {:.1}/s: {said}", run.rate));
    }
    Ok(())
}

fn random_row(name: &str, runs: &[random::Run], keep: &dyn Fn(&random::Run) -> bool) {
    let kept: Vec<&random::Run> = runs.iter().filter(|run| keep(run)).collect();
    let count = |right: &dyn Fn(&random::Run) -> bool| {
        share(kept.iter().filter(|run| right(run)).count(), kept.len())
    };
    println!(
        "| {name} | {} | {} | {} | {} | {:.0} |",
        count(&|run| run.rank == Some(1)),
        count(&|run| run.rank.is_some_and(|rank| rank <= 3)),
        count(&|run| run.right_kind),
        count(&|run| run.delay.is_some()),
        median(kept.iter().filter_map(|run| run.delay).collect()).unwrap_or(f64::NAN),
    );
}

/// A healthy stretch of the bank: seed, transfers a second, how fast its day goes by, hours.
type Stretch = (u64, f64, f64, f64);

/// Healthy traffic of many hours.
pub(crate) fn healthy(scale: Scale) -> Answer {
    let rules = bank_rules()?;
    let mut stretches: Vec<Stretch> = Vec::new();
    for seed in 1..=scale.days {
        stretches.push((seed, 0.3, 1.0, 24.0));
        stretches.push((100 + seed, 5.0, 0.0, 2.0));
        stretches.push((200 + seed, 2.0, 4.0, 6.0));
    }
    let told = work::each("healthy bank", &stretches, |&(seed, rate, speed, hours)| {
        let options = PlanOptions { seed, transfers_per_second: rate, speed, ..PlanOptions::default() };
        let requests = bank::requests(&options, Duration::from_secs_f64(hours * 3600.0), |_| true);
        let told = stream::diagnose_requests(&rules, bank::settings(&rules), requests, |_, _| {})?;
        Ok(told.0.iter().map(|told| bank::outline(&told.last)).collect::<Vec<_>>())
    })?;
    head("healthy", &["false incidents"]);
    let kinds: [(&str, f64); 3] = [
        ("bank, days with their load curve, 0.3 a second", 0.3),
        ("bank, 2 h without one, 5 a second", 5.0),
        ("bank, days four times as fast, 2 a second", 2.0),
    ];
    for (name, rate) in kinds {
        let of = || stretches.iter().zip(&told).filter(|(stretch, _)| stretch.1 == rate);
        let hours = of().map(|(stretch, _)| stretch.3).sum();
        println!("| {name} | {} |", per_hour(of().map(|(_, told)| told.len()).sum(), hours));
    }
    let rules = Config::load(&Sources::default())?.rules;
    let seeds: Vec<u64> = (1..=2 * scale.days).collect();
    let systems =
        work::each("healthy made-up systems", &seeds, |seed| random::healthy(&rules, *seed, HEALTHY_HOURS))?;
    let wrong = systems.iter().map(|(_, told)| told.len()).sum();
    println!(
        "| made-up systems, half a day, load and times move | {} |",
        per_hour(wrong, HEALTHY_HOURS * seeds.len() as f64)
    );
    println!();
    if scale.is_verbose {
        for (stretch, told) in stretches.iter().zip(&told) {
            told.iter().for_each(|said| eprintln!("   {stretch:?}: {said}"));
        }
        for (seed, (rate, told)) in seeds.iter().zip(&systems) {
            told.iter().for_each(|said| eprintln!("   system {seed}, {rate:.1}/s: {said}"));
        }
    }
    Ok(())
}
