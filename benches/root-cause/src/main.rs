//! How often the diagnosis names the right cause.
#![allow(clippy::print_stdout, reason = "it prints tables")]

mod bank;
mod boutique;
mod stream;

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use throughline_analysis::diagnosis::DiagnosisSettings;
use throughline_config::{Config, Sources};

fn main() -> Result<(), Box<dyn Error>> {
    if let Ok(seeds) = std::env::var("BANK") {
        return bank_faults(seeds.parse()?);
    }
    let datasets = PathBuf::from(std::env::var("THROUGHLINE_DATASETS")?);
    let folder = datasets.join("online-boutique");
    let rules = Config::load(&Sources::default())?.rules;
    let began = Instant::now();
    let stream = stream::read(&rules, &[folder.clone()])?;
    println!("{} transactions read in {:.1} s", stream.len(), began.elapsed().as_secs_f64());
    let began = Instant::now();
    let told = stream::diagnose(&stream, DiagnosisSettings::default());
    println!("diagnosed in {:.1} s", began.elapsed().as_secs_f64());
    let faults = boutique::read_faults(&folder)?;
    let all = std::env::args().any(|arg| arg == "--all");
    let answers = boutique::judge(&faults, &stream, &told);
    let shown: Vec<_> = answers.iter().filter(|answer| all || answer.fault.is_for_tuning()).collect();
    for answer in &shown {
        println!(
            "{:?} {:?} inst {} {:?}s {} {} {}",
            answer.rank,
            answer.first_rank,
            answer.instance,
            answer.delay.map(|d| d as u32),
            answer.fault.minutes.first().map_or("", |m| &m[5..16]),
            answer.fault.service,
            answer.fault.kind
        );
        if std::env::var("DUMP").is_ok_and(|d| answer.fault.minutes.first().is_some_and(|m| m.contains(&d))) {
            for t in &told {
                if t.first.detected_at + 200_000_000_000 > answer.fault.at()
                    && t.first.detected_at < answer.fault.at() + 250_000_000_000
                {
                    println!(
                        "   == {} {:?} {:?}",
                        t.first.id,
                        t.first.detected_at as f64 / 1e9 - answer.fault.at() as f64 / 1e9,
                        t.last.end.map(|e| e as f64 / 1e9 - answer.fault.at() as f64 / 1e9)
                    );
                    for (at, state) in &t.states {
                        println!("   at {:.0}", (*at as f64 - answer.fault.at() as f64) / 1e9);
                        for suspect in state.suspects.iter().take(5) {
                            println!(
                                "      {} {:.2} {:?} {:.0} ms {} {:?}",
                                suspect.service,
                                suspect.score,
                                suspect.kind,
                                suspect.excess_ms,
                                suspect.transactions,
                                suspect.evidence
                            );
                        }
                    }
                }
            }
        }
        if let Some(told) = &answer.told
            && answer.rank != Some(1)
        {
            for suspect in told.last.suspects.iter().take(3) {
                println!(
                    "      {} {:.2} {:?} {:.0} ms {} {:?}",
                    suspect.service,
                    suspect.score,
                    suspect.kind,
                    suspect.excess_ms,
                    suspect.transactions,
                    suspect.evidence.first()
                );
            }
        }
    }
    let n = shown.len();
    let first = shown.iter().filter(|a| a.rank == Some(1)).count();
    let three = shown.iter().filter(|a| a.rank.is_some_and(|r| r <= 3)).count();
    let none = shown.iter().filter(|a| a.told.is_none()).count();
    let (hours, wrong) = boutique::healthy(&faults, &stream, &told);
    println!(
        "n {n} first {first} three {three} undetected {none} incidents {} healthy {hours:.2} h false {}",
        told.len(),
        wrong.len()
    );
    for told in wrong {
        let suspect = &told.last.suspects[0];
        println!("   false: {} {} {:?}", told.last.summary, suspect.service, suspect.evidence);
    }
    Ok(())
}

fn bank_faults(seeds: u64) -> Result<(), Box<dyn Error>> {
    let rules = Config::load(&Sources::of_process(vec!["deploy/bank.yaml".into()], Vec::new(), None))?.rules;
    for kind in throughline_bank::FaultKind::ALL {
        let (mut department, mut right, mut instance, mut wrong, mut delays) = (0, 0, 0, 0, Vec::new());
        for seed in 1..=seeds {
            let began = Instant::now();
            let run = bank::run(&rules, &[kind], seed)?;
            department += u32::from(run.department);
            right += u32::from(run.kind);
            instance += u32::from(run.instance);
            wrong += run.false_incidents;
            delays.extend(run.delay);
            if !run.department || !run.kind || run.false_incidents > 0 {
                println!("   {} seed {seed} {:.1} s", kind.name(), began.elapsed().as_secs_f64());
                for told in run.told.iter().take(3) {
                    println!("     {}", told.last.summary);
                    for s in told.last.suspects.iter().take(3) {
                        println!(
                            "        {} {} {:?} {:.2} {:?}",
                            s.department, s.service, s.kind, s.score, s.evidence
                        );
                    }
                }
            }
        }
        delays.sort_by(f64::total_cmp);
        println!(
            "{} department {department}/{seeds} kind {right}/{seeds} instance {instance} median delay {:?} false {wrong}",
            kind.name(),
            delays.get(delays.len() / 2)
        );
    }
    Ok(())
}
