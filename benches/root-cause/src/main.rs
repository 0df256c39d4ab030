//! How often the diagnosis names the right cause: recorded faults where `THROUGHLINE_DATASETS` says where they are, and faults of the simulated bank.
//!
//! `THROUGHLINE_SEEDS` is how many seeds of each of the bank's faults are tried (20).
#![allow(clippy::print_stdout, reason = "it prints tables")]

mod bank;
mod boutique;
mod plain;
mod score;
mod stream;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use throughline_analysis::diagnosis::{DiagnosisSettings, Method};
use throughline_bank::FaultKind;
use throughline_bank::plan::PlanOptions;
use throughline_config::{Config, Sources};

use boutique::{Answer, Fault};
use score::{median, share};
use stream::Stream;

/// How the server looks at the bank.
const BANK: &str = "deploy/bank.yaml";

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::var("THROUGHLINE_DATASETS") {
        Ok(datasets) => recorded(&PathBuf::from(datasets).join("online-boutique"))?,
        Err(_) => println!("THROUGHLINE_DATASETS is not set: recorded faults are left out\n"),
    }
    let seeds = std::env::var("THROUGHLINE_SEEDS").ok().map_or(Ok(20), |seeds| seeds.parse())?;
    synthetic(seeds)
}

fn recorded(folder: &Path) -> Result<(), Box<dyn Error>> {
    let rules = Config::load(&Sources::default())?.rules;
    let began = Instant::now();
    let stream = stream::read(&rules, &[folder.to_owned()])?;
    let read = began.elapsed().as_secs_f64();
    let told = stream::diagnose(&stream, DiagnosisSettings::default());
    let faults = boutique::read_faults(folder)?;
    let answers = boutique::judge(&faults, &stream, &told);
    println!(
        "Online Boutique: {} transactions, read in {read:.1} s, {} incidents\n",
        stream.len(),
        told.len()
    );
    head(
        "faults",
        &["service first", "in three", "instance named", "plain: first", "plain: in three", "median s"],
    );
    for (name, keep) in halves() {
        row(name, &answers, &stream, &|answer| keep(&answer.fault));
    }
    let mut kinds: Vec<&str> = answers.iter().map(|answer| answer.fault.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds {
        row(kind, &answers, &stream, &|answer| answer.fault.kind == kind);
    }
    let (hours, wrong) = boutique::healthy(&faults, &stream, &told);
    println!("\nFalse incidents: {} in {hours:.2} healthy hours\n", wrong.len());
    for answer in answers.iter().filter(|answer| answer.rank != Some(1)) {
        let rank = answer.rank.map_or_else(|| "not named".to_owned(), |rank| format!("rank {rank}"));
        println!("{rank}: {} {} {}", answer.fault.pod, answer.fault.kind, answer.fault.minutes.join(" "));
    }
    println!();
    ablation(&faults, &stream);
    Ok(())
}

type Keep = fn(&Fault) -> bool;

fn halves() -> [(&'static str, Keep); 3] {
    [("tuned on", Fault::is_for_tuning), ("held out", |fault| !fault.is_for_tuning()), ("all", |_| true)]
}

fn head(what: &str, columns: &[&str]) {
    println!("| {what} | {} |", columns.join(" | "));
    println!("| --- |{}", " --- |".repeat(columns.len()));
}

fn row(name: &str, answers: &[Answer], stream: &Stream, keep: &dyn Fn(&Answer) -> bool) {
    let kept: Vec<&Answer> = answers.iter().filter(|answer| keep(answer)).collect();
    let within =
        |most: usize| kept.iter().filter(|answer| answer.rank.is_some_and(|rank| rank <= most)).count();
    let plain: Vec<Option<usize>> = kept
        .iter()
        .map(|answer| {
            let ranked = plain::rank(stream, answer.fault.at());
            ranked.iter().position(|(service, _)| *service == answer.fault.service)
        })
        .collect();
    let plain_within = |most: usize| plain.iter().filter(|rank| rank.is_some_and(|rank| rank < most)).count();
    let instances = kept.iter().filter(|answer| answer.instance).count();
    let delay = median(kept.iter().filter_map(|answer| answer.delay).collect());
    let n = kept.len();
    println!(
        "| {name} | {} | {} | {} | {} | {} | {:.0} |",
        share(within(1), n),
        share(within(3), n),
        share(instances, n),
        share(plain_within(1), n),
        share(plain_within(3), n),
        delay.unwrap_or(0.0),
    );
}

/// Each method off in turn.
fn ablation(faults: &[Fault], stream: &Stream) {
    head("without", &["service first", "in three", "false incidents"]);
    let all = std::iter::once(None).chain(Method::ALL.map(Some));
    for method in all {
        let settings =
            DiagnosisSettings { without: method.into_iter().collect(), ..DiagnosisSettings::default() };
        let told = stream::diagnose(stream, settings);
        let answers = boutique::judge(faults, stream, &told);
        let within = |most: usize| {
            answers.iter().filter(|answer| answer.rank.is_some_and(|rank| rank <= most)).count()
        };
        let (_, wrong) = boutique::healthy(faults, stream, &told);
        let name = method.map_or_else(|| "nothing".to_owned(), |method| format!("{method:?}").to_lowercase());
        let n = answers.len();
        println!("| {name} | {} | {} | {} |", share(within(1), n), share(within(3), n), wrong.len());
    }
    println!();
}

/// Faults of the simulated bank, `seeds` each.
fn synthetic(seeds: u64) -> Result<(), Box<dyn Error>> {
    let rules = Config::load(&Sources::of_process(vec![BANK.into()], Vec::new(), None))?.rules;
    head("synthetic", &["department first", "kind", "median s to the incident", "false before"]);
    for kind in FaultKind::ALL {
        let mut runs = Vec::new();
        for seed in 1..=seeds {
            runs.push(bank::run(&rules, &[kind], seed)?);
        }
        let count = |right: &dyn Fn(&bank::Run) -> bool| {
            share(runs.iter().filter(|run| right(run)).count(), runs.len())
        };
        let delay = median(runs.iter().filter_map(|run| run.delay).collect());
        let wrong: usize = runs.iter().map(|run| run.false_incidents).sum();
        println!(
            "| {} | {} | {} | {:.0} | {wrong} |",
            kind.name(),
            count(&|run| run.department),
            count(&|run| run.kind),
            delay.unwrap_or(f64::NAN),
        );
    }
    let mut both = 0;
    let pairs: Vec<(usize, usize)> = (1..FaultKind::ALL.len()).map(|at| (at - 1, at)).collect();
    for &(one, other) in &pairs {
        let kinds = [FaultKind::ALL[one], FaultKind::ALL[other]];
        both += usize::from(bank::run(&rules, &kinds, 1)?.all_in_three);
    }
    println!("\nTwo faults at once, both departments in the first three: {}", share(both, pairs.len()));
    let day = PlanOptions { seed: 1, transfers_per_second: 0.3, ..PlanOptions::default() };
    let (stream, _) = bank::stream(&rules, &day, Duration::from_secs(86_400))?;
    let told = stream::diagnose(&stream, bank::settings(&rules));
    println!("A healthy day with its load curve, {} transactions: {} incidents", stream.len(), told.len());
    for told in &told {
        println!("   {}", told.last.summary);
    }
    Ok(())
}
